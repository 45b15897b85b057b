"""When plotly or the stored positions fail, the page says so and stays true."""

import re

import pytest
from playwright.sync_api import expect

from lora_edu.explore import explore, page_data
from tests.site.devices import TWO_FRAMES

STORED = re.compile(r'(class="explorer-states">)([^<]+)')
UNHANDLED = """addEventListener("unhandledrejection",
  ({ reason }) => console.error(`unhandled: ${reason}`));"""


def line(r=1):
    """A line through r, in words that a first frame knows."""
    axis = {"range": [-4, 40], "zeroline": False}
    trace = {"x": [0, 30], "y": [r, r], "mode": "lines", "name": "r", "line": {"color": "red"}}
    return {"data": [trace], "layout": {
        "showlegend": False, "margin": {"l": 60, "r": 40, "t": 60, "b": 40}, "xaxis": axis,
        "yaxis": axis, "meta": {"reading": f"r = {r}"}}}


@pytest.fixture
def troubled(opened):
    """``troubled(damage, …)`` → (Visit, root) of a page with one explorer, its HTML damaged."""
    def start(damage=lambda html: html, script=UNHANDLED, **options):
        here = opened(damage(explore(line, r=[1, 2, 3]).html()), script=script, **options)
        return here, here.page.locator("#explorer-line")

    return start


def failure(root):
    root.locator(".explorer-failed").wait_for()
    return root.locator(".explorer-failed").inner_text()


def reads(root, sentence):
    expect(root.locator(".explorer-headline > span")).to_have_text(sentence)


def loading(root):
    """What stands in the place of the plot."""
    return root.locator(".explorer-plot").evaluate(
        "(box) => [box.getAttribute('aria-busy'), getComputedStyle(box, '::after').content]")


WAITING, QUIET = ["true", '"loading the plot …"'], [None, "none"]


def test_without_plotly_nothing_false_is_shown(troubled):
    """The picture stands only beside its own sentence; the next move tries again."""
    here, root = troubled(answer={"**/plotly*": lambda route: route.abort()})
    frame = root.locator(".explorer-frame")
    assert frame.is_visible()
    reads(root, "r = 1")
    root.locator("input").press("ArrowRight")
    assert not frame.is_visible()
    reads(root, "r = 2")  # once its states are unpacked
    assert re.search("not drawn: could not load .*plotly.*The next move tries", failure(root))
    assert loading(root) == QUIET
    root.locator("input").press("ArrowLeft")  # to the position of the first frame
    assert frame.is_visible() and "not drawn" in failure(root)
    reads(root, "r = 1")
    here.page.wait_for_function("(root) => !root.querySelector('[aria-busy]')",
                                arg=root.element_handle())
    here.page.unroute("**/plotly*")
    here.expect("console: Failed to load resource")
    root.locator("input").press("End")
    root.locator(".explorer-plot[data-drawn]").wait_for()
    assert root.locator(".explorer-failed").count() == 0
    reads(root, "r = 3")


def test_until_plotly_comes_the_plot_is_loading(troubled):
    """And what the reader has done meanwhile is kept."""
    held = []
    here, root = troubled(answer={"**/plotly*": lambda route: held.append(route)})
    here.page.mouse.move(2, 2)
    here.page.wait_for_function("() => document.querySelector('.explorer-plot[aria-busy]')")
    assert loading(root) == ["true", "none"]
    root.dispatch_event("pointerdown")
    root.locator('[data-do="pin"]').click()
    root.locator("input").press("ArrowRight")
    assert loading(root) == WAITING
    assert root.locator(".explorer-frame:visible").count() == 0
    reads(root, "r = 2")
    held[0].continue_()
    root.locator(".explorer-plot[data-drawn]").wait_for()
    here.page.evaluate(TWO_FRAMES)
    assert loading(root) == QUIET
    assert [trace["y"][0] for trace in here.drawn(root)[0]] == [2, 1]


def test_unreadable_positions_leave_the_first(troubled):
    _, root = troubled(lambda html: STORED.sub(lambda found: found[1] + found[2][:40], html))
    root.locator("input").press("ArrowRight")
    assert failure(root).startswith("The positions of this plot are not here: ")
    expect(root.locator("input")).to_have_value("0")
    reads(root, "r = 1")
    assert root.locator(".explorer-frame").is_visible()


@pytest.mark.parametrize(("trouble", "problem"), [
    ({"answer": {"**/explore.js*": lambda route: route.abort()}}, "console: Failed to load"),
    ({"script": "delete globalThis.IntersectionObserver;"}, "error: IntersectionObserver is not")])
def test_controls_that_do_not_come_are_missed_in_words(troubled, trouble, problem):
    """After a while, in their place."""
    here, root = troubled(device="phone", **trouble)
    here.expect(problem)
    before, after, room = root.locator(".explorer-controls").evaluate("""(controls) => {
      const words = getComputedStyle(controls, "::after");
      const seen = [words.visibility];
      document.getAnimations().forEach((each) => each.finish());
      return [...seen, words.visibility, controls.scrollHeight - controls.clientHeight];
    }""")
    assert (before, after) == ("hidden", "visible")
    assert room < 8  # px: the caption keeps a distance
    reads(root, "r = 1")
    assert root.locator(".explorer-frame").is_visible()


def test_without_its_file_a_plot_stays(troubled, folder, tmp_path):
    """The positions lie in a file beside the page; when it comes after all, the plot moves."""
    def moved(html):
        page, names = page_data.move_states_to_files(html, tmp_path)
        page_data.publish_states(names, tmp_path, folder[0] / page_data.FOLDER)
        return page

    here, root = troubled(moved, answer={f"**/{page_data.FOLDER}/*": lambda route: route.abort()})
    root.locator("input").press("ArrowRight")
    expect(root.locator(".explorer-failed")).to_contain_text(
        re.compile("not here: could not load .*The next move tries again"))
    expect(root.locator("input")).to_have_value("0")  # the key and its move may each have tried
    reads(root, "r = 1")
    here.page.unroute(f"**/{page_data.FOLDER}/*")
    here.expect("console: Failed to load resource")
    root.locator("input").press("ArrowRight")
    root.locator(".explorer-plot[data-drawn]").wait_for()
    reads(root, "r = 2")
    assert root.locator(".explorer-failed").count() == 0
