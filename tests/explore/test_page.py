"""The fragment of a page: complete, escaped, readable without a script, and small."""

import functools
import json
import re
from html import unescape
from html.parser import HTMLParser

import numpy as np
import plotly.graph_objects as go
import pytest

from lora_edu import STARTS, Adam, Adapter, initial, scaling, teacher_student, train
from lora_edu.explore import ExploreError, explore, page, show
from lora_edu.explore.codec import unpack

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


class Elements(HTMLParser):
    """Collects (tag, attributes) and fails on a tag that is closed out of turn."""

    def __init__(self, html):
        super().__init__()
        self.found, self.open = [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        if tag != "input":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def attributes(html, tag):
    return [attrs for name, attrs in Elements(html).found if name == tag]


def packed(html):
    return re.search(r'class="explorer-states">([^<]*)</script>', html)[1]


def test_captions_labels_and_values_are_escaped():
    html = explorer().html()
    tags = {tag for tag, _ in Elements(html).found}
    assert tags == {"figure", "div", "label", "b", "input", "output", "fieldset", "legend", "span",
                    "button", "p", "figcaption", "noscript", "style", "table", "tbody", "tr", "th",
                    "td", "script"}
    assert html.count("<script") == html.count("</script>") == 1
    assert unescape(re.search("<figcaption>(.*?)</figcaption>", html)[1]) == HOSTILE
    assert unescape(re.search('<legend>.*?<div class="explorer-options">(.*?)</div>', html)[1]
                    ).count(HOSTILE) == 1


def test_the_controls_say_what_a_position_means():
    html = explorer().html()
    described = {attrs["data-control"]: attrs for _, attrs in Elements(html).found
                 if "data-control" in attrs}
    assert list(described) == ["r", "start", "log"]
    assert json.loads(described["r"]["data-values"]) == [1, 2, 3]
    assert json.loads(described["start"]["data-values"]) == ["one", HOSTILE]
    assert json.loads(described["log"]["data-keys"]) == ["off", "on"]
    (slider,) = [attrs for attrs in attributes(html, "input") if attrs["type"] == "range"]
    assert (slider["max"], slider["value"], slider["aria-valuetext"]) == ("2", "1", "2")


def test_the_root_names_the_explorer_its_source_and_its_traces():
    (root,) = attributes(explorer(name="My board", height=300).html(), "figure")
    assert root["id"] == "explorer-my-board" and root["data-name"] == "my-board"
    assert root["data-source"] == f"{__name__}:figure"
    assert root["data-traces"] == "heatmap scatter"
    assert root["style"] == "--explorer-height:300px;--explorer-height-narrow:450px"


def test_every_state_is_in_the_page():
    made = explorer()
    states = unpack(packed(made.html()))
    assert [state["layout"]["meta"]["reading"] for state in states] == [
        f"r = {r}, {start}{log} <&>" for r in (1, 2, 3) for start in ("one", HOSTILE)
        for log in ("", ", log")]
    assert page.start_index(made.controls) == 4


def test_the_reading_and_the_longest_reading_are_in_the_page():
    html = explorer().html()
    (line,) = [attrs for attrs in attributes(html, "p") if attrs.get("aria-live") == "polite"]
    assert line["data-longest"] == f"r = 1, {HOSTILE}, log <&>" + page.SLACK
    assert "<span>r = 2, one &lt;&amp;&gt;</span>" in html


def test_a_reader_without_scripts_gets_a_table_of_the_named_traces():
    (noscript,) = re.findall("<noscript>(.*?)</noscript>", explorer().html())
    rows = re.findall("<tr>(.*?)</tr>", noscript)
    assert [[unescape(cell) for cell in re.findall("<t[hd]>(.*?)</t[hd]>", row)] for row in rows] \
        == [[HOSTILE, "1: 2", "3: 6", "5: 10"]]
    assert ".explorer-plot:empty" in noscript and "display:none" in noscript


def test_a_first_frame_stands_in_for_the_plot():
    plain = go.Figure(go.Scatter(x=[0, 1], y=[0, 1], mode="lines", line={"color": "red"}), {
        "showlegend": False, "margin": {"l": 60, "r": 40, "t": 60, "b": 40},
        "xaxis": {"range": [0, 4], "zeroline": False}, "yaxis": {"range": [0, 1],
                                                                 "zeroline": False}})
    html = show(plain, name="still").html()
    drawing = re.search(r'role="img" aria-label="still">(.*?)</div>\n', html)[1]
    assert drawing.startswith('<div class="explorer-frame" aria-hidden="true"')
    assert "M0 2000l500 -2000" in drawing and "data-no-first-frame" not in html
    plain.update_layout(paper_bgcolor="red")
    html = show(plain, name="still").html()
    assert 'aria-label="still"></div>' in html
    (root,) = attributes(html, "figure")
    assert root["data-no-first-frame"] == "layout.paper_bgcolor"


def test_the_table_shows_true_values_where_y_is_only_a_coordinate():
    plain = {"data": [{"name": "norm", "x": ["step 0", "step 1"], "y": [-9, 1],
                       "customdata": [0.0, 12.345]}], "layout": {}}
    assert "<td>step 0: 0</td><td>step 1: 12.3</td>" in page.table(plain)


def test_a_plain_figure_has_a_caption_and_nothing_to_move():
    html = show(figure(), name="still", caption="look").html()
    assert not attributes(html, "input") and not attributes(html, "button")
    assert "<figcaption>look</figcaption>" in html and len(unpack(packed(html))) == 1


@pytest.mark.parametrize("name", ["", "1st", "!?", "_1"])
def test_a_name_that_cannot_stand_in_a_link_is_refused(name):
    with pytest.raises(ValueError, match="name must begin with a letter"):
        show(figure(), name=name)


def test_a_page_too_heavy_is_refused_with_its_numbers():
    noise = np.random.default_rng(0)
    heavy = explore(lambda r: go.Figure(go.Scatter(y=noise.normal(size=5000))), name="heavy",
                    r=range(40))
    with pytest.raises(ExploreError) as caught:
        heavy.html()
    for word in ("heavy: 40 states take", f"{page.MAX_PAYLOAD:,}", "fewer values", "fewer points"):
        assert word in str(caught.value)


def trajectories(r, alpha, start):
    """99 steps of Adam: three curves of 100 points."""
    problem = teacher_student(32, 32, rng=np.random.default_rng(0))
    A, B = initial(32, 32, r, start, rng=np.random.default_rng(1))
    history = train(problem, Adapter(A, B, scaling(r, alpha)), Adam(3e-3), 99)
    return go.Figure([go.Scatter(y=values, name=name) for name, values in (
        ("loss", history.loss), ("norm", history.delta_norm), ("useful", history.useful))])


def test_196_states_of_three_curves_of_100_points_take_100_kB():
    powers = [2**i for i in range(7)]
    html = explore(trajectories, r=powers, alpha=powers, start=STARTS[:4]).html()
    assert 40_000 < len(packed(html)) <= 100_000


@pytest.mark.parametrize("call, words", [
    (lambda: explore(None, r=[1]), "function must be a function that returns a plotly figure"),
    (lambda: explore(lambda height: None, height=[1]), "arguments of its own named height"),
    (lambda: explore(lambda r, caption: None, r=[1]), "arguments of its own named caption"),
    (lambda: explore(lambda name: None, name=["a", "b"]), "arguments of its own named name"),
    (lambda: explore(figure, r=[2], name=5), "name must be a text, got 5"),
    (lambda: explore(lambda r: None, r=[1], caption=None, name="a"), "caption must be a text"),
])
def test_a_call_that_cannot_be_meant_is_an_error_by_name(call, words):
    with pytest.raises(TypeError, match=words):
        call()


@pytest.mark.parametrize("height", [99, 380.0, "380", True, None])
def test_a_height_that_is_none_is_refused(height):
    with pytest.raises(ValueError, match="height must be a whole number of pixels from 100, got"):
        show(figure(), name="still", height=height)


def test_a_partial_and_a_callable_object_have_a_name_to_be_linked_by():
    class Board:
        def __call__(self, r):
            return figure()

    assert explore(Board(), r=[1]).name == "board"
    assert explore(functools.partial(figure, r=2), log=bool, start=["one"]).name == "partial"
