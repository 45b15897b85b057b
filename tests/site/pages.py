"""What the built site holds: its pages, their explorers, and the figures that Python computes.

They are found, never listed. No browser, no pytest.
"""

import re
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from book.browser import HTML, gzipped
from lora_edu.explore import bundle
from lora_edu.explore.controls import Control, grid
from lora_edu.explore.page_data import data_of_explorers
from lora_edu.explore.states import evaluate
from tests.book import figure_function
from tests.unpack import unpack

FRAGMENT = re.compile(r'<figure class="explorer".*?</figure>', re.DOTALL)
STATES = re.compile(r' data-src="(explorers/\w+\.js)"></script>')


def bare_page(folder: Path, html: str) -> None:
    """Write page.html, which holds this alone, with the site's own scripts beside it."""
    bundle.write(folder)
    (folder / "page.html").write_text(
        '<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<style>body {{ max-width: 45rem }} {bundle.page_style()}</style>'
        f'<body>{html}<script src="explore.js"></script></body>', encoding="utf-8")


@dataclass(frozen=True)
class Built:
    """An explorer of a page, as it stands in the HTML."""

    page: str
    html: str

    @cached_property
    def data(self) -> dict:
        """What the page itself says of the explorer, and its packed states."""
        return data_of_explorers(self.html)[0]

    @property
    def name(self) -> str:
        return self.data["name"]

    @property
    def id(self) -> str:
        return f"{self.page.removesuffix('.html')}#{self.name}"

    @cached_property
    def controls(self) -> tuple[Control, ...]:
        return tuple(Control(**control) for control in self.data["controls"])

    @property
    def function(self):
        """The figure function, where Python can import it; None for one plain figure."""
        return figure_function(self.data["source"]) if self.controls else None

    @property
    def is_still(self) -> bool:
        """Whether it has a first frame, which is drawn where the figure allows it."""
        return not self.data["lack"]

    def packed(self) -> list[dict]:
        return unpack(self.data["states"], len(list(grid(self.controls))))

    def number(self, values: dict) -> int:
        """The number of the state at ``values``."""
        return list(grid(self.controls)).index(values)


@cache
def computed(built: Built) -> list[dict]:
    """Every state as the figure function gives it (what is packed, for one plain figure)."""
    return evaluate(built.function, built.controls) if built.controls else built.packed()


def all_pages() -> list[str]:
    """Every page that a reader may open, relative to the site."""
    return sorted(str(path.relative_to(HTML)) for path in HTML.rglob("*.html")
                  if "_static" not in path.parts and "http-equiv" not in path.read_text("utf-8"))


def whole(html: str) -> str:
    """A page with the states of its explorers in place, which lie in files beside it."""
    def back(found: re.Match) -> str:
        call = (HTML / "_static" / found[1]).read_text("ascii")
        return f">{call.partition(', ')[2].removesuffix(');')}</script>"

    return STATES.sub(back, html)


EXPLORERS = [Built(page, html) for page in all_pages()
             for html in FRAGMENT.findall(whole((HTML / page).read_text("utf-8")))]
MOVABLE = [built for built in EXPLORERS if built.controls]
PAGES = sorted({built.page for built in EXPLORERS})


def weights(urls: list[str], base: str) -> dict[str, int]:
    """Bytes by path of what was fetched from the site at ``base``, as they are sent: gzipped."""
    paths = {urlsplit(url).path for url in urls if url.startswith(base)}
    files = {path: HTML / path.lstrip("/") for path in paths}
    return {path: file.stat().st_size if file.suffix == ".woff2"
            else len(gzipped(file, file.stat().st_mtime_ns)) for path, file in files.items()}


def check_figure(have, want, rtol: float = 6e-5, where: str = "") -> None:
    """``have`` from the page against ``want`` from Python: zeros exact, numbers to ``rtol``.

    Of a dict, ``have`` may hold more keys: plotly writes some of its own.
    """
    if isinstance(want, np.ndarray):
        have = np.array(have, float).reshape(want.shape)
        assert (np.abs(have - want) <= rtol * np.abs(want)).all(), (where, have, want)
    elif isinstance(want, dict | list):
        assert isinstance(want, dict) or len(have) == len(want), where
        for key in want if isinstance(want, dict) else range(len(want)):
            check_figure(have[key], want[key], rtol, f"{where}.{key}")
    elif isinstance(want, float):
        assert abs(have - want) <= rtol * abs(want), (where, have, want)
    else:
        assert (have, isinstance(have, bool)) == (want, isinstance(want, bool)), where
