"""The button that plays a slider: how it goes on, ends and pauses, and a wish for less motion."""

import pytest
from playwright.sync_api import expect

from lora_edu.explore import explore
from tests.site.devices import TWO_FRAMES


def walk(step=0, up=True):
    """A walk of so many steps, up or down."""
    line = {"mode": "lines", "line": {"color": "red"}, "x": [0, step],
            "y": [0, step if up else -step]}
    return {"data": [line], "layout": {
        "xaxis": {"range": [0, 6]}, "yaxis": {"range": [-6, 6]}, "meta": {"reading": f"at {step}"}}}


@pytest.fixture
def playing(opened):
    """``playing(steps, …)`` → (Visit, explorer, button) of a page with one explorer, drawn."""
    def start(steps=6, **options):
        html = explore(walk, step=range(steps), up=bool, play="step").html()
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


def test_it_plays_to_the_end_a_few_steps_a_second_and_then_anew(playing):
    here, root, button = playing(4)
    assert button.inner_text().endswith("play")
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
    assert rests(here, root, button) and at(root) == 3
    assert root.evaluate("(root) => root.explorer.box.data[0].x[1]") == 3
    assert root.evaluate("(root) => (root.querySelector('.explorer-play').click(), "
                         "root.querySelector('input').value)") == "0"
    wait_for(here, root, 1)
    assert button.get_attribute("aria-label") == "pause step"
    button.click()
    assert rests(here, root, button)


@pytest.mark.parametrize("hand", ["the slider", "another control", "reset", "a link", "the button"])
def test_it_pauses_when_the_reader_takes_hold_of_anything(playing, hand):
    here, root, button = playing(40)
    button.press("Space")  # a button, so that keys press it
    wait_for(here, root, 2)
    {"the slider": lambda: root.locator("input").first.press("ArrowRight"),
     "another control": lambda: root.locator("[type=checkbox]").click(),
     "reset": lambda: root.locator('[data-do="reset"]').click(),
     "a link": lambda: here.page.evaluate("() => { location.hash = '#walk?step=9'; }"),
     "the button": lambda: button.click()}[hand]()
    assert rests(here, root, button)
    assert at(root) == {"reset": 0, "a link": 9}.get(hand, at(root))


@pytest.mark.parametrize("where", ["below", "hidden"])
def test_it_pauses_out_of_sight(playing, where):
    here, root, button = playing(40)
    button.click()
    wait_for(here, root, 1)
    if where == "below":
        here.page.evaluate("() => scrollTo(0, 2500)")
    else:
        here.page.evaluate("""() => {
          Object.defineProperty(document, "hidden", { value: true, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }""")
    here.page.evaluate(TWO_FRAMES)
    assert rests(here, root, button) and at(root) < 39


def test_the_key_p_plays_and_pauses_from_anywhere_in_the_explorer(playing):
    here, root, button = playing(40)
    root.locator("[type=checkbox]").press("p")
    wait_for(here, root, 2)
    root.locator("[type=checkbox]").press("Control+p")
    wait_for(here, root, 3)
    root.locator("[type=checkbox]").press("p")
    assert rests(here, root, button)
    here.page.evaluate("() => document.activeElement.blur()")
    here.page.keyboard.press("p")
    assert rests(here, root, button)


def test_less_motion_makes_each_press_one_step_and_the_name_says_so(playing):
    here, root, button = playing(3, reduced_motion="reduce")
    for step in (1, 2, 0):
        assert button.get_attribute("aria-label") == "step step"
        assert button.inner_text().endswith("step")
        button.click()
        assert at(root) == step
        here.page.wait_for_timeout(450)
        assert at(root) == step
    here.page.emulate_media(reduced_motion="no-preference")
    here.page.wait_for_function("(button) => button.textContent.endsWith('play')",
                                arg=button.element_handle())


def test_it_waits_for_a_step_that_is_not_drawn(playing):
    here, root, button = playing(40)
    root.evaluate("""(root) => Object.defineProperty(root.explorer.plot, "current",
      { get: () => false })""")
    button.click()
    here.page.wait_for_timeout(1200)
    assert at(root) == 1


def test_a_button_with_another_word_is_as_wide_as_before(playing):
    _, root, button = playing()
    for each, word in ((button, "pause"), (root.locator('[data-do="link"]'), "in address bar")):
        before = each.bounding_box()["width"]
        each.click()
        expect(each).to_contain_text(word)
        assert each.bounding_box()["width"] == before
