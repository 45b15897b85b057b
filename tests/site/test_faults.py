"""When plotly, the stored positions or the browser fail, the page says so and stays true."""

import re

import plotly.graph_objects as go
import pytest
from pages import bare_page, served

from lora_edu.explore import explore

pytestmark = pytest.mark.site
NO_DEFLATE = "delete globalThis.DecompressionStream"


def line(r=1):
    """A line through r, in words that a first frame knows."""
    axis = {"range": [0, 4], "zeroline": False}
    return go.Figure(
        go.Scatter(x=[0, 4], y=[r, r], mode="lines", name="r", line={"color": "red"}),
        {"showlegend": False, "margin": {"l": 60, "r": 40, "t": 60, "b": 40},
         "xaxis": axis, "yaxis": axis, "meta": {"reading": f"r = {r}"}})


@pytest.fixture
def opened(tmp_path, visit):
    """``opened(damage, script)`` → (visit, root) of a page with one explorer, served anew."""
    servers = []

    def start(damage=lambda html: html, script="", blocked=False):
        bare_page(tmp_path, "page.html", damage(explore(line, r=[1, 2, 3]).html()))
        servers.append(served(tmp_path))
        here = visit("page.html", base=servers[-1].__enter__(), script=script,
                     block="**/plotly*" if blocked else None)
        return here, here.page.locator("#explorer-line")

    yield start
    for server in servers:
        server.__exit__(None, None, None)


def failure(root):
    return root.locator(".explorer-failed").inner_text()


def test_without_plotly_the_picture_does_not_contradict_its_sentence_and_a_move_tries_again(opened):
    here, root = opened(blocked=True)
    frame = root.locator(".explorer-frame")
    assert frame.is_visible() and root.locator(".explorer-reading > span").inner_text() == "r = 1"
    root.locator("input").press("ArrowRight")
    assert not frame.is_visible()
    assert root.locator(".explorer-reading > span").inner_text() == "r = 2"
    root.locator(".explorer-failed").wait_for()
    assert re.search("not drawn: could not load .*plotly.*The next move tries", failure(root))
    here.page.unroute("**/plotly*")
    here.expect(r"error: |console: Failed to load resource")
    root.locator("input").press("ArrowRight")
    root.locator(".explorer-plot[data-drawn]").wait_for()
    assert root.locator(".explorer-failed").count() == 0
    assert root.locator(".explorer-reading > span").inner_text() == "r = 3"


@pytest.mark.parametrize("damage", ["no stream", "cut", "no base64"])
def test_positions_that_cannot_be_read_leave_the_first_one_and_say_why(opened, damage):
    script = NO_DEFLATE if damage == "no stream" else ""
    stored = re.compile(r'(class="explorer-states">)([^<]+)')
    _, root = opened({"no stream": lambda html: html,
                      "cut": lambda html: stored.sub(lambda m: m[1] + m[2][:40], html),
                      "no base64": lambda html: stored.sub(r"\1!!", html)}[damage], script)
    root.locator(".explorer-failed").wait_for()
    assert "This plot cannot move" in failure(root) and "the first one" in failure(root)
    assert root.locator(".explorer-frame").is_visible()
    assert root.locator("input").is_disabled()
