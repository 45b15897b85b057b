"""Other people's books, outside this repository: a slider whose function stands in a module beside
the page, a link to it on another page; and what is wrong in a book is said, with its place."""

import re

import numpy as np
import pytest

from book.browser import served
from tests.small_book import NOTEBOOK, build, cell, write

CONF = """
extensions = ["myst_nb", "lora_edu.explore.sphinx_ext"]
project, html_theme, exclude_patterns = "book", "basic", ["_out"]
nb_execution_mode, nb_execution_raise_on_error = "force", True
"""
HEAD = f"{NOTEBOOK}# Waves\n"
WAVE = cell("""\
from lora_edu.explore import explore, show
from waves import wave

explore(wave, frequency=(1, 4), start=["A random", "both zero"])""")
MODULE = '''\
import numpy as np
import plotly.graph_objects as go

def wave(frequency=2, start="both zero"):
    x = np.linspace(0, 6, 50)
    figure = go.Figure(go.Scatter(x=x, y=np.sin(frequency * x), name="sine"))
    return figure.update_layout(title=f"<b>{frequency}</b> waves")
'''
TOC = "\n```{toctree}\nmore/about\n```\n"
GOOD = {"index.md": HEAD + WAVE + TOC,
        "more/about.md": "# About\n\n[Three waves](../index.md#wave?frequency=3.0).\n"}
BAD_LINKS = {
    "index.md": HEAD + WAVE + cell('show(wave(1), name="still")') * 2 + "\n".join([
        "[a](#bord?r=1)", "[b](#wave?q=1)", "[c](#wave?frequency=5)", "[d](#wave?start=)"]) + TOC,
    "more/about.md": "# About\n\n[e](../index.md#wave?frequency=9) [f](#wave?frequency=1)\n"}


def in_folder(folder, pages):
    write(folder, {"conf.py": CONF, "waves.py": MODULE, **pages})
    return folder


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """The folder of a book that has been built."""
    folder = in_folder(tmp_path_factory.mktemp("good"), GOOD)
    first = build(folder, "-n", "-W", "--keep-going")
    assert first.returncode == 0, first.stderr
    assert "fall back on plotly.py's full plotly.js" in first.stdout
    return folder


def test_a_link_leads_to_a_slider_that_moves(book, browser):
    page = browser.new_page()
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    with served(book / "_out" / "html") as address:
        page.goto(address + "more/about.html")
        page.locator('a.explorer-link[href="../index.html#wave?frequency=3.0"]').click()
        root = page.locator("#explorer-wave")
        for frequency in (3, 4):
            root.locator(".explorer-plot[data-drawn]").wait_for()
            assert root.locator(".explorer-headline > span").inner_text() == f"{frequency} waves"
            y = root.evaluate("(root) => [...root.querySelector('.explorer-plot').data[0].y]")
            np.testing.assert_allclose(y, np.sin(frequency * np.linspace(0, 6, 50)), atol=1e-4)
            root.locator("input[type=range]").press("ArrowRight")
        assert "vnd.jupyter.widget" not in page.content()
    page.close()
    assert problems == []


def test_a_changed_module_builds_its_pages_again_and_its_faults_stop_the_build(book):
    assert re.search("no targets are out of date|0 added, 0 changed, 0 removed", build(book).stdout)
    module = book / "waves.py"
    module.write_text(MODULE.replace("waves", "Waves"), encoding="utf-8")
    assert "0 added, 1 changed, 0 removed" in build(book).stdout
    assert len(list(book.glob("_out/html/_static/explorers/*"))) == 1  # the old states have gone
    module.write_text(MODULE.replace("np.sin(", "np.log(0 * "), encoding="utf-8")
    again = build(book)
    assert again.returncode != 0
    assert "data[0].y[0] must be finite, or None for a gap, got -inf" in again.stderr


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """The lines of a strict build of a book with bad links, and of one whose cells are not run."""
    books = {}
    for name, pages, options in (("bad links", BAD_LINKS, ()),
                                 ("not run", GOOD, ("-D", "nb_execution_mode=off"))):
        folder = in_folder(tmp_path_factory.mktemp(name.replace(" ", "-")), pages)
        run = build(folder, "-n", "-W", "--keep-going", *options, LORA_EDU_STRICT="1")
        assert run.returncode != 0
        books[name] = run.stderr.splitlines()
    return books


@pytest.mark.parametrize("book, where, words", [
    ("bad links", "index.md", "link to bord?r=1: no explorer named 'bord' there, only wave, still"),
    ("bad links", "index.md", "link to wave?q=1: no control 'q', only frequency, start"),
    ("bad links", "index.md", "wave?frequency=5: frequency has no position '5', only 1, 2, 3, 4"),
    ("bad links", "index.md", "start has no position '', only a-random, both-zero"),
    ("bad links", "about.md", "frequency has no position '9', only 1, 2, 3, 4"),
    ("bad links", "about.md", "wave?frequency=1: no explorer named 'wave' there, only none"),
    ("bad links", "index.md", "two explorers are named 'still' on this page"),
    ("bad links", "", "WARNING: explorers: npm files are missing"),
    ("not run", "", "WARNING: explorers: nb_execution_mode is off"),
])
def test_what_is_wrong_is_said_with_its_place(said, book, where, words):
    assert any(words in line and where in line for line in said[book])
