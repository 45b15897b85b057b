"""A lighter site: one style sheet in place of many, and of sheet and icons only what pages use.

All icons weigh three times as much as a page of this book. The sheets are seventeen files, some of
which ask for others, and nothing is painted before the last has come. Without Node or npm's files
the site stays as it is.
"""

import hashlib
import logging
import re
import shutil
from pathlib import Path

from fontTools import subset
from sphinx.util import logging as sphinx_logging

from ..node import missing, run_node

logging.getLogger("fontTools").setLevel(logging.WARNING)  # it tells of every table it leaves out
logger = sphinx_logging.getLogger(__name__)

PAGES = "pages.css"  # the one style sheet
FIRST = ("styles/theme.css", "styles/pydata-sphinx-theme.css")  # those of the theme's templates
LEFT_OUT = (PAGES, "sphinx-thebe.css")
FONTS = "vendor/fontawesome/webfonts/*.woff2"
ICON = re.compile(r'(?:content|--[\w-]+):"(?:\\([ef][0-9a-f]{3})|([\ue000-\uf8ff]))')


def check_tools(app) -> None:
    """Find out whether there is what makes a site slim."""
    lack = missing(app.confdir, "purgecss")
    app.one_sheet = not lack
    if lack:
        logger.info(f"style sheets stay apart and whole: {lack} missing")
    else:
        app.add_css_file(PAGES)


def fonts_folder(app) -> Path:
    """Where cut fonts are kept."""
    return Path(app.doctreedir) / "fonts"


def link_one_sheet(app, pagename, templatename, context, doctree) -> None:
    """Let a page ask for no other style sheet."""
    context["one_sheet"] = app.one_sheet
    if app.one_sheet:
        context["css_files"] = [sheet for sheet in context["css_files"]
                                if sheet.filename == f"_static/{PAGES}"]


def write_one_sheet(app) -> None:
    """Write the one sheet, keep of the icon fonts what it shows, and put its version into the links
    of all pages, so that no browser shows an old one. Raises RuntimeError where Node fails."""
    if not app.one_sheet:
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
        cut_font(font, icons, fonts_folder(app))
    version = hashlib.sha256(sheet.encode()).hexdigest()[:8]
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        page.write_text(re.sub(rf'/{PAGES}(\?v=\w+)?"', f'/{PAGES}?v={version}"', text), "utf-8")


def cut_font(font: Path, characters: set[int], kept: Path) -> None:
    """Keep the characters of those code points in a woff2 font; it may lack some of them.

    kept: A folder where cut fonts lie from build to build, by what they were made from.
    """
    made_from = font.read_bytes() + repr(sorted(characters)).encode()
    cut = kept / hashlib.sha256(made_from).hexdigest()
    if not cut.is_file():
        kept.mkdir(parents=True, exist_ok=True)
        write_cut_font(font, characters, cut)
    shutil.copyfile(cut, font)


def write_cut_font(font: Path, characters: set[int], target: Path) -> None:
    options = subset.Options(flavor="woff2", layout_features=[], desubroutinize=True)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=characters)
    with subset.load_font(str(font), options, lazy=False) as loaded:
        cutter.subset(loaded)
        subset.save_font(loaded, str(target), options)
