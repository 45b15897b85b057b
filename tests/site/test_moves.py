"""A move draws what it changes and no more, and never less."""

import json

import pytest

from lora_edu.explore import explore
from tests.site.pages import check_figure

COUNT = """(root) => {
  globalThis.calls = { react: 0, animate: 0 };
  for (const name of ["react", "animate"]) {
    const plotly = Plotly[name];
    Plotly[name] = (...given) => { calls[name] += 1; return plotly(...given); };
  }
}"""


def figure(traces, **layout):
    """Fixed axes and no legend, unless ``layout`` says otherwise."""
    return {"data": traces, "layout": {
        "xaxis": {"range": [0, 5]}, "yaxis": {"range": [0, 9]}, "showlegend": False, **layout}}


def curve(r, **keys):
    return {"x": [1, 2, 3], "y": [r, r + 1, 2 * r], **keys}


def numbers(r=1):
    return figure([curve(r, name=f"r = {r}", mode="lines+markers+text", text=[f"r {r}", "", "end"],
                         textposition=["top left", "top right"][r % 2], customdata=[[r], [r], [r]],
                         hovertemplate=f"r {r}", marker={"size": [5 * r, 9, 3]}),
                   curve(r + 1, fill="tonexty", line={"color": "#808080"})])


def more_points(r=1):
    return figure([{"x": list(range(r)), "y": list(range(r)), "mode": "lines+markers"}])


def none(r=1):
    return figure([curve(r), {"x": [], "y": []} if r > 1 else curve(4)])


def own_ends(r=1):
    return figure([curve(r)], yaxis={})


def legend(r=1):
    return figure([curve(r, name=f"r = {r}"), curve(3, name="three")], showlegend=True)


def two_names(r=1):
    """Where two traces have names, plotly shows a legend without being asked."""
    return figure([curve(r, name=f"r = {r}"), curve(3, name="three")], showlegend=None)


def bars(r=1):
    """Of bars alone plotly would style no new one."""
    return figure([{"type": "bar", "x": list(range(r)), "y": list(range(1, 1 + r))}])


def stacked_words(r=1):
    return figure([{"type": "bar", "x": [1, 2], "y": [r, 2], "text": ["inside", "too"]},
                   {"type": "bar", "x": [1, 2], "y": [1, r], "text": ["on", "top"]}],
                  barmode="stack")


def error_bars(r=1):
    return figure([{"x": list(range(r)), "y": list(range(r)), "error_y": {"array": [1] * r}}])


def range_slider(r=1):
    return figure([curve(r)], xaxis={"range": [0, 5], "rangeslider": {"visible": True}})


def other_kind(r=1):
    """Texts that plotly takes for numbers, for days or for words, where no type is given."""
    return figure([{"x": [["1", "2"], ["2020-01-01", "2020-01-02"], ["a", "b"]][r - 1],
                    "y": [1, r]}], xaxis={})


def words_of_the_reading(r=1):
    return figure([curve(r, mode="lines")], meta={"reading": f"r = {r}"},
                  annotations=[{"x": 1, "y": 1, "text": "%{meta.reading}"}])


def pointed_words_of_the_reading(r=1):
    return figure([curve(r, mode="lines", hovertemplate="%{y} %{meta.reading}")],
                  meta={"reading": f"r = {r}"})


def words_for_places(r=1):
    return figure([{"type": "bar", "x": [f"r {r}", "all"], "y": [r, 4]}], xaxis={})


def heat_map(r=1):
    return figure([{"type": "heatmap", "z": [[r, 2], [3, 4]], "showscale": False}, curve(r)])


def still_map(r=1):
    return figure([{"type": "heatmap", "z": [[1, 2], [3, 4]], "showscale": False}, curve(r)])


def colour(r=1):
    return figure([curve(r, mode="markers+lines", line={"dash": ["dot", "dash", "solid"][r - 1]},
                         marker={"color": ["#d55e00", "#009e73", "#aa6bc0"][r - 1]})])


def number_of_curves(r=1):
    return figure([curve(i) for i in range(1, 2 + r)])


