"""What the page draws is what the Python function computes, in every state and after every move."""

import json

import pytest

from lora_edu.explore.page_data import headline
from tests.book import sampled
from tests.site.explorers import drawn
from tests.site.pages import EXPLORERS, check_figure, computed


@pytest.mark.parametrize("built", sampled(EXPLORERS))
def test_every_state_is_the_functions_figure(reader, built):
    tab = reader(built.page)
    root = tab.page.locator(f"#explorer-{built.name}")
    text = root.evaluate("""async (root) => {
      const { controls, stored } = root.explorer;
      const length = controls.reduce((count, control) => count * control.count, 1);
      const figures = Array.from({ length }, (_, i) => stored.figure(i));
      return JSON.stringify(await Promise.all(figures));
    }""")
    check_figure(json.loads(text, parse_int=float), computed(built))


def check_drawn(root, built, values):
    """The plot, its axes and its headline are those of the state at ``values``."""
    want = computed(built)[built.number(values)]
    data, ranges, sentence = drawn(root)
    check_figure(data, want["data"])
    check_figure(ranges, {axis: want["layout"][axis]["range"] for axis in ranges
                          if "range" in want["layout"].get(axis, {})})
    assert sentence == headline(want)


def move(part, control, at):
    if control.kind == "slider":
        part.locator("input").press("Home")
        for _ in range(at):
            part.locator("input").press("ArrowRight")
    else:
        part.locator("label").nth(at).tap()


def test_a_moved_control_draws_the_functions_figure(reader):
    """At both ends and in the middle."""
    built = next(each for each in EXPLORERS if each.name == "step-zero")
    root = reader(built.page, "phone").start(built.name)
    values = {c.name: c.values[c.start] for c in built.controls}
    for control in built.controls:
        last = len(control.values) - 1
        for at in (last, last // 2, 0):
            move(root.locator(f'[data-control="{control.name}"]'), control, at)
            values[control.name] = control.values[at]
            check_drawn(root, built, values)
