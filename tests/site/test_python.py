"""Python in the page, in a real browser: it starts, runs every cell as the build did, takes what
the reader types, judges it, stops, keeps, resets; where it cannot run, the page stays whole."""

import re

import nbformat
import numpy as np
import pytest
from playwright.sync_api import expect

from book._extensions.imports import imported
from book._extensions.in_page.run_page import in_browsers
from lora_edu.explore.page_data import headline
from lora_edu.explore.plain_figure import plain_figure
from tests.book import notebook
from tests.patience import patiently
from tests.site.conftest import Visit
from tests.site.explorers import is_drawn, reads, type_into
from tests.site.pages import EXPLORERS, HTML, all_pages, check_figure

PAGES = [page for page in all_pages()
         if '<p class="page-python ' in (HTML / page).read_text("utf-8")]
FIRST, NAME = "book/part1/step-zero.html", "step-zero"
pytestmark = pytest.mark.skipif(not PAGES, reason="built without NumPy for browsers")
# What a cell shows: its words, and its formulas as they are read aloud.
WORDS = r"""(box) => {
  const copy = box.cloneNode(true);
  const unread = copy.querySelectorAll(".explorer, .katex-html, annotation, button");
  for (const each of unread) each.remove();
  return copy.textContent.replaceAll("\u2060", "").replace(/\s+/g, " ").trim();
}"""
NUMBER = re.compile(r"-?\d[\d,]*\.?\d*(?:e[-+]?\d+)?")
ROUNDING = 1e-8  # of sums that are taken in another order there


def sources(page: str) -> list[str]:
    """The sources of a page's cells."""
    cells = notebook(page.removesuffix(".html")).cells
    return [each.source for each in cells if each.cell_type == "code"]


TASK = next(i for i, source in enumerate(sources(FIRST)) if "W_star = W0 + shift" in source)
EXERCISE = next(i for i, source in enumerate(sources(FIRST)) if "your answer" in source)


def begin(page):
    """Start a page's Python; the page."""
    page.locator(".btn-run-page").click()
    page.locator(".py-page").wait_for(timeout=300_000)
    return page


@pytest.fixture(scope="module")
def left_running(browser, site):
    tab = Visit(browser, site, "desk")
    tab.open(FIRST)
    begin(tab.page)
    yield tab
    tab.context.close()


@pytest.fixture
def page(left_running):
    """A page with Python started, its cells as in the book; tests share it."""
    left_running.page.get_by_role("button", name="Reset all").click()
    yield left_running.page
    left_running.no_problems()


def cell(page, number: int):
    return page.locator("div.cell").nth(number)


@pytest.fixture
def task(page):
    """The cell that makes the task."""
    return cell(page, TASK)


@pytest.fixture
def below(page):
    """The cell below it."""
    return cell(page, TASK + 1)


def write(cell, text: str) -> None:
    """Type a text over a cell's."""
    cell.locator("details:not([open]) > summary").evaluate_all(
        "(all) => all.forEach((summary) => summary.click())")
    cell.locator(".cm-content").fill(text)


def run(cell, state: str) -> str:
    """Run a cell from the keyboard; what it then shows."""
    cell.locator(".cm-content").press("Shift+Enter")
    expect(cell).to_have_attribute("data-python", state)
    return cell.locator(".py-output").inner_text()


def said(cell):
    return cell.locator(".py-bar .py-said")


def numbers(text):
    return np.array([number.replace(",", "") for number in NUMBER.findall(text)], float)


@pytest.mark.thorough
@pytest.mark.parametrize("page", PAGES)
def test_every_cell_gives_the_builds_output(visit, page):
    tab = begin(visit(page).page)
    for root in tab.locator("div.cell:has(.py-run)").all():
        root.locator(".py-run").evaluate("(button) => button.click()")  # it may be folded away
        expect(root).to_have_attribute("data-python", "ran")
        printed = root.locator(":scope > .py-output").evaluate(WORDS)
        stored = root.locator(":scope > .cell_output").all()  # none where a cell is silent
        built = stored[-1].evaluate(WORDS) if stored else ""
        assert NUMBER.sub("#", printed) == NUMBER.sub("#", built)
        np.testing.assert_allclose(numbers(printed), numbers(built), rtol=0.01, atol=ROUNDING)


@pytest.mark.parametrize(("source", "runs"), [
    ("from lora_edu import sweep", True), ("import torch", False),
    ("from lora_book.small_gpt import results", False)])
def test_a_cell_needs_what_the_book_s_modules_import(source, runs):
    assert all(map(in_browsers, imported(source))) == runs


def test_all_cells_run(page):
    page.get_by_role("button", name="Run all").click()
    expect(page.locator(".py-page .py-said")).to_have_text(re.compile(r"^All \d+ cells have run"))


@pytest.mark.parametrize(("answer", "short", "begins"), [
    ("s * M.T @ B.T @ G, s * B.T @ G @ A.T, s * G @ A.T @ M.T", "✓ Right", "Right: all three"),
    ("'no'", "✗ Not yet", "Not yet. It must return 3 values"),
    ("None  # yet", "○ Not answered yet", "Not answered yet: put")])
