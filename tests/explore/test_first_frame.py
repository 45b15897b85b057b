"""The first frame: words made safe, and what is not drawn at all. That it looks as plotly draws it
is tested in a browser (tests/site/test_first_frame.py)."""

from xml.etree import ElementTree

import pytest

from lora_edu.explore.first_frame import first_frame

HOSTILE = """</svg></script><b>"quoted" & 'so' on</b>"""


def figure(**changes):
    """A plain figure of one panel, 600 × 300 px where the plot is 700 × 400, that can be drawn."""
    line = {"type": "scatter", "x": [0, 10, None, 20], "y": [-1, 1, 0, 0], "name": "line",
            "mode": "lines+markers", "line": {"color": "#3b82c4"}}
    layout = {"showlegend": False, "margin": {"l": 60, "r": 40, "t": 60, "b": 40},
              "xaxis": {"range": [0, 20], "zeroline": False},
              "yaxis": {"range": [-2, 2], "zeroline": False}}
    return {"data": [line], "layout": {**layout, **changes}}


def test_words_are_escaped_and_spans_keep_their_colour():
    text = 'a < b &amp; c <span style="color:#d55e00">■ "d"</span>'
    axis = {"range": [0, 20], "zeroline": False, "tickvals": [5], "title": {"text": text},
            "ticktext": ["\"'&</svg"]}
    plain = figure(xaxis=axis)
    plain["data"][0]["line"]["color"] = HOSTILE
    html, lack = first_frame(plain, 400, 400)
    assert lack == ""
    root = ElementTree.fromstring(html)  # it is XML, too
    assert {'a < b & c ■ "d"', "\"'&</svg"} <= {"".join(t.itertext()) for t in root.iter("text")}
    assert [(span.get("fill"), span.text) for span in root.iter("tspan")] == [("#d55e00", '■ "d"')]
    assert {each.tag for each in root.iter()} <= {"div", "svg", "g", "line", "text", "tspan",
                                                  "path", "circle"}


UNKNOWN = {
    "a legend": lambda f: f["layout"].pop("showlegend"),
    "a zero line": lambda f: f["layout"]["yaxis"].pop("zeroline"),
    "a step that would hang": lambda f: f["layout"]["xaxis"].update(dtick=1e-9),
    "an arrow": lambda f: f["layout"].update(annotations=[{"text": "t", "xref": "x", "yref": "y"}]),
    "markup": lambda f: f["layout"]["xaxis"].update(title={"text": HOSTILE}),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_what_would_be_drawn_wrongly_is_not_drawn(case):
    plain = figure()
    UNKNOWN[case](plain)
    html, lack = first_frame(plain, 400, 400)
    assert html == "" and lack
