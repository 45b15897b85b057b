"""The first frame's numbers: what stands where its axis says, and what is not drawn at all.

That every mark, word and shape stands where plotly draws it is tested in a browser
(tests/site/test_first_frame.py).
"""

import copy
import re
import struct
import zlib
from base64 import b64decode
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lora_edu.explore.still.axis import Axis

from lora_edu.explore.plain import plain_figure
from lora_edu.explore.still import Unknown, first_frame

HOSTILE = """</svg></script><b>"quoted" & 'so' on</b>"""


def axis(letter="x", data=(), kind="scatter", **spec):
    return Axis(f"{letter}axis", {"zeroline": False, **spec}, [{"type": kind, letter: data}])


def figure(traces=None, **changes):
    """A plain figure of one panel, 600 × 300 px where the plot is 700 × 400, that can be drawn."""
    line = go.Scatter(x=[0, 10], y=[-1, 1], mode="lines+markers", name="line",
                      line={"color": "#3b82c4"}, hovertemplate="%{y}")
    layout = {"showlegend": False, "margin": {"l": 60, "r": 40, "t": 60, "b": 40},
              "xaxis": {"range": [0, 20], "zeroline": False, "anchor": "y"},
              "yaxis": {"range": [-2, 2], "zeroline": False, "anchor": "x"}}
    return plain_figure(go.Figure(traces or [line], {**layout, **changes}))


def tree(plain, height=400, narrow=400):
    """The first frame as XML, which it is too."""
    return ElementTree.fromstring(first_frame(plain, height, narrow))


def texts(part):
    return ["".join(text.itertext()) for text in part.iter("text")]


def test_a_value_stands_where_its_axis_says():
    assert axis(range=[0, 20]).place(5) == 0.25
    assert axis(range=[20, 0]).place(5) == 0.75
    assert axis(range=[-1, 3], type="log").place(1) == 0.25
    assert axis(range=[-1, 3], type="log").place(1000) == 1
    words = axis(data=["SGD", "Adam", "SGD", "both"], range=[-0.5, 2.5])
    assert [words.place(word) for word in ("SGD", "Adam", "both")] == pytest.approx(
        [1 / 6, 1 / 2, 5 / 6])
    bars = axis(data=["full", "LoRA"], kind="bar")
    assert (bars.low, bars.high, bars.place("LoRA")) == (-0.5, 1.5, 0.75)
    assert axis(range=[0, 1]).place(None) is None


@pytest.mark.parametrize("ends, length, labels", [
    ([0, 1.08], 300, "0 0.2 0.4 0.6 0.8 1"),
    ([0, 0.561], 205.8, "0 0.1 0.2 0.3 0.4 0.5"),
    ([-2.3, 2.3], 200, "−2 −1 0 1 2"),
    ([60, 0], 620, "0 10 20 30 40 50 60"),
    ([0, 9000], 100, "0 2000 4000 6000 8000"),
])
def test_ticks_are_those_that_plotly_chooses(ends, length, labels):
    ticks = axis("y", range=ends).ticks(length)
    assert [text for _, text in ticks] == labels.split()
    span = ends[1] - ends[0]
    for place, text in ticks:
        assert place == pytest.approx((float(text.replace("−", "-")) - ends[0]) / span)


def test_given_ticks_steps_and_formats_are_kept():
    assert axis(range=[0, 10], tickvals=[-1, 0, 5, 11], ticktext=list("abcd")).ticks(99) == [
        (0.0, "b"), (0.5, "c")]
    assert [text for _, text in axis(range=[0, 1.3], dtick=0.5, tickformat=".0%").ticks(99)] == [
        "0%", "50%", "100%"]
    assert [text for _, text in axis(range=[0, 20000], dtick=1e4, tickformat=",.0f").ticks(99)] == [
        "0", "10,000", "20,000"]


@given(st.floats(-1e3, 1e3), st.floats(0.01, 1e3), st.floats(50, 900))
def test_ticks_are_evenly_spaced_on_the_axis_and_between_two_and_twenty(low, span, length):
    try:
        places = [place for place, _ in axis(range=[low, low + span]).ticks(length)]
    except Unknown:
        assert max(abs(low), abs(low + span)) <= 1.1e-3
        return
    assert 2 <= len(places) <= 20
    assert places[0] > -1e-3 and places[-1] < 1 + 1e-3
    assert np.ptp(np.diff(places)) < 1e-6


