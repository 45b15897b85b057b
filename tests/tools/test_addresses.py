"""Buttons and addresses stand in the pages when they are known and work, and else not at all."""

import json
import os
import re
import subprocess
import sys
from io import BytesIO
from types import SimpleNamespace
from zipfile import ZipFile

import nbformat
import pytest
from addresses import Repository, find_repository, find_site, public_address, use_addresses
from first_cell import wheel_names
from nbclient import NotebookClient

from tests.book import REPOSITORY

EXTENSIONS = REPOSITORY / "book" / "_extensions"
WHEELS = wheel_names(REPOSITORY)


@pytest.mark.parametrize("remote, address", [
    ("https://github.com/someone/book", "https://github.com/someone/book"),
    ("https://github.com/someone/book.git\n", "https://github.com/someone/book"),
    ("https://user:secret@github.com/someone/book.git", "https://github.com/someone/book"),
    ("git@github.com:someone/book.git", "https://github.com/someone/book"),
    ("ssh://git@GitLab.com:22/group/part/book", "https://gitlab.com/group/part/book"),
    ("ssh://git@codeberg.org/someone/book.git", "https://codeberg.org/someone/book"),
])
def test_a_remote_on_a_public_host_gives_its_https_address(remote, address):
    assert public_address(remote) == address


@pytest.mark.parametrize("remote", [
    "", "/srv/git/book.git", "../book", "file:///srv/book", "C:\\book", "https://localhost/a/b",
    "git@box:a/b.git", "https://10.0.0.7/a/b", "git@git.local:a/b", "http://github.com/a/b",
    "https://github.com/a", "https://github.com/a/b?c", 'https://github.com/a/"b'])
def test_a_path_or_a_machine_of_a_local_network_gives_none(remote):
    assert public_address(remote) is None


def repository_with(folder, remote, head=""):
    """A git repository with a remote, and the remote's default branch."""
    commands = [["init", "-q"], ["remote", "add", "origin", remote]]
    if head:
        commands.append(["symbolic-ref", "refs/remotes/origin/HEAD", f"refs/remotes/origin/{head}"])
    for command in commands:
        subprocess.run(["git", "-C", folder, *command], check=True)
    return folder


def test_the_environment_comes_before_git_and_an_empty_variable_means_none(tmp_path):
    folder = repository_with(tmp_path, "git@github.com:someone/book.git", "trunk")
    assert find_repository(folder, {}) == Repository("https://github.com/someone/book", "trunk")
    named = {"LORA_EDU_REPOSITORY": "https://gitlab.com/a/b", "LORA_EDU_BRANCH": "main"}
    assert find_repository(folder, named) == Repository("https://gitlab.com/a/b", "main")
    assert find_repository(folder, {"LORA_EDU_REPOSITORY": ""}) is None
    assert find_repository(folder / "nowhere", {}) is None


def test_a_remote_that_is_a_path_is_no_address(tmp_path):
    assert find_repository(repository_with(tmp_path, "/srv/git/book.git"), {}) is None


@pytest.mark.parametrize("find, variable", [
    (lambda environ: find_repository(REPOSITORY, environ), "LORA_EDU_REPOSITORY"),
    (find_site, "LORA_EDU_SITE")])
def test_a_bad_address_is_refused_by_name(find, variable):
    with pytest.raises(ValueError, match=f"{variable} is 'my book'"):
        find({variable: "my book"})


def theme_options(url, branch=None):
    """What the theme is told of a repository."""
    app = SimpleNamespace(lora_repository=Repository(url, branch), lora_site="")
    config = SimpleNamespace(html_theme_options={})
    use_addresses(app, config)
    return config.html_theme_options


def test_without_the_branch_binder_takes_the_default_one_and_nobody_is_sent_to_an_editor():
    told = theme_options("https://github.com/someone/book")
    assert told["repository_branch"] == "HEAD" and told["launch_buttons"]
    assert not told["use_edit_page_button"] and not told["use_source_button"]


@pytest.mark.parametrize("url, buttons", [
    ("https://codeberg.org/someone/book", set()),
    ("https://gitlab.com/group/part/book", {"use_repository_button", "use_edit_page_button"}),
    ("https://gitlab.com/someone/book",
     {"use_repository_button", "use_edit_page_button", "launch_buttons"})])
def test_there_are_no_buttons_for_addresses_that_the_theme_would_get_wrong(url, buttons):
    told = theme_options(url, "main")
    assert {name for name in told if "button" in name} - {"use_source_button"} == buttons


