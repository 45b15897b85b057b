"""What this book changes about the theme before a page is written: its settings, the scripts that a
page asks for, and where lines break. (finish.py changes what has been written.)"""

import re
from pathlib import Path
from urllib.parse import quote

import yaml
from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

from .fonts import has_face

COLUMNS = re.compile(r"^.*\S {2,}\S", re.MULTILINE)  # a line with a gap in it
MARKS = re.compile(r"[.,;:)?!’”]+")
SIGN = re.compile(r"(?<=\S) ([×÷=]) (?=\S)")
ICON = "data:image/svg+xml," + quote(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
    '<rect x="1" y="1" width="4" height="14" rx="1" fill="#d55e00"/>'
    '<rect x="7" y="1" width="8" height="4" rx="1" fill="#3b82c4"/></svg>')  # B tall, A wide

CITATION = Path(__file__).parents[3] / "CITATION.cff"
FOLD = re.compile("<details.*?</details>", re.DOTALL)
USED_BY = {"copybutton|clipboard": 'class="highlight', "design-tabs": "sd-tab"}


def set_options(app, config) -> None:
    """The sidebar toggles need an empty ``navbar_persistent``; colours follow the system's."""
    config.html_theme_options["navbar_persistent"] = []
    config.html_theme_options["use_fullscreen_button"] = False
    config.html_theme_options["article_header_start"] = ["toggle-primary-sidebar.html",
                                                        "navbar-logo.html"]
    config.html_theme_options["footer_content_items"] = ["copyright.html", "cite.html"]
    config.html_context |= {"default_mode": "auto", **edition()}


def edition() -> dict:
    """What stands at the foot of every page: authors, version and date, as they are to be cited."""
    citation = yaml.safe_load(CITATION.read_text(encoding="utf-8"))
    day = citation["date-released"]
    return {"authors": ", ".join(author["name"] for author in citation["authors"]),
            "edition": citation["version"], "edition_date": f"{day.day} {day:%B %Y}"}


def add_script(app, pagename, templatename, context, doctree) -> None:
    """book.js, the first script of every page; it is told whether fonts of formulas are wanted at
    once, and whether the search and the face of the text are our own."""
    told = {"data-early": ""}
    if 'class="katex"' in FOLD.sub("", context.get("body", "")):
        told["data-formulas"] = ""
    if app.npm:
        told["data-search"] = ""
    if has_face(app):
        told["data-face"] = ""
    app.add_js_file("book.js", priority=1, **told)


def drop_scripts(app, pagename, templatename, context, doctree) -> None:
    """Leave out Thebe (a kernel in the page, fetched from a third party), what marks the words that
    were searched for, also in formulas, what the page does not use, and repetitions."""
    dropped = "thebe" if pagename == "search" and not app.npm else "thebe|sphinx_highlight"
    for script, used_by in USED_BY.items():
        if used_by not in context.get("body", ""):
            dropped += f"|{script}"
    kept: dict[str, object] = {}
    for file in context["script_files"]:
        described = f"{file.filename} {file.attributes}"
        if not re.search(dropped, described, re.IGNORECASE):
            kept.setdefault(described, file)
    context["script_files"][:] = kept.values()


def add_icon(app, pagename, templatename, context, doctree) -> None:
    """The icon of the browser's tab, inside the page: without one, browsers ask for a file."""
    context["favicon_url"] = ICON


class KeepTogether(SphinxPostTransform):
    """Break no line at the sign of a formula in plain text, nor before the full stop or comma that
    follows a set one."""

    default_priority = 900

    def run(self, **kwargs) -> None:
        as_written = nodes.FixedTextElement | nodes.literal | nodes.math | nodes.raw
        for element in self.document.findall(nodes.TextElement):
            for i, text in enumerate(() if isinstance(element, as_written) else element.children):
                if isinstance(text, nodes.Text):
                    element[i] = nodes.Text(SIGN.sub("\u00a0\\1\u00a0", text))
        for formula in list(self.document.findall(nodes.math)):
            after = formula.next_node(siblings=True, descend=False, ascend=False)
            mark = isinstance(after, nodes.Text) and MARKS.match(after)
            if mark:
                unbroken = nodes.inline("", "", classes=["nobreak"])
                place = formula.parent.index(formula) + 1  # of its text: others may be like it
                formula.parent[place] = nodes.Text(after[mark.end():])
                formula.replace_self(unbroken)
                unbroken += [formula, nodes.Text(mark[0])]


class MarkColumns(SphinxPostTransform):
    """Tell book.css which printed outputs stand in columns, and would be a muddle if wrapped.

    A line of a hundred letters is a sentence.
    """

    default_priority = 900

    def run(self, **kwargs) -> None:
        for output in self.document.findall(nodes.container):
            if "cell_output" not in output["classes"]:
                continue
            for printed in output.findall(nodes.literal_block):
                text = printed.astext()
                if len(COLUMNS.findall(text)) > 1 and max(map(len, text.splitlines())) < 100:
                    printed["classes"].append("columns")
