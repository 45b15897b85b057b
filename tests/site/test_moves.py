"""A move draws what it changes and no more, and never less."""

import pytest

from lora_edu.explore import explore

pytestmark = pytest.mark.site
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
                         hovertemplate=f"r {r}", marker={"size": [5 * r, 9, 3]},
                         error_y={"array": [1, 2, 1]}),
                   curve(r, type="bar", text=[f"{r}", "b", "c"], name=f"r = {r}"),
                   curve(2, fill="tonexty", line={"color": "#808080"})])


def fewer_points(r=1):
    return figure([{"x": list(range(5 - r)), "y": list(range(5 - r)), "mode": "lines+markers"}])


def none(r=1):
    return figure([curve(r), {"x": [], "y": []} if r > 1 else curve(4)])


def own_ends(r=1):
    return figure([curve(r)], yaxis={})


def legend(r=1):
    return figure([curve(r, name=f"r = {r}"), curve(3, name="three")], showlegend=True)


def two_names(r=1):
    """Where two traces have names, plotly shows a legend without being asked."""
    return figure([curve(r, name=f"r = {r}"), curve(3, name="three")], showlegend=None)


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


TRACES_ALONE = [numbers, fewer_points]
ALL = [none, own_ends, legend, two_names, words_for_places, heat_map, still_map, colour,
       number_of_curves, note, other_axis]


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
    assert here.looks_drawn_anew(root) == seen[3]


def test_where_the_page_changes_its_colours_all_is_drawn(opened):
    here = opened(explore(numbers, r=[1, 2, 3], name="moved").html(), color_scheme="light")
    root = here.show("moved")
    root.get_by_role("slider").press("End")
    light = here.looks(root)
    here.page.add_style_tag(content="body { --pst-color-text-base: #d0d0d0; }")
    here.page.evaluate("document.documentElement.dataset.theme = 'dark'")
    dark = here.looks(root)
    assert dark["words"] != light["words"] and dark["curves"] == light["curves"]
    root.get_by_role("slider").press("Home")
    root.get_by_role("slider").press("End")
    assert here.looks(root) == dark


def test_a_plot_in_a_narrower_window_has_its_size(opened):
    here = opened(explore(numbers, r=[1, 2, 3], name="moved").html())
    root = here.show("moved")
    here.resize(500, 900)
    root.get_by_role("slider").press("End")
    here.looks(root)
    plot = root.locator(".explorer-plot")
    assert (plot.evaluate("(box) => [box._fullLayout.width, box._fullLayout.height]")
            == plot.evaluate("(box) => [box.clientWidth, box.clientHeight]"))
