"""The button that plays a slider: how it goes on, ends and pauses, and a wish for less motion."""

import pytest

from lora_edu.explore import explore
from tests.site.devices import TWO_FRAMES
from tests.site.explorers import line


@pytest.fixture
def playing(opened):
    """``playing(steps, …)`` → the explorer of a page, drawn."""
    def start(steps=40, first=0, **options):
        def figure(r=first, far=False):
            return line(r)

        html = explore(figure, name="line", r=range(steps), far=bool, play="r").html()
        return opened(html + "<p style='height: 3000px'>", **options).show("line")

    return start


def button(root):
    return root.locator(".explorer-play")


def at(root):
    return int(root.locator("input").first.input_value())


def wait_for(root, step):
    root.page.wait_for_function(f"(root) => +root.querySelector('input').value >= {step}",
                                arg=root.element_handle())


def rests(root):
    """Whether it plays no more: nothing moves for longer than from one step to the next."""
    before = at(root)
    root.page.wait_for_timeout(800)
    return at(root) == before and button(root).get_attribute("aria-label") == "play r"


def test_it_plays_to_the_end_and_anew(playing):
    root = playing(4)
    steps, took = root.evaluate("""async (root) => {
      const began = performance.now(), input = root.querySelector("input"), steps = new Set();
      root.querySelector(".explorer-play").click();
      do {
        steps.add(+input.value);
        await new Promise(requestAnimationFrame);
      } while (root.querySelector(".explorer-play").textContent.endsWith("pause"));
      return [[...steps], performance.now() - began];
    }""")
    assert steps == [0, 1, 2, 3] and took > 3 * 1500  # each, also the first, is seen
    assert rests(root)
    assert root.evaluate("(root) => root.explorer.box.data[0].y[1]") == 3
    button(root).click()
    assert at(root) == 0
    wait_for(root, 1)
    assert button(root).get_attribute("aria-label") == "pause r"


def test_it_begins_with_the_first_step(playing):
    """Where it opened with another one, unless the reader has chosen that."""
    for touch, seen in ((None, [2, 0, 1]), ("#line?r=3", [3, 4])):
        root = playing(first=2)
        if touch:
            root.page.evaluate(f"location.hash = '{touch}'")
            wait_for(root, 3)
        assert root.evaluate("""async (root, count) => {
          const input = root.querySelector("input"), steps = new Set([+input.value]);
          root.querySelector(".explorer-play").click();
          while (steps.size < count) {
            await new Promise(requestAnimationFrame);
            steps.add(+input.value);
          }
          return [...steps];
        }""", len(seen)) == seen


# What a reader does meanwhile → where the slider then stands, if it is said.
HANDS = {
    "slider": (lambda root: root.locator("input").first.press("ArrowRight"), None),
    "link": (lambda root: root.page.evaluate("location.hash = '#line?r=9'"), 9),
    "key": (lambda root: root.locator("[type=checkbox]").press("p"), None),
    "scroll": (lambda root: root.page.evaluate("scrollTo(0, 2500)"), None),
}


@pytest.mark.parametrize("hand", HANDS)
def test_a_readers_hand_pauses_it(playing, hand):
    root = playing()
    button(root).press("Space") if hand != "key" else root.locator("[type=checkbox]").press("p")
    wait_for(root, 2)
    act, stands = HANDS[hand]
    act(root)
    root.page.evaluate(TWO_FRAMES)
    assert rests(root)
    assert at(root) < 39 and stands in (None, at(root))


def mixed(r=0):
    """What may be between two steps, what may not, and words."""
    axis = {"range": [-1, 4]}
    ways = {"line": [r, r], "log": [10**r, 1], "zero": [r % 2, 1], "gap": [r, 1 if r else None]}
    traces = [{"name": name, "x": [1, 2], "y": y, "yaxis": "y" if name in ("line", "gap") else "y2"}
              for name, y in ways.items()]
    traces += [{"type": "heatmap", "name": "map", "z": [[1, r]], "showscale": False},
               {"type": "heatmap", "name": "zeros", "z": [[0, int(r > 1)]], "showscale": False},
               {"name": f"only in {r}", "y": [r]}]
    return {"data": traces, "layout": {"yaxis": axis, "yaxis2": {**axis, "type": "log"},
                                       "title": {"text": f"at {r}"}}}


WATCH = """(root) => {
  const { blend } = root.explorer, draw = blend.draw;
  globalThis.frames_drawn = [];
  blend.draw = (figure) => {
    const values = figure.data.map(({ name, y, z }) => [name, (z || [y])[0]]);
    frames_drawn.push(Object.fromEntries(values));
    draw(figure);
  };
}"""


@pytest.fixture
def frames(opened):
    """``frames(ms, …)`` → (explorer, what it has drawn after so long a play, and what it says) on a
    clock that goes as the test wants."""
    def play(ms, **options):
        root = opened(explore(mixed, name="mixed", r=[0, 1, 2], play="r").html(), **options)
        root = root.show("mixed")
        root.page.clock.install(time=0)
        root.page.clock.pause_at(1000)
        root.evaluate(WATCH)
        button(root).dispatch_event("click")
        for _ in range(0, ms, 50):
            root.page.clock.run_for(50)
        return root, *seen(root)

    return play


def seen(root):
    return root.evaluate("({ explorer: { headline } }) => "
                         "[frames_drawn, headline.innerText.trim()]")


def test_a_step_blends_into_the_next_and_ends_with_it(frames):
    _, drawn, said = frames(5000)
    assert [frame["line"][0] for frame in drawn if frame["line"][0] % 1 == 0] == [0, 1, 2]
    assert drawn[-1]["line"] == [2, 2] and said == "at 2"
    between = [frame for frame in drawn if frame["line"][0] % 1]
    assert len(between) > 8
    for frame in between:
        at = frame["line"][0]
        assert frame["map"] == [1, at]
        assert frame["log"] == [pytest.approx(10**at), 1]
        half = int(at + 0.5)  # whose all else is
        assert frame["zero"] == [half % 2, 1] and frame["zeros"] == [0, int(half > 1)]
        assert frame[f"only in {half}"] == [half]
        assert frame["gap"] == ([at, 1] if at > 1 else [half, 1 if half else None])


def test_whoever_ends_a_play_sees_what_is_stored(frames):
    root, drawn, said = frames(1750)
    assert 0 < drawn[-1]["line"][0] < 0.5 and said == "at 0"
    button(root).dispatch_event("click")
    drawn, said = seen(root)
    assert drawn[-1]["line"] == [1, 1] and said == "at 1"


def test_less_motion_cuts(frames):
    _, drawn, said = frames(1000, reduced_motion="reduce")
    assert [frame["line"] for frame in drawn] == [[1, 1]] and said == "at 1"


def test_less_motion_makes_each_press_one_step(playing):
    root = playing(3, reduced_motion="reduce")
    for step in (1, 2, 0):
        assert button(root).get_attribute("aria-label") == "step r"
        button(root).click()
        assert at(root) == step
        root.page.wait_for_timeout(450)
        assert at(root) == step and f"r={step}&" in root.page.evaluate("location.hash")
