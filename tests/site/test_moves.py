"""A move draws what it changes and no more, and never less."""

import json

import pytest

from lora_edu.explore import explore
from tests.site.pages import check_figure

COUNT = """() => {
  globalThis.calls = { react: 0, animate: 0 };
  for (const name of ["react", "animate"]) {
    const plotly = Plotly[name];
    Plotly[name] = (...given) => { calls[name] += 1; return plotly(...given); };
  }
}"""


def curve(r, **keys):
    return {"x": [1, 2, 3], "y": [r, r + 1, 2 * r], **keys}


def numbers(r=1):
    return [curve(r, name=f"r = {r}", mode="lines+markers+text", text=[f"r {r}", "", "end"],
                  marker={"size": [5 * r, 9, 3]}),
            curve(r + 1, fill="tonexty", line={"color": "#808080"})]


# What draws a move → figures, whose ranges are fixed unless the layout says otherwise: name →
# (traces at r, layout at r).
CASES = {
    "animate": {
        "numbers": (numbers, {}),
        "more-points": (lambda r: [{"x": list(range(r)), "y": list(range(r))}], {}),
    },
    "react": {
        "own-ends": (lambda r: [curve(r)], {"yaxis": lambda r: {}}),
        "legend": (lambda r: [curve(r, name=f"r = {r}"), curve(3)],
                   {"showlegend": lambda r: True}),
        "number-of-curves": (lambda r: [curve(i) for i in range(1, 2 + r)], {}),
        "bars": (lambda r: [{"type": "bar", "x": list(range(r)), "y": list(range(1, 1 + r))}], {}),
        "error-bars": (lambda r: [{"x": list(range(r)), "y": list(range(r)),
                                   "error_y": {"array": [1] * r}}], {}),
        "other-kind": (lambda r: [{"y": [1, r], "x": [
            ["1", "2"], ["2020-01-01", "2020-01-02"], ["a", "b"]][r - 1]}],
                       {"xaxis": lambda r: {}}),
        "heat-map": (lambda r: [{"type": "heatmap", "z": [[r, 2], [3, 4]]}, curve(r)], {}),
        "colour": (lambda r: [curve(r, line={"dash": ["dot", "dash", "solid"][r - 1]})], {}),
        "note": (lambda r: [curve(r)],
                 {"annotations": lambda r: [{"x": r, "y": r, "text": f"here {r}"}]}),
        "other-axis": (lambda r: [curve(r)], {"yaxis": lambda r: {"range": [0, 10 * r]}}),
    },
}
FIXED = {"xaxis": {"range": [0, 5]}, "yaxis": {"range": [0, 9]}, "showlegend": False}


def made(name, traces, layout):
    """The explorer of a case, as HTML."""
    def figure(r=1):
        return {"data": traces(r),
                "layout": FIXED | {key: of_r(r) for key, of_r in layout.items()}}

    return explore(figure, r=[1, 2, 3], name=name).html()


@pytest.mark.parametrize("draws", CASES)
def test_moves_look_as_drawn_anew(opened, draws):
    """And plotly is asked for no more than the move needs."""
    here = opened("".join(made(name, *case) for name, case in CASES[draws].items()))
    here.show(next(iter(CASES[draws])))
    here.page.evaluate(COUNT)
    for name, (traces, _) in CASES[draws].items():
        root = here.show(name)
        seen = [here.looks(root)]
        here.page.evaluate("() => { calls.react = calls.animate = 0; }")
        for key in ("End", "Home", "ArrowRight"):
            root.get_by_role("slider").press(key)
            seen.append(here.looks(root))
        assert here.page.evaluate("calls") == {"react": 0, "animate": 0, draws: 3}, name
        assert seen[0] == seen[2] != seen[1] != seen[3] != seen[0], name
        want = json.loads(json.dumps(traces(2)), parse_int=float)
        check_figure(here.drawn(root)[0], want, where=name)
        assert here.looks_drawn_anew(root) == seen[3], name


def test_new_colours_redraw_everything(opened):
    here = opened(made("moved", numbers, {}), color_scheme="light")
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
