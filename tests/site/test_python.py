"""Python in the page, in a real browser: it starts, runs every cell as the build did, takes what
the reader types, judges it, stops, keeps, resets; where it cannot run, the page stays whole."""

import json
import re
from functools import cache

import numpy as np
import pytest
from playwright.sync_api import expect

from lora_edu.explore.assets import npm_file
from lora_edu.explore.plain import plain_figure
from tests.book import checks, figure_function, folded_solutions, notebook
from tests.chapters.exercise_answers import LABELS, RIGHT
from tests.site.conftest import Visit
from tests.site.devices import AXE
from tests.site.pages import EXPLORERS, HTML, all_pages, check_figure

PAGES = [page for page in all_pages()
         if '<p class="page-python ' in (HTML / page).read_text("utf-8")]
FIRST = "book/part1/step-zero.html"
pytestmark = [pytest.mark.skipif(not PAGES, reason="built without NumPy for browsers"),
              pytest.mark.usefixtures("many_seconds")]
# Page → words of a cell that shows the last bits of sums, which are taken in another order then.
LAST_BITS = {"book/part1/by-hand.html": "figures.v_curve",
             "book/part2/which-zero.html": "def in_order"}
CALL = re.compile(rf"(?:check\.)?({'|'.join(vars(checks))})\(")


def sources(page: str) -> list[str]:
    """The sources of a page's cells."""
    cells = notebook(page.removesuffix(".html")).cells
    return [each.source for each in cells if each.cell_type == "code"]


def holding(page: str, words: dict[str, str]) -> set[int]:
    """The numbers of the cells that hold a page's words."""
    return {i for i, source in enumerate(sources(page)) if page in words and words[page] in source}


TASK = next(i for i, source in enumerate(sources(FIRST)) if "W_star = W0 + shift" in source)


@pytest.fixture
def many_seconds():
    """The machine may be busy, and WebAssembly is some times slower."""
    expect.set_options(timeout=120_000)
    yield
    expect.set_options(timeout=60_000)


def begin(page):
    """Start a page's Python; the page."""
    page.locator(".page-python button").click()
    page.locator(".py-page").wait_for(timeout=300_000)
    return page


def start(visit, path: str = FIRST, device: str = "desk", **options):
    """A page with Python started; the page of the browser."""
    return begin(visit(path, device, **options).page)


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


def test_nothing_comes_before_the_click(visit):
    here = visit(FIRST)
    here.page.wait_for_load_state("networkidle")
    assert not [url for url in here.requests
                if re.search(r"pyodide|cells\.|worker|numpy|wheels", url)]
    assert (HTML / "_static/page-python/boot.js").stat().st_size < 2000


@pytest.mark.thorough
@pytest.mark.parametrize("page", PAGES)
def test_every_cell_gives_what_the_build_gave(visit, page):
    here = start(visit, page)
    for number in range(len(sources(page))):
        button = cell(here, number).locator(".py-run")
        if not button.count():
            continue
        button.evaluate("(button) => button.click()")  # it may be folded away
        state = "differs" if number in holding(page, LAST_BITS) else "same"
        expect(cell(here, number)).to_have_attribute("data-python", state)


def test_run_all_counts_the_cells_that_agree(visit):
    page = start(visit, "book/part1/low-rank-update.html")
    page.get_by_role("button", name="Run all").click()
    expect(page.locator(".py-page .py-said")).to_have_text(
        re.compile(r"^(\d+) of \1 cells give the same as in the book.$"))


@cache
def exercises() -> dict[str, list[tuple[int, str]]]:
    """Page → (number of a cell that calls a check, the check's name)."""
    found = {}
    for page in PAGES:
        found[page] = [(i, called[1]) for i, source in enumerate(sources(page))
                       if (called := CALL.search(source)) and "your answer" in source]
    return found


def answered(page: str, text: str, name: str) -> tuple[str, str]:
    """A cell's text with the right answer, and with a wrong one."""
    check = getattr(checks, name)
    if "mine = {" in text:
        numbers = {key: float(value) for key, value in RIGHT[check].items()}
        wrong = {key: 3.5e7 for key in numbers}
        return tuple(re.sub(r"^mine = \{.*\}$", f"mine = {given}", text, flags=re.MULTILINE)
                     for given in (numbers, wrong))
    solution = folded_solutions(page.removesuffix(".html"))[LABELS[check]][0]
    inputs = re.search(r"def \w+\((.*?)\):(?:\n    #.*)*\n    return None", text, re.DOTALL)[1]
    right = re.sub(r"return None.*", f"return solution({inputs})", text)
    solution = "\n".join(line for line in solution.splitlines() if not CALL.match(line))
    return f"import numpy as np\n{solution}\n{right}", text.replace("return None", "return 'no'")


