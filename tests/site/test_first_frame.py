"""Where there is a picture before the first touch, it is the one that plotly draws after it."""

from itertools import pairwise

import numpy as np
import plotly.graph_objects as go
import pytest

from lora_edu.explore import show
from tests.book import sampled
from tests.site.devices import DEVICES, DRAWING
from tests.site.pages import (
    EXPLORERS,
    MOVABLE,
    PAGES,
    bare_page,
    check_figure,
    computed,
    same_points,
    served,
)

SLIDING = next(built for built in MOVABLE if built.is_still and built.controls[0].kind == "slider")
STILL = [built for built in EXPLORERS if built.is_still]

NEAR = {"words": 3, "grid": 1.1, "marks": 1.1, "areas": 1.6}  # px
ASTRAY = 1.5  # px that a curve may lie beside the other


def check_alike(frame, plotly):
    """Every word, line, mark and area has its twin in the other: of the same look, and near."""
    assert frame["fonts"] == plotly["fonts"]
    for kind, near in NEAR.items():
        left = list(plotly[kind])
        for look, *places in frame[kind]:
            twins = [each for each in left if each[0] == look
                     and np.abs(np.subtract(each[1:], places)).max() <= near]
            assert twins, (kind, look, places, [each for each in left if each[0] == look], left)
            left.remove(twins[0])
        assert left == [], kind
    assert {look for look, _ in frame["curves"]} == {look for look, _ in plotly["curves"]}
    for some, others in ((frame, plotly), (plotly, frame)):
        clips = np.array(plotly["clips"])
        for look, points in some["curves"]:
            pieces = segments(other for other_look, other in others["curves"] if other_look == look)
            for x, y in segments([points]).reshape(-1, 2):
                inside = (clips[:, :2] <= (x, y)).all(1) & ((x, y) <= clips[:, 2:]).all(1)
                assert not inside.any() or distance((x, y), pieces) <= ASTRAY, (look, x, y)


def segments(curves):
    """(n, 2, 2): the ends of all straight pieces."""
    return np.array([(a[1:], b[1:]) for points in curves
                     for a, b in pairwise(points) if not b[0]])


def distance(point, pieces):
    """From a point to the nearest of straight pieces."""
    start, along = pieces[:, 0], pieces[:, 1] - pieces[:, 0]
    length = np.maximum((along**2).sum(1), 1e-9)
    share = np.clip(((point - start) * along).sum(1) / length, 0, 1)
    return np.hypot(*(start + share[:, None] * along - point).T).min()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("built", sampled(STILL))
def test_the_first_frame_looks_like_plotlys_drawing(reader, built, device):
    here = reader(built.page, device)
    frame = here.first_frames[built.name]
    assert frame["words"]
    root = here.start(built.name) if built.controls else here.show(built.name)
    here.page.wait_for_timeout(50)
    check_alike(frame, root.evaluate(DRAWING))


def two_panels(traces, x=None, y=None, **more):
    """A figure whose axes and annotations are given for both panels, plain for the first frame."""
    axes = {}
    for n, domain in (("", [0, 0.4]), ("2", [0.6, 1])):
        axes[f"xaxis{n}"] = {"anchor": f"y{n}", "zeroline": False, "domain": domain, **(x or {})}
        axes[f"yaxis{n}"] = {"anchor": f"x{n}", "zeroline": False, **(y or {})}
    return go.Figure(traces, {"showlegend": False, "margin": {"l": 70, "r": 30, "t": 40, "b": 50},
                              **axes, **more})


def in_both(**trace):
    return [go.Scatter(trace), go.Scatter(trace, xaxis="x2", yaxis="y2")]


RED = {"color": "#d55e00", "width": 3}
PLACES = [f"{row} {column}" for row in ("top", "middle", "bottom")
          for column in ("left", "center", "right")]
