"""The index of this book's search: its places, and the script that finds them.

A page that is written leaves its places (sections, terms, functions) in a file of its own; the end
of a build joins them in _static/search.json, and bundles them with field.js as _static/search.js.
Without Node or npm's files the site keeps Sphinx's search.
"""

import json
import re
from pathlib import Path

from docutils import nodes
from sphinx import addnodes

from ..content.answers import PAGES
from ..content.formulas import in_words
from ..node import esbuild

HERE = Path(__file__).parent

ASIDE = ("book/notes/", "book/api", "book/claims", "book/teaching", "book/own-experiments")
ASKED = "asked:"
HEADS = ("symbol", "you see")  # of the first columns of tables whose rows are found one by one
FALSE = "False claims"  # so begins the title of the sections that quote them
UNREAD = (nodes.raw, nodes.comment, nodes.citation, nodes.literal_block, nodes.doctest_block,
          nodes.math_block, nodes.field_list, addnodes.toctree, addnodes.index, addnodes.desc,
          addnodes.glossary)
UNREAD_CLASSES = {"answers", "cell_input", "claims", "dropdown", "bibliography"}


def replace_search(app) -> None:
    """Replace Sphinx's search, where ours can be bundled."""
    if app.npm:
        app.builder.search = False
        app.config.html_additional_pages["search"] = "find.html"


def keep_places(app, pagename, templatename, context, doctree) -> None:
    """Leave the places of a page in its file."""
    if app.npm and doctree is not None:
        file = places_file(app, pagename)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(list(places(pagename, doctree)), ensure_ascii=False), "utf-8")


def places_file(app, page: str) -> Path:
    return Path(app.doctreedir, "search", f"{page}.json")


def pages_without_places(app) -> list[str]:
    return [page for page in sorted(app.env.found_docs)
            if app.npm and not places_file(app, page).is_file()]


def write_search(app) -> None:
    """Join the places of all pages, and bundle the script that knows them."""
    if not app.npm:
        return
    joined = [place for page in sorted(app.env.found_docs)
              for place in json.loads(places_file(app, page).read_text("utf-8"))]
    static = Path(app.outdir, "_static")
    index = static / "search.json"
    index.write_text(json.dumps(joined, ensure_ascii=False, separators=(",", ":")), "utf-8")
    app.bundled |= esbuild(
        app.confdir, HERE / "field.js", "--bundle", "--minify", "--format=iife", "--target=es2022",
        f"--alias:search.json={index}", f"--outfile={static / 'search.js'}")


def places(page: str, doctree: nodes.document):
    """What can be found on a page: a dict each, with its page, id (empty for the whole page), kind,
    title, the title of its page (empty for the whole page), the other words that people ask with,
    verdict and text."""
    title = in_line(doctree.next_node(nodes.title))
    for section in filter(is_titled, doctree.findall(nodes.section)):
        heading, *body = section.children
        whole = section.parent is doctree
        text = " ".join(map(in_line, body)).split()
        if text:
            yield {
                "page": page, "id": "" if whole else section["ids"][0],
                "of": "" if whole else title, "kind": kind(page, section),
                "title": in_line(heading), "asked": asked(section),
                "verdict": verdict(page, section), "text": " ".join(text)}
    for anchor, kind_, names, definition in definitions(doctree):
        name, *others = map(in_line, names)
        yield {"page": page, "id": anchor, "of": title, "kind": kind_, "title": name,
               "asked": others, "verdict": "", "text": " ".join(in_line(definition).split())}


def definitions(doctree: nodes.document):
    """(Id, kind, names, what is said of them) of the terms of a glossary, of its symbols, of what
    one sees in a table of faults, and of a library's names."""
    for glossary in doctree.findall(addnodes.glossary):
        for item in glossary.findall(nodes.definition_list_item):
            terms = list(item.findall(nodes.term))
            yield terms[0]["ids"][0], "term", terms, item.next_node(nodes.definition)
    for table in doctree.findall(is_read_by_rows):
        section = section_of(table)
        for row in table.next_node(nodes.tbody):
            yield section["ids"][0], "term", row[:1], row[1]
    for described in doctree.findall(addnodes.desc):
        signature, content = described.children
        summary = content.next_node(nodes.paragraph)
        if signature["ids"] and summary:
            yield signature["ids"][0], "aside", [nodes.Text(signature["fullname"])], summary


def is_read_by_rows(node: nodes.Node) -> bool:
    """Whether a node is a table each of whose rows says what its first cell is."""
    return isinstance(node, nodes.table) and node.next_node(nodes.entry).astext() in HEADS


def section_of(node: nodes.Node) -> nodes.section:
    while not isinstance(node, nodes.section):
        node = node.parent
    return node


def is_titled(node: nodes.Node) -> bool:
    """Whether a node is a section of the page. (Those in theorems and exercises have no title.)"""
    return isinstance(node, nodes.section) and isinstance(node[0], nodes.title)


def is_number(node: nodes.Node) -> bool:
    """Whether a node is a cell of a table, without any letter."""
    return isinstance(node, nodes.entry) and not re.search("[^\\W\\d_]", node.astext())


def in_line(node: nodes.Node) -> str:
    """The text of a node, without its subsections, folds and code."""
    if isinstance(node, nodes.Text):
        return str(node)
    if isinstance(node, nodes.math):
        return in_words(node.astext())
    unread = isinstance(node, UNREAD) or UNREAD_CLASSES & set(node.get("classes", ()))
    if unread or is_titled(node) or is_number(node) or is_read_by_rows(node):
        return " "
    joint = "" if isinstance(node, nodes.TextElement) else " "
    return joint.join(map(in_line, node.children))


def kind(page: str, section: nodes.section) -> str:
    """ "answer", "false", "aside" or "section"."""
    if page in PAGES:
        above = section.parent.next_node(nodes.title).astext()
        return "false" if above.startswith(FALSE) else "answer"
    return "aside" if page.startswith(ASIDE) else "section"


def verdict(page: str, section: nodes.section) -> str:
    """The bold words with which an answer begins."""
    first = section.next_node(nodes.strong) if page in PAGES else None
    return in_line(first) if first and first.parent.parent is section else ""


def asked(section: nodes.section) -> list[str]:
    """The other words in which people ask for a section: those of a comment "% asked: …"."""
    comments = [node.astext() for node in section.children if isinstance(node, nodes.comment)]
    return [" ".join(phrase.split()) for comment in comments if comment.startswith(ASKED)
            for phrase in comment.removeprefix(ASKED).split(",")]
