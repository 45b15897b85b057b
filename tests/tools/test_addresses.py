"""Buttons and addresses stand in the pages when they are known and work, and else not at all."""

import re

import pytest

from book._extensions.myst import parts
from tests.book import REPOSITORY, source
from tests.small_book import NOTEBOOK, build, cell, write

CONF = f"""
extensions = ["myst_nb", "sphinx_proof", "sphinx_design", "lora_edu.explore.sphinx_ext",
              "sphinx_book_theme", "sphinxcontrib.bibtex", "book._extensions.build"]
root_doc, templates_path = "book/index", [{str(REPOSITORY / "book/_templates")!r}]
project, html_theme, nb_execution_mode = "book", "sphinx_book_theme", "cache"
nb_execution_raise_on_error, bibtex_bibfiles = True, ["book/references.bib"]
html_title, exclude_patterns = "A book", ["_out", "lora_edu", "book/lora_book", "node_modules",
                                "README.md"]
from book._extensions.content import claims
claims.warn_of_problems = lambda app: None  # of the whole book's register
"""
PAGES = {
    "book/index.md": "# A book\n\n```{toctree}\n:caption: Part I\n\none\nquestions\nreading\n```\n",
    "book/one.md": NOTEBOOK.replace("\n---\n", """
myst: {html_meta: {description: "What one is."}}
---
# One

A chapter [of the book](index.md).
""") + cell("""from IPython.display import HTML, Markdown
from lora_edu import Adapter
print("one is", 1)
display(Markdown("| a |"), HTML("<p>2</p>"))"""),
    "book/questions.md": "# Questions\n\n(answer-alpha-one)=\n## \"They set α = 1\"\n\nNo.\n",
    "book/reading.md": "# Running the book\n\n" + "\n\n".join(
        part.text for part in parts(source("book/api")) if part.name == "only"),
    "book/references.bib": "",
    "_toc.yml": "root: book/index\nchapters:\n- file: book/one\n",
}
REPO, SITE = "https://github.com/someone/book", "https://someone.example.org/book"
KNOWN = {"LORA_EDU_REPOSITORY": REPO, "LORA_EDU_BRANCH": "main", "LORA_EDU_SITE": SITE}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The site of a small book, built with addresses, warnings as errors."""
    folder = tmp_path_factory.mktemp("book")
    write(folder, {"conf.py": CONF, **PAGES})
    for part in ("lora_edu", "pyproject.toml", "README.md", "LICENSE", "book/lora_book",
                 "book/pyproject.toml"):
        (folder / part).symlink_to(REPOSITORY / part)
    run = build(folder, "-qW", **KNOWN)
    assert run.returncode == 0, run.stderr
    return folder / "_out/html"


def text_of(built, name):
    return (built / name).read_text(encoding="utf-8")


HOME = '<meta http-equiv="refresh" content="0; url=book/index.html">'


@pytest.mark.parametrize(("file", "holds", "lacks"), [
    ("book/one.html", [
        f'"{REPO}"', f'"{REPO}/edit/main/book/one.md"', f'"{REPO}/blob/main/book/one.md?plain=1"',
        '"https://mybinder.org/v2/gh/someone/book/main?urlpath=lab/tree/notebooks/01-one.ipynb"',
        f'<meta property="og:url" content="{SITE}/book/one.html"/>',
        '<meta property="og:description" content="What one is."/>',
        f'"{REPO}/issues/new?title=book/one"',
        f'<link rel="canonical" href="{SITE}/book/one.html"', "summary_large_image"], ["noindex"]),
    ("book/index.html", [], ["mybinder", "download-notebook-button"]),  # it has no cells
    # of the buttons those that the site has: NumPy for browsers is not in this folder
    ("book/reading.html", ["The rocket"], ["Run this page"]),
    ("book/questions.html", [  # an answer's link is its name
        '<section id="answer-alpha-one">', 'class="headerlink" href="#answer-alpha-one"'],
     ['"#they-set-1"']),
    ("index.html", [HOME, 'property="og:title"', "canonical"], []),
    ("404.html", ['<base href="/book/">'], ["canonical", "stylesheet"]),
    ("search.html", ['<meta name="robots" content="noindex"/>'], []),
    ("book/one.md", ["```text\none is 1\n```\n\n| a |"], ["\n<p>2"])])
def test_a_page_has_what_the_addresses_call_for(built, file, holds, lacks):
    text = text_of(built, file)
    assert [words for words in holds if words not in text] == []
    assert [words for words in lacks if words in text] == []


def test_what_a_page_names_is_there(built):
    """Its picture, of which other sites are told; and what the 404 page asks for, by its base."""
    picture = re.search(rf'"og:image" content="{SITE}/(.*?)"', text_of(built, "book/one.html"))[1]
    linked = re.findall(r'(?:href|src)="((?!https?:|data:|#|/)[^"]*)"', text_of(built, "404.html"))
    assert {"book/index.html", "search.html"} <= set(linked)
    assert [file for file in [picture, *linked] if not (built / file).is_file()] == []


@pytest.mark.parametrize(("file", "link", "ending"), [
    ("sitemap.xml", "<loc>(.*?)</loc>", ".html"), ("llms.txt", r"^- \[.+\]\((.+)\): ", ".md")])
def test_every_page_is_listed(built, file, link, ending):
    assert re.findall(link, text_of(built, file), re.MULTILINE) == [
        f"{SITE}/book/{page}{ending}" for page in ("index", "one", "questions", "reading")]
