"""The fragment of a page: every word escaped, and room for what it shows."""

import re
from html import unescape
from html.parser import HTMLParser

import numpy as np
import plotly.graph_objects as go
import pytest

from lora_edu.explore import explore, page, show
from lora_edu.explore.page_data import data_of_explorers

HOSTILE = """</script><b>"quoted" & 'so' on</b>"""


def figure(r=2, start="one", log=False):
    """A line and a heat map, named to be troublesome."""
    x = np.arange(1.0, 6.0)
    return go.Figure([go.Scatter(x=x, y=r * x, name=HOSTILE, mode="lines"),
                      go.Heatmap(z=[[r, 2.5], [3, 4]], xaxis="x2", yaxis="y2")],
                     layout={"meta": {"reading": f"r = {r}, {start}{', log' if log else ''} <&>"}})


def explorer(**changes):
    return explore(figure, **{"r": [1, 2, 3], "start": ["one", HOSTILE], "log": bool,
                              "caption": HOSTILE, "labels": {"r": HOSTILE}, **changes})


def tags(html, name):
    """The attributes of every element of that name; each element must be closed in turn."""
    elements = []
    still_open = []
    parser = HTMLParser()
    parser.handle_endtag = lambda tag: still_open.pop() == tag or 1 / 0

    def start(tag, attributes):
        if tag == name:
            elements.append(dict(attributes))
        still_open.extend([tag] if tag != "input" else [])

    parser.handle_starttag = start
    parser.feed(html)
    assert still_open == []
    return elements


def test_captions_labels_and_values_are_escaped():
    html = explorer().html()
    assert '<b>"quoted' not in html
    assert html.count("<script") == html.count("</script>") == 2
    assert unescape(re.search("<figcaption>(.*?)</figcaption>", html)[1]) == HOSTILE


def test_an_explorer_has_an_id_and_says_how_much_room_it_needs():
    html = explorer(name="My board", height=300).html()
    [root] = tags(html, "figure")
    assert root["id"] == "explorer-my-board"
    assert root["style"] == "--rows:4;--explorer-height:300px;--explorer-height-narrow:375px"
    [data] = data_of_explorers(html)
    assert data["reading"] == "r = 2, one <&>"  # of the position shown first


@pytest.mark.parametrize("layout, head, read", [
    ({}, "", ""), ({"meta": {"reading": "r = 1"}}, "r = 1", "r = 1"),
    ({"title": {"text": "<b>one</b> < 2"}}, "one < 2", "one < 2"),
    ({"title": {"text": "<em>a<sub>1</sub></em> of <module>"}}, "a1 of <module>", "a1 of <module>"),
    ({"title": {"text": "one"}, "meta": {"reading": "r = 1"}}, "one", "r = 1")])
def test_the_headline_is_the_title_or_the_reading(layout, head, read):
    html = show({"data": [{"y": [1]}], "layout": layout}, name="still").html()
    [data] = data_of_explorers(html)
    assert "title" not in data["lack"]
    shown = re.search(r'explorer-headline" data-longest="[^"]*"><span>(.*?)</span>', html)
    assert unescape(shown[1] if shown else "") == head
    assert unescape(re.search('aria-label="(.*?)"', html)[1]) == (read or "still")


MARGIN = {"l": 60, "r": 14, "t": 30, "b": 40}  # leaves 250 px for 5 units: 50 px each
TIED = {"margin": MARGIN, "xaxis": {"range": [0, 5]},
        "yaxis": {"range": [3, 0], "scaleanchor": "x", "scaleratio": 2}}


@pytest.mark.parametrize("height, axes, layout, narrow", [
    (360, "y", {}, 360), (360, "yz", {}, 450), (400, "yz", {}, 480),  # two panels: a quarter more
    (400, "y", TIED, 6 * 50 + 30 + 40), (200, "y", TIED, 200),
    (400, "y", TIED | {"xaxis": {"range": [3, 3]}}, 400),
    (400, "y", TIED | {"margin": {"l": 60, "r": 14, "t": 30, "pad": 4}}, 400)])
def test_on_a_phone_a_plot_is_as_high_as_it_needs(height, axes, layout, narrow):
    figure = {"data": [{"y": [1], "yaxis": name} for name in axes], "layout": layout}
    assert page.narrow_height(height, figure) == narrow


@pytest.mark.parametrize("count, kind", [(6, "input"), (7, "option")])
def test_more_than_six_choices_are_a_menu(count, kind):
    html = explore(lambda start="c": {"data": []}, name="a", start=list("abcdefg"[:count])).html()
    shown = tags(html, kind)
    assert [choice["value"] for choice in shown] == list("abcdefg"[:count])
    assert [choice["value"] for choice in shown if {"checked", "selected"} & choice.keys()] == ["c"]
