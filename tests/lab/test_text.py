"""A chapter's text in JupyterLab: nobody reads markup, and what is folded opens at a click."""

import re

import pytest
from playwright.sync_api import expect

from tests.lab.driver import Lab

MARKUP = re.compile(r"\{(?:term|cite|eq|prf:\w+|admonition|dropdown|exercise|solution)\}"
                    "|:(?:class|label):")


@pytest.fixture(scope="module")
def tab(context, server):
    tab = Lab(context, server.port, "notebooks/part1/step-zero.ipynb")
    yield tab
    tab.close()


def read(tab, text):
    """What a reader sees of the cell with this text."""
    number = tab.page.evaluate("""text => [...jupyterapp.shell.currentWidget.content.model.cells]
        .findIndex(cell => cell.sharedModel.source.includes(text))""", text)
    return tab.show_output(number).locator(".jp-RenderedMarkdown")


@pytest.mark.parametrize("text", [
    "Run ▸ Run All Cells", "Predict first", "Theorem (Step zero).", "Exercise: Half awake."])
def test_a_directive_is_shown_and_not_its_markup(tab, text):
    cell = read(tab, text)
    expect(cell.get_by_text(text).first).to_be_visible()
    expect(cell).not_to_contain_text(MARKUP)


@pytest.mark.parametrize("fold, inside", [
    ("Answers to 5 and 6", "the outer product of two vectors, and that is zero only if"),
    ("Solution: ", "def solution(A, M, B, G, s):")])
def test_what_is_folded_opens_at_a_click(tab, fold, inside):
    cell = read(tab, inside)
    hidden = cell.get_by_text(inside)
    expect(hidden.first).to_be_hidden()
    cell.locator("details", has_text=inside).last.locator("summary", has_text=fold).click()
    expect(hidden.first).to_be_visible()
