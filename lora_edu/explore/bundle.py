"""The browser's side: our scripts joined, and where plotly.js comes from.

The scripts in assets/ are plain functions without imports, so that one file serves a page opened
without a server (where modules are refused) and, with live.js behind it, a notebook view.
"""

import gzip
import hashlib
import json
import os
import shutil
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "assets"
# The scripts of page and notebook alike.
BOTH = ("load.js", "ghost.js", "render.js", "controls.js", "player.js", "roll.js", "blend.js",
        "back.js", "drag.js", "numbers.js", "explorer.js")
NPM_FILES = {
    "basic": "plotly.js-basic-dist-min/plotly-basic.min.js",  # scatter and bar
    "cartesian": "plotly.js-cartesian-dist-min/plotly-cartesian.min.js",  # and heat maps, contours
}


def read(*names: str) -> str:
    """The text of files in assets/, joined."""
    return "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in names)


def page_script(bundles: dict[str, str]) -> str:
    """The script of the static page. ``bundles``: "basic" and "cartesian" → file name."""
    body = read("decode.js", *BOTH, "page.js", "paper.js")
    return f'(() => {{\n"use strict";\nconst BUNDLES = {json.dumps(bundles)};\n{body}}})();\n'


def page_style() -> str:
    """The style sheet of the static page."""
    return read("explore.css", "sphinx.css", "paper.css")


def digest() -> str:
    """A digest of what pages with explorers run and look like."""
    return hashlib.sha256((page_script({}) + page_style()).encode()).hexdigest()


def live_module() -> str:
    """The module of the notebook view."""
    return read(*BOTH, "live.js")


def npm_file(path: str, start: Path | None = None) -> Path | None:
    """A file of an npm package, or None; looked for as Node does: in the node_modules of ``start``
    (default: the working folder) and of each folder above it, then in the folders of NODE_PATH.
    """
    start = Path(start or ".").resolve()
    folders = [above / "node_modules" for above in (start, *start.parents)]
    folders += map(Path, filter(None, os.environ.get("NODE_PATH", "").split(os.pathsep)))
    return next((folder / path for folder in folders if (folder / path).is_file()), None)


def python_plotly() -> Path:
    """The full bundle that plotly.py carries: larger and slower, always there."""
    import plotly

    return Path(plotly.__file__).parent / "package_data" / "plotly.min.js"


def plotly_files(start: Path | None = None) -> dict[str, Path]:
    """"basic" and "cartesian" → file: the slim npm bundles if both are found from ``start``, else
    plotly.py's own."""
    slim = {kind: npm_file(path, start) for kind, path in NPM_FILES.items()}
    return slim if all(slim.values()) else dict.fromkeys(slim, python_plotly())


def write(folder: Path, plotly: dict[str, Path] | None = None) -> None:
    """Write what pages with explorers need into ``folder``: explore.js, explore.css, plotly.js.

    plotly: as :func:`plotly_files` gives it, which is also the default.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    plotly = plotly or plotly_files()
    names = {kind: file.name for kind, file in plotly.items()}
    (folder / "explore.js").write_text(page_script(names), encoding="utf-8")
    (folder / "explore.css").write_text(page_style(), encoding="utf-8")
    for file in set(plotly.values()):
        shutil.copyfile(file, folder / file.name)


@cache
def gzipped_plotly() -> bytes:
    """plotly.js for a notebook: the cartesian bundle where it is found, else the full one."""
    source = npm_file(NPM_FILES["cartesian"]) or python_plotly()
    return gzip.compress(source.read_bytes(), compresslevel=6)
