"""What a call or a figure gets wrong is named: the argument or the state, the value, what is
allowed."""

import inspect
import re

import numpy as np
import plotly.graph_objects as go
import pytest

from lora_edu.explore import ExploreError, explore, show
from lora_edu.explore.states import MAX_PAYLOAD, MAX_STATES


def figure(r=8, alpha=16.0, start="both zero", log=False):
    return {"data": [{"y": [r, alpha]}]}


def needs_two(r, alpha):
    """No defaults."""


VALUES = {  # words of a ValueError, and the arguments of explore
    "r must have at least one value": {"r": []},
    "differ in letters or": {"start": ["A, B", "a b"]},
    "min < max": {"r": (8, 1)},
    "0 < step ≤ max − min": {"r": (5, 6, 3)},
    "< 100,000 steps": {"r": (1, 10**9)},
    "in six digits, for links to name them (a dict gives them names)":
        {"alpha": [100000.25, 100000.5]},
    "labels must be a dict from controls (r) to texts, got {'q'":
        {"labels": {"q": "rank"}, "r": [1]},
    "labels must be a dict from controls (r) to texts, got {'r'": {"labels": {"r": None}, "r": [1]},
    "labels must be a dict from controls (r) to texts, got ['r'": {"labels": ["r"], "r": [1]},
    "name must be a text that begins with a letter, got '1st'": {"name": "1st"},
    "name must be a text that begins with a letter, got 5": {"name": 5},
    "height must be a number of px above 0, got -5": {"height": -5},
    "height must be a number of px above 0, got '380'": {"height": "380"},
    "play must name sliders with two positions or more (r), got ['start']":
        {"start": ["a", "both zero"], "r": [2, 8], "play": "start"},
    "own must name sliders with two positions or more (there is none)":
        {"log": bool, "own": ["log"]},
    "(r), got 'r'": {"r": [2, 8], "own": "r"},
    "drag must name sliders with two positions or more (r), got ('r', 'log')":
        {"r": [2, 8], "drag": ("r", "log")},
    "one of them, got ('r', None, None)": {"r": [2, 8], "drag": ("r", None, None)},
    "one of them, got (None, None)": {"r": [2, 8], "drag": (None, None)},
}
TYPES = {  # and of a TypeError
    "arguments of figure(r=8, alpha=16.0, start='both zero', log=False): "
    "got an unexpected keyword argument 'rank'": {"rank": [1]},
    "missing a required argument: 'al": {"function": needs_two, "r": [1]},
    "r must be a list of numbers": {"r": 8},
    "r must be all numbers": {"r": [1, "2"]},
    "caption must be": {"caption": None},
    "function must be a function that returns a figure (show takes a figure itself), got Figure({":
        {"function": go.Figure(), "r": [1]},
    "function must be a function": {"function": {"data": []}},
}


@pytest.mark.parametrize(("words", "error", "arguments"), [
    (words, error, arguments) for error, table in ((ValueError, VALUES), (TypeError, TYPES))
    for words, arguments in table.items()])
def test_a_call_that_cannot_be_meant_is_refused(words, error, arguments):
    with pytest.raises(error, match=re.escape(words)):
        explore(**{"function": figure} | arguments)


@pytest.mark.parametrize("option", sorted({*inspect.signature(explore).parameters} - {"controls"}))
def test_an_argument_with_the_name_of_an_option_is_refused(option):
    def anything(**values):
        return figure()

    anything.__signature__ = inspect.Signature(
        [inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY)])
    with pytest.raises(TypeError, match=f"^{option} is an option of explore"):
        explore(anything)


def scatter(layout=None, **trace):
    return go.Figure(go.Scatter(**trace), layout=layout)


STATES = {  # words of the message, and what the function returns
    "making its figure raised ZeroDivisionError: division by zero": lambda: 1 / 0,
    "the figure must be a plotly Figure, or a dict of its data and layout, got a dict of 'traces'":
        lambda: {"traces": []},
    "the figure must be a plotly Figure, or a dict of its data and layout, got None": lambda: None,
    "data must be a list of traces, each a dict, got {'y': [1]}": lambda: {"data": {"y": [1]}},
    "data must be a list of traces, each a dict, got [1]": lambda: {"data": [1]},
    "data must be a list of traces, each a dict, got None": lambda: {"data": None},
    "layout must be a dict, got None": lambda: {"data": [], "layout": None},
    "layout.meta must be a dict": lambda: scatter({"meta": ["so"]}),
    "whose reading is a text": lambda: scatter({"meta": {"reading": 1}}),
    "data[0].z[1][1] is nan; figures must be fin":
        lambda: {"data": [{"type": "heatmap", "z": np.array([[1, 2], [3, np.nan]])}]},
    "layout.xaxis.range[1] is": lambda: scatter({"xaxis": {"range": [0, np.inf]}}),
    "data[0].customdata[0] is 1j of type complex": lambda: scatter(customdata=[1j]),
    "the figure has frames": lambda: {"data": [], "frames": [{}]},
    "colour": lambda: {"data": [{"y": [1], "colour": "red"}]},
    "write layout.title in full": lambda: {"layout": {"title": "so"}},
}


@pytest.mark.parametrize("words", STATES)
def test_a_state_that_cannot_be_shown_is_named(words):
    def bad_at_one_position(r, alpha):
        return STATES[words]() if (r, alpha) == (2, 1e-6) else figure()

    explorer = explore(bad_at_one_position, r=[1, 2], alpha=[1.0, 1e-6])
    with pytest.raises(ExploreError, match=r"^state \(r = 2, α = 10⁻⁶\): .*" + re.escape(words)):
        explorer.states()


@pytest.mark.parametrize("words", [
    words for words in STATES if words.startswith(("the figure must", "data must", "layout must"))])
def test_show_refuses_at_once_what_is_no_figure(words):
    with pytest.raises(ExploreError, match="^show: " + re.escape(words)):
        show(STATES[words](), name="still")


def test_too_many_states_are_refused_before_the_first_is_computed():
    explorer = explore(lambda r, alpha: 1 / 0, name="a", r=range(64), alpha=range(65))
    with pytest.raises(ExploreError, match=f"64 r × 65 alpha = 4160, at most {MAX_STATES} are"):
        explorer.states()


def test_states_too_large_for_a_page_are_refused():
    noise = np.random.default_rng(0)
    heavy = explore(lambda r: {"data": [{"y": noise.normal(size=5000)}]}, name="heavy",
                    r=range(40))
    with pytest.raises(ExploreError, match=f"heavy: 40 states take .* at most {MAX_PAYLOAD:,} are"):
        heavy.html()


def test_a_default_that_is_not_among_the_values_is_said_at_the_call():
    with pytest.warns(UserWarning, match="^r: the function's default 8 is not among the values; "
                                         "the explorer starts at 1$") as caught:
        explore(figure, r=[1, 2])
    assert [warning.filename for warning in caught] == [__file__]
