"""What a call or a figure gets wrong is named: the argument or the state, the value, what is
allowed."""

import inspect

import numpy as np
import plotly.graph_objects as go
import pytest

from lora_edu.explore import ExploreError, explore
from lora_edu.explore.states import MAX_PAYLOAD, MAX_STATES
from tests.refusals import refuses, rows


def figure(r=8, alpha=16.0, start="both zero", log=False):
    return {"data": [{"y": [r, alpha]}]}


def needs_two(r, alpha):
    """No defaults."""


VALUES = {  # words of a ValueError, and the arguments of explore
    "r must … value": {"r": []},
    "start must … differ": {"start": ["A, B", "a b"]},
    "r must … min < max … (8, 1": {"r": (8, 1)},
    "r must … steps": {"r": (1, 10**9)},
    "alpha must … six digits": {"alpha": [100000.25, 100000.5]},
    "labels must … (r) … {'q'": {"labels": {"q": "rank"}, "r": [1]},
    "name must … got '1st'": {"name": "1st"},
    "height must … got -5": {"height": -5},
    "height must … got '380'": {"height": "380"},
    "r must have no NaN … (nan, 1)": {"r": [np.nan, 1]},
    "play must … (['r']) … ['start']": {"start": ["a", "both zero"], "r": [2, 8], "play": "start"},
    "own must … (there is none)": {"log": bool, "own": ["log"]},
    "own must be a list … (['r']), got 'r'": {"r": [2, 8], "own": "r"},
    "drag must be a pair … (['r']), got 'r'": {"r": [2, 8], "drag": "r"},
    "drag must … (['r']), got ('r', 'log')": {"r": [2, 8], "drag": ("r", "log")},
    "drag must … (None, None)": {"r": [2, 8], "drag": (None, None)},
}
TYPES = {  # and of a TypeError
    "figure(r=8, alpha=16.0, start='both zero', log=False) … 'rank'": {"rank": [1]},
    "missing … 'alpha'": {"function": needs_two, "r": [1]},
    "r must be a list": {"r": 8},
    "r must be all numbers": {"r": [1, "2"]},
    "caption must … None": {"caption": None},
    "function must … show … Figure({": {"function": go.Figure(), "r": [1]},
}


@pytest.mark.parametrize(("words", "error", "arguments"), rows(VALUES, TYPES))
def test_a_call_that_cannot_be_meant_is_refused(words, error, arguments):
    refuses(words, error, lambda: explore(**{"function": figure} | arguments))


@pytest.mark.parametrize("option", sorted({*inspect.signature(explore).parameters} - {"controls"}))
def test_an_argument_with_the_name_of_an_option_is_refused(option):
    def anything(**values):
        return figure()

    anything.__signature__ = inspect.Signature(
        [inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY)])
    refuses(f"an option of explore, got {option}:", TypeError, lambda: explore(anything))


def scatter(layout=None, **trace):
    return go.Figure(go.Scatter(**trace), layout=layout)


STATES = {  # words of the message, and what the function returns
    "ZeroDivisionError: division by zero": lambda: 1 / 0,
    "figure must … 'traces'": lambda: {"traces": []},
    "figure must … None": lambda: None,
    "data must … {'y': [1]}": lambda: {"data": {"y": [1]}},
    "layout must … None": lambda: {"data": [], "layout": None},
    "layout.meta must … 1}": lambda: scatter({"meta": {"reading": 1}}),
    "data[0].z[1][1] must … got nan":
        lambda: {"data": [{"type": "heatmap", "z": np.array([[1, 2], [3, np.nan]])}]},
    "layout.xaxis.range[1] must": lambda: scatter({"xaxis": {"range": [0, np.inf]}}),
    "frames": lambda: {"data": [], "frames": [{}]},
    "colour": lambda: {"data": [{"y": [1], "colour": "red"}]},
}


@pytest.mark.parametrize("words", STATES)
def test_a_state_that_cannot_be_shown_is_named(words):
    def bad_at_one_position(r, alpha):
        return STATES[words]() if (r, alpha) == (2, 1e-6) else figure()

    explorer = explore(bad_at_one_position, r=[1, 2], alpha=[1.0, 1e-6])
    refuses(f"state (r = 2, α = 10⁻⁶): … {words}", ExploreError, explorer.states)


def test_too_many_or_too_large_states_are_refused():
    noise = np.random.default_rng(0)
    too_many = explore(lambda r, alpha: 1 / 0, name="a", r=range(64), alpha=range(65))
    heavy = explore(lambda r: {"data": [{"y": noise.normal(size=5000)}]}, name="heavy",
                    r=range(40))
    refuses(f"{MAX_STATES} … got 64 r × 65 alpha = 4160", ExploreError, too_many.states)
    refuses(f"heavy must … {MAX_PAYLOAD:,} … 40 states", ExploreError, heavy.html)


def test_a_default_that_is_not_among_the_values_is_said_at_the_call():
    with pytest.warns(UserWarning, match="^r: .* default 8 .* starts at 1$") as caught:
        explore(figure, r=[1, 2])
    assert [warning.filename for warning in caught] == [__file__]
