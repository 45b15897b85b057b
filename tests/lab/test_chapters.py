"""Every chapter in a real JupyterLab: its copy opens and runs, offline, its explorers show what
their Python functions say, and what a reader does to it is kept.

Tests save by command. JupyterLab's autosave does the same every two minutes; made to come sooner,
it would come again before a slow save had ended, and ask what to do with a file that has changed.
"""

import json
import re

import pytest
from playwright.sync_api import expect

from lora_edu.explore.page import MOST_BUTTONS
from tests.book import NOTEBOOKS, folded_solutions, sampled
from tests.lab.driver import Lab, agree

# The figure of every explorer that is shown, as its function computes it at its present position.
FIGURES = """
import gc, json
from lora_edu.explore import Explorer
from lora_edu.explore.live import figure_json
from lora_edu.explore.plain import plain_figure
print(json.dumps({e.name: [figure_json(
    plain_figure(e.function(**e._live.values())) if e.controls else e.start()),
    [vars(c) for c in e.controls]] for e in gc.get_objects() if type(e) is Explorer and e._live}))
"""


def copy_of(page):
    return f"notebooks/{page.removeprefix('book/')}.ipynb"


def move(tab, widget, control):
    """Put a control to its last position, or its first, where it does not stand, as a reader does;
    the value that it then has."""
    index = 0 if control["start"] else len(control["values"]) - 1
    if control["kind"] == "slider":
        widget.get_by_role("slider").focus()
        tab.page.keyboard.press("End" if index else "Home")
    elif len(control["values"]) > MOST_BUTTONS:
        widget.get_by_role("combobox").select_option(index=index)
    elif control["kind"] == "choice":
        widget.get_by_role("radio", name=control["texts"][index], exact=True).check()
    else:
        widget.get_by_role("checkbox").set_checked(control["values"][index])


@pytest.mark.parametrize("page", sampled(NOTEBOOKS))
def test_a_chapter_runs_and_its_explorers_follow(context, server, page):
    tab = Lab(context, server.port, copy_of(page))
    tab.run_all()
    assert tab.cell_errors() == []
    shown = [tab.show_output(cell) for cell in tab.cells_with_widgets()]
    for output in shown:
        root = output.locator(".explorer")
        expect(root.locator(".explorer-plot[data-drawn]")).to_have_count(1)
        name = root.get_attribute("data-name")
        figure, controls = json.loads(tab.ask(FIGURES))[name]
        agree(root, json.loads(figure))
        for number, control in enumerate(controls):
            move(tab, root.locator("[data-control]").nth(number), control)
        if controls:
            expect(root).not_to_have_attribute("aria-busy", "true")
            moved = json.loads(tab.ask(FIGURES))[name][0]
            assert moved != figure
            agree(root, json.loads(moved))
    assert len(shown) == len(re.findall(r"^(?:explore|show)\(", tab.code(), re.MULTILINE))
    for label, (code, _) in folded_solutions(page).items():  # as a reader would paste it
        assert tab.ask(f"{code}\nprint('to its end')").endswith("to its end\n"), label
    tab.close()
    assert tab.errors == [] and tab.elsewhere == []


def test_a_readers_copy_is_kept(context, server):
    """And its views, which say that their kernel is gone; the book's pages stay as they are."""
    book = {file: file.read_bytes() for file in (server.folder / "book").rglob("*.md")}
    copy = copy_of("book/part1/hundred-steps")
    tab = Lab(context, server.port, copy)
    tab.page.evaluate("""() => { jupyterapp.shell.currentWidget.content.widgets.find(
        cell => cell.model.type === "code").model.sharedModel.source += "\\n# what I think"; }""")
    tab.run_all()
    last = tab.cells_with_widgets()[-1]
    expect(tab.show_output(last).locator(".explorer-plot[data-drawn]")).to_have_count(1)
    tab.command("docmanager:save")  # saved are the widgets that have come by then
    tab.command("application:close")
    tab.wait_for_no_kernel()
    tab.page.close()
    cells = json.loads((server.folder / copy).read_text("utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert "# what I think" in "".join(code[0]["source"]) and any(c["outputs"] for c in code)
    assert book == {file: file.read_bytes() for file in book}
    tab = Lab(context, server.port, copy)
    view = tab.show_output(last)
    try:  # ipywidgets brings views back once the new kernel has answered; a busy server loses that
        expect(view.locator(".explorer-plot[data-drawn]")).to_have_count(1, timeout=30_000)
    except AssertionError:
        tab.page.reload()
        tab.ready()
        view = tab.show_output(last)
    expect(view.locator(".explorer-plot[data-drawn]")).to_have_count(1)
    expect(view.locator(".explorer-dead")).to_contain_text("run this cell again")
    tab.close()


def test_what_is_folded_opens_at_a_click(context, server):
    tab = Lab(context, server.port, copy_of("book/part1/step-zero"))
    inside = "def solution(A, M, B, G, s):"
    number = tab.page.evaluate("""text => [...jupyterapp.shell.currentWidget.content.model.cells]
        .findIndex(cell => cell.sharedModel.source.includes(text))""", inside)
    cell = tab.show_output(number).locator(".jp-RenderedMarkdown")
    expect(cell.get_by_text(inside)).to_be_hidden()
    cell.locator("details", has_text=inside).last.locator("summary", has_text="Solution: ").click()
    expect(cell.get_by_text(inside)).to_be_visible()
    tab.close()
