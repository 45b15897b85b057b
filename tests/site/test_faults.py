"""When plotly, the stored positions or the browser fail, the page says so and stays true."""

import re

import plotly.graph_objects as go
import pytest
from playwright.sync_api import expect

from lora_edu.explore import explore
from tests.site.devices import TWO_FRAMES

STORED = re.compile(r'(class="explorer-states">)([^<]+)')
NO_DEFLATE = "delete globalThis.DecompressionStream"
NO_STORAGE = """Object.defineProperty(globalThis, "localStorage", {
  get() { throw new DOMException("refused", "SecurityError"); } })"""
UNHANDLED = """addEventListener("unhandledrejection",
  ({ reason }) => console.error(`unhandled: ${reason}`));"""
READING = ".explorer-reading > span"
LOGIN = "<!doctype html><title>Log in</title>"


def line(r=1):
    """A line through r, in words that a first frame knows."""
    axis = {"range": [0, 4], "zeroline": False}
    return go.Figure(
        go.Scatter(x=[0, 4], y=[r, r], mode="lines", name="r", line={"color": "red"}),
        {"showlegend": False, "margin": {"l": 60, "r": 40, "t": 60, "b": 40},
         "xaxis": axis, "yaxis": axis, "meta": {"reading": f"r = {r}"}})


def frameless(r=1):
    """The same, in words that a first frame does not know."""
    return line(r).update_layout(paper_bgcolor="rgba(0,0,0,0)")


@pytest.fixture
def troubled(opened):
    """``troubled(damage, script, answer)`` → (Visit, root) of a page with one explorer.

    damage: of its HTML. answer: what is done with a request for plotly.
    """
    def start(damage=lambda html: html, *, figure=line, script="", answer=None):
        html = damage(explore(figure, name="line", r=[1, 2, 3]).html())
        here = opened(html, script=UNHANDLED + script,
                      answer={"**/plotly*": answer} if answer else {})
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
    lambda route: route.fulfill(status=404, body="none"),
    lambda route: route.fulfill(content_type="text/html", body=LOGIN),
    lambda route: route.fulfill(content_type="text/javascript", body=LOGIN),
    lambda route: route.fulfill(content_type="text/javascript", body="var Plotly2 = {"),
], ids=["aborted", "missing", "a login", "a login as a script", "cut off"])
def test_without_plotly_the_picture_does_not_contradict_its_sentence_and_a_move_tries_again(
        troubled, answer):
    here, root = troubled(answer=answer)
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


@pytest.mark.parametrize("figure", [line, frameless])
def test_until_plotly_has_come_the_plot_is_said_to_be_loading(troubled, figure):
    held = []
    here, root = troubled(figure=figure, answer=lambda route: held.append(route))
    here.touch()
    here.page.wait_for_function("() => document.querySelector('.explorer-plot[aria-busy]')")
    assert loading(root) == (WAITING if figure is frameless else ["true", "none"])
    root.locator("input").press("ArrowRight")
    assert loading(root) == WAITING
    assert root.locator(".explorer-frame:visible").count() == 0
    expect(root.locator(READING)).to_have_text("r = 2")
    held[0].continue_()
    root.locator(".explorer-plot[data-drawn]").wait_for()
    here.page.evaluate(TWO_FRAMES)
    assert loading(root) == QUIET
    assert root.evaluate("(root) => root.explorer.box.data[0].y[0]") == 2


def flipped(html):
    """One letter of the stored positions is another, at a fifth of their length."""
    def change(found):
        at = len(found[2]) // 5
        return found[1] + found[2][:at] + ("B" if found[2][at] == "A" else "A") + found[2][at + 1:]

    return STORED.sub(change, html)


@pytest.mark.parametrize("figure", [line, frameless])
@pytest.mark.parametrize("damage, why", [
    (lambda html: html, "this browser is too old"),
    (lambda html: STORED.sub(lambda m: m[1] + m[2][:40], html), "not arrived whole"),
    (lambda html: STORED.sub(lambda m: m[1] + m[2][:-8], html), "not arrived whole"),
    (flipped, "not arrived whole"),
    (lambda html: STORED.sub(r"\1!!", html), "not arrived whole"),
    (lambda html: STORED.sub(r"\1", html), "not arrived whole"),
], ids=["no stream", "cut", "end cut", "garbled", "no base64", "empty"])
def test_positions_that_cannot_be_read_leave_the_first_one_and_say_why(troubled, damage, why,
                                                                       figure):
    here, root = troubled(damage, figure=figure,
                          script=NO_DEFLATE if why.startswith("this browser") else "")
    here.touch()
    said = failure(root)
    assert "This plot cannot move: " in said and why in said
    assert ("What you see" in said) == root.locator(".explorer-frame").is_visible() == (
        figure is line)
    assert root.locator("input").is_disabled() and says(root) == "r = 1"
    here.page.evaluate("() => { location.hash = '#line?r=3'; }")
    here.page.wait_for_timeout(500)  # longer than until it is announced
    assert root.locator("input").input_value() == "0" and says(root) == "r = 1"


def test_an_explorer_that_has_not_arrived_whole_leaves_the_others_alone(opened):
    whole = explore(line, r=[1, 2, 3]).html()
    broken = explore(line, name="broken", r=[1, 2, 3]).html()
    broken = broken.replace('class="explorer-data">{', 'class="explorer-data">')
    here = opened(broken + whole, script=UNHANDLED)
    assert "has not arrived whole" in failure(here.page.locator("#explorer-broken"))
    assert not here.page.locator("#explorer-broken input").is_visible()
    root = here.show("line")
    root.locator("input").press("ArrowRight")
    assert says(root) == "r = 2"


def test_an_explorer_needs_no_storage(troubled):
    _, root = troubled(script=NO_STORAGE)
    root.locator("input").press("ArrowRight")
    root.locator(".explorer-plot[data-drawn]").wait_for()
    assert says(root) == "r = 2"
