"""Buttons and addresses stand in the pages when they are known and work, and else not at all."""

import os
import re
import subprocess
import sys
from types import SimpleNamespace
from zipfile import ZipFile

import nbformat
import pytest

from book._extensions.node import missing
from book._extensions.notebooks.wheel import wheel_name
from book._extensions.site import addresses
from tests.book import REPOSITORY

WHEEL = wheel_name(REPOSITORY)
CONF = f"""
import sys
sys.path.insert(0, {str(REPOSITORY)!r})
extensions = ["myst_nb", "sphinx_proof", "sphinx_design", "lora_edu.explore.sphinx_ext",
              "sphinx_book_theme", "sphinxcontrib.bibtex", "book._extensions.build"]
root_doc, templates_path = "book/index", [{str(REPOSITORY / "book/_templates")!r}]
project, html_theme, nb_execution_mode = "book", "sphinx_book_theme", "cache"
nb_execution_raise_on_error, bibtex_bibfiles = True, ["book/references.bib"]
html_title, exclude_patterns = "A book", ["_out", "lora_edu", "node_modules", "README.md"]
from book._extensions.content import claims
claims.complain = lambda app: None  # of the whole book's register
"""
CELLS = "---\nfile_format: mystnb\nkernelspec: {name: python3, display_name: Python 3}\n"
PAGES = {
    "book/index.md": "# A book\n\n```{toctree}\n:caption: Part I\n\none\nabout\nquestions\n```\n",
    "book/one.md": CELLS + """myst: {html_meta: {description: "What one is."}}
---
# One

A chapter [of the book](index.md).

```{code-cell} ipython3
from lora_edu import Adapter
print("one is", 1)
```
""",
    "book/questions.md": "# Questions\n\n(answer-alpha-one)=\n## \"They set α = 1\"\n\nNo.\n",
    "book/about.md": CELLS + """---
# About

```{code-cell} ipython3
import lora_edu
print(lora_edu.__file__)
```
""",
    "book/references.bib": "",
}
KNOWN = {"LORA_EDU_REPOSITORY": "https://github.com/someone/book", "LORA_EDU_BRANCH": "main",
         "LORA_EDU_SITE": "https://someone.example.org/book"}
UNKNOWN = dict.fromkeys(KNOWN, "")


