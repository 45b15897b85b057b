"""Explorers in a real JupyterLab: what is drawn is what Python computes, whatever the reader does.

The tests share one notebook and run in order: each moves on from where the last one ended.
"""

import re
import time

import numpy as np
import plotly.graph_objects as go
import pytest
from playwright.sync_api import expect

from lora_edu.explore.plain import plain_figure
from tests.lab.cells import CELL, EXPLORERS, MADE, VIEWS

THUMB = 16  # px, of a slider in Chromium


def lists(value):
    """Arrays as lists, at any depth, so that figures can be compared."""
    if isinstance(value, dict):
        return {key: lists(entry) for key, entry in value.items()}
    if isinstance(value, (list, np.ndarray)):
        return [lists(entry) for entry in value]
    return value


def figure_at(name, **moved):
    """The figure of the explorer's function: the start position but for what has moved."""
    start = {c.name: c.values[c.start] for c in MADE[name].controls}
    return plain_figure(MADE[name].function(**{**start, **moved}))


def check(lab, name, view=0, traces=None, **moved):
    """The view comes to show, in plot and reading, what the Python function says."""
    figure = figure_at(name, **moved)
    expected = lists(figure["data"]), figure["layout"]["meta"]["reading"]
    for _ in range(1200):  # a minute: the machine may be busy
        drawn = lists(plain_figure(go.Figure(lab.plotted(name, view)))["data"])
        said = lab.explorer(name, view).locator(".explorer-reading").text_content()
        if (drawn[:traces], said) == expected:
            return
        time.sleep(0.05)
    assert (drawn[:traces], said) == expected


def number(name, argument):
    """Which of an explorer's controls moves an argument."""
    return [c.name for c in MADE[name].controls].index(argument) if name in MADE else 0


def press(lab, name, argument, *keys, view=0):
    """Press keys on a slider."""
    handle = lab.control(name, number(name, argument), view).get_by_role("slider")
    handle.focus()
    for key in keys:
        lab.page.keyboard.press(key)


def put(lab, name, argument, index):
    """Move a control to a position with the pointer."""
    made = next(c for c in MADE[name].controls if c.name == argument)
    widget = lab.control(name, number(name, argument))
    if made.kind == "slider":
        track = widget.get_by_role("slider")
        width, height = (track.bounding_box()[side] for side in ("width", "height"))
        x = THUMB / 2 + (width - THUMB) * index / (len(made.values) - 1)
        track.click(position={"x": x, "y": height / 2})
    elif made.kind == "choice":
        widget.get_by_role("radio", name=made.texts[index], exact=True).check()
    else:
        widget.get_by_role("checkbox").set_checked(made.values[index])


@pytest.mark.parametrize("name", EXPLORERS)
def test_each_explorer_draws_its_first_position(lab, name):
    check(lab, name)


