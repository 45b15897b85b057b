"""A lighter site: one style sheet in place of many, and of sheet and icons only what pages use.

All icons weigh three times as much as a page of this book. The sheets are seventeen files, some of
which ask for others, and nothing is painted before the last has come. Without Node or npm's files
the site stays as it is.
"""

import hashlib
import re
from pathlib import Path

from bs4 import BeautifulSoup

from ..node import run_node
from .fonts import cut_font

PAGES = "pages.css"  # the one style sheet
FIRST = ("styles/theme.css", "styles/pydata-sphinx-theme.css")  # those of the theme's templates
LEFT_OUT = (PAGES, "sphinx-thebe.css")
FONTS = "vendor/fontawesome/webfonts/*.woff2"
ICON = re.compile(r'(?:content|--[\w-]+):"(?:\\([ef][0-9a-f]{3})|([\ue000-\uf8ff]))')


def link_one_sheet(app, pagename, templatename, context, doctree) -> None:
    """Let a page ask for no other style sheet."""
    context["one_sheet"] = app.npm
    if app.npm:
        context["css_files"] = [sheet for sheet in context["css_files"]
                                if sheet.filename == f"_static/{PAGES}"]


def write_one_sheet(app) -> None:
    """Write the one sheet, and keep of the icon fonts what it shows. Raises RuntimeError where Node
    fails."""
    app.sheet_version = ""
    if not app.npm:
        return
    site = Path(app.outdir)
    added = [sheet.filename.removeprefix("_static/")
             for sheet in sorted(app.builder._css_files, key=lambda sheet: sheet.priority)]
    names = [name for name in dict.fromkeys([*FIRST, *added])
             if name not in LEFT_OUT and (site / "_static" / name).is_file()]
    run_node(app.confdir, Path(__file__).with_suffix(".mjs"), site, *names)
    sheet = (site / "_static" / PAGES).read_text(encoding="utf-8")
    icons = {int(code, 16) if code else ord(icon) for code, icon in ICON.findall(sheet)}
    for font in (site / "_static").glob(FONTS):
        cut_font(app, font, icons)
    app.sheet_version = hashlib.sha256(sheet.encode()).hexdigest()[:8]


def name_version(page: BeautifulSoup, version: str) -> None:
    """Put the sheet's version into a page's link to it, so that no browser shows an old one."""
    for link in page("link", href=re.compile(f"/{PAGES}")):
        link["href"] = link["href"].partition("?")[0] + f"?v={version}"
