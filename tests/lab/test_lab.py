"""Explorers in a real JupyterLab: what is drawn is what Python computes, whatever the reader does.

The tests share one notebook, and each puts what it moves to where it needs it.
"""

import re

import nbformat
import pytest
from playwright.sync_api import expect

from lora_edu.explore.plain_figure import plain_figure
from tests.lab.driver import Lab, agree

SETUP = """
import time
import plotly.graph_objects as go
from lora_edu import STARTS
from lora_edu.explore import explore
from lora_book.step_zero.figures import step_zero

calls, pause = [], 0.5
def slow(n: int = 0):
    time.sleep(pause)
    calls.append(n)
    return go.Figure(layout={"meta": {"reading": f"{n} of {calls}"}})
"""
EXPLORERS = {
    "step-zero": "explore(step_zero, r=[1, 2, 4, 8, 16, 32, 64], alpha=[1, 4, 16, 64],"
                 " start=STARTS, optimiser=['SGD', 'Momentum', 'Adam'])",
    "twice": "explore(step_zero, name='twice', alpha=[4, 16, 64])",
}
VIEWS = len(EXPLORERS) + 2  # one is shown twice, and the slow one once
CELL = {name: number for number, name in enumerate(EXPLORERS, start=1)}
CELLS = [SETUP, *EXPLORERS.values(), "explore(slow, n=range(13))"]
CELLS[CELL["twice"]] = f"twice = {EXPLORERS['twice']}\ndisplay(twice, twice)"
exec(SETUP, names := {})
MADE = {name: eval(code, names) for name, code in EXPLORERS.items()}  # as the kernel makes them


@pytest.fixture(scope="module")
def lab(context, server):
    """The tab in which all cells have been run once."""
    new = nbformat.v4
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(new.new_notebook(cells=[*map(new.new_code_cell, CELLS)], metadata=kernel),
                   server.folder / "explorers.ipynb")
    lab = Lab(context, server.port, "explorers.ipynb")
    lab.command("notebook:run-all-cells")
    expect(lab.page.locator(".explorer-plot[data-drawn]")).to_have_count(VIEWS)
    yield lab
    lab.close()
    assert lab.errors == [] and lab.elsewhere == []


def check(lab, name, view=0, **moved):
    """The view comes to show, in plot and reading, what the Python function says at the start
    position, with the values of moved."""
    start = {c.name: c.values[c.start] for c in MADE[name].controls}
    agree(lab.explorer(name, view), plain_figure(MADE[name].function(**{**start, **moved})))


def part(lab, name, argument, view=0):
    """The control that moves an argument."""
    number = [c.name for c in MADE[name].controls].index(argument) if name in MADE else 0
    return lab.explorer(name, view).locator("[data-control]").nth(number)


def press(lab, name, argument, *keys, view=0):
    """Press keys on a slider."""
    part(lab, name, argument, view).get_by_role("slider").focus()
    for key in keys:
        lab.page.keyboard.press(key)


def test_keys_move_a_control_and_not_the_notebook(lab):
    active = "jupyterapp.shell.currentWidget.content.activeCellIndex"
    lab.show_output(CELL["step-zero"])
    press(lab, "step-zero", "r", "Home", "ArrowUp", "ArrowUp", "ArrowDown")
    check(lab, "step-zero", r=2)
    lab.explorer("step-zero").get_by_role("radio", name="SGD").focus()
    lab.page.keyboard.press("ArrowDown")
    check(lab, "step-zero", r=2, optimiser="Momentum")
    assert lab.page.evaluate(active) == CELL["step-zero"]
    lab.explorer("step-zero").get_by_role("radio", name="both zero", exact=True).check()
    check(lab, "step-zero", r=2, optimiser="Momentum", start="both zero")
    lab.explorer("step-zero").get_by_text("reset").click()
    check(lab, "step-zero")


def test_a_held_key_computes_the_newest_position_and_says_that_it_does(lab):
    root = lab.explorer("slow")
    headline = root.locator(".explorer-headline")
    press(lab, "slow", "n", "Home", *["ArrowRight"] * 12)
    expect(headline).to_have_text(re.compile("^12 of"))
    assert len(headline.text_content().split(",")) < 7
    assert lab.ask("pause = 5") == ""
    press(lab, "slow", "n", "Home")
    expect(root).to_have_attribute("aria-busy", "true")
    expect(root).not_to_have_attribute("aria-busy", "true")
    expect(headline).to_have_text(re.compile("^0 of"))


def test_python_moves_the_views_and_is_told_of_moves(lab):
    assert lab.ask("twice.live().position = [2]") == ""
    check(lab, "twice", 0, alpha=64)
    check(lab, "twice", 1, alpha=64)
    press(lab, "twice", "alpha", "Home", view=1)
    check(lab, "twice", 0, alpha=4)
    assert lab.ask("print(twice.live().values()['alpha'])") == "4\n"


def test_after_a_restart_a_view_says_what_to_do(lab):
    dead = lab.page.locator(".explorer-dead:visible")
    expect(dead).to_have_count(0)
    lab.page.evaluate("jupyterapp.shell.currentWidget.sessionContext.restartKernel()")
    expect(dead).to_have_count(VIEWS)
    was = lab.explorer("step-zero").locator("output").all_text_contents()
    press(lab, "step-zero", "r", "Home", "End")  # nobody answers, so it stays where it was
    expect(lab.explorer("step-zero").locator("output")).to_have_text(was)
    lab.command("notebook:run-all-cells")
    expect(dead).to_have_count(0)
    press(lab, "step-zero", "r", "End")
    check(lab, "step-zero", r=64)