@pytest.mark.parametrize("page", [
    pytest.param(page, marks=() if page == FIRST else pytest.mark.thorough)
    for page in PAGES if exercises()[page]])
def test_an_answer_typed_into_an_exercise_is_judged(visit, page):
    here = start(visit, page)
    for number, name in exercises()[page]:
        text = cell(here, number).locator(".cell_input pre").first.text_content()
        right, wrong = answered(page, text, name)
        for given, begins in ((right, "Right:"), (wrong, "Not yet.")):
            write(here, number, given)
            assert run(here, number, "own").startswith(begins)
            assert cell(here, number).locator(".py-output pre").evaluate(
                "(pre) => pre.scrollWidth <= pre.clientWidth")
            expect(said(here, number)).to_have_text(re.compile(f"^. {begins[:-1]}[.] Run"))


def test_a_change_is_run_with_what_stands_above_and_goes_back(page):
    write(page, TASK + 1, "print(d * k, rng.integers(10**6))")
    twice = {run(page, TASK + 1, "own") for _ in range(2)}
    assert len(twice) == 1 and twice.pop().startswith("4096 ")
    expect(cell(page, TASK)).to_have_attribute("data-python", "same")
    write(page, TASK, "import numpy as np\nrng = np.random.default_rng(0)\nd = k = 3")
    run(page, TASK, "own")
    expect(said(page, TASK + 1)).to_contain_text("What stands above has changed")
    assert run(page, TASK + 1, "own").startswith("9 ")
    cell(page, TASK + 1).locator(".py-reset").click()
    expect(cell(page, TASK + 1).locator(".cell_output").first).to_contain_text("largest entry")
    page.get_by_role("button", name="Reset all").click()
    run(page, TASK + 1, "same")


def test_an_error_is_a_traceback_of_the_readers_lines(page):
    write(page, TASK, "def f(x):\n    return 1 / x\n\nimport numpy as np\nf(0)")
    told = run(page, TASK, "error")
    assert told.startswith("Traceback (most recent call last):")
    assert re.findall(r'File "(.*)", line (\d+)', told) == [
        (f"cell {TASK + 1}", "5"), (f"cell {TASK + 1}", "2")]
    assert "return 1 / x" in told and told.rstrip().endswith("ZeroDivisionError: division by zero")
    write(page, TASK, "x = (1")
    assert "SyntaxError: '(' was never closed" in run(page, TASK, "error")
    cell(page, TASK + 1).locator(".cm-content").focus()
    page.keyboard.press("Shift+Enter")
    expect(said(page, TASK + 1)).to_have_text(
        f"Cell {TASK + 1} above stops with an error.")


def test_outputs_have_the_pages_dress(page):
    write(page, TASK, "\n".join([
        "from IPython.display import Markdown, display", "from lora_edu.explore import show",
        "import warnings", "print('one'); warnings.warn('two')",
        "display(Markdown('| a |\\n|---|\\n| **3** $\\\\alpha$ |'))",
        "display({'four': 4})",
        "show({'data': [{'y': [1, 2]}], 'layout': {'height': 200}}, name='five')"]))
    run(page, TASK, "own")
    shown = cell(page, TASK).locator(".py-output")
    assert shown.locator(".stdout pre").inner_text().strip() == "one"
    assert "UserWarning: two" in shown.locator(".stderr pre").inner_text()
    assert shown.locator("table.table td strong").inner_text() == "3"
    assert shown.locator(".katex").count() == 1
    assert shown.locator(".text_plain pre").inner_text() == "{'four': 4}"
    expect(shown.locator(".explorer .js-line")).to_have_count(1)
    write(page, TASK, "8;")
    run(page, TASK, "own")
    assert shown.inner_text() == ""


def test_a_changed_explorer_computes_in_the_worker(visit):
    page = start(visit, "book/sliders.html")
    write(page, 0, "\n".join([
        "from lora_edu.explore import explore", "def wave(n=2):",
        "    return {'data': [{'y': [0, 10 * n]}], 'layout': {'meta': {'reading': f'n is {n}'}}}",
        "explore(wave, n=(1, 9))"]))
    run(page, 0, "own")
    explorer = cell(page, 0).locator(".py-output .explorer")
    expect(explorer.locator(".explorer-reading > span")).to_have_text("n is 2")
    explorer.locator("input[type=range]").press("End")
    expect(explorer.locator(".explorer-reading > span")).to_have_text("n is 9")
    assert explorer.locator(".explorer-plot[data-drawn]").evaluate(
        "(box) => box.data[0].y.at(-1)") == 90


