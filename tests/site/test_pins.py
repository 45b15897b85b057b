"""A pin keeps a copy of the present curves, and of nothing that a copy would falsify."""

import pytest

from lora_edu.explore import explore
from tests.site.explorers import drawn, press
from tests.site.pages import check_figure

AXES = {"xaxis": {"range": [0, 3]}, "yaxis": {"range": [0, 9]},
        "xaxis2": {"range": [0, 3], "anchor": "y2"}, "yaxis2": {"range": [0, 9], "anchor": "x2"}}


def kinds(r=1, unit="steps"):
    """Curves, a faint one, words, bars, a map; and a second axis whose unit changes."""
    at = {"x": [1, 2], "y": [r, r + 1]}
    return {"data": [
        {**at, "mode": "lines+markers+text", "text": ["a", "b"], "line": {"color": "#d55e00"},
         "marker": {"symbol": ["circle", "square-open"], "color": "#d55e00", "size": 9}},
        {**at, "mode": "lines", "opacity": 0.35, "line": {"color": "#808080"}},
        {**at, "mode": "text", "text": ["c", "d"]},
        {**at, "type": "bar"}, {"type": "heatmap", "z": [[r, 2], [3, 4]]},
        {"x": [1, 2], "y": [3, 3], "mode": "lines", "line": {"color": "#808080"}},
        {**at, "mode": "lines", "fill": "tozeroy", "xaxis": "x2", "yaxis": "y2"},
    ], "layout": {**AXES, "meta": {"reading": f"r = {r}"}, "xaxis2": {
        **AXES["xaxis2"], "title": {"text": f"{unit} (at r = {r})"}}}}


@pytest.fixture
def root(opened):
    """The figure of all kinds, drawn."""
    return opened(explore(kinds, r=[1, 2, 3], unit=["steps", "hours"]).html()).show("kinds")


def note(root):
    return root.locator(".explorer-pinned > span").inner_text()


def ghosts(root):
    return [trace for trace in drawn(root)[0]
            if (trace.get("line") or {}).get("dash") == "4px,3px"]


def test_moved_curves_are_kept_thin_dashed_and_open(root):
    press(root, "pin")
    assert note(root) == "Pinned: r = 1"  # as long as the curves lie under the present ones
    root.locator("input").first.press("ArrowRight")
    first, panel = ghosts(root)
    assert (first["mode"], panel["mode"]) == ("lines+markers", "lines")
    assert (first["line"]["color"], first["line"]["width"]) == ("#d55e00", 1.5)
    assert first["marker"]["symbol"] == ["circle-open", "square-open"]
    assert panel["fill"] == "none" and panel["yaxis"] == "y2"
    check_figure([trace["y"] for trace in (first, panel)], [[1, 2]] * 2)
    assert note(root) == "Pinned (dashed): r = 1"
    root.locator("input").last.press("Space")  # the second panel's axis has another unit now
    assert ["xaxis" in trace for trace in ghosts(root)] == [False]


def test_pin_pins_anew_and_lets_go(root):
    for _ in range(2):
        press(root, "pin")
        root.locator("input").first.press("ArrowRight")
    check_figure([trace["y"] for trace in ghosts(root)], [[2, 3]] * 2)
    press(root, "reset")  # the first position beside the pinned one
    assert note(root) == "Pinned (dashed): r = 2" and len(ghosts(root)) == 2
    root.locator('[data-do="unpin"]').press("Enter")
    assert not root.locator(".explorer-pinned").is_visible() and ghosts(root) == []
    assert root.evaluate("() => document.activeElement.dataset.do") == "pin"
