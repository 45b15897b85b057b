"""Python in the page, in a real browser: it starts, runs every cell as the build did, takes what
the reader types, judges it, stops, keeps, resets; where it cannot run, the page stays whole."""

import json
import re

import pytest
from playwright.sync_api import expect

from book._extensions.imports import imported
from book._extensions.in_page.run_page import in_browsers
from lora_edu.explore.bundle import npm_file
from lora_edu.explore.page_data import headline
from lora_edu.explore.plain_figure import plain_figure
from tests.book import figure_function, notebook
from tests.site.conftest import Visit
from tests.site.devices import AXE
from tests.site.pages import EXPLORERS, HTML, all_pages, check_figure

PAGES = [page for page in all_pages()
         if '<p class="page-python ' in (HTML / page).read_text("utf-8")]
FIRST, NAME = "book/part1/step-zero.html", "step-zero"
pytestmark = pytest.mark.skipif(not PAGES, reason="built without NumPy for browsers")
# Words of cells that show the last bits of sums, which are taken in another order then.
LAST_BITS = ("figures.v_curve", "def in_order")


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
    here = Visit(browser, site, "desk")
    here.open(FIRST)
    begin(here.page)
    yield here
    here.context.close()


@pytest.fixture
def page(left_running):
    """A page with Python started, its cells as in the book; tests share it."""
    left_running.page.get_by_role("button", name="Reset all").click()
    yield left_running.page
    problems, left_running.problems = left_running.problems, []
    assert problems == []


def cell(page, number: int):
    return page.locator("div.cell").nth(number)


def write(page, number: int, text: str) -> None:
    """Type a text over a cell's."""
    where = cell(page, number)
    where.locator("details:not([open]) > summary").evaluate_all(
        "(all) => all.forEach((summary) => summary.click())")
    where.locator(".cm-content").click()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.insert_text(text)


def run(page, number: int, state: str) -> str:
    """Run a cell from the keyboard; what it then shows."""
    cell(page, number).locator(".cm-content").focus()
    page.keyboard.press("Shift+Enter")
    expect(cell(page, number)).to_have_attribute("data-python", state)
    return cell(page, number).locator(".py-output").inner_text()


def said(page, number: int):
    return cell(page, number).locator(".py-bar .py-said")


@pytest.mark.thorough
@pytest.mark.parametrize("page", PAGES)
def test_every_cell_gives_the_builds_output(visit, page):
    here = begin(visit(page).page)
    for number, source in enumerate(sources(page)):
        button = cell(here, number).locator(".py-run")
        if button.count():
            button.evaluate("(button) => button.click()")  # it may be folded away
            state = "differs" if any(words in source for words in LAST_BITS) else "same"
            expect(cell(here, number)).to_have_attribute("data-python", state)


def test_a_cell_needs_what_the_book_s_modules_import():
    for source, runs in (("from lora_edu import sweep", True), ("import torch", False),
                         ("from lora_edu.chapters.small_gpt import results", False)):
        assert all(map(in_browsers, imported(source))) == runs


def test_run_all_counts_the_cells_that_agree(visit):
    page = begin(visit("book/part1/low-rank-update.html").page)
    page.get_by_role("button", name="Run all").click()
    expect(page.locator(".py-page .py-said")).to_have_text(
        re.compile(r"^(\d+) of \1 cells give the same as in the book.$"))


@pytest.mark.parametrize(("answer", "short", "begins"), [
    ("s * M.T @ B.T @ G, s * B.T @ G @ A.T, s * G @ A.T @ M.T", "✓ Right", "Right: all three"),
    ("'no'", "✗ Not yet", "Not yet. It must return 3 things"),
    ("None  # yet", "○ Not answered yet", "Not answered yet: put")])
def test_a_typed_answer_is_judged(page, answer, short, begins):
    """Whatever else the cell prints."""
    text = sources(FIRST)[EXERCISE].replace("return None", f"print('Right'); return {answer}")
    write(page, EXERCISE, text)
    printed, judged = run(page, EXERCISE, "own").strip().split("\n", 1)
    assert printed == "Right" and judged.strip().startswith(begins)
    expect(said(page, EXERCISE)).to_have_text(re.compile(f"^{short}[.] Run"))
    cell(page, EXERCISE).locator(".py-reset").click()
    run(page, EXERCISE, "same")


def test_a_change_runs_and_goes_back(page):
    """With what stands above, each time from the beginning."""
    write(page, TASK + 1, "print(d * k, rng.integers(10**6))")
    twice = {run(page, TASK + 1, "own") for _ in range(2)}
    assert len(twice) == 1 and twice.pop().startswith("4096 ")
    write(page, TASK, "import numpy as np\nrng = np.random.default_rng(0)\nd = k = 3")
    run(page, TASK, "own")
    expect(said(page, TASK + 1)).to_contain_text("What stands above has changed")
    assert run(page, TASK + 1, "own").startswith("9 ")
    cell(page, TASK + 1).locator(".py-reset").click()
    expect(cell(page, TASK + 1).locator(".cell_output").first).to_contain_text("by the formula")
    page.get_by_role("button", name="Reset all").click()
    run(page, TASK + 1, "same")


