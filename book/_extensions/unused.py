"""Sphinx extension: of the theme's fonts and style sheets, the built site keeps what it uses.

Imports its siblings, and runs npm's PurgeCSS (unused.mjs) where Node is there. Whole, the icons are
three times as heavy as a page of this book, and the theme's style sheet is as heavy as one.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from fonts import cut_font
from node import missing, node_binary
from sphinx.util import logging

logger = logging.getLogger(__name__)

SHEETS = ("styles/*-theme.css", "sphinx-design.min.css", "mystnb.*.css", "basic.css")
SCRIPT = Path(__file__).with_suffix(".mjs")
FONTS = "vendor/fontawesome/webfonts/*.woff2"
CLASS_RULE = re.compile(r'((?:\.fa-[\w-]+:{1,2}before,?)+)\{content:"(.|\\[0-9a-f]+ ?)"\}')
ANY_ICON = re.compile(r'"(\\[ef][0-9a-f]{3}|[\ue000-\uf8ff])"')


def setup(app):
    app.connect("build-finished", cut, priority=950)  # the pages are as they will be
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def cut(app, exception) -> None:
    """Replace style sheets and fonts in the built site by ones with what is in use."""
    if exception or app.builder.format != "html":
        return
    site = Path(app.outdir)
    if lacks := missing(app.confdir, "purgecss"):
        logger.info(f"style sheets stay whole: {lacks} missing")
    else:
        cut_sheets(site, node_binary())
    icons = used_icons(site)
    for font in (site / "_static").glob(FONTS):
        cut_font(font, icons)


def cut_sheets(site: Path, node: str, script: Path = SCRIPT) -> None:
    """Keep the rules whose words stand somewhere in a page or a script.

    Raises RuntimeError with what ``script`` says if it fails; then every sheet stays as it was.
    """
    sheets = [str(sheet) for name in SHEETS for sheet in sorted((site / "_static").glob(name))]
    done = subprocess.run([node, script, site, *sheets], text=True, capture_output=True)
    kept = json.loads(done.stdout or "{}")
    if done.returncode or not all(kept.get(sheet) for sheet in sheets):
        raise RuntimeError(f"PurgeCSS: {done.stderr}")
    for sheet in sheets:
        Path(sheet).write_text(kept[sheet], encoding="utf-8")


def used_icons(site: Path) -> set[int]:
    """Code points of the icons that pages and scripts name, and of all that style sheets place."""
    texts = [file.read_text(encoding="utf-8", errors="ignore")
             for pattern in ("*.html", "*.js") for file in site.rglob(pattern)
             if "plotly" not in file.name]
    named = {name for text in texts for name in re.findall(r"fa-[\w-]+", text)}
    icons: set[int] = set()
    for sheet in (site / "_static").rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        for selectors, icon in CLASS_RULE.findall(text):
            if named & set(re.findall(r"fa-[\w-]+", selectors)):
                icons.add(_code_point(icon))
        icons |= {_code_point(icon) for icon in ANY_ICON.findall(CLASS_RULE.sub("", text))}
    return icons


def _code_point(icon: str) -> int:
    return int(icon[1:], 16) if icon.startswith("\\") else ord(icon)