CONF = f"""
import sys
sys.path.insert(0, {str(EXTENSIONS)!r})
extensions = ["myst_nb", "addresses", "book_page", "execute_ahead", "notebooks",
              "sharing", "sphinx_book_theme"]
root_doc, templates_path = "book/index", [{str(EXTENSIONS.parent / "_templates")!r}]
project, html_theme, nb_execution_mode = "book", "sphinx_book_theme", "cache"
nb_execution_raise_on_error = True
html_title, exclude_patterns = "A book", ["_out", "lora_edu", "node_modules",
                                             "packaging", "README.md"]
"""
PAGES = {
    "book/index.md": "# A book\n\n```{toctree}\n:caption: Part I\n\none\nabout\nquestions\n```\n",
    "book/one.md": """---
file_format: mystnb
kernelspec: {name: python3, display_name: Python 3}
myst: {html_meta: {description: "What one is."}}
---
# One

A chapter [of the book](index.md).

```{code-cell} ipython3
from lora_edu import Adapter
print("one is", 1)
```
""",
    "book/questions.md": """---
myst: {html_meta: {description: "Short answers."}}
---
# Questions

(answer-alpha-one)=
## "They set α = 1"

**No, the *scale* is 1 </there>.** Here is why.

## Another heading

**Bold**, and no answer.
""",
    "book/about.md": """---
file_format: mystnb
kernelspec: {name: python3, display_name: Python 3}
---
# About

```{code-cell} ipython3
import lora_edu
print(lora_edu.__file__)
```
""",
}
KNOWN = {"LORA_EDU_REPOSITORY": "https://github.com/someone/book", "LORA_EDU_BRANCH": "main",
         "LORA_EDU_SITE": "https://someone.example.org/book"}
UNKNOWN = dict.fromkeys(KNOWN, "")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The small book, built side by side with and without addresses, warnings as errors."""
    books = {}
    for name, own in (("known", KNOWN), ("unknown", UNKNOWN)):
        folder = tmp_path_factory.mktemp(name)
        (folder / "conf.py").write_text(CONF, encoding="utf-8")
        for part in ("lora_edu", "packaging", "pyproject.toml", "README.md", "LICENSE",
                     "node_modules"):
            (folder / part).symlink_to(REPOSITORY / part)
        for page, text in PAGES.items():
            (folder / page).parent.mkdir(exist_ok=True)
            (folder / page).write_text(text, encoding="utf-8")
        books[name] = SimpleNamespace(out=folder / "_out" / "html"), subprocess.Popen(
            [sys.executable, "-m", "sphinx", "-W", "--keep-going", folder, folder / "_out/html"],
            env=os.environ | own | {"TMPDIR": str(folder)}, text=True, encoding="utf-8",
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
    assert "colab.research" not in text_of(built["known"], "book/one.html")


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
    assert re.findall("<loc>(.*?)</loc>", text_of(built["known"], "sitemap.xml")) == [
        f"{site}/book/{page}.html" for page in ("about", "index", "one", "questions")]


@pytest.mark.parametrize("book, root", [("known", "/book/"), ("unknown", "/")])
def test_the_404_page_stands_alone_on_the_sites_folder(built, book, root):
    html = text_of(built[book], "404.html")
    assert f'<base href="{root}">' in html and "canonical" not in html and "stylesheet" not in html
    own = re.findall(r'(?:href|src)="((?!https?:|data:|#)[^"]*)"', html)
    assert {"book/index.html", "book/one.html", "search.html"} <= set(own)
    assert [file for file in own if file != root and not (built[book].out / file).is_file()] == []


def test_a_shared_link_shows_a_picture_that_is_there_and_says_what_it_is(built):
    html = text_of(built["known"], "book/one.html")
    said = dict(re.findall(r'<meta (?:property|name)="([\w:]+)" content="([^"]*)" />', html))
    assert said["twitter:card"] == "summary_large_image" and "W₀" in said["og:image:alt"]
    file = said["og:image"].removeprefix("https://someone.example.org/book/")
    assert (built["known"].out / file).read_bytes().startswith(b"\x89PNG")
    assert "og:image" not in text_of(built["unknown"], "book/one.html")


def head_of(book, name):
    return text_of(book, name).partition("<body")[0]


@pytest.mark.parametrize("name, title", [
    ("book/index.html", "A book: low-rank adaptation explained"),
    ("book/one.html", "One — A book (low-rank adaptation)"),
    ("index.html", "A book: low-rank adaptation explained")])
def test_a_title_names_the_subject_and_the_book_once(built, name, title):
    assert re.findall("<title>(.*?)</title>", text_of(built["known"], name)) == [title]


def test_the_sites_root_shows_homes_card_and_leads_there(built):
    root, home = text_of(built["known"], "index.html"), head_of(built["known"], "book/index.html")
    shown = re.compile(r'<meta [^>]*"(?:og|twitter):[^>]*>|<link rel="canonical"[^>]*>')
    assert shown.findall(root) == shown.findall(home) and len(shown.findall(root)) > 4
    assert '<meta http-equiv="refresh" content="0; url=book/index.html">' in root
    assert "canonical" not in text_of(built["unknown"], "index.html")


@pytest.mark.parametrize("name", ["search.html", "404.html"])
def test_helper_pages_are_not_for_search_engines(built, name):
    unlisted = '<meta name="robots" content="noindex">'
    assert unlisted in text_of(built["known"], name)
    assert unlisted not in text_of(built["known"], "book/one.html")
    assert not (built["known"].out / "genindex.html").exists()


def data_of(book, name):
    """The page's JSON-LD; None if it has none."""
    found = re.search(r'<script type="application/ld\+json">(.*?)</script>', text_of(book, name))
    return json.loads(found[1]) if found else None