def test_an_error_shows_the_readers_lines(page):
    write(page, TASK, "def f(x):\n    return 1 / x\n\nimport numpy as np\nf(0)")
    told = run(page, TASK, "error")
    assert told.startswith("Traceback (most recent call last):")
    assert re.findall(r'File "(.*)", line (\d+)', told) == [
        (f"cell {TASK + 1}", "5"), (f"cell {TASK + 1}", "2")]
    assert "return 1 / x" in told and told.rstrip().endswith("ZeroDivisionError: division by zero")
    cell(page, TASK + 1).locator(".cm-content").focus()
    page.keyboard.press("Shift+Enter")
    expect(said(page, TASK + 1)).to_have_text(f"Cell {TASK + 1} above stops with an error.")
    write(page, TASK, "import scipy")  # nobody else is asked for it
    assert "ModuleNotFoundError" in run(page, TASK, "error")


def test_outputs_look_and_move_as_in_the_book(page):
    write(page, TASK, "\n".join([
        "from IPython.display import Markdown, display", "print('one')",
        "display(1, 2)",
        "display(Markdown('| a |\\n|---|\\n| **3** $\\\\alpha$ |'))",
        "from lora_edu.explore import explore", "def wave(n=2):",
        "    return {'data': [{'y': [0, 10 * n]}], 'layout': {'meta': {'reading': f'n is {n}'}}}",
        "explore(wave, n=(1, 9))"]))
    run(page, TASK, "own")
    shown = cell(page, TASK).locator(".py-output")
    assert shown.locator(".stdout pre").inner_text().strip() == "one"
    assert shown.locator(".text_plain pre").inner_text().split() == ["1", "2"]
    assert shown.locator("table.table td strong").inner_text() == "3"
    assert shown.locator(".katex").count() == 1
    explorer = shown.locator(".explorer")
    expect(explorer.locator(".explorer-headline > span")).to_have_text("n is 2")
    explorer.locator("input[type=range]").press("End")
    expect(explorer.locator(".explorer-headline > span")).to_have_text("n is 9")
    assert explorer.locator(".explorer-plot[data-drawn]").evaluate(
        "(box) => box.data[0].y.at(-1)") == 90


def test_an_endless_loop_is_stopped(page):
    write(page, TASK + 2, "kept = 'the text'")
    write(page, TASK + 1, "while True:\n    pass")
    cell(page, TASK + 1).locator(".py-run").click()
    expect(cell(page, TASK + 1)).to_have_attribute("data-python", "running")
    cell(page, TASK + 1).locator(".py-run").click()
    expect(said(page, TASK + 1)).to_have_text("Stopped.")
    assert cell(page, TASK + 2).locator(".cm-content").inner_text() == "kept = 'the text'"
    write(page, TASK + 1, "print('on', d)")
    assert run(page, TASK + 1, "own").strip() == "on 64"


def test_changes_survive_a_reload(visit):
    """Another tab's too; and they go into a notebook."""
    page = begin(visit(FIRST).page)
    page.evaluate("localStorage.setItem(`page-python ${location.pathname}`, "
                  "JSON.stringify({ 'x = 1': 'x = 2' }))")  # as another tab does
    write(page, TASK + 1, "mine = 1")
    page.reload()
    expect(page.locator(".page-python")).to_contain_text("Your changes of 2 cells")
    begin(page)
    assert cell(page, TASK + 1).locator(".cm-content").inner_text() == "mine = 1"
    with page.expect_download() as download:
        page.get_by_role("button", name="Download notebook").click()
    code = [c for c in json.loads(download.value.path().read_text())["cells"]
            if c["cell_type"] == "code"]
    assert "".join(code[TASK + 2]["source"]) == "mine = 1"  # after the cell that installs


def test_own_values_are_computed(visit):
    """By the same function; a link holds them, and says what to do where Python has not started."""
    built, own = next(each for each in EXPLORERS if each.name == NAME), {"r": 6, "alpha": 11.5}
    page = begin(visit(FIRST).page)
    root = page.locator(f"#explorer-{NAME}")
    root.get_by_role("button", name="own values").click()
    for name, value in own.items():
        label = next(c.label for c in built.controls if c.name == name)
        box = root.get_by_role("spinbutton", name=f"{label}, any number")
        box.fill(str(value))
        box.press("Enter")
    values = {c.name: c.values[c.start] for c in built.controls} | own
    want = plain_figure(figure_function(built.data["source"])(**values))
    said = root.locator(".explorer-headline > span")
    expect(said).to_have_text(headline(want))
    root.locator(".explorer-plot[data-drawn]").wait_for()
    have = root.evaluate("(root) => JSON.parse(JSON.stringify(root.explorer.figure))")
    check_figure(have, want, rtol=1e-6)
    link = root.evaluate("(root) => root.explorer.link()")
    page = visit(FIRST + link).page
    root = page.locator(f"#explorer-{NAME}")
    expect(root.locator(".explorer-failed")).to_have_text(re.compile(
        "alpha = 11.5: this plot has no such position until .*Run this page”[.]$"))
    begin(page)
    expect(root.locator(".explorer-headline > span")).to_have_text(headline(want))