@pytest.mark.parametrize("name", ["step-zero", "saddle", "power"])
def test_every_control_moves_the_plot(lab, name):
    for made in MADE[name].controls:
        last = len(made.values) - 1
        for index in (0, last, last // 2, made.start):
            put(lab, name, made.name, index)
            check(lab, name, **{made.name: made.values[index]})


def test_sliders_move_by_keyboard(lab):
    for keys, tau in ((["End"], 1e-2), (["Home"], 0.0), (["ArrowRight"] * 4, 1e-10),
                      (["ArrowLeft"], 1e-12)):
        press(lab, "saddle", "tau", *keys)
        check(lab, "saddle", tau=tau)


def test_a_held_key_computes_the_newest_position_not_each(lab):
    press(lab, "slow", "n", *["ArrowRight"] * 12)
    said = lab.explorer("slow").locator(".explorer-reading")
    expect(said).to_have_text(re.compile("^12 of"))
    assert len(said.text_content().split(",")) < 6


def test_a_screen_reader_hears_each_controls_name_and_value(lab):
    root = lab.explorer("step-zero")
    for control in MADE["step-zero"].controls:
        if control.kind == "slider":
            handle = root.get_by_role("slider", name=control.label, exact=True)
            expect(handle).to_have_attribute("aria-valuetext", control.texts[control.start])
        else:
            group = root.get_by_role("group", name=control.label, exact=True)
            for text in control.texts:
                expect(group.get_by_role("radio", name=text, exact=True)).to_be_enabled()
    switch = lab.explorer("power").get_by_role("checkbox", name="negative", exact=True)
    expect(switch).to_be_enabled()


def test_keys_move_the_control_and_leave_the_notebook_where_it_is(lab):
    active = "jupyterapp.shell.currentWidget.content.activeCellIndex"
    lab.show_output(CELL["step-zero"])
    press(lab, "step-zero", "r", "Home", "ArrowUp", "ArrowUp", "ArrowDown")
    check(lab, "step-zero", r=2)
    lab.explorer("step-zero").get_by_role("radio", name="SGD").focus()
    lab.page.keyboard.press("ArrowDown")
    check(lab, "step-zero", r=2, optimiser="Momentum")
    assert lab.page.evaluate(active) == CELL["step-zero"]
    lab.explorer("step-zero").get_by_text("reset").click()
    check(lab, "step-zero")


def test_a_slow_figure_says_that_it_is_computed(lab):
    root = lab.explorer("slow")
    assert lab.ask("pause = 5") == ""
    press(lab, "slow", "n", "Home")
    expect(root).to_have_attribute("aria-busy", "true")
    expect(root.locator(".explorer-reading")).to_have_text(re.compile("^12 of"))
    expect(root).not_to_have_attribute("aria-busy", "true")
    expect(root.locator(".explorer-reading")).to_have_text(re.compile("^0 of"))
    assert lab.ask("pause = 0") == ""


def test_two_explorers_side_by_side_are_drawn_alike(lab):
    boxes = [lab.explorer(name).locator(".main-svg").first.bounding_box()
             for name in ("left", "right")]
    assert boxes[0]["width"] == boxes[1]["width"] > 250
    assert boxes[0]["y"] == boxes[1]["y"]


def test_the_ipywidgets_of_an_explorer_move_its_view_and_follow_it(lab):
    assert lab.ask("twice.live().inputs['tau'].value = 1e-8") == ""
    check(lab, "twice", 0, tau=1e-8)
    check(lab, "twice", 1, tau=1e-8)
    press(lab, "twice", "tau", "Home", view=1)
    check(lab, "twice", 0, tau=0.0)
    assert lab.ask("print(twice.live().inputs['tau'].value)") == "0.0\n"


def test_where_plotly_does_not_load_the_view_says_so_and_the_next_move_tries_again(lab, open_tab):
    lab.command("docmanager:save")
    tab = open_tab("globalThis.Kept = DecompressionStream; delete globalThis.DecompressionStream;")
    failed = tab.explorer("power").locator(".explorer-failed")
    expect(failed).to_have_text("The plot is not drawn: DecompressionStream is not defined. "
                                "The next move tries again.")
    expect(tab.explorer("power").locator(".explorer-reading")).to_have_text("x to the 2")
    tab.page.evaluate("() => { globalThis.DecompressionStream = Kept; }")
    press(tab, "power", "n", "End")
    check(tab, "power", n=3)
    expect(failed).to_be_hidden()
    tab.explorer("power").get_by_text("reset").click()
    check(lab, "power")
    tab.page.close()


def test_a_link_to_the_present_position_is_copied_for_the_text(lab):
    lab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    address = lab.page.url
    link = lab.explorer("power").locator('[data-do="link"]')
    link.click()
    expect(link).to_have_text("copied")
    assert lab.page.evaluate("navigator.clipboard.readText()") == "#power?n=2&negative=off"
    assert lab.page.url == address


def test_a_second_tab_and_a_reloaded_page_show_the_present_position(lab, open_tab):
    put(lab, "step-zero", "start", 4)
    press(lab, "step-zero", "r", "End")
    check(lab, "step-zero", start="BA zero", r=64)
    press(lab, "saddle", "tau", "Home")
    lab.command("docmanager:save")
    second = open_tab()
    check(second, "step-zero", start="BA zero", r=64)
    press(second, "step-zero", "alpha", "Home")
    check(lab, "step-zero", start="BA zero", r=64, alpha=1)
    second.page.close()
    lab.page.reload()
    lab.ready()
    check(lab, "step-zero", start="BA zero", r=64, alpha=1)
    check(lab, "saddle", tau=0.0)
    expect(lab.explorer("step-zero").locator("output")).to_have_text(["64", "1"])
    expect(lab.explorer("step-zero").locator("label:has(:checked)")).to_have_text(
        ["BA zero", "SGD"])
    assert second.errors == [] and second.elsewhere == []


def test_two_views_of_one_explorer_follow_the_same_controls(lab):
    press(lab, "twice", "tau", "End", view=1)
    check(lab, "twice", 0, tau=1e-2)
    check(lab, "twice", 1, tau=1e-2)


def test_running_a_cell_again_replaces_the_view_and_sends_little(lab):
    before = lab.received
    lab.run(CELL["step-zero"])
    check(lab, "step-zero")
    assert lab.page.locator('.explorer[data-name="step-zero"]').count() == 1
    assert lab.received - before < 200_000
    press(lab, "step-zero", "r", "Home")
    check(lab, "step-zero", r=1)


def test_a_link_in_the_text_moves_the_explorer_in_place(lab):
    address = lab.page.url
    lab.page.get_by_role("link", name="64 and both zero").click()
    check(lab, "step-zero", r=64, start="both zero")
    expect(lab.explorer("step-zero").locator("output")).to_have_text(["64", "16"])
    assert lab.page.url == address
    expect(lab.explorer("step-zero").locator(".explorer-plot")).to_be_in_viewport()


def test_a_link_to_a_plot_that_has_not_run_says_so(lab):
    for _ in range(2):
        lab.page.get_by_role("link", name="later").click()
    expect(lab.page.locator(".explorer-unrun")).to_have_text(
        "(this plot has not run yet: Run ▸ Run All Cells)")


def test_pin_keeps_a_ghost_and_its_own_button_removes_it(lab):
    pinned = lab.explorer("step-zero").locator(".explorer-pinned > span")
    buttons = lab.explorer("step-zero").locator(".explorer-buttons")
    put(lab, "step-zero", "start", 0)  # one whose curves move with r
    check(lab, "step-zero", r=64)
    before, expected = lab.plotted("step-zero"), figure_at("step-zero", r=64)
    buttons.get_by_text("pin").click()
    press(lab, "step-zero", "r", "ArrowLeft")
    check(lab, "step-zero", traces=len(before), r=32)
    ghost = lab.plotted("step-zero")[len(before):]
    assert ghost and all(trace["y"] in [each["y"] for each in before] for trace in ghost)
    assert all(trace["line"]["dash"] == "4px,3px" for trace in ghost)
    expect(pinned).to_have_text(f"Pinned (dashed): {expected['layout']['meta']['reading']}")
    buttons.get_by_text("reset").click()
    lab.page.get_by_role("button", name="remove the pinned copy").click()
    check(lab, "step-zero")
    expect(pinned).to_be_hidden()


def test_an_error_is_said_and_the_next_good_position_clears_it(lab):
    said = lab.explorer("power").locator(".explorer-failed")
    expect(said).to_be_hidden()
    put(lab, "power", "negative", 1)
    press(lab, "power", "n", "End")
    expect(said).to_have_text(re.compile("n = 3, negative = on.*ValueError: no negative cube"))
    press(lab, "power", "n", "Home")
    check(lab, "power", n=1, negative=True)
    expect(said).to_be_hidden()


def test_after_a_restart_the_view_says_to_run_the_cell_again(lab):
    dead = lab.page.locator(".explorer-dead:visible")
    expect(dead).to_have_count(0)
    lab.restart()
    expect(dead).to_have_count(VIEWS - 1)  # a figure without controls stays what it is
    was = lab.explorer("step-zero").locator("output").all_text_contents()
    press(lab, "step-zero", "r", "Home", "End")  # nobody answers, so it stays where it was
    lab.explorer("step-zero").get_by_text("reset").click()  # no error from a lost kernel
    expect(lab.explorer("step-zero").locator("output")).to_have_text(was)
    lab.run(0)
    lab.run(CELL["step-zero"])
    expect(dead).to_have_count(VIEWS - 2)
    press(lab, "step-zero", "r", "End")
    check(lab, "step-zero", r=64)


def test_nothing_was_complained_of_and_nobody_else_was_asked(lab):
    assert lab.errors == []
    assert lab.elsewhere == []
