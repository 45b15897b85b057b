"""The reader's lora.py with Python in the page: judged, kept for all pages, opened, given back."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from lora_book.workshop.slips import SLIPS
from lora_book.workshop.splice import whose
from lora_book.workshop.steps import STEPS, lines
from tests.site.conftest import Visit
from tests.site.explorers import reads
from tests.site.test_python import FIRST as OTHER
from tests.site.test_python import PAGES, TASK, begin, cell, run, said, sources, write
from tests.steps import cell_of, stub, with_slip

IMPORT = "from lora_book.workshop import check, restore, take, yours\n\n"
PLACES = {name: file.with_suffix(".html").as_posix() for file in Path("book").rglob("*.md")
          for name in re.findall(r"^```\{lines\} (\S+)$", file.read_text("utf-8"), re.M)}
IN_PAGES = [(PLACES[step.name], step) for step in STEPS
            if PLACES.get(step.name) in PAGES and step.file == "lora.py"]  # no browser has PyTorch
FIRST = STEPS[0]
HOME = PLACES.get(FIRST.name)
pytestmark = pytest.mark.skipif(HOME not in PAGES, reason="no page has a step that runs there")
FILES = """() => JSON.parse(Object.entries(localStorage)
  .find(([key]) => key.startsWith("lora-files"))?.[1] ?? "{}")"""
MINE = "    return s * (B @ A)  # mine"


def step_cell(page, step=FIRST):
    """The cell of a step."""
    numbers = [number for number, text in enumerate(sources(PLACES[step.name]))
               if stub(step) in text]
    return cell(page, numbers[0])


def cell_text(step, parts: dict | None = None) -> str:
    return IMPORT + cell_of(step, parts)


def answer(page, state: str = "own") -> str:
    """Solve the first step, in the reader's own way; what the cell then shows."""
    mine = cell_text(FIRST).replace("    return (B @ A) * s", MINE)
    write(step_cell(page), mine)
    return run(step_cell(page), state)


def file_of(page) -> str:
    return page.evaluate(FILES).get("lora.py", "")


def open_file(page, text: str, name: str = "lora.py"):
    """Open a file as the reader's, and agree if it replaces another; the line that says how that
    went."""
    if file_of(page) not in ("", text):
        page.once("dialog", lambda dialog: dialog.accept())
    page.locator(".py-readers-file input").set_input_files(
        {"name": name, "mimeType": "text/x-python", "buffer": text.encode()})
    return page.locator(".py-readers-file .py-said")


def judge_file(page) -> str:
    """What check() says of the file."""
    write(step_cell(page), f"{IMPORT}check();")
    return run(step_cell(page), "own")


@pytest.fixture(scope="module")
def left_running(browser, site):
    opened = Visit(browser, site, "desk")
    opened.open(HOME)
    begin(opened.page)
    yield opened
    opened.context.close()


