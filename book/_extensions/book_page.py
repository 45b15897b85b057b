"""Sphinx extension: what this book changes about the theme's pages.

Imports Sphinx, docutils and its sibling one_sheet. It

- drops scripts that a page does not use, runs the others late, and gives the pages an icon;
- mends what the theme gets wrong for keyboards and screen readers;
- leaves no script and no style sheet inside a page, so that a strict Content-Security-Policy holds;
- gives readers without scripts dark colours and a way to the chapters.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from urllib.parse import quote

from docutils import nodes
from one_sheet import PAGES
from sphinx.transforms.post_transforms import SphinxPostTransform

COLUMNS = re.compile(r"^.*\S {2,}\S", re.MULTILINE)  # a line with a gap in it
MARKS = re.compile(r"[.,;:)?!’”]+")
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
    app.add_post_transform(MarkColumns)
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
            mark = isinstance(after, nodes.Text) and MARKS.match(after)
            if mark:
                kept = nodes.inline("", "", classes=["nobreak"])
                after.parent.replace(after, nodes.Text(after[mark.end():]))
                formula.replace_self(kept)
                kept += [formula, nodes.Text(mark[0])]


class MarkColumns(SphinxPostTransform):
    """Tell book.css which printed outputs stand in columns, and would be a muddle if wrapped."""

    default_priority = 900

    def run(self, **kwargs) -> None:
        for output in self.document.findall(nodes.container):
            if "cell_output" not in output["classes"]:
                continue
            for printed in output.findall(nodes.literal_block):
                if len(COLUMNS.findall(printed.astext())) > 1:
                    printed["classes"].append("columns")


MENDS = [
    # one viewport is enough: Sphinx's own
    (re.compile(r'\s*<meta name="viewport" content="width=device-width, initial-scale=1" ?/>'), ""),
    # decoration is not read aloud
    (re.compile(r'<(i|span) class="(fa[^"]*)"(?! aria-hidden)'),
     r'<\1 class="\2" aria-hidden="true"'),
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
    (re.compile('title="Toggle primary sidebar"'), 'title="Chapters"'),
    (re.compile('title="Toggle secondary sidebar"'), 'title="Sections of this page"'),
    # a list's children are its items; a cell without words heads nothing
    (re.compile(r'(<div class="citation" id="[^"]*") role="doc-biblioentry"'),
     r'\1 role="listitem"'),
    (re.compile(r'<th class="head( stub)?">(<p></p>)?</th>'), "<td></td>"),
    # no script and no style inside a page: book.js and no_script.css have what they did
    (re.compile(r'<script data-cfasync="false">.*?</script>', re.DOTALL), ""),
    (re.compile(r"<script[^>]*>\s*(?:let toggle|var toggle|DOCUMENTATION_OPTIONS\.|kernelName"
                r"|// Activate the search field)[^<]*(?:<(?!/script)[^<]*)*</script>"), ""),
    (re.compile(r'<script type="text/x-thebe-config">.*?</script>', re.DOTALL), ""),
    (re.compile(r' onclick="[^"]*"'), ""),
    (re.compile(r"<noscript>\s*<style>.*?</noscript>", re.DOTALL), ""),
    # until book.js has asked what the reader wants, and where there are no scripts
    (re.compile(r'<html([^>]*) data-theme="auto"'), r'<html\1 data-theme="light"'),
    (re.compile(r'(?<!</noscript>)(<button class="sidebar-toggle primary-toggle)'),
     r'<noscript><a class="chapters-link" href="#pst-primary-sidebar">Chapters</a></noscript>\1'),
    # fewer elements to style and lay out: MathML needs no copy of its TeX; names, punctuation and
    # blanks in code have the colour of all code
    (re.compile(r"<semantics>(<mrow>)?((?:(?!</semantics>).)*?)(?(1)</mrow>)"
                r"<annotation[^>]*>[^<]*</annotation></semantics>", re.DOTALL), r"\2"),
    (re.compile(r'<span class="(?:n|nn|p|w)">([^<]*)</span>'), r"\1"),
]


LATER = [  # nowhere but on the search page
    # searching needs its scripts there only
    (re.compile(r'<script src="[^"]*(?:searchtools|language_data|searchindex)\.js"></script>'), ""),
    # the text is shown before scripts run; modules keep their place among deferred scripts
    (re.compile(r'<script (?!defer)([^>]*(?<!-)src="[^"]+")></script>'),
     r"<script defer \1></script>"),
]
ALONE = re.compile(  # a formula that is all of a link or of a column's head
    r'((?:<th class="head[^>]*>(?:<p>)?|<a class="reference[^>]*>)'
    r'(?:<span class="std std-ref">)?<span class="math)'
    r'((?:(?!</th>|</a>|<a ).)*</span>)(?=(?:</p>)?</th>|</a>)', re.DOTALL)
HEAD = re.compile(  # after all style sheets, so that fonts can be asked for, before all scripts
    r'(?=<script [^>]*src="([^"]*_static/)documentation_options\.js)')
OWN_SHEET = re.compile(r'(?=<link [^>]*/book\.css)')  # after the theme's
DARK_RULE = re.compile(r'([^{}]*\[data-theme="?dark"?\][^{}]*)(\{[^{}]*\})')


def mend_pages(app, exception) -> None:
    """Apply MENDS to every built page, and LATER to all that do not search."""
    if exception or app.builder.format != "html":
        return
    static, here = Path(app.outdir) / "_static", Path(__file__).parent
    sheet = (here / "no_script.css").read_text(encoding="utf-8") + dark_sheet(static)
    (static / "no_script.css").write_text(sheet, encoding="utf-8")
    script = hashlib.md5((here / "book.js").read_bytes()).hexdigest()[:8]
    for page in Path(app.outdir).rglob("*.html"):
        before = page.read_text(encoding="utf-8")
        text = ALONE.sub(name_formula, before)  # by its TeX, which goes with MENDS
        for pattern, replacement in MENDS + (LATER if page.name != "search.html" else []):
            text = pattern.sub(replacement, text)
        if "/book.js" not in text:
            formulas = " data-formulas" if 'class="katex"' in text else ""
            static_path = (HEAD.search(text) or [""] * 2)[1]
            text = HEAD.sub(rf'<script src="\1book.js?v={script}" data-early{formulas}></script>',
                            text)
            plain = f'<link rel="stylesheet" href="{static_path}no_script.css">'
            text = OWN_SHEET.sub(f"<noscript>{plain}</noscript>", text, count=1)
        if text != before:
            page.write_text(text, encoding="utf-8")


def name_formula(found: re.Match) -> str:
    """A formula that stands alone has a name: screen readers take none from MathML."""
    start, rest = found.groups()
    tex = re.search(r'<annotation encoding="application/x-tex">(.*?)</annotation>', rest, re.DOTALL)
    if tex is None or rest.count('class="katex"') != 1 or "<math aria-label" in rest:
        return found[0]
    words = re.sub(r"\\(?:d|t)?frac\{([^{}]*)\}\{([^{}]*)\}", r"\1/\2", tex[1])
    words = re.sub(r"\\(?:[lr]?Vert|\|)", "‖", words).replace("\\sqrt", "√")
    words = re.sub(r"\\(?:mathrm|text|left|right|operatorname)\b|\\(?=[A-Za-z])|\\.|[{}^~]", "",
                   words)
    return start + rest.replace("<math ", f'<math aria-label="{" ".join(words.split())}" ', 1)


def dark_sheet(static: Path) -> str:
    """The dark rules of all style sheets, for who prefers dark and has no script that says so."""
    rules = [(selector, body) for sheet in sorted(static.rglob("*.css"))
             if sheet.name not in ("no_script.css", PAGES)
             for selectors, body in DARK_RULE.findall(sheet.read_text(encoding="utf-8"))
             for selector in re.sub(r"/\*.*?\*/", "", selectors, flags=re.DOTALL).split(",")
             if "dark" in selector]
    light = [re.sub(r'\[data-theme="?dark"?\]', '[data-theme="light"]', selector) + body
             for selector, body in rules]
    return "@media screen and (prefers-color-scheme: dark) {\n" + "\n".join(light) + "\n}\n"
