"""Buttons and addresses stand in the pages when they are known and work, and else not at all."""

import re
from types import SimpleNamespace

import nbformat
import pytest

from book._extensions.myst import parts
from book._extensions.notebooks.wheel import wheel_name
from book._extensions.site import addresses
from tests.book import REPOSITORY, source
from tests.small_book import NOTEBOOK, build, cell, write

CONF = f"""
extensions = ["myst_nb", "sphinx_proof", "sphinx_design", "lora_edu.explore.sphinx_ext",
              "sphinx_book_theme", "sphinxcontrib.bibtex", "book._extensions.build"]
root_doc, templates_path = "book/index", [{str(REPOSITORY / "book/_templates")!r}]
project, html_theme, nb_execution_mode = "book", "sphinx_book_theme", "cache"
nb_execution_raise_on_error, bibtex_bibfiles = True, ["book/references.bib"]
html_title, exclude_patterns = "A book", ["_out", "lora_edu", "node_modules", "README.md"]
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
""") + cell('from lora_edu import Adapter\nprint("one is", 1)'),
    "book/questions.md": "# Questions\n\n(answer-alpha-one)=\n## \"They set α = 1\"\n\nNo.\n",
    "book/reading.md": "# Running the book\n\n" + "\n\n".join(
        part.text for part in parts(source("book/api")) if part.name == "only"),
    "book/references.bib": "",
}
REPO, SITE = "https://github.com/someone/book", "https://someone.example.org/book"
KNOWN = {"LORA_EDU_REPOSITORY": REPO, "LORA_EDU_BRANCH": "main", "LORA_EDU_SITE": SITE}


def test_without_an_address_nothing_is_set_that_needs_one(monkeypatch):
    for name in KNOWN:
        monkeypatch.delenv(name, raising=False)
    app, config = SimpleNamespace(), SimpleNamespace()
    addresses.setup(app)
    addresses.set_options(app, config)
    assert not app.lora_repository and not app.lora_site and vars(config) == {}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The site of a small book, built with addresses, warnings as errors."""
    folder = tmp_path_factory.mktemp("book")
    for part in ("lora_edu", "pyproject.toml", "README.md", "LICENSE"):
        (folder / part).symlink_to(REPOSITORY / part)
    write(folder, {"conf.py": CONF, **PAGES})
    made = build(folder, "-qW", **KNOWN)
    assert made.returncode == 0, made.stderr
    return folder / "_out/html"


def text_of(built, name):
    return (built / name).read_text(encoding="utf-8")


def test_with_the_repositorys_address_a_chapter_leads_to_binder_its_source_and_its_editor(built):
    assert {
        REPO, f"{REPO}/edit/main/book/one.md", f"{REPO}/blob/main/book/one.md?plain=1",
        "https://mybinder.org/v2/gh/someone/book/main?urlpath=lab/tree/notebooks/one.ipynb",
    } <= set(re.findall(r'href="(https?://[^"]*)"', text_of(built, "book/one.html")))
    html = text_of(built, "book/index.html")  # it has no cells
    assert "mybinder" not in html and "download-notebook-button" not in html


def test_a_page_speaks_of_the_buttons_that_the_site_has(built):
    """Of that to Binder, but not of that for Python: NumPy for browsers is not in this folder."""
    html = text_of(built, "book/reading.html")
    assert "The rocket" in html and "Run this page" not in html


def test_with_the_sites_address_pages_say_where_they_are_and_ask_nobody(built):
    html = text_of(built, "book/one.html")
    assert f'<meta property="og:url" content="{SITE}/book/one.html"/>' in html
    assert '<meta property="og:description" content="What one is."/>' in html
    assert f'<link rel="canonical" href="{SITE}/book/one.html"' in html
    picture = re.search(rf'<meta property="og:image" content="{SITE}/(.*?)"/>', html)[1]
    assert (built / picture).is_file() and "summary_large_image" in html
    assert re.findall("<loc>(.*?)</loc>", text_of(built, "sitemap.xml")) == [
        f"{SITE}/book/{page}.html" for page in ("index", "one", "questions", "reading")]


def test_the_404_page_stands_alone_on_the_sites_folder(built):
    html = text_of(built, "404.html")
    assert '<base href="/book/">' in html and "canonical" not in html and "stylesheet" not in html
    own = re.findall(r'(?:href|src)="((?!https?:|data:|#|/)[^"]*)"', html)
    assert {"book/index.html", "search.html"} <= set(own)
    assert [file for file in own if not (built / file).is_file()] == []


def test_the_sites_root_leads_home_and_helper_pages_are_not_listed(built):
    root = text_of(built, "index.html")
    assert '<meta http-equiv="refresh" content="0; url=book/index.html">' in root
    assert 'property="og:title"' in root and "canonical" in root
    assert "<title>A book: low-rank adaptation explained</title>" in root
    assert '<meta name="robots" content="noindex"/>' in text_of(built, "search.html")
    assert "noindex" not in text_of(built, "book/one.html")


def test_an_answers_link_is_its_name(built):
    html = text_of(built, "book/questions.html")
    assert '<section id="answer-alpha-one">' in html
    assert 'class="headerlink" href="#answer-alpha-one"' in html and '"#they-set-1"' not in html


def test_the_download_asks_the_site_for_the_wheel(built):
    """Where the address is unknown, a zip file brings it: tests/site/test_downloads.py."""
    made = nbformat.read(built / "_sources/book/one.ipynb", as_version=4)
    assert made.metadata.keys() == {"kernelspec", "language_info"}
    assert made.cells[-1].outputs[0].text == "one is 1\n"
    assert f"{SITE}/wheels/{wheel_name(REPOSITORY)}" in made.cells[0].source
    assert (built / "wheels" / wheel_name(REPOSITORY)).is_file()
    assert f"[of the book]({SITE}/book/index.html)" in made.cells[1].source


def test_programs_find_every_page_as_markdown(built):
    pages = re.findall(r"^- \[.+\]\((.+)\): ", text_of(built, "llms.txt"), re.MULTILINE)
    assert pages == [f"{SITE}/book/{name}.md" for name in ("index", "one", "questions", "reading")]
    assert "```text\none is 1\n```" in text_of(built, "book/one.md")
