"""The button that plays a slider: how it goes on, ends and pauses, and a wish for less motion."""

import pytest

from lora_edu.explore import explore
from tests.site.devices import TWO_FRAMES


def walk(step=0, up=True):
    """A walk of so many steps, up or down."""
    line = {"mode": "lines", "x": [0, step], "y": [0, step if up else -step]}
    return {"data": [line], "layout": {
        "xaxis": {"range": [0, 6]}, "yaxis": {"range": [-6, 6]}, "meta": {"reading": f"at {step}"}}}


@pytest.fixture
def playing(opened):
    """``playing(steps, …)`` → (Visit, explorer, button) of a page with one explorer, drawn."""
    def start(steps=40, function=walk, **options):
        html = explore(function, name="walk", step=range(steps), up=bool, play="step").html()
        here = opened(html + "<p style='height: 3000px'>", **options)
        root = here.show("walk")
        return here, root, root.locator(".explorer-play")

    return start


def at(root):
    return int(root.locator("input").first.input_value())


def wait_for(here, root, step):
    here.page.wait_for_function(f"(root) => +root.querySelector('input').value >= {step}",
                                arg=root.element_handle())


def rests(here, root, button):
    """Whether it plays no more: nothing moves for longer than from one step to the next."""
    before = at(root)
    here.page.wait_for_timeout(800)
    return at(root) == before and button.get_attribute("aria-label") == "play step"


def test_it_plays_to_the_end_and_anew(playing):
    here, root, button = playing(4)
    steps, took = root.evaluate("""async (root) => {
      const began = performance.now(), input = root.querySelector("input"), steps = new Set();
      root.querySelector(".explorer-play").click();
      do {
        steps.add(+input.value);
        await new Promise(requestAnimationFrame);
      } while (root.querySelector(".explorer-play").textContent.endsWith("pause"));
      return [[...steps, +input.value], performance.now() - began];
    }""")
    assert steps == [1, 2, 3] and took > 2 * 250  # the first step is taken at once
    assert rests(here, root, button)
    assert root.evaluate("(root) => root.explorer.box.data[0].x[1]") == 3
    assert root.evaluate("(root) => (root.querySelector('.explorer-play').click(), "
                         "root.querySelector('input').value)") == "0"
    wait_for(here, root, 1)
    assert button.get_attribute("aria-label") == "pause step"


def test_it_begins_with_the_first_step(playing):
    """Where it opened with another one, unless the reader has chosen that."""
    for touch, first in ((None, 0), ("#walk?step=3", 4)):
        here, root, button = playing(function=lambda step=2, up=True: walk(step))
        if touch:
            here.page.evaluate(f"location.hash = '{touch}'")
            wait_for(here, root, 3)
        assert at(root) == (3 if touch else 2)
        button.click()
        assert at(root) == first


# What a reader does meanwhile → where the slider then stands, if it is said.
HANDS = {
    "slider": (lambda here, root: root.locator("input").first.press("ArrowRight"), None),
    "link": (lambda here, root: here.page.evaluate("location.hash = '#walk?step=9'"), 9),
    "key": (lambda here, root: root.locator("[type=checkbox]").press("p"), None),
    "scroll": (lambda here, root: here.page.evaluate("scrollTo(0, 2500)"), None),
}


@pytest.mark.parametrize("hand", HANDS)
def test_a_readers_hand_pauses_it(playing, hand):
    here, root, button = playing()
    button.press("Space") if hand != "key" else root.locator("[type=checkbox]").press("p")
    wait_for(here, root, 2)
    act, stands = HANDS[hand]
    act(here, root)
    here.page.evaluate(TWO_FRAMES)
    assert rests(here, root, button)
    assert at(root) < 39 and stands in (None, at(root))


def test_less_motion_makes_each_press_one_step(playing):
    here, root, button = playing(3, reduced_motion="reduce")
    for step in (1, 2, 0):
        assert button.get_attribute("aria-label") == "step step"
        button.click()
        assert at(root) == step
        here.page.wait_for_timeout(450)
        assert at(root) == step and f"step={step}&" in here.page.evaluate("location.hash")
