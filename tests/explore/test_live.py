"""The widget of a notebook: a position asks, the kernel answers."""

import json

import pytest

from lora_edu.explore import explore, show, states
from lora_edu.explore.page import NO_PLOT


@pytest.fixture
def calls():
    """What the figure function has been called with."""
    return []


@pytest.fixture
def live(calls):
    def figure(r=2, start="one", log=False):
        calls.append((r, start, log))
        if r == 3 and log:
            raise ValueError("no log of <3>")
        if r == 3 and start == "two":
            raise KeyboardInterrupt
        return {"data": [], "layout": {"meta": {"reading": f"{r} {start} {log}"}}}

    return explore(figure, r=[1, 2, 3], start=["one", "two"], log=bool, caption="look",
                   height=300).live()


def answer(live):
    """(position, reading, error) that the view is given."""
    view = json.loads(live.answer)
    return view["position"], view["figure"]["layout"]["meta"]["reading"], view["error"]


def test_a_position_is_computed_once_and_answered(live, calls, monkeypatch):
    assert answer(live) == ([1, 0, 0], "2 one False", "")
    monkeypatch.setattr(states, "validate", lambda *figure: pytest.fail("a move was validated"))
    live.position = [0, 1, 1]
    assert answer(live) == ([0, 1, 1], "1 two True", "")
    assert live.values() == {"r": 1, "start": "two", "log": True}
    assert calls == [(2, "one", False), (1, "two", True)]


@pytest.mark.parametrize("position, words", [
    ([2, 0, 1], "state (r = 3, start = one, log = on)"),
    ([2, 1, 0], "state (r = 3, start = two, log = off)")])
def test_an_error_is_said_with_the_last_good_figure_and_goes(live, position, words):
    live.position = position
    *shown, error = answer(live)
    assert shown == [position, "2 one False"] and error.startswith(words)
    live.position = [2, 0, 0]
    assert answer(live) == ([2, 0, 0], "3 one False", "")


def test_a_viewer_without_widgets_gets_the_words():
    plain = {"data": [{"y": [1, 2], "name": "line"}],
             "layout": {"title": {"text": "<b>Up</b>"}, "meta": {"reading": "1 < 2"}}}
    explorer = show(plain, name="still", caption="Look.")
    bundle, _ = explorer._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/html"].startswith(f"<p>Up</p><p>1 &lt; 2</p><p>{NO_PLOT}</p><table>")
    assert bundle["text/html"].endswith("<p>Look.</p>")
    assert bundle["text/plain"] == repr(explorer)