def test_home_says_that_it_is_a_book_and_which_parts_it_has(built):
    said, site = data_of(built["known"], "book/index.html"), "https://someone.example.org/book"
    assert (said["@type"], said["name"], said["url"]) == (
        "Book", "A book", f"{site}/book/index.html")
    (part,) = said["hasPart"]
    assert part["name"] == "Part I" and [each["url"] for each in part["hasPart"]] == [
        f"{site}/book/{page}.html" for page in ("one", "about", "questions")]
    assert data_of(built["unknown"], "book/index.html") is None


def test_a_page_of_questions_says_so_with_the_bold_words_of_each_answer(built):
    said = data_of(built["known"], "book/questions.html")
    assert said["@type"] == "FAQPage" and said["mainEntity"] == [{
        "@type": "Question", "name": "“They set α = 1”",
        "acceptedAnswer": {"@type": "Answer", "text": "No, the scale is 1 </there>."}}]
    assert data_of(built["known"], "book/one.html") is None


def test_an_answers_link_is_its_name_and_its_old_one_still_leads_there(built):
    html = text_of(built["known"], "book/questions.html")
    assert '<section id="answer-alpha-one">' in html and 'id="they-set-1"' in html
    assert 'class="headerlink" href="#answer-alpha-one"' in html and '"#they-set-1"' not in html


def notebook(book):
    return nbformat.read(book.out / "_sources" / "book" / "one.ipynb", as_version=4)


def run_alone(made, folder, monkeypatch):
    """Execute a notebook in an empty folder, with this lora_edu to be found; its last words."""
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    NotebookClient(made, timeout=60, resources={"metadata": {"path": folder}}).execute()
    return made.cells[-1].outputs[0].text


@pytest.mark.parametrize("book", ["known", "unknown"])
def test_the_download_holds_outputs_and_runs_in_an_empty_folder(built, book, tmp_path, monkeypatch):
    made = notebook(built[book])
    assert f'"{made.cells[-1].outputs[0].text}"' == '"one is 1\n"'
    assert 'download-notebook-button' in text_of(built[book], "book/one.html")
    assert made.metadata.keys() == {"kernelspec", "language_info"}
    nbformat.validate(made)
    assert run_alone(made, tmp_path, monkeypatch) == "one is 1\n"
    assert made.cells[0].outputs == []


def test_the_site_carries_the_wheels_and_the_first_cell_asks_it_for_them(built):
    book = built["known"]
    assert {file.name for file in (book.out / "wheels").iterdir()} == set(WHEELS.values())
    site = "https://someone.example.org/book/wheels/"
    assert f'site = "{site}"  #' in notebook(book).cells[0].source
    assert re.findall(r'href="(\.[^"]*one\.(?:ipynb|zip))"', text_of(book, "book/one.html")) == [
        "../_sources/book/one.ipynb"]
    assert not [*book.out.rglob("*.zip")]


def test_without_an_address_the_download_is_a_zip_of_the_notebook_its_wheel_and_help(built):
    book = built["unknown"]
    (link,) = re.findall(r'href="([^"]*one\.(?:ipynb|zip))"', text_of(book, "book/one.html"))
    assert link == "../_sources/book/one.zip"
    held = ZipFile(book.out / "_sources/book/one.zip")
    assert held.namelist() == ["one/one.ipynb", "one/README.txt", f"one/{WHEELS['lora_edu']}"]
    assert held.read("one/one.ipynb") == (book.out / "_sources/book/one.ipynb").read_bytes()
    assert b"one.ipynb" in held.read("one/README.txt")
    with ZipFile(BytesIO(held.read(f"one/{WHEELS['lora_edu']}"))) as wheel:
        assert "lora_edu/adapter.py" in wheel.namelist()
    assert 'site = ""  #' in notebook(book).cells[0].source


def test_links_of_the_download_lead_to_the_site_where_that_is_known(built):
    words = {name: notebook(book).cells[1].source for name, book in built.items()}
    assert "[of the book](https://someone.example.org/book/book/index.html)" in words["known"]
    assert "A chapter of the book." in words["unknown"]
