"""Every chapter in a real JupyterLab: its copy opens, restarts and runs all, offline,
and its explorers show what their Python functions say wherever they are moved.

While one chapter is looked at, the next one runs.
"""

import json
import re

import plotly.graph_objects as go
import pytest
from playwright.sync_api import expect

from lora_edu.explore.controls import Control
from lora_edu.explore.page import MOST_BUTTONS
from lora_edu.explore.plain import plain_figure
from tests.book import NOTEBOOKS, figure_function, folded_solutions, sampled
from tests.lab.driver import Lab
from tests.lab.test_lab import lists

EXPLORERS = """
import gc, json
from lora_edu.explore import Explorer
from lora_edu.explore.live import figure_json
print(json.dumps({e.name: [e.source or figure_json(e.start()), [vars(c) for c in e.controls]]
                  for e in gc.get_objects() if type(e) is Explorer}))
"""


def copy_of(page):
    return f"notebooks/{page.removeprefix('book/')}.ipynb"


@pytest.fixture(scope="module")
def read(request, context, server):
    """``read(chapter)`` → its tab, in which all has run after a restart."""
    asked = [item.callspec.params["page"] for item in request.session.items
             if item.path == request.path and hasattr(item, "callspec")]
    tabs, free = {}, []

    def start(chapter):
        if chapter in tabs:
            return
        if free:
            tabs[chapter] = free.pop()
            tabs[chapter].turn_to(copy_of(chapter))
        else:
            tabs[chapter] = Lab(context, server.port, copy_of(chapter))
        tabs[chapter].restart_and_run_all()

    def read(chapter):
        for earlier in asked[:asked.index(chapter)]:
            if earlier in tabs:
                free.append(tabs.pop(earlier))
        start(chapter)
        for following in asked[asked.index(chapter) + 1:][:1]:
            start(following)
        tabs[chapter].page.bring_to_front()
        tabs[chapter].wait_for_run()
        return tabs[chapter]

    yield read
    for tab in [*tabs.values(), *free]:
        tab.close()


def computed(source, values):
    """The figure of an explorer's function at ``values``, as this process computes it; of one
    without controls, the figure that was handed to ``show``."""
    if source.startswith("{"):
        return plain_figure(go.Figure(json.loads(source)))
    return plain_figure(figure_function(source)(**values))


def agree(tab, root, source, values):
    """The plot and the sentence of an explorer come to be those of its function at ``values``."""
    figure = computed(source, values)
    expected = lists(plain_figure(go.Figure(figure["data"]))["data"])  # as what is drawn is read
    reading = figure["layout"].get("meta", {}).get("reading", "")
    expect(root.locator(".explorer-reading")).to_have_text(reading)
    before = None
    for _ in range(1200):  # a minute: the machine may be busy
        drawn = tab.traces(root.locator(".explorer-plot"))
        if drawn != before:
            before, found = drawn, lists(plain_figure(go.Figure(drawn))["data"])
        if found == expected:
            return
        tab.page.wait_for_timeout(50)
    assert found == expected


def move(tab, widget, control, index):
    """Put a control to a position, its first or last, as a reader does."""
    if control.kind == "slider":
        handle = widget.get_by_role("slider")
        handle.focus()
        tab.page.keyboard.press("End" if index else "Home")
    elif len(control.values) > MOST_BUTTONS:
        widget.get_by_role("combobox").select_option(index=index)
    elif control.kind == "choice":
        widget.get_by_role("radio", name=control.texts[index], exact=True).check()
    else:
        widget.get_by_role("checkbox").set_checked(control.values[index])


@pytest.mark.parametrize("page", sampled(NOTEBOOKS))
def test_a_chapter_runs_and_its_explorers_follow_their_controls(read, page):
    tab = read(page)
    assert tab.path() == copy_of(page)
    assert tab.cell_errors() == []
    made = {name: (source, [Control(**{**c, "values": tuple(c["values"])}) for c in controls])
            for name, (source, controls) in json.loads(tab.ask(EXPLORERS)).items()}
    shown = [tab.show_output(cell) for cell in tab.cells_with_widgets()]
    for output in shown:
        root = output.locator(".explorer")
        expect(root.locator(".explorer-plot[data-drawn]")).to_have_count(1)
        source, controls = made[root.get_attribute("data-name")]
        values = {c.name: c.values[c.start] for c in controls}
        agree(tab, root, source, values)
        start = dict(values)
        for number, control in enumerate(controls):
            index = 0 if control.start else len(control.values) - 1
            move(tab, root.locator("[data-control]").nth(number), control, index)
            values[control.name] = control.values[index]
            agree(tab, root, source, values)
        if controls:
            root.get_by_role("button", name=re.compile("^reset")).click()
            agree(tab, root, source, start)
    assert len(shown) == len(re.findall(r"^(?:explore|show)\(", tab.code(), re.MULTILINE))
    for label, (code, _) in folded_solutions(page).items():  # as a reader would paste it
        assert tab.ask(f"{code}\nprint('to its end')").endswith("to its end\n"), label
    # a restart cuts short what JupyterLab was asking the kernel: its debugger's question says so,
    # and so does the kernel's "no" to the channel that ipywidgets asks for; others do not
    assert [error for error in tab.errors if error and "debugger state" not in error
            and "Comm not found" not in error] == []
    assert tab.elsewhere == []