def test_a_typed_answer_is_judged(page, answer, short, begins):
    """Whatever else the cell prints."""
    exercise = cell(page, EXERCISE)
    source = sources(FIRST)[EXERCISE]
    write(exercise, source.replace("return None", f"print('Right'); return {answer}"))
    printed, judged = run(exercise, "own").strip().split("\n", 1)
    assert printed == "Right" and judged.strip().startswith(begins)
    expect(said(exercise)).to_have_text(re.compile(f"^{short}[.] Run"))


def test_a_change_runs_and_goes_back(page, task, below):
    """With what stands above, each time from the beginning."""
    write(below, "print(d * k, rng.integers(10**6))")
    first = run(below, "own")
    assert first.startswith("4096 ") and run(below, "own") == first
    write(task, "import numpy as np\nrng = np.random.default_rng(0)\nd = k = 3")
    run(task, "own")
    expect(said(below)).to_contain_text("A cell above has changed")
    assert run(below, "own").startswith("9 ")
    below.locator(".py-reset").click()
    expect(below.locator(".cell_output").first).to_contain_text("by the formula")
    page.get_by_role("button", name="Reset all").click()
    run(below, "ran")


def test_an_error_shows_the_readers_lines(task, below):
    write(task, "def f(x):\n    return 1 / x\n\nimport numpy as np\nf(0)")
    told = run(task, "error")
    assert told.startswith("Traceback (most recent call last):")
    assert re.findall(r'File "cell (.*)", line (\d+)', told) == [
        (str(TASK + 1), "5"), (str(TASK + 1), "2")]
    assert "return 1 / x" in told and told.rstrip().endswith("ZeroDivisionError: division by zero")
    below.locator(".cm-content").press("Shift+Enter")
    expect(said(below)).to_have_text(f"Cell {TASK + 1} above stops with an error.")
    write(task, "import scipy")  # nobody else is asked for it
    assert "ModuleNotFoundError" in run(task, "error")


OUTPUTS = r"""
from IPython.display import Markdown, display
from lora_edu.explore import explore

def wave(n=2):
    return {"data": [{"y": [0, 10 * n]}], "layout": {"meta": {"reading": f"n is {n}"}}}

print("one")
display(1, 2)
display(Markdown("| a |\n|---|\n| **3** $\\alpha$ |"))
explore(wave, n=(1, 9))"""


def test_outputs_look_and_move_as_in_the_book(task):
    write(task, OUTPUTS)
    run(task, "own")
    shown = task.locator(".py-output")
    assert shown.locator(".stdout pre").inner_text().strip() == "one"
    assert shown.locator(".text_plain pre").inner_text().split() == ["1", "2"]
    assert shown.locator("table.table td strong").inner_text() == "3"
    assert shown.locator(".katex").count() == 1
    explorer = shown.locator(".explorer")
    reads(explorer, "n is 2")
    explorer.locator("input[type=range]").press("End")
    reads(explorer, "n is 9")
    assert is_drawn(explorer).evaluate("(box) => box.data[0].y.at(-1)") == 90


def test_an_endless_loop_is_stopped(page, below):
    after = cell(page, TASK + 2)
    write(after, "kept = 'the text'")
    write(below, "while True:\n    pass")
    below.locator(".py-run").click()
    expect(below).to_have_attribute("data-python", "running")
    below.locator(".py-run").click()
    expect(said(below)).to_have_text("Stopped.")
    assert after.locator(".cm-content").inner_text() == "kept = 'the text'"
    write(below, "print('on', d)")
    assert run(below, "own").strip() == "on 64"


def test_python_that_a_cell_has_ended_says_so_and_starts_anew(below):
    write(below, "import os\nos._exit(0)")
    below.locator(".py-run").click()
    expect(said(below)).to_have_text(
        "Python stopped: it has ended. The next run restarts it.")
    write(below, "print('on', d)")
    assert run(below, "own").strip() == "on 64"


