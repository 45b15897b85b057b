"""Buttons and addresses stand in the pages when they are known and work, and else not at all."""

import os
import re
import subprocess
import sys
from types import SimpleNamespace

import nbformat
import pytest
from addresses import Repository, find_repository, find_site, public_address
from chapters import REPOSITORY
from nbclient import NotebookClient
from notebooks import requirements

EXTENSIONS = REPOSITORY / "book" / "_extensions"


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


@pytest.mark.parametrize("repository, address", [
    (Repository("https://github.com/a/b", "main"), "gh/a/b/main"),
    (Repository("https://github.com/a/b"), "gh/a/b/HEAD"),
    (Repository("https://gitlab.com/a/c/b", "x/y"), "gl/a%2Fc%2Fb/x%2Fy"),
    (Repository("https://codeberg.org/a/b", "main"), "git/https%3A%2F%2Fcodeberg.org%2Fa%2Fb/main"),
])
def test_binder_is_asked_in_its_own_form(repository, address):
    assert repository.binder("book/part1/one.md") == (
        f"https://mybinder.org/v2/{address}?urlpath=lab/tree/book/part1/one.md")


CONF = f"""
import sys
sys.path.insert(0, {str(EXTENSIONS)!r})
extensions = ["myst_nb", "addresses", "notebooks", "sphinx_book_theme"]
project, html_theme, nb_execution_mode = "book", "sphinx_book_theme", "force"
nb_execution_raise_on_error = True
html_title, exclude_patterns = "A book", ["_out", "lora_edu"]
"""
PAGES = {
    "book/index.md": "# A book\n\n```{toctree}\none\n```\n",
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
    "index.md": "# Home\n\n```{toctree}\nbook/index\n```\n",
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
        (folder / "requirements.txt").write_text((REPOSITORY / "requirements.txt").read_text())
        (folder / "lora_edu").symlink_to(REPOSITORY / "lora_edu")
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
        "https://mybinder.org/v2/gh/someone/book/main?urlpath=lab/tree/book/one.md",
    } <= set(links(text_of(built["known"], "book/one.html")))
    assert "colab.research" not in text_of(built["known"], "book/one.html")


def test_a_page_without_cells_has_no_binder_button(built):
    assert "mybinder" not in text_of(built["known"], "book/index.html")


def test_with_the_sites_address_pages_say_where_they_are_and_ask_nobody(built):
    site, html = "https://someone.example.org/book", text_of(built["known"], "book/one.html")
    assert f'<meta property="og:url" content="{site}/book/one.html" />' in html
    assert '<meta property="og:description" content="What one is." />' in html
    assert '<meta property="og:site_name" content="A book" />' in html
    assert f'<link rel="canonical" href="{site}/book/one.html"' in html
    assert "og:image" not in html
    assert re.findall("<loc>(.*?)</loc>", text_of(built["known"], "sitemap.xml")) == [
        f"{site}/{page}.html" for page in ("book/index", "book/one", "index")]


@pytest.mark.parametrize("book, root", [("known", "/book/"), ("unknown", "/")])
def test_the_404_page_works_wherever_it_is_served(built, book, root):
    html = text_of(built[book], "404.html")
    own = re.findall(r'(?:href|src)="((?!https?:|data:|#)[^"]*)"', html)
    assert {f"{root}book/index.html", f"{root}book/one.html"} <= set(own)
    assert [address for address in own if not address.startswith(root)] == []
    assert f'data-content_root="{root}"' in html and "canonical" not in html
    files = [address.removeprefix(root).partition("?")[0] for address in own]
    assert [file for file in files if not (built[book].out / file).is_file()] == []


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


def run_first_cell(made, monkeypatch, lacking):
    """What the first cell would install where modules are lacking; pip is not called."""
    asked = []
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name not in lacking or None)
    monkeypatch.setattr("subprocess.run", lambda command, check: asked.append(command))
    exec(made.cells[0].source, {})
    return [command[5:] for command in asked]


def test_the_first_cell_installs_what_is_missing_and_nothing_else(built, monkeypatch):
    made = notebook(built["known"])
    assert run_first_cell(made, monkeypatch, []) == []
    assert run_first_cell(made, monkeypatch, ["lora_edu", "numpy", "left alone"]) == [
        ["lora_edu @ git+https://github.com/someone/book", "numpy>=1.26"]]


def test_without_an_address_the_first_cell_says_how_to_install(built, monkeypatch):
    made = notebook(built["unknown"])
    assert run_first_cell(made, monkeypatch, []) == []
    with pytest.raises(ModuleNotFoundError, match=r"in its folder:  pip install \."):
        run_first_cell(made, monkeypatch, ["lora_edu"])


def test_links_of_the_download_lead_to_the_site_where_that_is_known(built):
    words = {name: notebook(book).cells[1].source for name, book in built.items()}
    assert "[of the book](https://someone.example.org/book/book/index.html)" in words["known"]
    assert "A chapter of the book." in words["unknown"]


@pytest.mark.parametrize("code, modules", [
    ("import numpy as np\nimport json", {"numpy"}),
    ("%matplotlib inline\nfrom sklearn import datasets", {"sklearn"}),
    ("def f():\n    import torch", {"torch"}),
    ("from lora_edu import scaling", {"numpy", "tqdm"}),
    ("from lora_edu.nn import LoRALinear", {"numpy", "regex", "safetensors", "torch", "tqdm"}),
    ("from lora_edu.explore import explore",
     {"numpy", "plotly", "anywidget", "ipywidgets", "tqdm"}),
])
def test_what_code_needs_is_found_also_behind_our_package(code, modules):
    assert requirements(code, REPOSITORY).keys() == modules