def test_a_line_and_its_marks_run_through_its_points():
    root = tree(figure())
    (inside,) = [svg for svg in root.iter("svg") if svg.get("class") == "inside"]
    (path,) = inside.iter("path")
    assert path.get("d") == "M0 1500l1000 -1000" and path.get("stroke") == "#3b82c4"
    assert [(c.get("cx"), c.get("cy"), c.get("r")) for c in inside.iter("circle")] == [
        ("0%", "75%", "3"), ("50%", "25%", "3")]


def test_rounding_does_not_add_up_and_a_gap_is_a_gap():
    x = np.linspace(0, 20, 1001)
    y = [None if i == 500 else value for i, value in enumerate(np.sin(x))]
    plain = figure([go.Scatter(x=x, y=y, mode="lines", line={"color": "red"})])
    (path,) = tree(plain).iter("path")
    first, second = path.get("d").split("M")[1:]
    for piece, start, end in ((first, 0, 499), (second, 501, 1000)):
        steps = np.array(re.split("[l ]", piece), float).reshape(-1, 2)
        here = np.cumsum(steps, axis=0)
        for place, i in ((here[0], start), (here[-1], end)):
            np.testing.assert_allclose(place, [100 * x[i], 1000 - 500 * y[i]], atol=0.51)


def test_two_panels_stand_side_by_side_and_a_phone_has_ticks_of_its_own():
    more = {"xaxis": {"range": [0, 60], "domain": [0, 0.44], "zeroline": False, "anchor": "y",
                      "title": {"text": "step"}},
            "xaxis2": {"range": [0, 60], "domain": [0.56, 1], "zeroline": False, "anchor": "y2"},
            "yaxis2": {"range": [0, 1], "zeroline": False, "anchor": "x2"}}
    traces = [go.Scatter(x=[30], y=[0.5], xaxis=f"x{n}", yaxis=f"y{n}", mode="markers",
                         marker={"color": "red"}) for n in ("", "2")]
    left, right = tree(figure(traces, **more), 400, 600)
    assert [re.findall(r"(left|width|top|height):([\d.]+)%", panel.get("style"))
            for panel in (left, right)] == [
        [("left", "0"), ("width", "44"), ("top", "0"), ("height", "100")],
        [("left", "56"), ("width", "44"), ("top", "0"), ("height", "100")]]
    marks = [next(panel.iter("circle")) for panel in (left, right)]
    assert [(mark.get("cx"), mark.get("cy")) for mark in marks] == [("50%", "37.5%"),
                                                                    ("50%", "50%")]
    wide, narrow = (g for g in left.iter("g") if g.get("class") in ("wide", "narrow"))
    assert [texts(wide)[-1], texts(narrow)[-1]] == ["step", "step"]
    titles = [list(g.iter("text"))[-1] for g in (wide, narrow)]
    # 37 px: above the edge of the figure; 49 px: where plotly sets a title that has room
    assert [title.get("dy") for title in titles] == ["37", "49"]


def test_stacked_bars_stand_on_each_other():
    traces = [go.Bar(x=["full", "LoRA"], y=y, marker={"color": "red"}) for y in ([1, 0.5], [0, 2])]
    root = tree(figure(traces, barmode="stack", xaxis={"anchor": "y"},
                       yaxis={"range": [0, 4], "zeroline": False}))
    found = [[rect.get(key) for key in ("x", "y", "width", "height")] for rect in root.iter("rect")]
    assert found == [["5%", "75%", "40%", "25%"], ["55%", "87.5%", "40%", "12.5%"],
                     ["55%", "37.5%", "40%", "50%"]]


def test_a_heat_map_is_a_picture_of_its_cells():
    blank = {"ticks": "", "showgrid": False, "zeroline": False, "showticklabels": False}
    plain = figure([go.Heatmap(z=[[0, 1], [2, None], [4, 5]], zmin=0, zmax=4, showscale=False,
                               colorscale=[[0, "#000000"], [1, "rgba(100, 200, 40, 0)"]])],
                   xaxis=blank, yaxis={**blank, "range": [2.5, -0.5]})
    (image,) = tree(plain).iter("image")
    assert [image.get(key) for key in ("x", "y", "width", "height")] == ["0%", "0%", "100%", "100%"]
    png = b64decode(image.get("href").removeprefix("data:image/png;base64,"))
    assert struct.unpack(">II", png[16:24]) == (2, 3)
    (length,) = struct.unpack(">I", png[33:37])
    rows = np.frombuffer(zlib.decompress(png[41:41 + length]), np.uint8).reshape(3, 1 + 4 * 2)
    assert rows[:, 1:].reshape(3, 2, 4).tolist() == [
        [[0, 0, 0, 255], [25, 50, 10, 191]], [[50, 100, 20, 128], [0, 0, 0, 0]],
        [[100, 200, 40, 0], [100, 200, 40, 0]]]


