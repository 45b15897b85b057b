"""Sphinx extension: the style sheets of the pages come as one file.

Imports its sibling node, and runs npm's esbuild where Node is there. Apart, they are seventeen
files of which one asks for another: nothing is painted before the last has come. One for all pages
comes once a visit.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from node import esbuild, missing
from sphinx.util import logging

logger = logging.getLogger(__name__)

PAGES = "pages.css"  # what all pages ask for, and
PARTS = "pages-parts.css"  # the file that imports, in their order, the sheets that it is made of
NO_SCRIPT = re.compile(r"(<noscript>.*?</noscript>)", re.DOTALL)
LINK = re.compile(
    r'\s*<link (?=[^>]*rel="stylesheet")[^>]*href="((?:\.\./)*_static/)([^"?]+)[^>]*>')
IMPORT = re.compile(r'@import "\./([^"]+)";')
KINDS = ("woff2", "woff", "ttf", "svg", "png")  # of files that a sheet asks for


def setup(app):
    app.connect("build-finished", join, priority=960)  # the sheets are as they will be
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def join(app, exception) -> None:
    """Put the sheets of all pages into one, and have every page ask for that one."""
    if exception or app.builder.format != "html":
        return
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
    asked = [[link[2] for link in LINK.finditer(NO_SCRIPT.sub("", text))]
             for text in pages.values()]
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
    """A page whose first link to a sheet leads to the one of all, and whose others are gone; those
    for readers without scripts stay."""
    parts, links = NO_SCRIPT.split(text), []

    def link(found: re.Match) -> str:
        links.append(found)
        one = f'\n<link rel="stylesheet" href="{found[1]}{PAGES}?v={version}">'
        return one if len(links) == 1 else ""

    return "".join(part if i % 2 else LINK.sub(link, part) for i, part in enumerate(parts))
