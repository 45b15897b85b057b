"""Sphinx extension: the theme's icon font, cut down to the icons that the built site uses.

Imports fontTools. The whole font is three times as heavy as a page of this book.
"""

from __future__ import annotations

import re
from pathlib import Path

from fontTools import subset

FONT = "vendor/fontawesome/webfonts/fa-solid-900.woff2"
CLASS_RULE = re.compile(r'((?:\.fa-[\w-]+:{1,2}before,?)+)\{content:"(.|\\[0-9a-f]+ ?)"\}')
ANY_ICON = re.compile(r'"(\\[ef][0-9a-f]{3}|[\ue000-\uf8ff])"')


def setup(app):
    app.connect("build-finished", cut_font)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def cut_font(app, exception) -> None:
    """Replace the font in the built site by one with the icons in use."""
    if exception or app.builder.format != "html":
        return
    font = Path(app.outdir) / "_static" / FONT
    icons = used_icons(Path(app.outdir))
    options = subset.Options(flavor="woff2", layout_features=[], desubroutinize=True)
    loaded = subset.load_font(str(font), options)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=icons)
    cutter.subset(loaded)
    subset.save_font(loaded, str(font), options)


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
