"""The fragment of a page: complete, escaped, readable without a script, and small."""

import functools
import re
from html import unescape
from html.parser import HTMLParser

import numpy as np
import plotly.graph_objects as go
import pytest

from lora_edu import STARTS, Adam, Adapter, initial, scaling, teacher_student, train
from lora_edu.explore import ExploreError, explore, page, show
from lora_edu.explore.controls import Control
from lora_edu.explore.island import islands
from tests.unpack import unpack

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


def data(made):
    """What the explorer's HTML says of itself to a program."""
    (found,) = islands(made.html())
    return found


def test_captions_labels_and_values_are_escaped():
    html = explorer().html()
    tags = {tag for tag, _ in Elements(html).found}
    assert tags == {"figure", "div", "label", "b", "input", "output", "fieldset", "legend", "span",
                    "button", "p", "figcaption", "noscript", "table", "thead", "tbody", "tr", "th",
                    "td", "script"}
    assert html.count("<script") == html.count("</script>") == 2
    assert unescape(re.search("<figcaption>(.*?)</figcaption>", html)[1]) == HOSTILE
    assert unescape(re.search('<legend>.*?<div class="explorer-options">(.*?)</div>', html)[1]
                    ).count(HOSTILE) == 1


def test_the_controls_say_what_a_position_means():
    made = explorer()
    assert [Control(**control) for control in data(made)["controls"]] == [
        Control(**{field: list(value) if isinstance(value, tuple) else value
                   for field, value in vars(control).items()}) for control in made.controls]
    html = made.html()
    assert [attrs["data-control"] for _, attrs in Elements(html).found
            if "data-control" in attrs] == ["r", "start", "log"]
    (slider,) = [attrs for attrs in attributes(html, "input") if attrs["type"] == "range"]
    assert (slider["max"], slider["value"], slider["aria-valuetext"]) == ("2", "1", "2")


def test_an_explorer_says_its_name_its_source_its_words_and_its_traces():
    made = explorer(name="My board", height=300)
    (root,) = attributes(made.html(), "figure")
    assert root["id"] == "explorer-my-board"
    assert root["style"] == "--explorer-height:300px;--explorer-height-narrow:375px"
    said = data(made)
    assert said["name"] == root["data-name"] == "my-board"
    assert said["source"] == f"{__name__}:figure"
    assert said["traces"] == ["heatmap", "scatter"]
    assert (said["caption"], said["reading"]) == (HOSTILE, "r = 2, one <&>")


def test_the_data_of_every_explorer_of_a_page_are_read_in_order():
    page = f"<p>a < b</p><script>1</script>{explorer().html()}<p>{explorer(name='b').html()}"
    assert [each["name"] for each in islands(page)] == ["figure", "b"]
    assert all(len(unpack(each["states"])) == 12 for each in islands(page))
    assert islands("<p>none</p>") == []


def test_values_that_json_does_not_have_are_said_in_words():
    made = explore(lambda f: {"data": [{"y": [f(0.5), 1.5]}]}, name="f", f={"root": np.sqrt})
    assert data(made)["controls"][0]["values"] == ["<ufunc 'sqrt'>"]


def test_every_state_is_in_the_page():
    made = explorer()
    states = unpack(data(made)["states"])
    assert [state["layout"]["meta"]["reading"] for state in states] == [
        f"r = {r}, {start}{log} <&>" for r in (1, 2, 3) for start in ("one", HOSTILE)
        for log in ("", ", log")]
    assert page.start_index(made.controls) == 4


def test_the_reading_and_the_longest_reading_are_in_the_page():
    html = explorer().html()
    (line,) = [attrs for attrs in attributes(html, "p") if attrs.get("class") == "explorer-reading"]
    assert line["data-longest"] == f"r = 1, {HOSTILE}, log <&>" + page.SLACK
    assert "<span>r = 2, one &lt;&amp;&gt;</span>" in html


def test_a_reader_without_scripts_gets_a_table_of_the_named_traces():
    html = explorer().html()
    (noscript,) = re.findall("<noscript>(.*?)</noscript>", html)
    rows = re.findall("<tr>(.*?)</tr>", noscript)
    assert [[unescape(cell) for cell in re.findall("<t[hd][^>]*>(.*?)</t[hd]>", row)]
            for row in rows] == [["curve", "at", "value"], [HOSTILE, "1", "2"],
                                 [HOSTILE, "3", "6"], [HOSTILE, "5", "10"]]
    assert "controls need JavaScript" in noscript
    assert unescape(re.search('<p class="explorer-position">(.*?)</p>', html)[1]) \
        == f"{HOSTILE} = 2, start = one, log = off"