MADE_UP = {
    "log-scales": two_panels(
        in_both(x=[1, 10, 1000, 2, 20], y=[1e-3, None, 10, 0.5, 1e-5], mode="lines+markers",
                line={**RED, "dash": "dash"}),
        {"type": "log", "range": [-0.5, 3.5], "tickvals": [1, 10, 100], "ticktext": list("abc")},
        {"type": "log", "range": [-4, 2], "tickvals": [1e-3, 1], "ticktext": ["low", "one"],
         "title": {"text": "a < b & y"}}),
    "bubbles": two_panels(
        in_both(x=[0, 1, 2], y=[-1, 3, 2], mode="markers+text", text=["u", "v", "w"],
                textposition=["top left", "middle right", "bottom center"],
                marker={"size": [10, 0, 30], "symbol": ["square", "x", "triangle-up"],
                        "color": "#009e73"}, textfont={"size": 20, "color": "#123456"}),
        {"range": [-0.7, 2.4], "title": {"text": "rule"}}, {"range": [-2.5, 4], "dtick": 2}),
    "every-place-for-words": two_panels(
        in_both(x=list(range(9)), y=[0.25] * 9, mode="lines+text", text=PLACES, opacity=0.5,
                textposition=PLACES, line={**RED, "dash": "solid"}),
        {"range": [8.5, -0.5]}, {"range": [0.2, 0.3], "tickformat": ".0%"}),
    "shapes-and-notes": two_panels(
        in_both(x=[0, 4], y=[0, 1], mode="lines", line={**RED, "dash": "dot"}),
        {"range": [-1, 5]}, {"range": [-0.5, 1.5], "showgrid": False},
        shapes=[{"type": "line", "xref": "x", "x0": 1, "x1": 1, "yref": "y domain", "y0": 0,
                 "y1": 1, "line": {"color": "#3b82c4", "dash": "dash"}},
                {"type": "rect", "xref": "x2 domain", "x0": 0.25, "x1": 0.75, "yref": "y2",
                 "y0": 1, "y1": 0.5, "line": {"width": 0}, "fillcolor": "rgba(9, 99, 199, 0.5)",
                 "layer": "below", "opacity": 0.6}],
        annotations=[{"text": f"{anchor} {side}", "xref": "x2", "yref": "y2", "x": 2, "y": 0.5,
                      "xanchor": anchor, "yanchor": side, "showarrow": False, "xshift": 3,
                      "yshift": -7, "font": {"color": "#aa6bc0"}}
                     for anchor in ("left", "center", "right")
                     for side in ("top", "middle", "bottom")]),
    "bars-and-marks": two_panels(
        [go.Bar(x=["full", "LoRA", "head"], y=[1, 0.5, 0], marker={"color": "#808080"}),
         *(go.Scatter(x=[i], y=[i], xaxis="x2", yaxis="y2", mode="markers", marker={
             "symbol": symbol, "size": 17, "color": "#d55e00"}) for i, symbol in enumerate((
                 "circle", "square-open", "diamond", "triangle-up-open", "x", "circle-open")))],
        None, {"range": [-0.5, 5.5]}, barmode="stack",
        xaxis2={"range": [-0.5, 5.5], "showticklabels": False, "domain": [0.6, 1], "anchor": "y2",
                "zeroline": False, "title": {"text": "no labels"}}),
    "cells": two_panels(
        [go.Heatmap(z=[[0, 1, None], [0.5, 0.25, 0.75]], zmin=0, zmax=1, showscale=False,
                    colorscale=[[0, "#3b82c4"], [1, "rgba(213, 94, 0, 0.5)"]], xaxis=f"x{n}",
                    yaxis=f"y{n}") for n in ("", "2")],
        {"ticks": "", "constrain": "domain", "showgrid": False},
        {"ticks": "", "constrain": "domain"},
        yaxis2={"scaleanchor": "x2", "scaleratio": 0.5, "constrain": "domain", "anchor": "x2",
                "ticks": "", "zeroline": False, "title": {"text": "rows"}}),
}


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    """The address of a page with the figures of MADE_UP: what the book does not use yet."""
    folder = tmp_path_factory.mktemp("made-up")
    bare_page(folder, "page.html", *(show(figure, name=name, height=300 + 40 * i).html()
                                     for i, (name, figure) in enumerate(MADE_UP.items())))
    with served(folder) as address:
        yield address


@pytest.mark.parametrize("device", DEVICES)
def test_what_the_book_does_not_use_is_drawn_as_plotly_does(visit, made_up, device):
    here = visit("page.html", device, made_up)
    here.page.wait_for_load_state("networkidle")
    roots = {name: here.page.locator(f"#explorer-{name}") for name in MADE_UP}
    assert [why for root in roots.values()
            if (why := root.evaluate("(root) => root.explorer.data.lack"))] == []
    frames = {name: root.evaluate(DRAWING) for name, root in roots.items()}
    for name, frame in frames.items():
        check_alike(frame, here.show(name).evaluate(DRAWING))