def test_an_endless_loop_is_stopped_and_no_text_is_lost(page):
    write(page, TASK + 2, "kept = 'the text'")
    write(page, TASK + 1, "while True:\n    pass")
    cell(page, TASK + 1).locator(".py-run").click()
    expect(cell(page, TASK + 1)).to_have_attribute("data-python", "running")
    cell(page, TASK + 1).locator(".py-run").click()
    expect(said(page, TASK + 1)).to_have_text("Stopped.")
    assert cell(page, TASK + 2).locator(".cm-content").inner_text() == "kept = 'the text'"
    write(page, TASK + 1, "print('on', d)")
    assert run(page, TASK + 1, "own").strip() == "on 64"


def test_what_is_printed_without_end_does_not_drown_the_page(page):
    write(page, TASK, "for _ in range(10**5): print('x' * 50)")
    told = run(page, TASK, "own")
    assert told.rstrip().endswith("and more, which is not shown.") and len(told) < 250_000


def test_changes_survive_a_reload_and_go_into_a_notebook(visit):
    here = visit(FIRST)
    for again in range(2):
        page = begin(here.page)
        if again:
            assert cell(page, TASK + 1).locator(".cm-content").inner_text() == "mine = 1"
            break
        page.evaluate("localStorage.setItem(`page-python ${location.pathname}`, "
                      "JSON.stringify({ 'x = 1': 'x = 2' }))")  # as another tab does
        write(page, TASK + 1, "mine = 1")
        page.reload()
        expect(page.locator(".page-python")).to_contain_text("Your changes of 2 cells")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download notebook").click()
    assert download.value.suggested_filename == "step-zero.ipynb"
    code = [c for c in json.loads(download.value.path().read_text())["cells"]
            if c["cell_type"] == "code"]
    texts = ["".join(c["source"]) for c in code]
    mine = TASK + 2  # the first cell of a notebook installs what is missing
    assert texts[mine] == "mine = 1" and code[mine]["outputs"] == []
    assert texts[mine - 1].startswith("import numpy as np")


@pytest.mark.parametrize(("explorer", "own"), [
    ("step-zero", {"r": 6, "alpha": 11.5}),
    pytest.param("hundred-steps", {"r": 5, "alpha": 7, "lr": 0.0123}, marks=pytest.mark.thorough)])
def test_own_values_are_computed_by_the_same_function(visit, explorer, own):
    built = next(each for each in EXPLORERS if each.name == explorer)
    page = start(visit, built.page)
    root = page.locator(f"#explorer-{explorer}")
    root.get_by_role("button", name="own values").click()
    for name, value in own.items():
        label = next(c.label for c in built.controls if c.name == name)
        box = root.get_by_role("textbox", name=f"{label}, any number")
        box.fill(str(value))
        box.press("Enter")
    values = {c.name: c.values[c.start] for c in built.controls} | own
    want = plain_figure(figure_function(built.data["source"])(**values))
    reading = root.locator(".explorer-reading > span")
    expect(reading).to_have_text(want["layout"]["meta"]["reading"])
    root.locator(".explorer-plot[data-drawn]").wait_for()
    have = root.evaluate("(root) => JSON.parse(JSON.stringify(root.explorer.figure))")
    check_figure(have, want, rtol=1e-6)
    link = page.evaluate("(name) => document.getElementById(name).explorer.link()",
                         f"explorer-{explorer}")
    assert link.endswith("&own=1")
    page = start(visit, built.page + link)
    expect(page.locator(f"#explorer-{explorer} .explorer-reading > span")).to_have_text(
        want["layout"]["meta"]["reading"])


def test_a_value_that_is_none_is_refused_in_words(page):
    root = page.locator("#explorer-step-zero")
    root.get_by_role("button", name="own values").click()
    box = root.get_by_role("textbox", name="r, any number")
    alpha = root.get_by_role("textbox", name="α, any number")
    for field, text, words in ((box, "x", "r must be a whole number of at least 1, not “x”."),
                               (box, "2.5", "whole number"), (box, "-3", "at least 1"),
                               (alpha, "1e400", "α must be a number")):
        field.fill(text)
        field.press("Enter")
        expect(root.locator(".explorer-failed")).to_contain_text(words)
    before = root.locator(".explorer-reading > span").inner_text()
    box.fill("1000000")
    box.press("Enter")
    assert root.locator(".explorer-failed").count() == 0
    expect(root).to_have_attribute("aria-busy", "true")
    expect(page.locator(".py-page").get_by_role("button", name="Stop")).to_be_enabled()
    root.get_by_role("button", name="Stop").click()
    expect(root.locator(".explorer-failed")).to_have_text("Stopped: the plot is where it was.")
    expect(root).to_have_attribute("aria-busy", "false")
    assert root.locator(".explorer-reading > span").inner_text() == before
    box.fill("6")
    box.press("Enter")
    expect(root.locator(".explorer-reading > span")).to_contain_text("r = 6")
    root.get_by_role("button", name="own values").click()
    expect(root.locator(".explorer-failed")).to_have_count(0)