REFUSED = {  # what is typed into the box of r, or of α → what the page says
    ("r", "1e9"): "Here is r = 6 again. With r = 1000000000: ",
    ("r", "2.5"): "Here is r = 6 again: it must be a whole number, at least 1.",
    ("α", ""): "Here is α = 2.5 again: it must be a number.",
    ("α", "-1"): "Here is α = 2.5 again. With α = -1: ValueError: alpha must be",
}


def test_a_number_that_is_refused_or_fails_does_not_stay(page):
    """Boxes, sliders, sentence, plot and link are those of the last one that was computed."""
    root = page.locator(f"#explorer-{NAME}")
    root.get_by_role("button", name="own values").click()
    headline, told = root.locator(".explorer-headline > span"), root.locator(".explorer-failed")

    def type_into(label, text):
        box = root.get_by_role("spinbutton", name=f"{label}, any number")
        box.fill(text)
        box.press("Enter")

    def state():
        return root.evaluate("""(root) => ({
          boxes: [...root.querySelectorAll(".py-own")].map((box) => box.value),
          sliders: [...root.querySelectorAll("[type=range]")].map((each) => each.ariaValueText),
          said: root.querySelector(".explorer-headline > span").textContent,
          label: root.querySelector(".explorer-plot").ariaLabel,
          link: root.explorer.link(), address: location.hash })""")

    before = headline.inner_text()
    type_into("r", "6")
    type_into("α", "2.5")
    expect(root.locator("[aria-busy=true]")).to_have_count(0)
    expect(headline).not_to_have_text(before)
    page.wait_for_url("**r=6&alpha=2.5**")
    good = state()
    assert good["boxes"] == good["sliders"] == ["6", "2.5"] and good["link"] == good["address"]
    for (label, text), words in REFUSED.items():
        type_into(label, text)
        expect(told).to_contain_text(words)
        assert state() == good
    type_into("r", "3")
    expect(told).to_have_count(0)
    root.get_by_role("button", name="own values").click()
    expect(root.get_by_role("slider").first).to_have_attribute("aria-valuetext", "2")


def test_own_values_of_a_cell_s_own_function(visit):
    """Though the cell shows another explorer too."""
    place = "book/own-experiments.html"
    page = begin(visit(place).page)
    number, source = next((i, source) for i, source in enumerate(sources(place))
                          if "explore(losses" in source)
    write(page, number, source.replace("explore(losses", "shown = explore(losses") + "\n".join([
        "", "from IPython.display import display",
        "def other(a=1): return {'data': [], 'layout': {'meta': {'reading': 'another'}}}",
        "display(shown, explore(other, a=[1]))"]))
    root = page.locator("#explorer-sign-descent").first
    root.get_by_role("button", name="own values", include_hidden=True).evaluate("(b) => b.click()")
    root.evaluate("(root) => root.explorer.go({ r: '3' })")
    expect(root.locator(".explorer-headline > span")).to_have_text(re.compile("^r = 3, "))


def test_the_editor_can_be_left_by_keyboard(page):
    cell(page, TASK).locator(".cm-content").focus()
    page.keyboard.press("Control+Home")
    page.keyboard.type("1/2 # ?\n")  # / and ? are keys of the page, elsewhere
    page.keyboard.press("Tab")
    assert cell(page, TASK).locator(".cm-content").inner_text().startswith("1/2 # ?\n    import")
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Run"


def test_a_browser_that_cannot_says_so(visit):
    page = visit(FIRST, script="delete globalThis.WebAssembly").page
    page.locator(".btn-run-page").click()
    expect(page.locator(".page-python")).to_contain_text("this browser has no WebAssembly")
    assert cell(page, TASK + 1).locator(".cell_output").is_visible()


def test_axe_finds_nothing_in_open_cells(visit):
    page = begin(visit(FIRST, "phone", color_scheme="dark").page)
    write(page, TASK, "1 / 0")
    run(page, TASK, "error")
    write(page, TASK + 1, "import warnings; print('long ' * 60); warnings.warn('two'); 3")
    page.locator(f"#explorer-{NAME}").get_by_role("button", name="own values").click()
    page.add_script_tag(path=npm_file("axe-core/axe.min.js"))
    assert page.evaluate(AXE, None) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
