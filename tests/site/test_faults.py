"""When plotly or the stored positions fail, the page says so and stays true."""

import re

import pytest
from playwright.sync_api import expect

from lora_edu.explore import explore, page_data
from tests.site.devices import TWO_FRAMES
from tests.site.explorers import drawn, is_drawn, line, press, reads

STORED = re.compile(r'(class="explorer-states">)([^<]+)')
UNHANDLED = """addEventListener("unhandledrejection",
  ({ reason }) => console.error(`unhandled: ${reason}`));"""


@pytest.fixture
def troubled(opened):
    """``troubled(damage, …)`` → (Visit, root) of a page with one explorer, its HTML damaged."""
    def start(damage=str, script=UNHANDLED, **options):
        tab = opened(damage(explore(line, r=[1, 2, 3]).html()), script=script, **options)
        return tab, tab.page.locator("#explorer-line")

    return start


def failure(root):
    return root.locator(".explorer-failed")


def loading(root):
    """What stands in the place of the plot."""
    return root.locator(".explorer-plot").evaluate(
        "(box) => [box.getAttribute('aria-busy'), getComputedStyle(box, '::after').content]")


WAITING, QUIET = ["true", '"loading the plot …"'], [None, "none"]


def test_without_plotly_nothing_false_is_shown(troubled):
    """The picture stands only beside its own sentence; the next move tries again."""
    tab, root = troubled(answer={"**/plotly*": lambda route: route.abort()})
    frame = root.locator(".explorer-frame")
    assert frame.is_visible()
    reads(root, "r = 1")
    root.locator("input").press("ArrowRight")
    assert not frame.is_visible()
    reads(root, "r = 2")  # once its states have come
    expect(failure(root)).to_contain_text(
        re.compile("not drawn: could not load .*plotly.*The next move tries"))
    assert loading(root) == QUIET
    root.locator("input").press("ArrowLeft")  # to the position of the first frame
    assert frame.is_visible()
    expect(failure(root)).to_contain_text("not drawn")
    reads(root, "r = 1")
    expect(root.locator("[aria-busy]")).to_have_count(0)
    tab.page.unroute("**/plotly*")
    tab.expect("console: Failed to load resource")
    root.locator("input").press("End")
    is_drawn(root)
    expect(failure(root)).to_have_count(0)
    reads(root, "r = 3")


def test_until_plotly_comes_the_plot_is_loading(troubled):
    """And what the reader has done meanwhile is kept."""
    held = []
    tab, root = troubled(answer={"**/plotly*": lambda route: held.append(route)})
    tab.page.mouse.move(2, 2)
    root.locator(".explorer-plot[aria-busy]").wait_for()
    assert loading(root) == ["true", "none"]
    root.dispatch_event("pointerdown")
    press(root, "pin")
    root.locator("input").press("ArrowRight")
    assert loading(root) == WAITING
    assert root.locator(".explorer-frame:visible").count() == 0
    reads(root, "r = 2")
    held[0].continue_()
    is_drawn(root)
    tab.page.evaluate(TWO_FRAMES)
    assert loading(root) == QUIET
    assert [trace["y"][0] for trace in drawn(root)[0]] == [2, 1]


def test_unreadable_positions_leave_the_first(troubled):
    _, root = troubled(lambda html: STORED.sub(lambda found: found[1] + found[2][:40], html))
    root.locator("input").press("ArrowRight")
    expect(failure(root)).to_contain_text("The positions of this plot are not here: ")
    expect(root.locator("input")).to_have_value("0")
    reads(root, "r = 1")
    assert root.locator(".explorer-frame").is_visible()


@pytest.mark.parametrize(("trouble", "problem"), [
    ({"answer": {"**/explore.js*": lambda route: route.abort()}}, "console: Failed to load"),
    ({"script": "delete globalThis.IntersectionObserver;"}, "error: IntersectionObserver is not")])
def test_controls_that_do_not_come_are_missed_in_words(troubled, trouble, problem):
    """After a while, in their place."""
    tab, root = troubled(device="phone", **trouble)
    tab.expect(problem)
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

    tab, root = troubled(moved, answer={f"**/{page_data.FOLDER}/*": lambda route: route.abort()})
    root.locator("input").press("ArrowRight")
    expect(failure(root)).to_contain_text(
        re.compile("not here: could not load .*The next move tries again"))
    expect(root.locator("input")).to_have_value("0")  # the key and its move may each have tried
    reads(root, "r = 1")
    tab.page.unroute(f"**/{page_data.FOLDER}/*")
    tab.expect("console: Failed to load resource")
    root.locator("input").press("ArrowRight")
    is_drawn(root)
    reads(root, "r = 2")
    expect(failure(root)).to_have_count(0)