def note(r=1):
    return figure([curve(r)], annotations=[{"x": r, "y": r, "text": f"here {r}"}])


def other_axis(r=1):
    return figure([curve(r)], yaxis={"range": [0, 10 * r]}, title={"text": f"r = {r}"})


TRACES_ALONE = [numbers, more_points]
ALL = [none, own_ends, legend, two_names, bars, stacked_words, error_bars, range_slider, other_kind,
       words_of_the_reading, pointed_words_of_the_reading, words_for_places, heat_map, still_map,
       colour, number_of_curves, note, other_axis]


@pytest.mark.parametrize("function, draws", [*((f, "animate") for f in TRACES_ALONE),
                                             *((f, "react") for f in ALL)])
def test_every_move_looks_as_if_drawn_from_nothing(opened, function, draws):
    here = opened(explore(function, r=[1, 2, 3], name="moved").html())
    root = here.show("moved")
    seen = [here.looks(root)]
    root.evaluate(COUNT)
    for key in ("End", "Home", "ArrowRight"):
        root.get_by_role("slider").press(key)
        seen.append(here.looks(root))
    other = {"react": "animate", "animate": "react"}[draws]
    assert here.page.evaluate("calls") == {draws: 3, other: 0}
    assert seen[0] == seen[2] != seen[1] != seen[3] != seen[0]
    check_figure(here.drawn(root)[0], json.loads(json.dumps(function(2)["data"]), parse_int=float))
    assert here.looks_drawn_anew(root) == seen[3]


def test_where_the_page_changes_its_colours_all_is_drawn(opened):
    here = opened(explore(numbers, r=[1, 2, 3], name="moved").html(), color_scheme="light")
    root = here.show("moved")
    root.get_by_role("slider").press("End")
    light = here.looks(root)
    here.page.add_style_tag(content="body { --pst-color-text-base: #d0d0d0; }")
    here.page.evaluate("document.documentElement.dataset.theme = 'dark'")
    dark = here.looks(root)
    assert dark != light and any("rgb(208, 208, 208)" in line for line in dark)
    root.get_by_role("slider").press("Home")
    root.get_by_role("slider").press("End")
    assert here.looks(root) == dark


@pytest.mark.parametrize(("width", "height"), [(500, 900), (900, 500)])
def test_a_plot_in_another_window_has_its_size(opened, width, height):
    here = opened(explore(numbers, r=[1, 2, 3], name="moved").html()
                  + "<style>.explorer-plot { height: 40vh !important; }</style>")
    root = here.show("moved")
    here.resize(width, height)
    root.get_by_role("slider").press("End")
    here.looks(root)
    plot = root.locator(".explorer-plot")
    assert (plot.evaluate("(box) => [box._fullLayout.width, box._fullLayout.height]")
            == plot.evaluate("(box) => [box.clientWidth, box.clientHeight]"))


def two_alike(r=1):
    """From the second position on the first curve is elsewhere than at r = 1, then the second."""
    return figure([curve([1, 3, 1][r - 1], line={"color": "#808080"}),
                   curve([2, 2, 4][r - 1], line={"color": "#808080"})])


def test_what_is_pinned_stays_as_it_was_when_curves_look_alike(opened):
    here = opened(explore(two_alike, r=[1, 2, 3], name="moved").html())
    root = here.show("moved")
    root.locator('[data-do="pin"]').click()
    ghosts = []
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
        root.get_by_role("slider").press(key)
        ghosts.append([trace["y"] for trace in here.drawn(root)[0]
                       if trace["line"].get("dash") == "4px,3px"])
    assert ghosts == [[[1, 2, 2]], [[2, 3, 4]], [[1, 2, 2]]]


def test_nothing_is_drawn_where_a_plot_has_gone(opened):
    here = opened(explore(numbers, r=[1, 2, 3], name="moved").html())
    root = here.show("moved")
    root.evaluate("""({ explorer }) => {
      explorer.go({ r: "2" });
      explorer.plot.destroy();
      explorer.go({ r: "3" });
      explorer.plot.load();
    }""")
    here.looks(root)
    assert root.locator(".main-svg").count() == 0
