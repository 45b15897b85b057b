"""The first frame: words made safe, and what is not drawn at all. That plotly draws over it
is tested in a browser (tests/site/test_first_frame.py)."""

from xml.etree import ElementTree

import pytest

from lora_edu.explore.first_frame import first_frame

HOSTILE = """</svg></script><b>"quoted" & 'so' on</b>"""


def figure(**changes):
    """A plain figure of one panel, 600 × 300 px where the plot is 700 × 400, that can be drawn."""
    line = {"type": "scatter", "x": [0, 10, None, 20], "y": [-1, 1, 0, 0], "name": "line",
            "mode": "lines+markers", "line": {"color": "#3b82c4"}}
    layout = {"margin": {"l": 60, "r": 40, "t": 60, "b": 40},
              "xaxis": {"range": [0, 20]}, "yaxis": {"range": [-2, 2]}}
    return {"data": [line], "layout": {**layout, **changes}}


def test_words_are_escaped_and_spans_keep_their_colour():
    text = 'a < b &amp; c <span style="color:#d55e00">■ "d"</span>'
    note = {"text": text, "x": 5, "y": 0, "xref": "x", "yref": "y", "xanchor": "left",
            "yanchor": "bottom"}
    plain = figure(annotations=[note, {**note, "text": "\"'&</svg"}])
    plain["data"][0]["line"]["color"] = HOSTILE
    html, lack = first_frame(plain)
    assert lack == ""
    root = ElementTree.fromstring(html)  # it is XML, too
    assert {'a < b & c ■ "d"', "\"'&</svg"} <= {"".join(t.itertext()) for t in root.iter("text")}
    assert [(span.get("fill"), span.text) for span in root.iter("tspan")] == [("#d55e00", '■ "d"')]
    assert {each.tag for each in root.iter()} <= {"div", "svg", "g", "line", "text", "tspan",
                                                  "path"}


UNKNOWN = {
    "another trace": lambda f: f["data"].append({"type": "contour", "z": [[1.0]]}),
    "a colour of plotly's": lambda f: f["data"][0]["line"].pop("color"),
    "places of cells": lambda f: f["data"].append(
        {"type": "heatmap", "z": [[1.0]], "zmin": 0, "zmax": 1, "x": [5]}),
    "a margin of plotly's": lambda f: f["layout"]["xaxis"].update(automargin=True),
    "overlaid axes": lambda f: f["data"][0].update(yaxis="y2"),
    "dates": lambda f: f["data"][0].update(x=["2021-06-17"] * 4),
    "markup": lambda f: f["layout"].update(annotations=[
        {"text": HOSTILE, "x": 5, "y": 0, "xref": "x", "yref": "y", "xanchor": "left",
         "yanchor": "bottom"}]),
    "a note on a log scale": lambda f: f["layout"].update(
        xaxis={"type": "log", "range": [0, 2]}, annotations=[{"text": "t", "xref": "x", "x": 1}]),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_what_would_be_drawn_wrongly_is_not_drawn(case):
    plain = figure()
    UNKNOWN[case](plain)
    html, lack = first_frame(plain)
    assert html == "" and lack
