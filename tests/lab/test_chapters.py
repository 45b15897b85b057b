"""Every chapter in a real JupyterLab: its copy opens and runs, offline, its explorers show what
their Python functions say, and what a reader does to it is kept.

Tests save by command. JupyterLab's autosave does the same every two minutes; made to come sooner,
it would come again before a slow save had ended, and ask what to do with a file that has changed.
"""

import json
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import expect

from book._extensions.notebooks.copies import copy_names
from tests.book import NOTEBOOKS, REPOSITORY, folded_solutions, sampled
from tests.lab.driver import Lab, agree

# The figure of every explorer that is shown, as its function computes it at its present position.
FIGURES = """
import gc, json
from lora_edu.explore import Explorer
from lora_edu.explore.plain_figure import as_lists, plain_figure
shown = [e for e in gc.get_objects() if type(e) is Explorer and e._live]
print(json.dumps({e.name: as_lists(plain_figure(e.function(**e._live.values()))
                                   if e.controls else e.start()) for e in shown}))
"""
MOVE = """for e in shown:
    e._live.position = [0 if c.start else len(c.values) - 1 for c in e.controls]"""


def copy_of(page):
    return f"notebooks/{copy_names(REPOSITORY)[page]}"


@pytest.mark.parametrize("page", sampled(NOTEBOOKS))
def test_a_chapter_runs_and_its_explorers_follow(context, server, page):
    tab = Lab(context, server.port, copy_of(page))
    tab.command("notebook:run-all-cells")
    assert tab.cell_errors() == []
    for step in ("", MOVE):
        assert tab.ask(step) == ""
        figures = json.loads(tab.ask(FIGURES))
        for cell in tab.cells_with_explorers():
            root = tab.show_output(cell).locator(".explorer")
            expect(root.locator(".explorer-plot[data-drawn]")).to_have_count(1)
            agree(root, figures[root.get_attribute("data-name")])
    for label, (code, _) in folded_solutions(page).items():  # as a reader would paste it
        assert tab.ask(f"{code}\nprint('to its end')").endswith("to its end\n"), label
    tab.close()
    assert tab.errors == [] and tab.elsewhere == []


def test_a_chapter_that_was_only_read_does_not_ask_to_be_saved(context, server):
    tab = Lab(context, server.port, copy_of("book/part1/by-hand"))
    tab.page.wait_for_timeout(3000)  # what JupyterLab writes into it comes once its kernel is idle
    assert not tab.page.evaluate("jupyterapp.shell.currentWidget.context.model.dirty")
    tab.close()


def test_a_readers_copy_is_kept(context, server):
    """Its kernel ends with its tab; the book's pages stay as they are."""
    book = {file: file.read_bytes() for file in (server.folder / "book").rglob("*.md")}
    copy = copy_of("book/part1/step-zero")
    tab = Lab(context, server.port, copy)
    tab.page.evaluate("""() => { jupyterapp.shell.currentWidget.content.widgets.find(
        cell => cell.model.type === "code").model.sharedModel.source += "\\n# what I think"; }""")
    tab.command("notebook:run-all-cells")
    last = tab.cells_with_explorers()[-1]
    expect(tab.show_output(last).locator(".explorer-plot[data-drawn]")).to_have_count(1)
    tab.command("docmanager:save")  # saved are the widgets that have come by then
    tab.command("application:close")
    tab.wait_for_no_kernel()
    tab.page.close()
    address = f"http://127.0.0.1:{server.port}/"
    asked = Request(f"{address}nbconvert/html/{copy}", headers={"Referer": address})
    with urlopen(asked) as exported:  # a plot's words, not its widget
        assert "<table><thead>" in exported.read().decode()
    cells = json.loads((server.folder / copy).read_text("utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert "# what I think" in "".join(code[0]["source"]) and any(c["outputs"] for c in code)
    assert book == {file: file.read_bytes() for file in book}
