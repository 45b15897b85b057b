"""A pin keeps a copy of the present curves, and of nothing that a copy would falsify."""

import pytest

from lora_edu.explore import explore
from tests.book import sampled
from tests.site.pages import MOVABLE, check_figure, computed, same_points

AXES = {"xaxis": {"range": [0, 3]}, "yaxis": {"range": [0, 9]},
        "xaxis2": {"range": [0, 3], "anchor": "y2"}, "yaxis2": {"range": [0, 9], "anchor": "x2"}}
DASHES = """(root) => [...root.querySelectorAll(".scatterlayer .js-line")].map(
  (each) => getComputedStyle(each).strokeDasharray).filter((dash) => dash === "4px, 3px").length"""


def kinds(r=1, unit="steps"):
    """A curve, a faint one, words, bars, a map, an area, open marks; and an axis that changes."""
    at = {"x": [1, 2], "y": [r, r + 1]}
    grey = {**at, "line": {"color": "#808080"}}
    return {"data": [
        {**at, "mode": "lines+markers+text", "text": ["a", "b"], "line": {"color": "#d55e00"},
         "marker": {"symbol": ["circle", "square-open"], "color": "#d55e00", "size": 9}},
        {**at, "mode": "markers", "marker": {"symbol": "diamond-dot"}},
        {**grey, "mode": "lines", "opacity": 0.35},
        {**at, "mode": "text", "text": ["c", "d"]},
        {**at, "type": "bar"}, {"type": "heatmap", "z": [[r, 2], [3, 4]]},
        {**at, "mode": "lines", "stackgroup": "one"},
        {**at, "mode": "lines", "visible": False},
        {"x": [1, 2], "y": [3, 3], "mode": "lines", "line": {"color": "#808080"}},
        {**at, "mode": "lines", "fill": "tozeroy", "xaxis": "x2", "yaxis": "y2"},
    ], "layout": {**AXES, "barmode": "stack", "meta": {"reading": f"r = {r}"}, "xaxis2": {
        **AXES["xaxis2"], "title": {"text": f"{unit} (at r = {r})"}}}}


def bars(r=1):
    """Nothing but bars."""
    return {"data": [{"type": "bar", "x": [1, 2], "y": [r, 2 * r]}],
            "layout": {**AXES, "meta": {"reading": f"bars {r}"}}}


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


def test_curves_are_kept_thin_dashed_and_open_in_their_own_colours(board):
    here, root = board
    press(root, "pin")
    root.locator("input").first.press("ArrowRight")
    first, second, panel = ghosts(here, root)
    assert (first["mode"], second["mode"], panel["mode"]) == ("lines+markers", "markers", "lines")
    assert (first["line"]["color"], first["line"]["width"]) == ("#d55e00", 1.5)
    assert first["marker"]["symbol"] == ["circle-open", "square-open"]
    assert second["marker"]["symbol"] == "diamond-open-dot"
    assert second["marker"]["color"] == "#d55e00"  # plotly's colour of a second trace here
    assert panel["fill"] == "none" and panel["yaxis"] == "y2"
    check_figure([trace["y"] for trace in (first, second, panel)], [[1, 2]] * 3)
    assert all(trace["hoverinfo"] == "skip" and trace.get("opacity", 1) == 1
               for trace in (first, second, panel))
    assert root.evaluate(DASHES) == 2
    assert root.locator(".textpoint").count() == 4  # two of the curve, two words: none is a copy's
    assert note(root) == "Pinned (dashed): r = 1"


def test_bars_are_pinned_in_words_alone(opened):
    here = opened(explore(bars, r=[1, 2]).html())
    root = here.show("bars")
    press(root, "pin")
    root.locator("input").press("ArrowRight")
    assert len(here.drawn(root)[0]) == 1 and note(root) == "Pinned: bars 1"


def test_a_copy_is_not_drawn_where_an_axis_means_something_else(board):
    here, root = board
    press(root, "pin")
    root.locator("input").first.press("ArrowRight")
    assert len(ghosts(here, root)) == 3  # what stands in brackets does not count
    root.locator("input").last.press("Space")
    assert {trace["xaxis"] for trace in ghosts(here, root) if "xaxis" in trace} == set()
    assert len(ghosts(here, root)) == 2


def test_pin_pins_anew_and_a_button_lets_go(board):
    here, root = board
    slider = root.locator("input").first
    assert not root.locator(".explorer-pinned").is_visible()
    press(root, "pin")
    assert note(root) == "Pinned: r = 1"  # as long as the curves lie under the present ones
    slider.press("ArrowRight")
    press(root, "pin")
    slider.press("ArrowRight")
    assert note(root) == "Pinned (dashed): r = 2"
    check_figure([trace["y"] for trace in ghosts(here, root)], [[2, 3]] * 3)
    loose = here.page.get_by_role("button", name="remove the pinned copy")
    loose.press("Enter")
    assert not root.locator(".explorer-pinned").is_visible() and ghosts(here, root) == []
    assert root.evaluate("() => document.activeElement.dataset.do") == "pin"
    press(root, "pin")
    press(root, "reset")  # the first position beside the pinned one
    assert note(root) == "Pinned (dashed): r = 3" and len(ghosts(here, root)) == 3


@pytest.mark.parametrize("built", sampled(MOVABLE))
def test_every_explorer_keeps_copies_of_its_own_curves_alone(reader, built):
    here = reader(built.page)
    root = here.start(built.name)
    first, last = computed(built)[built.number({c.name: c.values[c.start] for c in built.controls})
                                  ], computed(built)[-1]
    press(root, "pin")
    root.evaluate("(root, wanted) => root.explorer.go(wanted)",
                  {control: keys[-1] for control, keys in built.keys.items()})
    data, _, _ = here.drawn(root)
    present, copies = data[:len(last["data"])], data[len(last["data"]):]
    check_figure(present, last["data"])
    strong = [trace for trace in first["data"] if trace.get("opacity", 1) == 1]
    for copy in copies:
        assert copy["mode"] in ("lines", "markers", "lines+markers") and not copy.get("text")
        assert any(same_points(copy, trace) for trace in strong)
    assert note(root) == f"Pinned{' (dashed)' * bool(copies)}: {first['layout']['meta']['reading']}"
    press(root, "unpin")
    press(root, "reset")
    assert len(here.drawn(root)[0]) == len(first["data"])


def test_some_explorer_of_the_book_has_curves_to_keep(reader):
    def keeps(built):
        here = reader(built.page)
        root = here.start(built.name)
        press(root, "pin")
        root.locator("input[type=range]").first.press("End")
        return ghosts(here, root)

    assert any(keeps(built) for built in MOVABLE
               if any(control.kind == "slider" for control in built.controls))
