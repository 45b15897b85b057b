"""The widget of a notebook: a position asks, the kernel answers, and the ipywidgets keep step."""

import base64
import gzip
import json
from itertools import pairwise

import ipywidgets
import numpy as np
import plotly.graph_objects as go
import pytest
import traitlets

from lora_edu.explore import explore, show, states
from lora_edu.explore.island import islands
from lora_edu.explore.live import figure_json, shared_bundle


def board(calls, r=2, start="one", log=False):
    calls.append((r, start, log))
    if r == 3 and log:
        raise ValueError("no log of <3>")
    if r == 3 and start == "two":
        raise KeyboardInterrupt
    return go.Figure(layout={"meta": {"reading": f"{r} {start} {log}"}})


@pytest.fixture
def calls():
    """What the figure function has been called with."""
    return []


@pytest.fixture
def live(calls):
    def figure(r=2, start="one", log=False):
        return board(calls, r, start, log)

    return explore(figure, r=[1, 2, 3], start=["one", "two"], log=bool).live()


def answer(live):
    """(position, reading, error) that the view is given."""
    said = json.loads(live.answer)
    return said["position"], said["figure"]["layout"]["meta"]["reading"], said["error"]


def test_the_first_position_is_answered_before_it_is_asked(live, calls):
    assert answer(live) == ([1, 0, 0], "2 one False", "")
    assert calls == [(2, "one", False)]


def test_a_position_is_computed_once_and_answered(live, calls):
    live.position = [0, 1, 1]
    assert answer(live) == ([0, 1, 1], "1 two True", "")
    assert calls[1:] == [(1, "two", True)]


def test_an_error_is_said_with_the_last_good_figure_and_goes(live):
    live.position = [2, 0, 1]
    assert answer(live) == ([2, 0, 1], "2 one False", "state (r = 3, start = one, log = on): "
                            "making its figure raised ValueError: no log of <3>")
    live.position = [2, 0, 0]
    assert answer(live) == ([2, 0, 0], "3 one False", "")


def test_an_interrupt_is_said_and_the_next_move_computes(live):
    live.position = [2, 1, 0]
    position, reading, error = answer(live)
    assert (position, reading) == ([2, 1, 0], "2 one False")
    assert error.startswith("state (r = 3, start = two, log = off): interrupted")
    live.position = [0, 1, 0]
    assert answer(live) == ([0, 1, 0], "1 two False", "")


def test_the_inputs_are_ipywidgets_that_move_the_view_and_follow_it(live, calls):
    inputs = live.inputs
    assert list(map(type, inputs.values())) == [
        ipywidgets.SelectionSlider, ipywidgets.ToggleButtons, ipywidgets.Checkbox]
    assert [widget.description for widget in inputs.values()] == ["r", "start", "log"]
    assert {name: widget.value for name, widget in inputs.items()} == live.values()
    inputs["r"].value, inputs["start"].value, inputs["log"].value = 1, "two", True
    assert answer(live) == ([0, 1, 1], "1 two True", "")
    assert len(calls) == 4
    live.position = [1, 0, 0]  # as a reader moves the view
    assert {name: widget.value for name, widget in inputs.items()} == live.values() == {
        "r": 2, "start": "one", "log": False}
    assert len(calls) == 5 and live.inputs is inputs


def test_nothing_is_computed_beforehand_and_the_state_does_not_grow_with_the_grid(calls):
    def figure(a=0, b=0, c=0, d=0):
        return board(calls, a)

    sizes = [len(json.dumps(explore(figure, **{name: range(40) for name in names}).live().get_state(
        ["html", "position", "answer"]))) for names in ("a", "ab", "abc", "abcd")]
    more = [later - former for former, later in pairwise(sizes)]
    assert len(calls) == 4 and max(more) < 1.1 * min(more)


def test_the_widgets_html_is_the_pages_without_states_and_first_frame():
    html = explore(lambda r=2: {"data": []}, name="a", r=[1, 2], caption="look", height=300
                   ).live().html
    (data,) = islands(html)
    assert data["name"] == "a" and "states" not in data and "explorer-frame" not in html
    assert "<figcaption>look</figcaption>" in html and "--explorer-height:300px" in html


def test_a_viewer_without_widgets_gets_the_words():
    plain = {"data": [{"y": [1, 2], "name": "line"}], "layout": {"meta": {"reading": "1 < 2"}}}
    bundle, _ = show(plain, name="still", caption="Look.")._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/html"].startswith("<p>1 &lt; 2</p><table>")
    assert bundle["text/html"].endswith("<p>Look.</p>")


def test_a_kernel_has_one_plotly_and_a_new_one_when_that_is_closed():
    first = shared_bundle()
    assert shared_bundle() is first and show({"data": []}, name="a").live().bundle is first
    assert gzip.decompress(first.gzipped).startswith(b"/**")
    first.close()
    second = shared_bundle()
    assert second is not first and second.comm is not None


@pytest.mark.parametrize("shape", [(31,), (32,), (4, 8)])
def test_from_32_numbers_on_an_array_is_sent_in_binary(shape):
    array = np.random.default_rng(0).normal(size=shape)
    sent = json.loads(figure_json({"y": array}))["y"]
    if array.size < 32:
        assert sent == array.tolist()
    else:
        numbers = np.frombuffer(base64.b64decode(sent["bdata"]), sent["dtype"])
        sides = [int(side) for side in sent["shape"].split(",")]
        np.testing.assert_array_equal(numbers.reshape(sides), array)


def test_plotly_sees_each_form_of_figure_and_not_every_move(live, monkeypatch):
    monkeypatch.setattr(states, "validate", lambda *figure: pytest.fail("a move was validated"))
    live.position = [0, 0, 0]
    assert answer(live) == ([0, 0, 0], "1 one False", "")


def test_a_box_that_is_given_an_explorer_says_which_call_makes_it_a_widget():
    explorer = show({"data": []}, name="still")
    with pytest.raises(traitlets.TraitError, match=r"its widget: \.live\(\)"):
        ipywidgets.VBox([explorer])
    assert ipywidgets.VBox([explorer.live()]).children == (explorer.live(),)
