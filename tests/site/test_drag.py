"""A place on the plot sets two sliders, by mouse and by finger; elsewhere a finger scrolls. A mouse
zooms into axes, and into no picture."""

from functools import partial

import numpy as np
import pytest

from lora_edu.explore import explore
from tests.site.explorers import drawn as state
from tests.site.explorers import line, press

VALUES = [-1, 0, 1, 2]


def rolling(a=0, b=0):
    """A path from the place to the right edge, with a ball at its end."""
    axis = {"range": [-2, 3], "zeroline": False}
    return {"data": [{"x": [a + (3 - a) * part / 20 for part in range(21)], "y": [b] * 21,
                      "mode": "lines", "name": "path"},
                     {"x": [3], "y": [b], "mode": "markers", "name": "ball"}],
            "layout": {"xaxis": axis, "yaxis": axis, "showlegend": False,
                       "meta": {"roll": ["path", "ball"]}}}


def drawn(opened, drag=("a", "b"), **options):
    """(Explorer, where a point of the plane is in the window) of a plot that is drawn."""
    html = explore(rolling, a=VALUES, b=VALUES, drag=drag).html()
    root = opened(html + "<p style='height: 3000px'>", **options).show("rolling")
    return root, lambda a, b: root.evaluate("""({ explorer: { box } }, [a, b]) => {
        const { xaxis, yaxis } = box._fullLayout, { left, top } = box.getBoundingClientRect();
        return [left + xaxis._offset + xaxis.d2p(a), top + yaxis._offset + yaxis.d2p(b)];
    }""", [a, b])


def stands(root):
    return root.evaluate("({ explorer }) => explorer.position()")


def drag(page, start, end):
    """Move the mouse, its button pressed, between two places of the window."""
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=4)
    page.mouse.up()
    page.mouse.move(*start)


def swipe(page, start, end):
    """Move a finger between two places of the window."""
    touch = partial(page.context.new_cdp_session(page).send, "Input.dispatchTouchEvent")
    for step, (x, y) in enumerate(np.linspace(start, end, 6)):
        kind = "touchMove" if step else "touchStart"
        touch({"type": kind, "touchPoints": [{"x": x, "y": y}]})
    touch({"type": "touchEnd", "touchPoints": []})
    page.wait_for_timeout(300)


def test_the_mouse_puts_the_point_and_drags_it(opened):
    root, place = drawn(opened)
    root.page.mouse.click(*place(1.2, -0.9))
    assert stands(root) == [2, 0]
    drag(root.page, place(0, 0), place(1, 2))
    assert stands(root) == [2, 3]


def test_a_finger_puts_the_point_and_drags_it_and_scrolls_elsewhere(opened):
    root, place = drawn(opened, device="phone")
    root.page.touchscreen.tap(*place(1.2, -0.9))
    assert stands(root) == [2, 0]
    swipe(root.page, place(1, -1), place(0, 2))
    assert stands(root) == [1, 3] and root.page.evaluate("scrollY") == 0
    swipe(root.page, place(2, -1), place(1, 2))
    assert stands(root) == [1, 3] and root.page.evaluate("scrollY") > 0


def test_a_tap_sets_one_slider_where_an_axis_sets_none(opened):
    root, place = drawn(opened, (None, "b"), device="phone")
    root.page.touchscreen.tap(*place(1.2, -0.9))
    assert stands(root) == [1, 0]
    swipe(root.page, place(0, -1), place(1, 2))
    assert stands(root) == [1, 0] and root.page.evaluate("scrollY") > 0


@pytest.mark.parametrize("still", [False, True])
def test_the_ball_rolls_along_its_path_and_the_last_paths_stay(opened, still):
    root, _ = drawn(opened, reduced_motion="reduce" if still else "no-preference")
    halfway, first, _, second = root.evaluate("""async ({ explorer }) => {
        const places = [];
        for (const place of [[0, 0], [1, 2]]) {
            explorer.put(place);
            explorer.moved();
            for (const ms of [500, 2000]) {
                await new Promise((done) => setTimeout(done, ms));
                places.push(explorer.box.data.map(({ x }) => Array.from(x)));
            }
        }
        return places;
    }""")
    path, ball = halfway
    assert ball == path[-1:]
    assert (len(path) < 21) == (path[-1] < 3) == (not still)
    assert second[:-2] == ([] if still else first[:1]) and len(first[0]) == 21


def board(kind):
    """A figure of a slider: a line, a map, or a line on axes that show nothing."""
    def figure(r=0):
        shown = line(r)
        if kind == "map":
            shown["data"] = [{"type": "heatmap", "z": [[r, 1], [2, 3]], "showscale": False}]
        if kind == "drawing":
            shown["layout"]["yaxis"] = {**shown["layout"]["yaxis"], "showticklabels": False}
        return shown

    return explore(figure, name="board", r=range(9), play="r").html()


def zoomed(root):
    """The ends of both axes after the mouse has drawn a box in the middle of the plot."""
    left, top, width, height = root.locator(".explorer-plot").bounding_box().values()
    drag(root.page, (left + 0.4 * width, top + 0.4 * height),
         (left + 0.7 * width, top + 0.7 * height))
    root.page.wait_for_timeout(500)
    return state(root)[1]


@pytest.mark.parametrize("kind", ["map", "drawing"])
def test_no_mouse_zooms_into_a_picture(opened, kind):
    root = opened(board(kind)).show("board")
    whole = state(root)[1]
    assert zoomed(root) == whole


@pytest.mark.parametrize("button", ["reset", "play"])
def test_reset_and_play_show_all_of_a_plot_again(opened, button):
    root = opened(board("line")).show("board")
    whole = state(root)[1]
    assert zoomed(root) != whole
    root.locator("input").press("ArrowRight")
    assert state(root)[1] != whole  # as long as the reader looks at this part
    press(root, button)
    assert state(root)[1] == whole