def test_words_are_escaped_and_spans_keep_their_colour():
    note = {"xref": "x domain", "yref": "y domain", "x": 0, "y": 1, "xanchor": "left",
            "yanchor": "bottom", "showarrow": False, "yshift": 6,
            "text": 'a < b &amp; c <span style="color:#d55e00">■ "d"</span>'}
    root = tree(figure(annotations=[note], xaxis={
        "range": [0, 20], "zeroline": False, "tickvals": [5],
        "ticktext": ["1 > 0 & 2"], "title": {"text": "&lt;r&gt;"}}))
    assert {'a < b & c ■ "d"', "1 > 0 & 2", "<r>"} <= set(texts(root))
    spans = list(root.iter("tspan"))  # of a heading, which stands elsewhere on a phone
    assert [(span.get("fill"), span.text) for span in spans] == 2 * [("#d55e00", '■ "d"')]


def tags(html):
    found = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: found.append(tag)
    parser.feed(html)
    return set(found)


def test_hostile_words_never_become_markup():
    plain = figure()
    plain["data"][0]["line"]["color"] = HOSTILE
    plain["layout"]["xaxis"] |= {"tickvals": [5], "ticktext": ["\"'&</svg"],
                                 "title": {"text": "&lt;/svg&gt;&lt;b&gt;"}}
    assert tags(first_frame(plain, 400, 400)) == {"div", "svg", "g", "line", "text", "path",
                                                  "circle"}
    for word in (HOSTILE, f'<span style="color:{HOSTILE}">x</span>', "<script>"):
        plain["layout"]["xaxis"]["title"]["text"] = word
        with pytest.raises(Unknown, match="markup"):
            first_frame(plain, 400, 400)


