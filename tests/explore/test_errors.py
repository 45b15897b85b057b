"""What a call or a figure gets wrong is named: the argument or the state, the value, what is
allowed."""

import inspect
import itertools

import numpy as np
import plotly.graph_objects as go
import pytest

from lora_edu.explore import ExploreError, explore, show
from lora_edu.explore.states import MAX_PAYLOAD, MAX_STATES


def figure(r=8, alpha=16.0, start="both zero", log=False):
    return {"data": [{"y": [r, alpha]}]}


def needs_two(r, alpha):
    """No defaults."""


CALLS = {
    "unknown": (lambda: explore(figure, rank=[1]), TypeError,
                "arguments of figure(r=8, alpha=16.0, start='both zero', log=False): "
                "got an unexpected keyword argument 'rank'"),
    "missing": (lambda: explore(needs_two, r=[1]), TypeError, "missing a required argument: 'al"),
    "empty": (lambda: explore(figure, r=[]), ValueError, "r must have at least one value"),
    "one value": (lambda: explore(figure, r=8), TypeError, "r must be a list of numbers"),
    "mixed": (lambda: explore(figure, r=[1, "2"]), TypeError, "r must be all numbers"),
    "twice": (lambda: explore(figure, r=[1, 2, 1]), ValueError, "r must have values that differ"),
    "alike": (lambda: explore(figure, start=["A, B", "a b"]), ValueError, "differ in letters or"),
    "range": (lambda: explore(figure, r=(8, 1)), ValueError, "min < max"),
    "step": (lambda: explore(figure, r=(5, 6, 3)), ValueError, "0 < step ≤ max − min"),
    "long range": (lambda: explore(figure, r=(1, 10**9)), ValueError, "< 100,000 steps"),
    "endless": (lambda: explore(figure, r=itertools.count()), ValueError, "100,000, got more"),
    "six digits": (lambda: explore(figure, alpha=[100000.25, 100000.5]), ValueError,
                   "in six digits, for links to name them (a dict gives them names)"),
    "label": (lambda: explore(figure, labels={"q": "rank"}, r=[1]), ValueError, "labels must be"),
    "no label": (lambda: explore(figure, labels={"r": None}, r=[1]), ValueError, "labels must be"),
    "list of labels": (lambda: explore(figure, labels=["r"], r=[1]), ValueError, "labels must be"),
    "name": (lambda: show(figure(), name="1st"), ValueError, "name must be a text that begins"),
    "number as name": (lambda: explore(figure, name=5, r=[8]), ValueError, "name must be a text"),
    "no caption": (lambda: show(figure(), name="a", caption=None), TypeError, "caption must be"),
    "height": (lambda: show(figure(), name="a", height=-5), ValueError, "height must be a number"),
    "nan": (lambda: show(figure(), name="a", height=np.nan), ValueError, "height must be a"),
    "text": (lambda: explore(figure, r=[8], height="380"), ValueError, "height must be a number"),
    "play": (lambda: explore(figure, start=["a", "both zero"], r=[2, 8], play="start"), ValueError,
             "play must name sliders with two positions or more (r), got ['start']"),
    "play once": (lambda: explore(figure, r=[2, 8], play_once=True), ValueError,
                  "play_once must come with the slider"),
    "own": (lambda: explore(figure, log=bool, own=["log"]), ValueError, "(there is none)"),
    "own text": (lambda: explore(figure, r=[2, 8], own="r"), ValueError, "(r), got 'r'"),
    "drag": (lambda: explore(figure, r=[2, 8], drag=("r", "log")), ValueError,
             "drag must name sliders with two positions or more (r), got ('r', 'log')"),
    "drag text": (lambda: explore(lambda a, t: 0, a=[1, 2], t=[1, 2], drag="at"), ValueError,
                  "drag must name sliders with two positions or more (a, t), got 'at'"),
    "drag one": (lambda: explore(figure, r=[2, 8], drag=("r",)), ValueError,
                 "drag must be two: the slider of x and that of y"),
    "drag three": (lambda: explore(figure, r=[2, 8], drag=("r", None, None)), ValueError,
                   "drag must be two"),
    "drag none": (lambda: explore(figure, r=[2, 8], drag=(None, None)), ValueError,
                  "drag must be two"),
}


@pytest.mark.parametrize("case", CALLS)
def test_a_call_that_cannot_be_meant_is_refused(case):
    call, error, words = CALLS[case]
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value)


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


STATES = {
    "raises": (lambda: 1 / 0, "making its figure raised ZeroDivisionError: division by zero"),
    "no figure": (lambda: {"traces": []}, "must return a plotly figure, or a dict of its data"),
    "meta": (lambda: scatter({"meta": ["so"]}), "layout.meta must be a dict"),
    "reading": (lambda: scatter({"meta": {"reading": 1}}), "whose reading is a text"),
    "nan": (lambda: scatter(y=np.array([1, np.nan])), "data[0].y[1] is nan; figures must be fin"),
    "nan in a map": (lambda: {"data": [{"type": "heatmap", "z": np.array([[1, 2], [3, np.nan]])}]},
                     "data[0].z[1][1] is nan"),
    "inf alone": (lambda: scatter({"xaxis": {"range": [0, np.inf]}}), "layout.xaxis.range[1] is"),
    "complex": (lambda: scatter(customdata=[1j]), "data[0].customdata[0] is 1j of type complex"),
    "frames": (lambda: {"data": [], "frames": [{}]}, "the figure has frames"),
    "misspelt": (lambda: {"data": [{"y": [1], "colour": "red"}]}, "colour"),
    "short title": (lambda: {"layout": {"title": "so"}}, "write layout.title in full"),
}


@pytest.mark.parametrize("case", STATES)
def test_a_state_that_cannot_be_shown_is_named(case):
    bad, words = STATES[case]
    made = explore(lambda r, alpha: bad() if (r, alpha) == (2, 1e-6) else figure(), name="a",
                   r=[1, 2], alpha=[1.0, 1e-6])
    with pytest.raises(ExploreError) as caught:
        made.states()
    assert str(caught.value).startswith("state (r = 2, α = 10⁻⁶): ")
    assert words in str(caught.value)


def test_too_many_states_are_refused_before_the_first_is_computed():
    many = explore(lambda r, alpha: 1 / 0, name="many", r=range(64), alpha=range(65))
    with pytest.raises(ExploreError, match=f"64 r × 65 alpha = 4160, at most {MAX_STATES} are"):
        many.states()


def test_states_too_large_for_a_page_are_refused():
    noise = np.random.default_rng(0)
    heavy = explore(lambda r: {"data": [{"y": noise.normal(size=5000)}]}, name="heavy",
                    r=range(40))
    with pytest.raises(ExploreError, match=f"heavy: 40 states take .* at most {MAX_PAYLOAD:,} are"):
        heavy.html()


def test_a_default_that_is_not_among_the_values_is_said_at_the_call():
    with pytest.warns(UserWarning, match="^r: the function's default 8 is not among the values; "
                                         "the explorer starts at 1$") as found:
        explore(figure, r=[1, 2])
    assert [warning.filename for warning in found] == [__file__]