@pytest.mark.parametrize("variable", ["LORA_EDU_REPOSITORY", "LORA_EDU_SITE"])
def test_a_bad_address_is_refused_by_name(variable, monkeypatch):
    monkeypatch.setenv(variable, "my book")
    with pytest.raises(ValueError, match=f"{variable} is 'my book'; give an address such as https"):
        addresses.setup(SimpleNamespace())


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The small book, built side by side with and without addresses, warnings as errors."""
    books = {}
    for name, own in (("known", KNOWN), ("unknown", UNKNOWN)):
        folder = tmp_path_factory.mktemp(name)
        (folder / "conf.py").write_text(CONF, encoding="utf-8")
        parts = ("lora_edu", "pyproject.toml", "README.md", "LICENSE")
        for part in (*parts, "node_modules") if name == "known" else parts:
            (folder / part).symlink_to(REPOSITORY / part)
        for page, text in PAGES.items():
            (folder / page).parent.mkdir(exist_ok=True)
            (folder / page).write_text(text, encoding="utf-8")
        own = own | {"TMPDIR": str(folder), "LORA_EDU_STRICT": ""}
        books[name] = SimpleNamespace(out=folder / "_out" / "html"), subprocess.Popen(
            [sys.executable, "-m", "sphinx", "-W", "--keep-going", folder, folder / "_out/html"],
            env=os.environ | own, text=True, encoding="utf-8",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    for name, (book, process) in books.items():
        book.said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, book.said
        books[name] = book
    return books


def text_of(book, name):
    return (book.out / name).read_text(encoding="utf-8")


def links(html):
    return re.findall(r'href="(https?://[^"]*)"', html)


def test_without_an_address_no_page_has_a_link_that_needs_one(built):
    book = built["unknown"]
    assert [link for page in book.out.rglob("*.html") for link in links(page.read_text("utf-8"))
            if "sphinx" not in link and "executablebooks" not in link] == []
    words = ("mybinder", "colab.research", "fa-rocket", "source-edit-button", "og:", "canonical")
    assert [word for word in words if word in text_of(book, "book/one.html")] == []
    assert not (book.out / "sitemap.xml").exists()


def test_with_the_repositorys_address_a_chapter_leads_to_binder_its_source_and_its_editor(built):
    here = "https://github.com/someone/book"
    assert {
        here, f"{here}/edit/main/book/one.md", f"{here}/blob/main/book/one.md?plain=1",
        "https://mybinder.org/v2/gh/someone/book/main?urlpath=lab/tree/notebooks/one.ipynb",
    } <= set(links(text_of(built["known"], "book/one.html")))


@pytest.mark.parametrize("page", ["book/index.html", "book/about.html"])
def test_a_page_without_cells_or_about_the_repository_is_no_notebook(built, page):
    html = text_of(built["known"], page)
    assert "mybinder" not in html and "download-notebook-button" not in html


def test_with_the_sites_address_pages_say_where_they_are_and_ask_nobody(built):
    site, html = "https://someone.example.org/book", text_of(built["known"], "book/one.html")
    assert f'<meta property="og:url" content="{site}/book/one.html" />' in html
    assert '<meta property="og:description" content="What one is." />' in html
    assert '<meta property="og:site_name" content="A book" />' in html
    assert f'<link rel="canonical" href="{site}/book/one.html"' in html
    picture = re.search(rf'<meta property="og:image" content="{site}/(.*?)" />', html)[1]
    assert (built["known"].out / picture).is_file() and "summary_large_image" in html
    assert re.findall("<loc>(.*?)</loc>", text_of(built["known"], "sitemap.xml")) == [
        f"{site}/book/{page}.html" for page in ("about", "index", "one", "questions")]


def test_a_site_has_one_sheet_where_npms_files_are(built):
    """Else every sheet that a page asks for is there."""
    for name, book in built.items():
        html = text_of(book, "book/one.html")
        asked = re.findall(r'<link [^>]*href="\.\./(_static/[^"?]*\.css)', html)
        assert [sheet for sheet in asked if not (book.out / sheet).is_file()] == []
        if name == "known" and not missing(REPOSITORY, "purgecss"):
            assert asked == ["_static/pages.css"]
            sheet = text_of(book, asked[0])
            for rule in (".bd-content", ".highlight .k", ".explorer", ".self-check", ".katex"):
                assert rule in sheet, rule


@pytest.mark.parametrize("book, root", [("known", "/book/"), ("unknown", "/")])
def test_the_404_page_stands_alone_on_the_sites_folder(built, book, root):
    html = text_of(built[book], "404.html")
    assert f'<base href="{root}">' in html and "canonical" not in html and "stylesheet" not in html
    own = re.findall(r'(?:href|src)="((?!https?:|data:|#)[^"]*)"', html)
    assert {"book/index.html", "search.html"} <= set(own)
    assert [file for file in own if file != root and not (built[book].out / file).is_file()] == []


@pytest.mark.parametrize("name, title", [
    ("book/index.html", "A book: low-rank adaptation explained"),
    ("book/one.html", "One — A book (low-rank adaptation)"),
    ("index.html", "A book: low-rank adaptation explained")])
def test_a_title_names_the_subject_and_the_book_once(built, name, title):
    assert re.findall("<title>(.*?)</title>", text_of(built["known"], name)) == [title]


def test_the_sites_root_leads_home_and_helper_pages_are_not_listed(built):
    root = text_of(built["known"], "index.html")
    assert '<meta http-equiv="refresh" content="0; url=book/index.html">' in root
    assert 'property="og:title"' in root and "canonical" in root
    for name in ("search.html", "404.html"):
        assert '<meta name="robots" content="noindex">' in text_of(built["known"], name)
    assert "noindex" not in text_of(built["known"], "book/one.html")
    assert not (built["known"].out / "genindex.html").exists()


def test_an_answers_link_is_its_name_and_its_old_one_still_leads_there(built):
    html = text_of(built["known"], "book/questions.html")
    assert '<section id="answer-alpha-one">' in html and 'id="they-set-1"' in html
    assert 'class="headerlink" href="#answer-alpha-one"' in html and '"#they-set-1"' not in html


def test_the_download_asks_the_site_for_the_wheel_or_brings_it_in_a_zip(built):
    for name, book in built.items():
        made = nbformat.read(book.out / "_sources/book/one.ipynb", as_version=4)
        nbformat.validate(made)
        assert made.metadata.keys() == {"kernelspec", "language_info"}
        assert made.cells[-1].outputs[0].text == "one is 1\n" and made.cells[0].outputs == []
        assert [file.name for file in (book.out / "wheels").iterdir()] == [WHEEL]
        (link,) = re.findall(r'href="(\.[^"]*one\.(?:ipynb|zip))"', text_of(book, "book/one.html"))
        if name == "known":
            assert link.endswith(".ipynb") and not [*book.out.rglob("*.zip")]
            assert f"{KNOWN['LORA_EDU_SITE']}/wheels/{WHEEL}" in made.cells[0].source
            assert "[of the book](https://someone.example.org/book/book/index.html)" in (
                made.cells[1].source)
        else:
            held = ZipFile(book.out / "_sources/book/one.zip").namelist()
            assert held == ["one/one.ipynb", f"one/{WHEEL}"]
            assert f"./{WHEEL}[" in made.cells[0].source
            assert "A chapter of the book." in made.cells[1].source
