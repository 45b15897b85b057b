"""Building a book: links to explorers are checked, and what cannot be shown stops the build."""

import os
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

from lora_edu.explore import assets

CONF = """
extensions = ["myst_nb", "lora_edu.explore.sphinx_ext"]
project, html_theme, nb_execution_mode = "book", "basic", "force"
nb_execution_raise_on_error = True
nb_mime_priority_overrides = [["html", "text/html", 1]]
"""
HEAD = """---
file_format: mystnb
kernelspec: {name: python3, display_name: Python 3}
---
# Title

"""
TOC = HEAD + "No explorer here.\n\n```{toctree}\none\n%s\n```\n"
CELL = "```{code-cell} ipython3\n%s\n```\n\n"
BOARD = CELL % """\
import plotly.graph_objects as go
from lora_edu.explore import explore, show

def board(r=2, start="both zero"):
    return go.Figure(go.Scatter(y=[r / 2, 1 / (r - 3)], name="y"))

explore(board, r=[1, 2], start=["A random", "both zero"])"""

BOOKS = {
    "good": {
        "index.md": TOC % "two",
        "one.md": HEAD + BOARD + "[here](#board?r=1&start=a-random) [the figure](#board)\n",
        "two.md": HEAD + "[there](one.md#board?r=2.0)\n",
    },
    "bad links": {
        "index.md": TOC % "two",
        "one.md": HEAD + BOARD + CELL % 'show(board(1), name="still")' * 2 + "\n".join([
            "[a](#bord?r=1)", "[b](#board?q=1)", "[c](#board?r=3)", "[d](#board?start=)"]),
        "two.md": HEAD + "[e](one.md#board?r=9) [f](#board?r=1)\n",
    },
    "not run": {"index.md": HEAD + BOARD},
    "bad cell": {"index.md": TOC % "", "one.md": HEAD + CELL % "half = 1\nhalf / 0"},
    "bad state": {"index.md": TOC % "", "one.md": HEAD + BOARD.replace("[1, 2]", "[1, 2, 3]")},
}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Every book of BOOKS, built with warnings as errors; one after the other, since kernels that
    start together now and then choose the same port, and one of them dies."""
    books = {}
    for name, pages in BOOKS.items():
        folder = tmp_path_factory.mktemp(name.replace(" ", "-"))
        (folder / "conf.py").write_text(CONF, encoding="utf-8")
        for page, text in pages.items():
            (folder / page).write_text(text, encoding="utf-8")
        own = {"LORA_EDU_STRICT": "1" if name == "bad links" else "", "NO_COLOR": "1",
               "TMPDIR": str(folder)}
        run = subprocess.run(
            [sys.executable, "-m", "sphinx", "-n", "-W", "--keep-going", folder, folder / "_out",
             *(["-D", "nb_execution_mode=off"] if name == "not run" else [])],
            env=os.environ | own, text=True, encoding="utf-8", capture_output=True, timeout=120)
        books[name] = SimpleNamespace(out=folder / "_out", code=run.returncode, said=run.stdout,
                                      warned=run.stderr)
    return books


def page(book, name):
    return (book.out / f"{name}.html").read_text(encoding="utf-8")


def test_a_book_without_faults_is_built_without_a_warning(built):
    assert (built["good"].code, built["good"].warned.count("WARNING:")) == (0, 0)


def test_where_no_cell_is_run_there_is_a_warning(built):
    assert "WARNING: explorers: nb_execution_mode is off" in built["not run"].warned


def test_links_lead_to_a_position(built):
    links = re.findall(r'<a class="([^"]*)" href="([^"]*board[^"]*)"',
                       page(built["good"], "one") + page(built["good"], "two"))
    assert [(("explorer-link" in classes), href) for classes, href in links] == [
        (True, "#board?r=1&amp;start=a-random"), (False, "#explorer-board"),
        (True, "one.html#board?r=2.0")]
    assert page(built["good"], "one").count('id="explorer-board"') == 1


def test_only_pages_with_an_explorer_load_its_script(built):
    loads = {name: "explore.js" in page(built["good"], name) for name in ("one", "two", "index")}
    assert loads == {"one": True, "two": False, "index": False}


def test_no_widget_is_made(built):
    assert "application/vnd.jupyter.widget" not in page(built["good"], "one")


def test_without_npm_files_the_build_takes_plotlys_own_and_says_so_in_one_line(built):
    lines = [line for line in built["good"].said.splitlines() if "npm" in line]
    assert len(lines) == 1 and "four times larger" in lines[0]
    static = built["good"].out / "_static"
    assert (static / "plotly.min.js").stat().st_size > 3e6
    assert '"basic": "plotly.min.js", "cartesian": "plotly.min.js"' in (
        static / "explore.js").read_text(encoding="utf-8")


def test_plotly_is_found_as_node_finds_packages(tmp_path, monkeypatch):
    def installed(folder):
        for path in assets.NPM_FILES.values():
            (folder / path).parent.mkdir(parents=True)
            (folder / path).write_text("plotly", encoding="utf-8")
        return {kind: folder / path for kind, path in assets.NPM_FILES.items()}

    docs = tmp_path / "docs" / "part"
    docs.mkdir(parents=True)
    monkeypatch.delenv("NODE_PATH", raising=False)
    assert set(assets.plotly_files(docs).values()) == {assets.python_plotly()}
    named = installed(tmp_path / "elsewhere")
    monkeypatch.setenv("NODE_PATH", os.pathsep.join(["/nowhere", str(tmp_path / "elsewhere")]))
    assert assets.plotly_files(docs) == named
    above = installed(tmp_path / "node_modules")
    assert assets.plotly_files(docs) == above
    monkeypatch.chdir(docs)
    assert assets.npm_file(assets.NPM_FILES["basic"]) == above["basic"]
    above["basic"].unlink()
    monkeypatch.delenv("NODE_PATH")
    assert set(assets.plotly_files().values()) == {assets.python_plotly()}


def test_where_fallbacks_are_refused_missing_npm_files_are_a_warning(built):
    assert "WARNING: explorers: npm files are missing" in built["bad links"].warned


@pytest.mark.parametrize("where, words", [
    ("one.md", "link to bord?r=1: no explorer named 'bord' there, only board, still"),
    ("one.md", "link to board?q=1: no control 'q', only r, start"),
    ("one.md", "link to board?r=3: r has no position '3', only 1, 2"),
    ("one.md", "link to board?start=: start has no position '', only a-random, both-zero"),
    ("two.md", "link to board?r=9: r has no position '9', only 1, 2"),
    ("two.md", "link to board?r=1: no explorer named 'board' there, only none"),
    ("one.md", "two explorers are named 'still' on this page: give one another name"),
])
def test_a_wrong_link_or_name_is_a_warning_with_its_place(built, where, words):
    (line,) = [line for line in built["bad links"].warned.splitlines() if words in line]
    assert f"{where}:" in line
    assert built["bad links"].code != 0


@pytest.mark.parametrize("book, words", [
    ("bad cell", ["half / 0", "ZeroDivisionError", "one.md"]),
    ("bad state", ["state (r = 3, start = A random)", "ZeroDivisionError", "one.md"]),
])
def test_a_cell_or_state_that_raises_stops_the_build_and_is_named(built, book, words):
    output = re.sub(r"\x1b\[[\d;]*m", "", built[book].said + built[book].warned)
    assert built[book].code != 0
    assert [word for word in words if word not in output] == []
