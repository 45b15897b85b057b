"""A chapter's text in JupyterLab looks as it does on its page: nobody reads markup."""

import re

import pytest
from playwright.sync_api import expect

from tests.book import notebook
from tests.lab.driver import Lab

pytestmark = pytest.mark.lab
CHAPTER = "book/part1/step-zero"
MARKUP = re.compile(r"\{(?:term|cite|eq|prf:\w+|admonition|dropdown|exercise|solution)\}"
                    "|:(?:class|label):")
CELLS = notebook(CHAPTER).cells


@pytest.fixture(scope="module")
def tab(context, server):
    tab = Lab(context, server.port, f"{CHAPTER}.md")
    yield tab
    tab.close()


def with_text(text):
    return next(i for i, cell in enumerate(CELLS) if text in cell.source)


def read(tab, text):
    """What a reader sees of the cell with this text: not the editor behind it."""
    return tab.show_output(with_text(text)).locator(".myst, .jp-RenderedMarkdown")


@pytest.mark.parametrize("markup, seen", [
    ("```{admonition} Predict first", "Predict first"),
    ("```{dropdown} Answers to 5 and 6", "Answers to 5 and 6"),
    ("```{prf:theorem} Step zero", r"Theorem \d+ \(Step zero\)"),
    ("```{exercise} Half awake", "Exercise.*Half awake")])
def test_a_directive_is_shown_and_not_its_markup(tab, markup, seen):
    cell = read(tab, markup)
    expect(cell.get_by_text(re.compile(seen)).first).to_be_visible()
    expect(cell).not_to_contain_text(MARKUP)


def test_answers_open_at_a_click(tab):
    cell = read(tab, "```{dropdown} Answers to 5 and 6")
    answer = cell.get_by_text("the outer product of two vectors, and that is zero only if")
    expect(answer).to_be_hidden()
    cell.get_by_text("Answers to 5 and 6").click()
    expect(answer).to_be_visible()


def test_a_solution_opens_at_a_click(tab):
    solution = read(tab, "```{solution} ex-three").locator("details", has_text="Solution to").first
    code = solution.locator("code", has_text="def solution(A, M, B, G, s):")
    expect(code).to_be_hidden()
    solution.locator("summary svg").click()
    expect(code).to_be_visible()
