"""What this book changes about the theme's pages: scripts that a page does not use, what keyboards
and screen readers miss, and elements that only cost time."""

import re
from html.entities import html5
from pathlib import Path
from urllib.parse import quote

import imagesize
from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

COLUMNS = re.compile(r"^.*\S {2,}\S", re.MULTILINE)  # a line with a gap in it
MARKS = re.compile(r"[.,;:)?!’”]+")
SIGN = re.compile(r"(?<=\S) ([×÷=]) (?=\S)")
ICON = "data:image/svg+xml," + quote(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
    '<rect x="1" y="1" width="4" height="14" rx="1" fill="#d55e00"/>'
    '<rect x="7" y="1" width="8" height="4" rx="1" fill="#3b82c4"/></svg>')  # B tall, A wide

FOLD = re.compile("<details.*?</details>", re.DOTALL)
USED_BY = {"copybutton|clipboard": 'class="highlight', "design-tabs": "sd-tab"}


def set_options(app, config) -> None:
    """The sidebar toggles need an empty ``navbar_persistent``; colours follow the system's."""
    config.html_theme_options["navbar_persistent"] = []
    config.html_theme_options["use_fullscreen_button"] = False
    config.html_theme_options["article_header_start"] = ["toggle-primary-sidebar.html",
                                                        "navbar-logo.html"]
    config.html_theme_options["footer_content_items"] = ["copyright.html", "cite.html"]
    config.html_context["default_mode"] = "auto"


def add_script(app, pagename, templatename, context, doctree) -> None:
    """book.js, the first script of every page; it is told whether fonts of formulas are wanted at
    once, and whether the search is our own."""
    told = {"data-early": ""}
    if 'class="katex"' in FOLD.sub("", context.get("body", "")):
        told["data-formulas"] = ""
    if app.own_search:
        told["data-search"] = ""
    app.add_js_file("book.js", priority=1, **told)


def drop_scripts(app, pagename, templatename, context, doctree) -> None:
    """Leave out Thebe (a kernel in the page, fetched from a third party), what marks the words that
    were searched for, also in formulas, what the page does not use, and repetitions."""
    dropped = "thebe" if pagename == "search" and not app.own_search else "thebe|sphinx_highlight"
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
                after.parent.replace(after, nodes.Text(after[mark.end():]))
                formula.replace_self(unbroken)
                unbroken += [formula, nodes.Text(mark[0])]


class SizePictures(SphinxPostTransform):
    """Tell the browser how high a picture of a known width is, so that nothing moves when it
    comes."""

    default_priority = 900

    def run(self, **kwargs) -> None:
        for picture in self.document.findall(nodes.image):
            width = picture.get("width", "").removesuffix("px")
            file = Path(self.env.srcdir, picture["uri"])
            if width.isdecimal() and file.is_file():
                across, down = imagesize.get(file)
                picture["height"] = f"{int(width) * down / across:.0f}px"


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


MENDS = [
    # a picture is fetched when it comes near
    (re.compile(r"<img (?![^>]*loading=)"), '<img loading="lazy" '),
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
    # of the parts of the book that of this page is unfolded
    (re.compile(r'<p aria-level="2" class="caption" role="heading"><span class="caption-text">'
                r'([^<]*)</span></p>\s*(<ul class="(current )?(?:(?!<p aria-level|</div>).)*)',
                re.DOTALL),
     lambda found: f'<details class="part"{" open" * bool(found[3])}><summary>{found[1]}</summary>'
                   f"{found[2]}</details>"),
    # Home begins without it
    (re.compile(r'(<body class="home".*? class="bd-sidebar-primary bd-sidebar)', re.DOTALL),
     r"\1 pst-sidebar-hidden"),
    # what is read aloud is what is seen
    (re.compile(r'(<button class="btn search-button-field[^>]*?) aria-label="Search"'), r"\1"),
    (re.compile(r'<summary aria-label="Toggle hidden content">'), "<summary>"),
    (re.compile('title="Toggle primary sidebar"'), 'title="Chapters"'),
    (re.compile('title="Toggle secondary sidebar"'), 'title="Sections of this page"'),
    # an id stands once in a page, and so does the viewport, which Sphinx and docutils set too
    (re.compile(r' id="(?:(?:exercise|solution|proof)-content|proof)"'), ""),
    (re.compile(r'<meta name="viewport"[^>]* />\s*'), ""),
    # a list's children are its items; a cell without words heads nothing
    (re.compile(r'(<div class="citation" id="[^"]*") role="doc-biblioentry"'),
     r'\1 role="listitem"'),
    (re.compile(r'<th class="head( stub)?">(<p></p>)?</th>'), "<td></td>"),
    # colours: book.js sets them before the page is painted, and where storage is refused
    (re.compile(r'<script data-cfasync="false">.*?</script>', re.DOTALL), ""),
    (re.compile(r'<html([^>]*) data-theme="auto"'), r'<html\1 data-theme="light"'),
    # the theme's scripts wait for the page, and what it says to them inside the page would not
    (re.compile(r"<script[^>]*>\s*(?:DOCUMENTATION_OPTIONS\.|kernelName"
                r"|// Activate the search field)[^<]*(?:<(?!/script)[^<]*)*</script>"), ""),
    (re.compile(r'<script type="text/x-thebe-config">.*?</script>', re.DOTALL), ""),
    # fewer elements to style and lay out: MathML needs no copy of its TeX; names, punctuation and
    # blanks in code have the colour of all code
    (re.compile(r"<semantics>(<mrow>)?((?:(?!</semantics>).)*?)(?(1)</mrow>)"
                r"<annotation[^>]*>[^<]*</annotation></semantics>", re.DOTALL), r"\2"),
    (re.compile(r'<span class="(?:n|nn|p|w)">([^<]*)</span>'), r"\1"),
]


