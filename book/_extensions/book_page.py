"""Sphinx extension: what this book changes about the theme's pages.

Imports Sphinx and docutils. It

- drops scripts that a page does not use, runs the others late, and gives the pages an icon;
- mends what the theme gets wrong for keyboards and screen readers.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from urllib.parse import quote

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

WORD_JOINER = "\u2060"
ICON = "data:image/svg+xml," + quote(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
    '<rect x="1" y="1" width="4" height="14" rx="1" fill="#d55e00"/>'
    '<rect x="7" y="1" width="8" height="4" rx="1" fill="#3b82c4"/></svg>')  # B tall, A wide


def setup(app):
    app.connect("config-inited", theme_options)
    app.connect("html-page-context", drop_scripts, priority=900)
    app.connect("html-page-context", add_icon)
    app.connect("build-finished", mend_pages, priority=900)
    app.add_post_transform(KeepPunctuation)
    app.add_css_file("book.css")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def theme_options(app, config) -> None:
    """The sidebar toggles need an empty ``navbar_persistent``; colours follow the system's."""
    config.html_theme_options["navbar_persistent"] = []
    config.html_context["default_mode"] = "auto"


def drop_scripts(app, pagename, templatename, context, doctree) -> None:
    """Leave out Thebe (a kernel in the page, fetched from a third party) and repetitions."""
    for kind in ("script_files", "css_files"):
        kept: dict[str, object] = {}
        for file in context.get(kind, []):
            described = f"{file.filename} {file.attributes}"
            if "thebe" not in described.lower():
                kept.setdefault(described, file)
        context[kind] = list(kept.values())


def add_icon(app, pagename, templatename, context, doctree) -> None:
    """The icon of the browser's tab, inside the page: without one, browsers ask for a file."""
    context["favicon_url"] = ICON


class KeepPunctuation(SphinxPostTransform):
    """Let no line begin with the full stop or comma that follows a formula."""

    default_priority = 900

    def run(self, **kwargs) -> None:
        for formula in list(self.document.findall(nodes.math)):
            after = formula.next_node(siblings=True, descend=False, ascend=False)
            if isinstance(after, nodes.Text) and after[:1] in set(".,;:)?!"):
                after.parent.replace(after, nodes.Text(WORD_JOINER + after))


MENDS = [
    # decoration is not read aloud
    (re.compile(r'<i class="(fa[^"]*)"(?! aria-hidden)'), r'<i class="\1" aria-hidden="true"'),
    # the sidebar is a landmark with a name
    (re.compile(r'<dialog id="pst-primary-sidebar-modal"(?! aria)'),
     '<dialog id="pst-primary-sidebar-modal" aria-label="Chapters"'),
    (re.compile(r'<div id="pst-primary-sidebar"(?! role)'),
     '<div id="pst-primary-sidebar" role="region" aria-label="Chapters"'),
    # a fold in the sidebar has a name
    (re.compile(r"<summary>(<span class=\"toctree-toggle\")"),
     r'<summary aria-label="Sections of this part">\1'),
    # what is read aloud is what is seen
    (re.compile(r'(<button class="btn search-button-field[^>]*?) aria-label="Search"'), r"\1"),
    (re.compile(r'<summary aria-label="Toggle hidden content">'), "<summary>"),
]


LATER = [  # nowhere but on the search page
    # searching needs its scripts there only
    (re.compile(r'<script src="[^"]*(?:searchtools|language_data|searchindex)\.js"></script>'), ""),
    # the text is shown before scripts run; modules keep their place among deferred scripts
    (re.compile(r'<script (?!defer)([^>]*src="[^"]+")></script>'), r"<script defer \1></script>"),
    (re.compile(r"<script>(?=\s*DOCUMENTATION_OPTIONS\.)"), '<script type="module">'),
]


def mend_pages(app, exception) -> None:
    """Apply MENDS to every built page, and LATER to all that do not search."""
    if exception or app.builder.format != "html":
        return
    shutil.copyfile(Path(__file__).parent / "book.css", Path(app.outdir) / "_static" / "book.css")
    for page in Path(app.outdir).rglob("*.html"):
        text = before = page.read_text(encoding="utf-8")
        for pattern, replacement in MENDS + (LATER if page.name != "search.html" else []):
            text = pattern.sub(replacement, text)
        if text != before:
            page.write_text(text, encoding="utf-8")
