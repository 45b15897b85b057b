"""What a chapter folds stays shut in JupyterLab until it is opened, in every chapter; and a copy
made for it by ``for_lab`` reads as the page: numbers, sources, words of the glossary."""

import re

import pytest
from lab_markdown import book, for_lab
from playwright.sync_api import expect

from tests.book import NOTEBOOKS, REPOSITORY, notebook
from tests.lab.driver import Lab

pytestmark = pytest.mark.lab
FOLDED = re.compile(r"^[`:]{3,}\{(?:solution|dropdown)\}", re.MULTILINE)
CHAPTER = "book/part2/which-zero"
BOOK = book(REPOSITORY)
OPENED = """cell => [...cell.querySelectorAll("details")].filter(
    part => part.open || [...part.children].some(
        child => child.tagName !== "SUMMARY" && child.checkVisibility())).length"""


def copied(server, page):
    """The copy of a page for JupyterLab, in a folder of its own; its path there."""
    file = server.folder / "copies" / f"{page}.md"
    file.parent.mkdir(parents=True, exist_ok=True)
    text = (REPOSITORY / f"{page}.md").read_text(encoding="utf-8")
    file.write_text(for_lab(text, page, BOOK), encoding="utf-8")
    return file.relative_to(server.folder).as_posix()


@pytest.fixture(scope="module")
def tab(context, server):
    tab = Lab(context, server.port, copied(server, CHAPTER))
    yield tab
    tab.close()


def read(tab, text):
    """What a reader sees of the cell with this text."""
    cells = notebook(CHAPTER).cells
    number = next(i for i, cell in enumerate(cells) if text in cell.source)
    return tab.show_output(number).locator(".myst, .jp-RenderedMarkdown").first


def test_references_read_as_on_the_page(tab):
    label, number = next((label, number) for label, (page, kind, number) in BOOK.numbers.items()
                         if page == CHAPTER and kind == "Theorem")
    cell = read(tab, f":label: {label}")
    expect(cell).to_contain_text(f"Theorem {number}")
    expect(cell).not_to_contain_text(re.compile(r"Proof \d"))


def test_a_word_of_the_glossary_says_what_it_means_and_another_chapters_theorem_is_a_link(tab):
    cell = read(tab, "{term}")
    word = cell.locator("a abbr").first
    assert len(word.get_attribute("aria-label")) > 20
    cell = read(tab, "{prf:ref}`thm-mirror`")
    number = BOOK.numbers["thm-mirror"][2]
    link = cell.locator("a", has_text=f"Theorem {number}").first
    assert "step-zero.md" in link.get_attribute("href")


def test_no_reference_is_left_that_leads_nowhere(tab):
    for number, cell in enumerate(notebook(CHAPTER).cells):
        if cell.cell_type == "markdown":
            seen = tab.show_output(number).locator(".myst, .jp-RenderedMarkdown").first
            expect(seen).not_to_contain_text(re.compile(r"\{(term|cite|prf:ref)\}|\b(thm|obs)-"))
            assert seen.locator('a[href="#"]').count() == 0


@pytest.mark.sampled
@pytest.mark.parametrize("page", [page for page in NOTEBOOKS if any(
    FOLDED.search(cell.source) for cell in notebook(page).cells if cell.cell_type == "markdown")])
def test_what_a_chapter_folds_is_shut(tab, server, page):
    tab.turn_to(copied(server, page))
    for number, cell in enumerate(notebook(page).cells):
        blocks = len(FOLDED.findall(cell.source)) if cell.cell_type == "markdown" else 0
        if blocks:
            shown = tab.show_output(number)
            expect(shown.locator("details")).to_have_count(blocks)
            assert shown.evaluate(OPENED) == 0