UNKNOWN = {
    "a legend": lambda f: f["layout"].pop("showlegend"),
    "no margin": lambda f: f["layout"].pop("margin"),
    "another trace": lambda f: f["data"].append({"type": "contour", "z": [[1.0]]}),
    "a fill": lambda f: f["data"][0].update(fill="tozeroy"),
    "a step line": lambda f: f["data"][0]["line"].update(shape="hv"),
    "a colour scale": lambda f: f["data"][0].update(marker={"color": [1, 2]}),
    "another symbol": lambda f: f["data"][0].update(marker={"symbol": "star"}),
    "another dash": lambda f: f["data"][0]["line"].update(dash="5px,1px"),
    "no mode": lambda f: f["data"][0].pop("mode"),
    "no colour": lambda f: f["data"][0].pop("line"),
    "no x": lambda f: f["data"][0].pop("x"),
    "dates": lambda f: f["data"][0].update(x=["2021-06-17", "2021-06-18"]),
    "words and numbers": lambda f: f["data"][0].update(x=["SGD", 1]),
    "axes crossed": lambda f: f["data"][0].update(yaxis="y2"),
    "no range": lambda f: f["layout"]["xaxis"].pop("range"),
    "a date axis": lambda f: f["layout"]["xaxis"].update(type="date"),
    "tick marks": lambda f: f["layout"]["xaxis"].update(ticks="outside"),
    "a zero line": lambda f: f["layout"]["yaxis"].pop("zeroline"),
    "a font of ticks": lambda f: f["layout"]["xaxis"].update(tickfont={"size": 9}),
    "a log scale without ticks": lambda f: f["layout"]["xaxis"].update(type="log"),
    "a step that would hang": lambda f: f["layout"]["xaxis"].update(dtick=1e-9),
    "more ticks than can be read": lambda f: f["layout"]["xaxis"].update(dtick=0.1),
    "no step": lambda f: f["layout"]["xaxis"].update(dtick=0),
    "a step back": lambda f: f["layout"]["xaxis"].update(dtick=-1),
    "a month as step": lambda f: f["layout"]["xaxis"].update(dtick="M1"),
    "an odd format": lambda f: f["layout"]["xaxis"].update(tickformat="~s"),
    "numbers with a prefix": lambda f: f["layout"]["xaxis"].update(range=[0, 20000]),
    "an anchor elsewhere": lambda f: f["layout"]["xaxis"].update(anchor="free"),
    "a scale tied half": lambda f: f["layout"]["yaxis"].update(scaleanchor="x"),
    "three panels": lambda f: f["layout"].update(xaxis2={}, yaxis3={}),
    "an image": lambda f: f["layout"].update(images=[{}]),
    "a title": lambda f: f["layout"].update(title={"text": "t"}),
    "an arrow": lambda f: f["layout"].update(annotations=[{"text": "t", "xref": "x", "yref": "y"}]),
    "a note on the paper": lambda f: f["layout"].update(annotations=[
        {"text": "t", "xref": "paper", "yref": "paper", "showarrow": False}]),
    "a circle": lambda f: f["layout"].update(shapes=[
        {"type": "circle", "xref": "x", "yref": "y", "x0": 0, "x1": 1, "y0": 0, "y1": 1}]),
    "a shape between": lambda f: f["layout"].update(shapes=[
        {"type": "rect", "xref": "x", "yref": "y", "x0": 0, "x1": 1, "y0": 0, "y1": 1,
         "layer": "between"}]),
    "numbers as small as plotly abbreviates": lambda f: f["layout"]["xaxis"].update(
        range=[0, 1.1e-3]),
    "numbers as large as plotly abbreviates": lambda f: f["layout"]["xaxis"].update(
        range=[0, 9.7e3]),
    "two lines": lambda f: f["layout"]["xaxis"].update(title={"text": "a<br>b"}),
    "a range of no length": lambda f: f["layout"]["xaxis"].update(range=[1, 1]),
    "nothing": lambda f: f["layout"].clear(),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_what_would_be_drawn_wrongly_is_not_drawn(case):
    plain = copy.deepcopy(figure())
    first_frame(plain, 400, 400)
    UNKNOWN[case](plain)
    with pytest.raises(Unknown, match=r"\w"):
        first_frame(plain, 400, 400)


@pytest.mark.parametrize("bars", [
    {"y": [-1, 2]}, {"x": [1, 2]}, {"marker": {"color": ["red", "blue"]}}, {"orientation": "h"},
    {"text": ["a", "b"]}, {"text": ["a", "b"], "textposition": "outside"}])
def test_bars_that_would_be_drawn_wrongly_are_not_drawn(bars):
    good = {"x": ["a", "b"], "y": [1, 2], "marker": {"color": "red"}}
    first_frame(figure([go.Bar(good)]), 400, 400)
    with pytest.raises(Unknown):
        first_frame(figure([go.Bar(good | bars)]), 400, 400)


def test_bars_side_by_side_are_not_drawn():
    traces = [go.Bar(x=["a", "b"], y=[1, 2], marker={"color": "red"})] * 2
    first_frame(figure(traces, barmode="stack"), 400, 400)
    with pytest.raises(Unknown, match="stacked"):
        first_frame(figure(traces), 400, 400)


def test_a_gap_among_words_is_a_gap():
    words = axis(data=["SGD", None, "Adam"], range=[-0.5, 1.5])
    assert words.categories == ["SGD", "Adam"] and words.place("Adam") == 0.75


def test_a_zero_line_stands_only_where_zero_is_in_the_range():
    assert Axis("yaxis", {"range": [1, 3]}, []).place(2) == 0.5
    for ends in ([0, 3], [-1, 3], [-3, 0], [3, -1]):
        with pytest.raises(Unknown, match="yaxis: a zero line"):
            Axis("yaxis", {"range": ends}, [])


@pytest.mark.parametrize("ends", [[0.05, 0.3 - 1e-12], [5e-5, 3e-4 - 1e-15], [1000, 6000 - 1e-6]])
def test_a_tick_at_the_very_end_is_there_whatever_the_scale(ends):
    step = (ends[1] - ends[0]) / 5
    ticks = axis("y", range=ends, dtick=step, tickformat=".2f").ticks(300)
    assert [round(place, 6) for place, _ in ticks] == [0, 0.2, 0.4, 0.6, 0.8, 1]


@pytest.mark.parametrize("spec, words", [
    ({"type": "log", "range": [0, 2]}, "a log scale"),
    ({"range": [0, 2], "tickformat": "~s"}, "~s"), ({"range": [0, 2], "tickformat": ".1e"}, ".1e")])
def test_tick_words_that_plotly_would_make_otherwise_are_not_made(spec, words):
    with pytest.raises(Unknown, match=words):
        axis("y", **spec).ticks(300)
