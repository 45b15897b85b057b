"""What the page draws is what the Python function computes, in every state and after every move."""

import json

import pytest

from lora_edu.explore.page_data import headline
from tests.site.pages import EXPLORERS, check_figure, computed


@pytest.mark.parametrize("built", EXPLORERS, ids=[built.id for built in EXPLORERS])
def test_every_state_is_the_functions_figure(reader, built):
    here = reader(built.page)
    root = here.page.locator(f"#explorer-{built.name}")
    text = root.evaluate("""async (root) => {
      await root.explorer.ready;
      const { controls } = root.explorer;
      const length = controls.reduce((count, control) => count * control.count, 1);
      return JSON.stringify(Array.from({ length }, (_, i) => root.explorer.figureAt(i)));
    }""")
    check_figure(json.loads(text, parse_int=float), computed(built))


def check_drawn(here, root, built, values):
    """The plot, its axes and its headline are those of the state at ``values``."""
    want = computed(built)[built.number(values)]
    data, ranges, said = here.drawn(root)
    check_figure(data, want["data"])
    check_figure(ranges, {axis: want["layout"][axis]["range"] for axis in ranges
                          if "range" in want["layout"].get(axis, {})})
    assert said == headline(want)


def by_keyboard(here, part, control, at):
    if control.kind == "slider":
        part.locator("input").press("Home")
        for _ in range(at):
            here.page.keyboard.press("ArrowRight")
    else:
        have = part.locator("input").evaluate_all("(all) => all.findIndex((one) => one.checked)")
        for _ in range(abs(at - have)):
            part.locator("input:checked").press("ArrowRight" if at > have else "ArrowLeft")


def by_pointer(here, part, control, at, press=None):
    place = part.locator("input") if control.kind == "slider" else part.locator("label").nth(at)
    place.scroll_into_view_if_needed()
    box, along = place.bounding_box(), 0.5
    if control.kind == "slider":
        thumb, share = 16 / box["width"], at / (len(control.values) - 1)
        along = thumb / 2 + share * (1 - thumb)
    (press or here.page.mouse.click)(box["x"] + along * box["width"], box["y"] + box["height"] / 2)


def by_touch(here, part, control, at):
    by_pointer(here, part, control, at, here.page.touchscreen.tap)


@pytest.mark.parametrize("move, device", [
    (by_keyboard, "desk"), (by_pointer, "desk"), (by_touch, "phone")])
def test_a_moved_control_draws_the_functions_figure(reader, move, device):
    """At both ends and in the middle."""
    (built,) = (each for each in EXPLORERS if each.name == "step-zero")
    here = reader(built.page, device)
    root = here.start(built.name)
    values = {c.name: c.values[c.start] for c in built.controls}
    for control in built.controls:
        last = len(control.values) - 1
        for at in (last, last // 2, 0):
            move(here, root.locator(f'[data-control="{control.name}"]'), control, at)
            values[control.name] = control.values[at]
            check_drawn(here, root, built, values)
            if move is by_keyboard:  # the moves on the way have left nothing behind
                assert here.looks(root) == here.looks(root, anew=True)