NOT_ON_SEARCH_PAGE = [  # mends of every page but that one
    # searching needs its scripts there only
    (re.compile(r'<script src="[^"]*(?:searchtools|language_data|searchindex)\.js"></script>'), ""),
    # the text is shown before scripts run; modules keep their place among deferred scripts
    (re.compile(r'<script (?!defer|data-early)([^>]*(?<!-)src="[^"]+")></script>'),
     r"<script defer \1></script>"),
]
ALONE = re.compile(  # a formula that is all of a link or of a column's head
    r'((?:<th class="head[^>]*>(?:<p>)?|<a class="reference[^>]*>)'
    r'(?:<span class="std std-ref">)?<span class="math)'
    r'((?:(?!</th>|</a>|<a ).)*</span>)(?=(?:</p>)?</th>|</a>)', re.DOTALL)


def mend_pages(app) -> None:
    """Apply MENDS to every built page, and NOT_ON_SEARCH_PAGE to all but that one."""
    for page in Path(app.outdir).rglob("*.html"):
        before = page.read_text(encoding="utf-8")
        text = ALONE.sub(name_formula, before)  # by its TeX, which goes with MENDS
        for pattern, replacement in MENDS + (
                [] if page.name == "search.html" else NOT_ON_SEARCH_PAGE):
            text = pattern.sub(replacement, text)
        if text != before:
            page.write_text(text, encoding="utf-8")


def name_formula(found: re.Match) -> str:
    """A formula that stands alone has a name: screen readers take none from MathML."""
    start, rest = found.groups()
    tex = re.search(r'<annotation encoding="application/x-tex">(.*?)</annotation>', rest, re.DOTALL)
    if tex is None or rest.count('class="katex"') != 1 or "<math aria-label" in rest:
        return found[0]
    label = in_words(tex[1])
    return start + rest.replace("<math ", f'<math aria-label="{label}" ', 1)


SIGNS = {"sqrt": "√", "cdot": "·", "to": "→", "infty": "∞", "ldots": "…", "dots": "…", "neq": "≠",
         "|": "‖", "lVert": "‖", "rVert": "‖",  # that HTML calls otherwise than TeX
         "hat": " hat ", "bar": " bar "}
LOOKS = {"left", "right", "mathrm", "text", "operatorname", "mathbf", "mathbb", "big",
         "bigl", "bigr", "quad", "qquad", "textstyle"}
ARGUMENT = r"\{(?:[^{}]|\{[^{}]*\})*\}|\\[a-z]+ ?|\w"


def in_words(tex: str) -> str:
    """A formula as one writes it in a line.

    >>> in_words(r"\\Delta W = \\frac{\\alpha}{r} BA")
    'ΔW = α/r BA'
    >>> in_words(r"\\tfrac12\\hat L")
    '1/2 hat L'
    """
    def sign(command: re.Match) -> str:
        name = command[1]
        if name in SIGNS:
            return SIGNS[name]
        if name in LOOKS or not name.isalpha():
            return ""
        return html5.get(f"{name};", name)

    words = re.sub(rf"\\[dt]?frac ?({ARGUMENT})({ARGUMENT})", r"\1/\2", tex)
    words = re.sub(r"\\([A-Za-z]+|.) ?", sign, words)
    return " ".join(re.sub(r"[{}~]", "", words).split())

