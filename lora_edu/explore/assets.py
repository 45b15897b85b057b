"""The browser's side: our scripts joined, and where plotly.js comes from.

Imports the standard library, and plotly for its bundle. The scripts in assets/ are plain
functions without imports, so that one file serves a page opened without a server (where modules
are refused) and, with live.js behind it, a notebook view.
"""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "assets"
REPOSITORY = Path(__file__).parents[2]
NPM_FILES = {
    "basic": "plotly.js-basic-dist-min/plotly-basic.min.js",  # scatter and bar
    "cartesian": "plotly.js-cartesian-dist-min/plotly-cartesian.min.js",  # and heat maps, contours
}


def read(*names: str) -> str:
    """The text of files in assets/, joined."""
    return "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in names)


def page_script(bundles: dict[str, str]) -> str:
    """The script of the static page. ``bundles``: "basic" and "cartesian" → file name."""
    body = read("decode.js", "render.js", "page.js")
    return f'(() => {{\n"use strict";\nconst BUNDLES = {json.dumps(bundles)};\n{body}}})();\n'


def live_module() -> str:
    """The module of the notebook view."""
    return read("render.js", "live.js")


def npm_file(path: str, root: Path = REPOSITORY) -> Path | None:
    """A file under ``root``/node_modules, or None if it has not been installed."""
    file = root / "node_modules" / path
    return file if file.is_file() else None


def python_plotly() -> Path:
    """The full bundle that plotly.py carries: larger and slower, always there."""
    import plotly

    return Path(plotly.__file__).parent / "package_data" / "plotly.min.js"


@cache
def gzipped_plotly() -> bytes:
    """plotly.js for a notebook: the cartesian bundle where it is installed, else the full one."""
    source = npm_file(NPM_FILES["cartesian"]) or python_plotly()
    return gzip.compress(source.read_bytes(), compresslevel=6)
