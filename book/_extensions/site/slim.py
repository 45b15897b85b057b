"""A lighter site: of the theme's style sheets and icons what pages use, and all sheets in one file.

Whole, the icons are three times as heavy as a page of this book. Apart, the sheets are seventeen
files of which one asks for another, and nothing is painted before the last has come. Without Node
or npm's files the site stays as it is.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import subprocess
from pathlib import Path

from fontTools import subset
from sphinx.util import logging as sphinx_logging

from ..node import esbuild, missing, node_binary

logging.getLogger("fontTools").setLevel(logging.WARNING)  # it tells of every table it leaves out
logger = sphinx_logging.getLogger(__name__)

SHEETS = ("styles/*-theme.css", "sphinx-design.min.css", "mystnb.*.css", "basic.css")
FONTS = "vendor/fontawesome/webfonts/*.woff2"
CLASS_RULE = re.compile(r'((?:\.fa-[\w-]+:{1,2}before,?)+)\{content:"(.|\\[0-9a-f]+ ?)"\}')
ANY_ICON = re.compile(r'"(\\[ef][0-9a-f]{3}|[\ue000-\uf8ff])"')
PAGES = "pages.css"  # what all pages ask for, and
PARTS = "pages-parts.css"  # the file that imports, in their order, the sheets that it is made of
LINK = re.compile(
    r'\s*<link (?=[^>]*rel="stylesheet")[^>]*href="((?:\.\./)*_static/)([^"?]+)[^>]*>')
IMPORT = re.compile(r'@import "\./([^"]+)";')
KINDS = ("woff2", "woff", "ttf", "svg", "png")  # of files that a sheet asks for


def cut(app) -> None:
    """Replace style sheets and fonts in the built site by ones with what is in use."""
    site = Path(app.outdir)
    if lacks := missing(app.confdir, "purgecss"):
        logger.info(f"style sheets stay whole: {lacks} missing")
    else:
        cut_sheets(site, node_binary())
    for font in (site / "_static").glob(FONTS):
        cut_font(font, used_icons(site))


def cut_sheets(site: Path, node: str) -> None:
    """Keep the rules whose words stand somewhere in a page or a script.

    Raises RuntimeError with what PurgeCSS says if it fails; then every sheet stays as it was.
    """
    sheets = [str(sheet) for name in SHEETS for sheet in sorted((site / "_static").glob(name))]
    done = subprocess.run([node, Path(__file__).with_suffix(".mjs"), site, *sheets], text=True,
                          capture_output=True)
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


def cut_font(font: Path, characters: set[int]) -> None:
    """Keep the characters of those code points in a woff2 font; it may lack some of them."""
    options = subset.Options(flavor="woff2", layout_features=[], desubroutinize=True)
    loaded = subset.load_font(str(font), options)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=characters)
    cutter.subset(loaded)
    subset.save_font(loaded, str(font), options)


def join(app) -> None:
    """Put the sheets of all pages into one, and have every page ask for that one."""
    if lacks := missing(app.confdir, "esbuild"):
        logger.info(f"style sheets stay apart: {lacks} missing")
    else:
        join_sheets(Path(app.outdir), Path(app.confdir))


def join_sheets(site: Path, root: Path) -> None:
    """The same, of the site in a folder, with the npm files of the repository at ``root``.

    Sheets that pages of an earlier build asked for stay in. Raises RuntimeError with what esbuild
    says if it fails; then every page stays as it was.
    """
    static = site / "_static"
    pages = {page: page.read_text(encoding="utf-8") for page in sorted(site.rglob("*.html"))}
    parts = static / PARTS
    before = IMPORT.findall(parts.read_text(encoding="utf-8")) if parts.is_file() else []
    asked = [[link[2] for link in LINK.finditer(text)] for text in pages.values()]
    names = [name for name in in_order([before, *asked]) if (static / name).is_file()]
    parts.write_text("".join(f'@import "./{name}";\n' for name in names), encoding="utf-8")
    # what they ask for is written once more where it stands, for that is how its place is found
    esbuild(root, parts, "--bundle", "--minify", "--allow-overwrite", f"--outbase={static}",
            f"--outdir={static}", f"--entry-names={Path(PAGES).stem}", "--asset-names=[dir]/[name]",
            *(f"--loader:.{kind}=file" for kind in KINDS))
    version = hashlib.sha256((static / PAGES).read_bytes()).hexdigest()[:8]
    for page, text in pages.items():
        joined = with_one_sheet(text, version)
        if joined != text:
            page.write_text(joined, encoding="utf-8")


def in_order(lists: list[list[str]]) -> list[str]:
    """All names once; one that an earlier list lacks stands after the one before it."""
    found: list[str] = []
    for names in lists:
        for before, name in zip([None, *names], names, strict=False):
            if name not in found and name != PAGES:
                found.insert(found.index(before) + 1 if before in found else 0, name)
    return found


def with_one_sheet(text: str, version: str) -> str:
    """A page whose first link to a sheet leads to the one of all, and whose others are gone."""
    links = LINK.findall(text)
    if not links:
        return text
    one = f'\n<link rel="stylesheet" href="{links[0][0]}{PAGES}?v={version}">'
    return LINK.sub("", LINK.sub(lambda found: one, text, count=1).replace(one, "\0")).replace(
        "\0", one)
