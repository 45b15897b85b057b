"""When plotly, the stored positions or the browser fail, the page says so and stays true."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from lora_edu.explore import explore, island
from tests.site.devices import TWO_FRAMES

STORED = re.compile(r'(class="explorer-states">)([^<]+)')
NO_DEFLATE = "delete globalThis.DecompressionStream"
UNHANDLED = """addEventListener("unhandledrejection",
  ({ reason }) => console.error(`unhandled: ${reason}`));"""
READING = ".explorer-reading > span"
LOGIN = "<!doctype html><title>Log in</title>"


def line(r=1, points=2):
    """A line through r, in words that a first frame knows."""
    axis = {"range": [-4, 40], "zeroline": False}
    y = r + (points > 2) * np.random.default_rng(r).normal(size=points)
    trace = {"x": np.linspace(0, 30, points), "y": y, "mode": "lines", "name": "r",
             "line": {"color": "red"}}
    return {"data": [trace], "layout": {
        "showlegend": False, "margin": {"l": 60, "r": 40, "t": 60, "b": 40}, "xaxis": axis,
        "yaxis": axis, "meta": {"reading": f"r = {r}"}}}


def dots(r=1):
    """Too many numbers to stand in the page."""
    return line(r, points=800)


@pytest.fixture
def troubled(opened):
    """``troubled(damage, …)`` → (Visit, root) of a page with one explorer, its HTML damaged."""
    def start(damage=lambda html: html, script="", **options):
        html = damage(explore(line, r=[1, 2, 3]).html())
        here = opened(html, script=UNHANDLED + script, **options)
        return here, here.page.locator("#explorer-line")

    return start


def failure(root):
    root.locator(".explorer-failed").wait_for()
    return root.locator(".explorer-failed").inner_text()


def says(root):
    return root.locator(READING).inner_text()


def loading(root):
    """What stands in the place of the plot."""
    return root.locator(".explorer-plot").evaluate(
        "(box) => [box.getAttribute('aria-busy'), getComputedStyle(box, '::after').content]")


WAITING, QUIET = ["true", '"loading the plot …"'], [None, "none"]


@pytest.mark.parametrize("answer", [
    lambda route: route.abort(),
    lambda route: route.fulfill(content_type="text/html", body=LOGIN),
    lambda route: route.fulfill(content_type="text/javascript", body="var Plotly2 = {"),
], ids=["aborted", "a login", "cut off"])
def test_without_plotly_nothing_false_is_shown(troubled, answer):
    """The picture stands only beside its own sentence; the next move tries again."""
    here, root = troubled(answer={"**/plotly*": answer})
    frame = root.locator(".explorer-frame")
    assert frame.is_visible() and says(root) == "r = 1"
    root.locator("input").press("ArrowRight")
    assert not frame.is_visible()
    expect(root.locator(READING)).to_have_text("r = 2")  # once its states are unpacked
    assert re.search("not drawn: could not load .*plotly.*The next move tries", failure(root))
    assert loading(root) == QUIET
    root.locator("input").press("ArrowLeft")  # to the position of the first frame
    assert frame.is_visible() and says(root) == "r = 1" and "not drawn" in failure(root)
    here.page.wait_for_function("(root) => !root.querySelector('[aria-busy]')",
                                arg=root.element_handle())
    here.page.unroute("**/plotly*")
    here.expect("console: Failed to load resource")
    root.locator("input").press("End")
    root.locator(".explorer-plot[data-drawn]").wait_for()
    assert root.locator(".explorer-failed").count() == 0
    assert says(root) == "r = 3" and loading(root) == QUIET


def test_until_plotly_comes_the_plot_is_loading(troubled):
    """And what the reader has done meanwhile is kept."""
    held = []
    here, root = troubled(answer={"**/plotly*": lambda route: held.append(route)})
    here.page.mouse.move(2, 2)
    here.page.wait_for_function("() => document.querySelector('.explorer-plot[aria-busy]')")
    assert loading(root) == ["true", "none"]
    root.locator('[data-do="pin"]').click()
    root.locator("input").press("ArrowRight")
    assert loading(root) == WAITING
    assert root.locator(".explorer-frame:visible").count() == 0
    expect(root.locator(READING)).to_have_text("r = 2")
    held[0].continue_()
    root.locator(".explorer-plot[data-drawn]").wait_for()
    here.page.evaluate(TWO_FRAMES)
    assert loading(root) == QUIET
    assert [trace["y"][0] for trace in here.drawn(root)[0]] == [2, 1]


@pytest.mark.parametrize(("damage", "script", "why"), [
    (lambda html: html, NO_DEFLATE, "this browser is too old"),
    (lambda html: STORED.sub(lambda m: m[1] + m[2][:40], html), "", "not arrived whole"),
    (lambda html: STORED.sub(lambda m: m[1] + m[2].swapcase(), html), "", "not arrived whole"),
    (lambda html: STORED.sub(r"\1!!", html), "", "not arrived whole"),
], ids=["no stream", "cut", "garbled", "no base64"])
def test_unreadable_positions_leave_the_first(troubled, damage, script, why):
    here, root = troubled(damage, script=script)
    here.page.mouse.move(2, 2)
    said = failure(root)
    assert "This plot cannot move: " in said and why in said and "What you see" in said
    assert root.locator(".explorer-frame").is_visible()
    assert root.locator("input").is_disabled() and says(root) == "r = 1"


def test_without_its_file_a_plot_stays(opened, folder, tmp_path):
    """The positions of a large explorer lie in a file beside the page."""
    page, names = island.part(explore(dots, name="line", r=range(1, 31)).html(), tmp_path)
    island.publish(names, tmp_path, folder[0] / island.FOLDER)
    here = opened(page, answer={f"**/{island.FOLDER}/*": lambda route: route.abort()})
    root = here.page.locator("#explorer-line")
    root.locator("input").press("ArrowRight")
    expect(root.locator(".explorer-failed")).to_contain_text(
        re.compile("not here: could not load .*The next move tries again"))
    expect(root.locator("input")).to_have_value("0")  # the key and its move may each have tried
    assert says(root) == "r = 1" and root.locator(".explorer-frame").is_visible()
    here.page.unroute(f"**/{island.FOLDER}/*")
    here.expect("console: Failed to load resource")
    root.locator("input").press("ArrowRight")
    root.locator(".explorer-plot[data-drawn]").wait_for()
    assert says(root) == "r = 2" and root.locator(".explorer-failed").count() == 0
