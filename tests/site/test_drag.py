"""A place on the plot sets two sliders, by mouse and by finger; elsewhere a finger scrolls."""

import pytest

from lora_edu.explore import explore

VALUES = [-1, 0, 1, 2]


def ball(a=0, b=0):
    """A point in the plane."""
    axis = {"range": [-2, 3], "zeroline": False}
    return {"data": [{"x": [a], "y": [b], "mode": "markers"}],
            "layout": {"xaxis": axis, "yaxis": axis, "showlegend": False}}


@pytest.fixture(params=["desk", "phone"])
def plane(opened, request):
    return drawn(opened, request.param, ("a", "b"))


def drawn(opened, device, drag):
    """(Visit, explorer, where a point of the plane is in the window) of a plot that is drawn."""
    html = explore(ball, a=VALUES, b=VALUES, drag=drag).html()
    here = opened(html + "<p style='height: 3000px'>", device=device)
    root = here.show("ball")
    return here, root, lambda a, b: root.evaluate("""({ explorer: { box } }, [a, b]) => {
        const { xaxis, yaxis } = box._fullLayout, { left, top } = box.getBoundingClientRect();
        return [left + xaxis._offset + xaxis.d2p(a), top + yaxis._offset + yaxis.d2p(b)];
    }""", [a, b])


def stands(root):
    return root.evaluate("({ explorer }) => explorer.position()")


def test_a_press_puts_the_point(plane):
    here, root, place = plane
    tap = here.page.touchscreen.tap if here.page.evaluate("navigator.maxTouchPoints") else (
        here.page.mouse.click)
    tap(*place(1.2, -0.9))
    assert stands(root) == [2, 0]
    root.get_by_role("slider").first.press("ArrowRight")
    assert stands(root) == [3, 0]


def test_the_point_is_dragged_and_other_places_scroll(plane):
    here, root, place = plane
    touch = here.page.context.new_cdp_session(here.page)
    for start, moves in (((0, 0), True), ((2, -1), False)):
        root.evaluate("({ explorer }) => { explorer.put([1, 1]); explorer.moved(); }")
        (x, y), (to_x, to_y) = place(*start), place(1, 2)
        if here.page.evaluate("navigator.maxTouchPoints"):
            swipe(here, touch, (x, y), (to_x, to_y))
            assert stands(root) == ([2, 3] if moves else [1, 1])
            assert (here.page.evaluate("scrollY") == 0) == moves
        else:
            here.page.mouse.move(x, y)
            here.page.mouse.down()
            here.page.mouse.move(to_x, to_y, steps=4)
            here.page.mouse.up()
            here.page.mouse.move(x, y)
            assert stands(root) == [2, 3]


def test_a_tap_sets_one_slider_where_an_axis_sets_none(opened):
    here, root, place = drawn(opened, "phone", (None, "b"))
    here.page.touchscreen.tap(*place(1.2, -0.9))
    assert stands(root) == [1, 0]
    swipe(here, here.page.context.new_cdp_session(here.page), place(0, -1), place(1, 2))
    assert stands(root) == [1, 0] and here.page.evaluate("scrollY") > 0


def swipe(here, touch, start, end):
    """Move a finger between two places of the window."""
    for kind, at in (("Start", 0), *(("Move", part / 5) for part in range(1, 6))):
        touch.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": [
            {axis: a + at * (b - a) for axis, a, b in zip("xy", start, end, strict=True)}]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    here.page.wait_for_timeout(300)


def rolling(a=0, b=0):
    """A path from the place to the right edge, with a ball at its end."""
    axis = {"range": [-2, 3], "zeroline": False}
    return {"data": [{"x": [a + (3 - a) * part / 20 for part in range(21)], "y": [b] * 21,
                      "mode": "lines", "name": "path"},
                     {"x": [3], "y": [b], "mode": "markers", "name": "ball"}],
            "layout": {"xaxis": axis, "yaxis": axis, "showlegend": False,
                       "meta": {"roll": ["path", "ball"]}}}


@pytest.mark.parametrize("still", [False, True])
def test_the_ball_rolls_along_its_path_and_the_last_paths_stay(opened, still):
    html = explore(rolling, a=VALUES, b=VALUES, drag=("a", "b")).html()
    here = opened(html, reduced_motion="reduce" if still else "no-preference")
    root = here.show("rolling")
    places = root.evaluate("""async ({ explorer }) => {
        const places = [];
        const look = () => places.push(explorer.box.data.map(({ x }) => Array.from(x)));
        for (const place of [[0, 0], [1, 2]]) {
            explorer.put(place);
            explorer.moved();
            await new Promise((done) => setTimeout(done, 500));
            look();
            await new Promise((done) => setTimeout(done, 2000));
            look();
        }
        return places;
    }""")
    for (path, ball), end in zip([traces[-2:] for traces in places], (-1, None) * 2, strict=True):
        assert ball == path[-1:]
        assert (path[-1] < 3 and len(path) < 21) == (end == -1 and not still)
    assert [len(traces) for traces in places] == ([2] * 4 if still else [2, 2, 3, 3])
    assert still or places[-1][0] == places[1][0]