@pytest.fixture
def page(left_running):
    """The page of the first step with Python started and no file; tests share it."""
    page = left_running.page
    if file_of(page):
        page.once("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="Start over").click()
        page.wait_for_function(f"() => !('lora.py' in ({FILES})())")
    page.get_by_role("button", name="Reset all").click()
    yield page
    left_running.no_problems()


@pytest.mark.thorough
@pytest.mark.parametrize(("page", "step"), IN_PAGES, ids=[step.name for _, step in IN_PAGES])
def test_each_step_is_judged_in_its_page(visit, page, step):
    """An untouched stub never passes, a slip gets its sentence, and the book's lines pass."""
    opened = begin(visit(page).page)
    answered = step_cell(opened, step)
    answered.locator(".cm-content").press("Shift+Enter")
    expect(answered).to_have_attribute("data-python", "ran")
    expect(answered.locator(".cell_output").first).to_contain_text("Not answered yet")
    write(answered, cell_text(step, with_slip(step)))
    assert SLIPS[step.name][0].sentence in " ".join(run(answered, "own").split())
    assert file_of(opened) == ""
    write(answered, cell_text(step))
    assert run(answered, "own").strip().startswith("Right:")
    assert whose(step, file_of(opened)) == "yours"


def test_a_right_answer_opens_the_lines_and_is_there_on_other_pages(page, left_running):
    details = page.locator("div.cell:has(.py-bar) + .book-lines").first
    expect(details).to_have_js_property("open", False)
    assert "lora.py, which your browser keeps" in answer(page)
    expect(said(step_cell(page))).to_have_text(re.compile("^✓ Right[.]"))
    expect(details).to_have_js_property("open", True)
    assert MINE in file_of(page)
    other = left_running.context.new_page()
    other.set_default_timeout(60_000)
    other.goto(left_running.base + OTHER)
    begin(other)
    write(cell(other, TASK), f"{IMPORT}print(yours().delta.__code__.co_filename)\ncheck();")
    printed = run(cell(other, TASK), "own")
    assert "/lora.py" in printed and "1 of 9 steps are yours" in printed
    write(cell(other, TASK), f"{IMPORT}take('by-hand')")
    run(cell(other, TASK), "own")
    other.close()
    assert "def backward" in file_of(page) and MINE in file_of(page)
    expect(said(step_cell(page))).to_contain_text("Your lora.py has changed: run again.")


def test_a_function_that_does_not_end_leaves_the_file_as_it_was(page):
    answer(page)
    kept = file_of(page)
    endless = {"delta": "def delta(A, B, s):\n    while True:\n        pass\n",
               "merge": lines(FIRST)["merge"]}
    write(step_cell(page), cell_text(FIRST, endless))
    assert "after 3 seconds" in " ".join(run(step_cell(page), "own").split())
    assert file_of(page) == kept
    assert "Right: every step in the file passes." in judge_file(page)


def test_an_answer_survives_a_reload_and_new_words_in_its_stub(visit):
    page = begin(visit(HOME).page)
    answer(page)
    page.evaluate("""() => {
      const key = `page-python ${location.pathname}`;
      const kept = Object.keys(JSON.parse(localStorage.getItem(key)));
      if (kept.join() !== "check(delta, merge);") throw Error(kept);
    }""")
    page.reload()
    begin(page)
    assert MINE.strip() in step_cell(page).inner_text()
    assert MINE in file_of(page)
    assert answer(page).strip().startswith("Right:")


def test_a_file_is_opened_judged_and_downloaded(page):
    heard = open_file(page, "All my notes.\n", "notes.py")
    expect(heard).to_have_text("notes.py defines no function, so nothing has changed.")
    assert file_of(page) == ""
    answer(page)
    before = file_of(page)
    broken = before + "def broken(:\n"
    expect(open_file(page, broken)).to_have_text(
        "lora.py is now your lora.py. check() in a cell judges it. "
        "Your earlier text is kept as lora.before.py.")
    assert page.evaluate(FILES)["lora.before.py"] == before
    expect(said(step_cell(page))).to_contain_text("Your lora.py has changed: run again.")
    line = before.count("\n") + 1
    assert f"Line {line} of lora.py does not parse" in judge_file(page)
    write(step_cell(page), f"{IMPORT}yours()")
    told = run(step_cell(page), "error")
    assert re.search(rf'lora.py", line {line}\n.*\nSyntaxError', told, re.S)
    write(step_cell(page), f"{IMPORT}restore()")
    run(step_cell(page), "own")
    assert file_of(page) == before and page.evaluate(FILES)["lora.before.py"] == broken
    open_file(page, broken)  # the same file again
    expect(heard).to_contain_text("lora.py is now your lora.py")
    assert file_of(page) == broken
    with page.expect_download() as download:
        page.get_by_role("button", name="Download lora.py").click()
    assert download.value.suggested_filename == "lora.py"
    assert Path(download.value.path()).read_text("utf-8") == broken


def test_opening_a_file_over_work_asks(page):
    answer(page)
    kept = page.evaluate(FILES)
    page.once("dialog", lambda dialog: dialog.dismiss())
    other = {"name": "other.py", "mimeType": "text/x-python", "buffer": b"def start(): pass"}
    page.locator(".py-readers-file input").set_input_files(other)
    expect(page.locator(".py-readers-file .py-said")).to_have_text("Your lora.py has not changed.")
    assert page.evaluate(FILES) == kept


def test_start_over_asks_and_deletes(page):
    answer(page)
    buttons = page.get_by_role("button", name=re.compile("Download lora.py|Start over"))
    expect(buttons).to_have_count(2)
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("button", name="Start over").click()
    assert MINE in file_of(page)
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Start over").click()
    expect(buttons).to_have_count(0)
    assert page.evaluate(FILES) == {}
    assert "the file has no step yet" in judge_file(page)


REFUSED = {
    "full": "const set = Storage.prototype.setItem;"
            "Storage.prototype.setItem = function (key, value) {"
            "  if (value.length > 100) throw new DOMException('', 'QuotaExceededError');"
            "  set.call(this, key, value) }",
    "none": "Object.defineProperty(globalThis, 'localStorage', { configurable: true, "
            "get() { throw new DOMException('', 'SecurityError') } })"}


@pytest.mark.parametrize("script", REFUSED.values(), ids=REFUSED)
def test_a_browser_that_keeps_nothing_says_so(visit, script):
    page = begin(visit(HOME, script=script).page)
    answer(page)
    expect(page.locator(".py-readers-file .py-said")).to_have_text(
        "This browser keeps nothing: download lora.py before you leave.")
    assert "Right: every step in the file passes." in judge_file(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download lora.py").click()
    assert MINE in Path(download.value.path()).read_text("utf-8")


@pytest.mark.thorough
def test_what_a_cell_does_to_the_file_s_module_reaches_no_cell_above(visit):
    """Nor a traceback that leaves out the reader's own lines."""
    page = begin(visit(HOME).page)
    answer(page)
    first, second, third = (cell(page, number) for number in range(3))
    write(first, f"{IMPORT}lora = yours()")
    write(second, "print(lora.delta is None)")
    write(third, "lora.delta = None\nprint(lora.merge(1, 2, 3, 4))")
    told = run(third, "error")
    assert re.search(r'lora.py", line \d+, in merge\n +return W0 \+ delta', told)
    write(third, "lora.delta = None")
    run(third, "own")
    assert run(second, "own").strip() == "False"


FIGURE = """
import numpy as np
from lora_edu.explore import explore
from lora_book.workshop import yours

def by_file(drawn):
    A, _ = yours().start(2, 2, 1, np.random.default_rng(0))
    return {"layout": {"meta": {"reading": f"the sum of A: {A.sum():.2f}"}}}

explore(by_file, drawn=["once", "again"])"""


def test_a_figure_runs_the_file_as_it_now_is(page):
    text = ("import numpy as np\n\n\n"
            "def start(d, k, r, rng):\n    return np.full((r, k), 0.5), np.zeros((d, r))\n")
    expect(open_file(page, text)).to_contain_text("is now your lora.py")
    first = cell(page, 0)
    write(first, FIGURE)
    run(first, "own")
    explorer = first.locator(".py-output .explorer")
    reads(explorer, re.compile("^the sum of A: 1.00"))
    open_file(page, text.replace("0.5", "1.0"))
    page.wait_for_function(f"() => ({FILES})()['lora.py'].includes('1.0')")
    explorer.get_by_label("again", exact=True).check(force=True)
    reads(explorer, re.compile("^the sum of A: 2.00"))


@pytest.mark.thorough
def test_axe_finds_nothing_beside_a_step(visit):
    reader = visit(HOME, "phone", color_scheme="dark")
    page = begin(reader.page)
    answer(page)
    assert reader.axe() == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
