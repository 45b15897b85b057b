"""Building a book: what is wrong with its links, names, cells or tools is said, with its place.
A book without faults is built in test_foreign_books.py."""

import os
import re
import subprocess
import sys

import pytest

from lora_edu.explore import assets

CONF = """
extensions = ["myst_nb", "lora_edu.explore.sphinx_ext"]
project, html_theme, nb_execution_mode = "book", "basic", "force"
nb_execution_raise_on_error = True
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
from lora_edu.explore import explore, show

def board(r=2, start="both zero"):
    return {"data": [{"y": [r / 2, 1], "name": "y"}]}

explore(board, r=[1, 2], start=["A random", "both zero"])"""
BOOKS = {
    "bad links": {
        "index.md": TOC % "two",
        "one.md": HEAD + BOARD + CELL % 'show(board(1), name="still")' * 2 + "\n".join([
            "[a](#bord?r=1)", "[b](#board?q=1)", "[c](#board?r=3)", "[d](#board?start=)"]),
        "two.md": HEAD + "[e](one.md#board?r=9) [f](#board?r=1) [right](one.md#board?r=2.0)\n",
    },
    "not run": {"index.md": HEAD + BOARD},
}


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What was said when every book of BOOKS was built, with warnings as errors; one after the
    other, since kernels that start together now and then choose the same port."""
    books = {}
    for name, pages in BOOKS.items():
        folder = tmp_path_factory.mktemp(name.replace(" ", "-"))
        for page, text in {"conf.py": CONF, **pages}.items():
            (folder / page).write_text(text, encoding="utf-8")
        own = {"LORA_EDU_STRICT": "1", "NO_COLOR": "1", "TMPDIR": str(folder)}
        run = subprocess.run(
            [sys.executable, "-m", "sphinx", "-n", "-W", "--keep-going", folder, folder / "_out",
             *(["-D", "nb_execution_mode=off"] if name == "not run" else [])],
            env=os.environ | own, text=True, encoding="utf-8", capture_output=True, timeout=120)
        assert run.returncode != 0
        books[name] = re.sub(r"\x1b\[[\d;]*m", "", run.stdout + run.stderr).splitlines()
    return books


@pytest.mark.parametrize("book, where, words", [
    ("bad links", "one.md", "link to bord?r=1: no explorer named 'bord' there, only board, still"),
    ("bad links", "one.md", "link to board?q=1: no control 'q', only r, start"),
    ("bad links", "one.md", "link to board?r=3: r has no position '3', only 1, 2"),
    ("bad links", "one.md", "link to board?start=: start has no position '', only a-random, both"),
    ("bad links", "two.md", "link to board?r=9: r has no position '9', only 1, 2"),
    ("bad links", "two.md", "link to board?r=1: no explorer named 'board' there, only none"),
    ("bad links", "one.md", "two explorers are named 'still' on this page: give one another name"),
    ("bad links", "", "WARNING: explorers: npm files are missing"),
    ("not run", "", "WARNING: explorers: nb_execution_mode is off"),
])
def test_what_is_wrong_is_said_with_its_place(said, book, where, words):
    assert any(words in line and where in line for line in said[book])


def test_a_right_link_is_not_complained_of(said):
    assert not any("link to board?r=2.0" in line for line in said["bad links"])


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
