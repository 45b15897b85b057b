"""What is changed in a finished page, and nowhere else: each page is read once, as a tree, and
written once.

It is the markup of the theme and of other extensions: what keyboards and screen readers miss in it,
and what only costs time. What a template can say stands in book/_templates, and what can be changed
before a page is HTML is changed in content/ and in theme.py.
"""

import re
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from html import unescape
from pathlib import Path

from bs4 import BeautifulSoup, Tag
from bs4.dammit import EntitySubstitution
from bs4.formatter import HTMLFormatter

from lora_edu.parallel import usable_cores

from ..content import symbols
from ..content.formulas import in_words
from . import sharing, slim

UNFINISHED = 'data-theme="auto"'  # as the theme writes it; finish() gives it a colour
SEARCH_SCRIPT = re.compile(r"/(?:searchtools|language_data|searchindex)\.js")
# What the theme says to its scripts inside a page: they wait for the page, and would not hear it.
TOLD = re.compile(r"\s*(?:DOCUMENTATION_OPTIONS\.|kernelName|// Activate the search field)")
PLAIN = ("n", "nn", "p", "w")  # names, punctuation and blanks have the colour of all code
REPEATED_IDS = {"exercise-content", "solution-content", "proof-content", "proof"}


class AsWritten(HTMLFormatter):
    """How a tree becomes text: with letters for letters, and with attributes in their order."""

    def __init__(self):
        super().__init__(entity_substitution=EntitySubstitution.substitute_xml)

    def attributes(self, tag: Tag):
        return tag.attrs.items()


def finish_pages(app) -> None:
    """Finish each page that this build has written, on all cores; note which characters the site
    has."""
    files = list(Path(app.outdir).rglob("*.html"))
    each = partial(finish_file, site=Path(app.outdir), sheet_version=app.sheet_version,
                   home=app.config.root_doc, title=app.config.html_title)
    with ProcessPoolExecutor(usable_cores()) as pool:
        app.characters = set().union(*pool.map(each, files))


def finish_file(file: Path, site: Path, sheet_version: str, home: str, title: str) -> set[int]:
    """Finish a page, unless an earlier build did. Returns its characters."""
    text = file.read_text(encoding="utf-8")
    if UNFINISHED in text:
        page = as_tree(text)
        finish(page, needs_search=file.name == "search.html")
        slim.name_version(page, sheet_version)
        if page.article:
            symbols.colour(page.article)
        if file == (site / home).with_suffix(".html"):
            sharing.write_redirect(site, home, title, page.head)
        file.write_text(page.decode(formatter=AsWritten()), encoding="utf-8")
    return set(map(ord, set(unescape(text))))


def as_tree(text: str) -> BeautifulSoup:
    """A page, with all its blanks: in a drawing several stand between two words."""
    return BeautifulSoup(text, "html.parser", preserve_whitespace_tags={"html"})


def finish(page: BeautifulSoup, needs_search: bool = False) -> None:
    """Change a page in place. needs_search: it has a search's scripts, in the order of the page."""
    page.html["data-theme"] = "light"  # until book.js sets it, before the page is painted
    for repeated in page("meta", attrs={"name": "viewport"})[:-1]:
        repeated.extract()  # Sphinx and docutils set it, too
    for tag in page(True):
        if tag.get("id") in REPEATED_IDS:
            del tag["id"]
        if tag.name in MENDS:
            MENDS[tag.name](tag)
    for script in page("script"):
        mend_script(script, needs_search)
    sidebar = page.find(id="pst-primary-sidebar")  # a landmark, or a dialog: either with a name
    sidebar["role"] = "region"
    sidebar["aria-label"] = page.find(id="pst-primary-sidebar-modal")["aria-label"] = "Chapters"
    for caption in sidebar("p", class_="caption"):
        fold_part(page, caption)
    if page.find("body", class_="home"):  # which begins without it
        sidebar["class"].append("pst-sidebar-hidden")


def mend_icon_or_code(tag: Tag) -> None:
    """Decoration is not read aloud; plain code needs no element."""
    classes = tag.get("class") or [""]
    if classes[0].startswith("fa"):
        tag["aria-hidden"] = "true"
    elif len(classes) == 1 and classes[0] in PLAIN and not tag.find(True):
        tag.unwrap()


def mend_source(block: Tag) -> None:
    """A list's children are its items, also in the list of sources."""
    if block.get("role") == "doc-biblioentry":
        block["role"] = "listitem"


def mend_summary(summary: Tag) -> None:
    """A fold in the sidebar has a name; for any other, what is read aloud is what is seen."""
    if summary.find("span", class_="toctree-toggle", recursive=False):
        summary["aria-label"] = "Sections of this part"
    elif summary.get("aria-label") == "Toggle hidden content":
        del summary["aria-label"]


def mend_button(button: Tag) -> None:
    """What is read aloud is what is seen, and speaks of the book."""
    if "search-button-field" in button.get("class", ()):
        del button["aria-label"]
    words = {"Toggle primary sidebar": "Chapters",
             "Toggle secondary sidebar": "Sections of this page"}
    if button.get("title") in words:
        button["title"] = words[button["title"]]


def mend_head(cell: Tag) -> None:
    """A cell without words heads nothing. A formula that is all of one gives it its name."""
    if "head" in cell.get("class", ()):
        name_formula(cell)
        if not cell.get_text():
            cell.name = "td"
            cell.attrs.clear()
            cell.clear()


def mend_link(link: Tag) -> None:
    """A formula that is all of a link gives it its name."""
    if "reference" in link.get("class", ()):
        name_formula(link)


def name_formula(tag: Tag) -> None:
    """Name the formula that is all of a tag: screen readers take no name from MathML."""
    formula = tag.find("span", class_="math")
    if formula and formula.annotation and formula.get_text() == tag.get_text():
        formula.math["aria-label"] = in_words(formula.annotation.get_text())


def mend_semantics(semantics: Tag) -> None:
    """MathML needs no copy of its TeX, nor what holds the two together."""
    semantics.annotation.extract()
    if semantics.contents[0].name == "mrow":
        semantics.contents[0].unwrap()
    semantics.unwrap()


def mend_script(script: Tag, needs_search: bool) -> None:
    """The text is shown before scripts run; a page has none that it does not use."""
    source = script.get("src", "")
    is_unused = (TOLD.match(script.get_text()) or script.get("type") == "text/x-thebe-config"
                 or "data-cfasync" in script.attrs)  # it sets colours, as book.js does
    if is_unused or (SEARCH_SCRIPT.search(source) and not needs_search):
        script.extract()
    elif source and not needs_search and "data-early" not in script.attrs:
        script.attrs.setdefault("defer", "")  # modules keep their place among deferred scripts


def fold_part(page: BeautifulSoup, caption: Tag) -> None:
    """Make a fold of a part of the book in the sidebar; that of this page is unfolded."""
    chapters = caption.find_next_sibling("ul")
    fold = page.new_tag("details", attrs={"class": "part"})
    if "current" in chapters["class"]:
        fold["open"] = ""
    summary = page.new_tag("summary", string=caption.get_text())
    caption.replace_with(fold)
    fold.extend([summary, chapters])


MENDS = {"i": mend_icon_or_code, "span": mend_icon_or_code, "div": mend_source,
         "summary": mend_summary, "button": mend_button, "th": mend_head, "a": mend_link,
         "semantics": mend_semantics}
