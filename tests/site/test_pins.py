"""A pin keeps a copy of the present curves, and of nothing that a copy would falsify."""

import pytest

from lora_edu.explore import explore
from tests.book import sampled
from tests.site.pages import MOVABLE, check_figure, computed, same_points

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
def board(opened):
    """(Visit, explorer) of a page with the figure of all kinds, drawn."""
    here = opened(explore(kinds, r=[1, 2, 3], unit=["steps", "hours"]).html())
    return here, here.show("kinds")


def press(root, what):
    root.locator(f'[data-do="{what}"]').click()


def note(root):
    return root.locator(".explorer-pinned > span").inner_text()


def ghosts(here, root):
    return [trace for trace in here.drawn(root)[0]
            if (trace.get("line") or {}).get("dash") == "4px,3px"]


def test_moved_curves_are_kept_thin_dashed_and_open(board):
    here, root = board
    press(root, "pin")
    root.locator("input").first.press("ArrowRight")
    first, panel = ghosts(here, root)
    assert (first["mode"], panel["mode"]) == ("lines+markers", "lines")
    assert (first["line"]["color"], first["line"]["width"]) == ("#d55e00", 1.5)
    assert first["marker"]["symbol"] == ["circle-open", "square-open"]
    assert panel["fill"] == "none" and panel["yaxis"] == "y2"
    check_figure([trace["y"] for trace in (first, panel)], [[1, 2]] * 2)
    assert note(root) == "Pinned (dashed): r = 1"
    root.locator("input").last.press("Space")  # the second panel's axis has another unit now
    assert ["xaxis" in trace for trace in ghosts(here, root)] == [False]


def test_pin_pins_anew_and_lets_go(board):
    here, root = board
    slider = root.locator("input").first
    assert not root.locator(".explorer-pinned").is_visible()
    press(root, "pin")
    assert note(root) == "Pinned: r = 1"  # as long as the curves lie under the present ones
    slider.press("ArrowRight")
    press(root, "pin")
    slider.press("ArrowRight")
    assert note(root) == "Pinned (dashed): r = 2"
    check_figure([trace["y"] for trace in ghosts(here, root)], [[2, 3]] * 2)
    root.locator('[data-do="unpin"]').press("Enter")
    assert not root.locator(".explorer-pinned").is_visible() and ghosts(here, root) == []
    assert root.evaluate("() => document.activeElement.dataset.do") == "pin"
    press(root, "pin")
    press(root, "reset")  # the first position beside the pinned one
    assert note(root) == "Pinned (dashed): r = 3" and len(ghosts(here, root)) == 2


@pytest.mark.parametrize("built", sampled(MOVABLE))
def test_an_explorer_keeps_only_its_own_curves(reader, built):
    here = reader(built.page)
    root = here.start(built.name)
    start = {c.name: c.values[c.start] for c in built.controls}
    first, last = computed(built)[built.number(start)], computed(built)[-1]
    press(root, "pin")
    root.evaluate("(root, wanted) => root.explorer.go(wanted)",
                  {control: keys[-1] for control, keys in built.keys.items()})
    data, _, _ = here.drawn(root)
    present, copies = data[:len(last["data"])], data[len(last["data"]):]
    check_figure(present, last["data"])
    for copy in copies:
        assert copy["mode"] in ("lines", "markers", "lines+markers") and not copy.get("text")
        assert any(same_points(copy, trace) for trace in first["data"]
                   if trace.get("opacity", 1) == 1)
    assert note(root) == f"Pinned{' (dashed)' * bool(copies)}: {first['layout']['meta']['reading']}"
    press(root, "unpin")
    press(root, "reset")
    assert len(here.drawn(root)[0]) == len(first["data"])