@pytest.mark.parametrize("name", ["step-zero"])
def test_a_link_with_own_values_says_what_to_do(visit, name):
    page = visit(f"{FIRST}#{name}?r=6&alpha=11&own=1").page
    expect(page.locator(f"#explorer-{name} .explorer-failed")).to_have_text(re.compile(
        "^This link has values.*Run this page[^.]*[.]$"))


def test_a_package_that_the_site_lacks_is_asked_for_nowhere(page):
    """A test fails for any request elsewhere; Pyodide knows an address of its packages."""
    write(page, TASK, "import scipy")
    assert "ModuleNotFoundError" in run(page, TASK, "error")


def test_by_keyboard_alone_the_editor_can_be_left(page):
    cell(page, TASK).locator(".cm-content").focus()
    page.keyboard.press("Control+Home")
    page.keyboard.type("1/2 # ?\n")  # / and ? are keys of the page, elsewhere
    assert cell(page, TASK).locator(".cm-content").inner_text().startswith("1/2 # ?\nimport")
    cell(page, TASK).locator(".cm-line").first.click(click_count=3)
    page.keyboard.press("Backspace")
    page.keyboard.press("Control+Home")
    page.keyboard.press("Tab")
    assert cell(page, TASK).locator(".cm-content").inner_text().startswith("    import")
    page.keyboard.press("ControlOrMeta+z")
    assert cell(page, TASK).locator(".cm-content").inner_text().startswith("import")
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Run"


def test_a_phone_shows_it_without_scrolling_sideways(visit):
    page = start(visit, device="phone")
    write(page, TASK, "x = '" + "long " * 60 + "'\nx")
    run(page, TASK, "own")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_loading_can_be_cancelled(visit):
    page = visit(FIRST).page
    page.route("**/python_stdlib.zip", lambda route: None)  # never comes
    page.locator(".page-python button").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".page-python button")).to_be_enabled()
    assert page.locator(".py-editor, .py-page, .py-loading").count() == 0


@pytest.mark.parametrize(("script", "words"), [
    ("delete globalThis.WebAssembly", "this browser has no WebAssembly"),
    ("globalThis.Worker = class { constructor() { throw new Error('workers are blocked'); } }",
     "workers are blocked")])
def test_a_browser_that_cannot_says_so_and_the_page_stays(visit, script, words):
    here = visit(FIRST, script=script)
    here.page.locator(".page-python button").click()
    expect(here.page.locator(".page-python")).to_contain_text(words)
    assert here.page.locator(".py-editor").count() == 0
    assert cell(here.page, TASK + 1).locator(".cell_output").is_visible()


def test_half_a_download_says_so_and_the_next_try_works(visit):
    here = visit(FIRST)
    page, whole = here.page, (HTML / "_static/pyodide-0.27.7/python_stdlib.zip").read_bytes()
    here.context.route("**/python_stdlib.zip", lambda route: route.fulfill(body=whole[:1000]))
    page.locator(".page-python button").click()
    expect(page.locator(".page-python")).to_contain_text(
        f"Python's library broke off after 1000 of {len(whole)} bytes")
    here.context.unroute("**/python_stdlib.zip")
    begin(page)
    run(page, TASK, "same")
    here.expect("console: ")  # Pyodide says there what has happened to its library


@pytest.mark.parametrize("scheme", [
    "dark", pytest.param("light", marks=pytest.mark.thorough)])
def test_axe_finds_nothing_with_the_cells_open(visit, scheme):
    page = start(visit, color_scheme=scheme)
    write(page, TASK, "1 / 0")
    run(page, TASK, "error")
    write(page, TASK + 1, "import warnings; print(1); warnings.warn('two'); 3")
    page.locator("#explorer-step-zero").get_by_role("button", name="own values").click()
    page.add_script_tag(path=npm_file("axe-core/axe.min.js"))
    assert page.evaluate(AXE, None) == []


def test_numpy_agrees_with_the_numpy_of_the_build(page):
    write(page, TASK, "import numpy as np\nfrom lora_edu import SGD, Adapter, initial, train\n"
                   "from lora_edu.chapters.step_zero.runs import problem\n"
                   "A, B = initial(64, 64, 8, rng=np.random.default_rng(1))\n"
                   "print(repr(float(train(problem(), Adapter(A, B, 2.0), SGD(0.01), 20)"
                   ".loss[-1])))")
    from lora_edu import SGD, Adapter, initial, train
    from lora_edu.chapters.step_zero.runs import problem
    A, B = initial(64, 64, 8, rng=np.random.default_rng(1))
    want = train(problem(), Adapter(A, B, 2.0), SGD(0.01), 20).loss[-1]
    assert abs(float(run(page, TASK, "own")) - want) < 1e-12 * want