def test_a_figure_without_controls_has_no_position_and_no_word_about_them():
    html = show(figure(), name="still").html()
    assert "explorer-position" not in html and "JavaScript" not in html


def test_a_first_frame_stands_in_for_the_plot():
    plain = go.Figure(go.Scatter(x=[0, 1], y=[0, 1], mode="lines", line={"color": "red"}), {
        "showlegend": False, "margin": {"l": 60, "r": 40, "t": 60, "b": 40},
        "xaxis": {"range": [0, 4], "zeroline": False}, "yaxis": {"range": [0, 1],
                                                                 "zeroline": False}})
    still = show(plain, name="still")
    html = still.html()
    drawing = re.search(r'role="img" aria-label="still">(.*?)</div>\n', html)[1]
    assert drawing.startswith('<div class="explorer-frame" aria-hidden="true"')
    assert "M0 2000l500 -2000" in drawing and data(still)["lack"] == ""
    plain.update_layout(paper_bgcolor="red")
    still = show(plain, name="still")
    assert 'aria-label="still"></div>' in still.html()
    assert data(still)["lack"] == "layout.paper_bgcolor"


def test_a_plain_figure_has_a_caption_and_nothing_to_move():
    still = show(figure(), name="still", caption="look")
    html = still.html()
    assert not attributes(html, "input") and not attributes(html, "button")
    assert "<figcaption>look</figcaption>" in html and len(unpack(data(still)["states"])) == 1


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
    made = explore(trajectories, r=powers, alpha=powers, start=STARTS[:4])
    assert 40_000 < len(data(made)["states"]) <= 100_000


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


@pytest.mark.parametrize("name", ["start", "log", "steps", "one", "", 1, ["r"]])
def test_only_a_slider_of_two_positions_can_be_played(name):
    with pytest.raises(ValueError, match=re.escape("play must be the name of a slider with two "
                                                   f"positions or more (r), got {name!r}")):
        explore(lambda r, start, log, one: figure(), r=[1, 2], start=["a", "b"], log=bool, one=[1],
                play=name)
    with pytest.raises(ValueError, match=re.escape("(there is none), got 'log'")):
        explore(lambda log: figure(), log=bool, play="log")


def test_the_slider_that_is_played_has_a_button_beside_it_and_no_other_has():
    assert "explorer-play" not in explorer().html() and data(explorer())["play"] is None
    made = explorer(play="r")
    (button,) = [attrs for attrs in attributes(made.html(), "button") if attrs["data-do"] == "play"]
    assert button["type"] == "button" and data(made)["play"] == "r"
    assert re.search(r'data-control="r">((?!data-control).)*data-do="play"', made.html())


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


def test_a_plot_is_380_px_high_unless_said_and_at_least_100():
    for made in (show(figure(), name="still"), explorer()):
        assert "--explorer-height:380px" in made.html()
    assert "--explorer-height:100px" in show(figure(), name="still", height=100).html()


def test_on_a_phone_two_panels_are_a_quarter_higher_up_to_480_and_one_is_not():
    one, two = {"y": [1]}, {"y": [1], "yaxis": "y2"}
    assert [page.narrow_height(360, {"data": data, "layout": {}})
            for data in ([], [one], [one, one], [two], [one, two])] == [360, 360, 360, 360, 450]
    assert page.narrow_height(400, {"data": [one, two], "layout": {}}) == 480


def test_on_a_phone_a_panel_of_tied_scales_is_as_high_as_its_width_allows():
    margin = {"l": 60, "r": 14, "t": 30, "b": 40}  # 250 px are left for 5 units: 50 px each
    tied = {"margin": margin, "xaxis": {"range": [0, 5]},
            "yaxis": {"range": [3, 0], "scaleanchor": "x"}}
    assert page.narrow_height(400, {"data": [{}], "layout": tied}) == 3 * 50 + 30 + 40
    assert page.narrow_height(200, {"data": [{}], "layout": tied}) == 200
    twice = {**tied, "yaxis": {**tied["yaxis"], "scaleratio": 2}}
    assert page.narrow_height(400, {"data": [{}], "layout": twice}) == 6 * 50 + 30 + 40


@pytest.mark.parametrize("count, kind", [(6, "input"), (7, "option")])
def test_more_than_six_choices_are_a_menu(count, kind):
    def plain(start="c"):
        return {"data": [], "layout": {}}

    html = explore(plain, start=list("abcdefg"[:count])).html()
    shown = attributes(html, kind)
    assert [choice["value"] for choice in shown] == list("abcdefg"[:count])
    assert [choice["value"] for choice in shown if {"checked", "selected"} & choice.keys()] == ["c"]
    assert len(attributes(html, "select")) == (kind == "option")