COVERED = """(name) => {
  const box = document.querySelector(`#explorer-${name} .explorer-plot`), seen = [];
  globalThis.seen = seen;
  const look = () => {
    seen.push([!!box.querySelector(".explorer-frame"), !!box.querySelector(".gridlayer path")]);
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""


@pytest.mark.parametrize("device", DEVICES)
def test_plotly_takes_the_first_frames_place_within_one_frame_and_nothing_moves(visit, device):
    here = visit(SLIDING.page, device)
    here.page.wait_for_load_state("networkidle")
    here.page.evaluate(COVERED, SLIDING.name)
    here.page.evaluate("() => { shifts.length = 0; }")
    here.show(SLIDING.name)
    here.page.wait_for_timeout(200)
    seen = here.page.evaluate("seen")
    change = seen.index([False, True])
    assert seen[:change] == [[True, False]] * change and change > 0
    assert seen[change:] == [[False, True]] * (len(seen) - change)
    assert here.page.evaluate("shifts") == []


@pytest.mark.parametrize("page", sampled(PAGES))
def test_the_first_frame_follows_the_theme(visit, page):
    here = visit(page)
    seen = []
    for theme in ("dark", "light"):
        here.page.emulate_media(color_scheme=theme)
        here.page.wait_for_function("(name) => document.documentElement.dataset.theme === name",
                                    arg=theme)
        seen.append(set(here.page.evaluate("""() => [
          ...document.querySelectorAll(".explorer-frame .ticks text")].map(
          (each) => getComputedStyle(each).fill).concat(getComputedStyle(document.body).color)""")))
    assert len(seen[0]) == len(seen[1]) == 1 and seen[0] != seen[1]


@pytest.fixture
def slow_plotly(visit):
    """(visit, explorer, ``release``): plotly has been asked for and comes when one releases it."""
    held = []
    here = visit(SLIDING.page)
    here.page.route("**/plotly*", lambda route: held.append(route))
    here.page.wait_for_load_state("networkidle")
    here.touch()
    for _ in range(100):  # it is asked for once the nearest explorer's positions are there
        here.page.wait_for_timeout(100)
        if held:
            break
    assert len(held) == 1
    root = here.page.locator(f"#explorer-{SLIDING.name}")
    root.locator(".explorer-plot").evaluate("(box) => box.scrollIntoView({block: 'center'})")

    def release():
        held[0].continue_()
        root.locator(".explorer-plot[data-drawn]").wait_for()

    return here, root, release


def test_controls_moved_before_plotly_is_there_show_the_newest_position(slow_plotly):
    here, root, release = slow_plotly
    last = computed(SLIDING)[-1]
    root.evaluate("(root) => root.explorer.ready")
    for control in SLIDING.controls:
        inputs = root.locator(f'[data-control="{control.name}"] input')
        inputs.last.press("End" if control.kind == "slider" else "Space")
    assert root.locator(".explorer-reading > span").text_content() == (
        last["layout"]["meta"]["reading"])
    release()
    check_figure(here.drawn(root)[0], last["data"])


def test_pin_reset_and_link_work_before_plotly_is_there(slow_plotly):
    here, root, release = slow_plotly
    start = root.evaluate("(root) => root.explorer.link()")
    first = root.evaluate("(root) => root.explorer.ready.then(() => root.explorer.state())")
    root.locator('[data-do="pin"]').click()
    assert root.locator(".explorer-pinned").is_visible()
    root.locator("input").first.press("End")
    moved = root.evaluate("(root) => root.explorer.link()")
    root.locator('[data-do="link"]').click()
    assert moved != start and here.page.evaluate("location.hash") == moved
    release()
    want, now = (computed(SLIDING)[state]["data"] for state in (
        first, root.evaluate("(root) => root.explorer.state()")))
    data = here.drawn(root)[0]
    check_figure(data[:len(now)], now)
    copies = data[len(now):]
    assert copies and all(any(same_points(copy, trace) for trace in want) for copy in copies)
    for button in ("unpin", "reset"):
        root.locator(f'[data-do="{button}"]').click()
    check_figure(here.drawn(root)[0], want)


def test_a_link_with_a_position_draws_it_untouched(visit):
    keys = {control: keys[-1] for control, keys in SLIDING.keys.items()}
    here = visit(SLIDING.page + f"#{SLIDING.name}?" + "&".join(
        f"{control}={key}" for control, key in keys.items()))
    root = here.page.locator(f"#explorer-{SLIDING.name}")
    root.locator(".explorer-plot[data-drawn]").wait_for()
    check_figure(here.drawn(root)[0], computed(SLIDING)[-1]["data"])