def test_changes_survive_a_reload(visit):
    """Another tab's too; and they go into a notebook."""
    page = begin(visit(FIRST).page)
    page.evaluate("localStorage.setItem(`page-python ${location.pathname}`, "
                  "JSON.stringify({ 'x = 1': 'x = 2' }))")  # as another tab does
    write(cell(page, TASK + 1), "mine = 1")
    page.reload()
    expect(page.locator(".page-python")).to_contain_text("Your changes to 2 cells")
    begin(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download notebook").click()
    code = [c for c in nbformat.read(download.value.path(), as_version=4).cells
            if c.cell_type == "code"]
    assert code[TASK + 2].source == "mine = 1"  # after the cell that installs


def figure_at(**own) -> dict:
    """The explorer's figure at its start, but for own values."""
    built = next(each for each in EXPLORERS if each.name == NAME)
    return plain_figure(built.function(**{c.name: c.values[c.start] for c in built.controls} | own))


def computes(root, want):
    """The figure of the page is the one that Python computes here, as soon as it has come."""
    def check():
        have = root.evaluate("(root) => JSON.parse(JSON.stringify(root.explorer.figure))")
        check_figure(have, want, rtol=1e-6)

    is_drawn(root)
    patiently(check)


def test_own_values_are_computed(visit, page):
    """By the same function; a link holds them, and says what to do where Python has not started."""
    want = figure_at(r=6, alpha=11.5)
    root = page.locator(f"#explorer-{NAME}")
    root.get_by_role("button", name="own values").click()
    type_into(root, "r", 6)
    type_into(root, "α", 11.5)
    computes(root, want)
    link = root.evaluate("(root) => root.explorer.link()")
    root.get_by_role("button", name="own values").click()
    other = visit(FIRST + link).page
    root = other.locator(f"#explorer-{NAME}")
    expect(root.locator(".explorer-failed")).to_have_text(re.compile(
        "alpha = 11.5: this plot has no such position until .*Run this page”[.]$"))
    begin(other)
    computes(root, want)


REFUSED = {  # what is typed into the box of r, or of α → what the page says
    ("r", "1e9"): "r is 6 again. With r = 1000000000: ",
    ("r", "2.5"): "r is 6 again: it must be a whole number, at least 1.",
    ("α", ""): "α is 2.5 again: it must be a number.",
    ("α", "-1"): "α is 2.5 again. With α = -1: ValueError: alpha must be",
}
STATE = """(root) => ({
  boxes: [...root.querySelectorAll(".py-own")].map((box) => box.value),
  sliders: [...root.querySelectorAll("[type=range]")].map((each) => each.ariaValueText),
  said: root.querySelector(".explorer-headline > span").textContent,
  label: root.querySelector(".explorer-plot").ariaLabel,
  link: root.explorer.link(), address: location.hash })"""


def test_a_number_that_is_refused_or_fails_does_not_stay(page):
    """Boxes, sliders, sentence, plot and link are those of the last one that was computed."""
    root = page.locator(f"#explorer-{NAME}")
    root.get_by_role("button", name="own values").click()
    type_into(root, "r", 6)
    type_into(root, "α", 2.5)
    reads(root, headline(figure_at(r=6, alpha=2.5)))
    page.wait_for_url("**r=6&alpha=2.5**")
    good = root.evaluate(STATE)
    assert good["boxes"] == good["sliders"] == ["6", "2.5"] and good["link"] == good["address"]
    told = root.locator(".explorer-failed")
    for (label, text), words in REFUSED.items():
        type_into(root, label, text)
        expect(told).to_contain_text(words)
        assert root.evaluate(STATE) == good
    type_into(root, "r", 3)
    expect(told).to_have_count(0)
    root.get_by_role("button", name="own values").click()
    expect(root.get_by_role("slider").first).to_have_attribute("aria-valuetext", "2")


ANOTHER = """
from IPython.display import display
def other(a=1): return {"data": [], "layout": {"meta": {"reading": "another"}}}
display(shown, explore(other, a=[1]))"""


@pytest.mark.thorough
def test_own_values_of_a_cell_s_own_function(visit):
    """Though the cell shows another explorer too."""
    place = "book/own-experiments.html"
    page = begin(visit(place).page)
    number, source = next((i, source) for i, source in enumerate(sources(place))
                          if "explore(losses" in source)
    write(cell(page, number), source.replace("explore(losses", "shown = explore(losses") + ANOTHER)
    root = page.locator("#explorer-sign-descent").first
    root.get_by_role("button", name="own values", include_hidden=True).evaluate("(b) => b.click()")
    root.evaluate("(root) => root.explorer.go({ r: '3' })")
    reads(root, re.compile("^r = 3, "))


def test_the_editor_can_be_left_by_keyboard(page, task):
    text = task.locator(".cm-content")
    text.press("Control+Home")
    page.keyboard.type("1/2 # ?\n")  # / and ? are keys of the page, elsewhere
    page.keyboard.press("Tab")
    assert text.inner_text().startswith("1/2 # ?\n    import")
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Run"


def test_a_browser_that_cannot_says_so(visit):
    page = visit(FIRST, script="delete globalThis.WebAssembly").page
    page.locator(".btn-run-page").click()
    expect(page.locator(".page-python")).to_contain_text("this browser has no WebAssembly")
    assert cell(page, TASK + 1).locator(".cell_output").is_visible()


@pytest.mark.thorough
def test_axe_finds_nothing_in_open_cells(visit):
    tab = visit(FIRST, "phone", color_scheme="dark")
    page = begin(tab.page)
    task = cell(page, TASK)
    write(task, "1 / 0")
    run(task, "error")
    write(cell(page, TASK + 1),
          "import warnings; print('long ' * 60); warnings.warn('two'); 3")
    page.locator(f"#explorer-{NAME}").get_by_role("button", name="own values").click()
    assert tab.axe() == []
    assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
