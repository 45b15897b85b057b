"""Sphinx extension: the theme's icon fonts, cut down to the icons that the built site uses.

Imports fontTools. The whole font is three times as heavy as a page of this book.
"""

from __future__ import annotations

import re
from pathlib import Path

from fontTools import subset

FONTS = "vendor/fontawesome/webfonts/*.woff2"
CLASS_RULE = re.compile(r'((?:\.fa-[\w-]+:{1,2}before,?)+)\{content:"(.|\\[0-9a-f]+ ?)"\}')
ANY_ICON = re.compile(r'"(\\[ef][0-9a-f]{3}|[\ue000-\uf8ff])"')


def setup(app):
    app.connect("build-finished", cut_fonts)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def cut_fonts(app, exception) -> None:
    """Replace the fonts in the built site by ones with the icons in use."""
    if exception or app.builder.format != "html":
        return
    icons = used_icons(Path(app.outdir))
    for font in (Path(app.outdir) / "_static").glob(FONTS):
        cut(font, icons)


def cut(font: Path, icons: set[int]) -> None:
    """Keep the icons of those code points in a font; it may lack some of them."""
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
