"""A grid is evaluated whole, and an error says in which state and where in the figure it lies."""

import datetime
from fractions import Fraction

import numpy as np
import plotly.graph_objects as go
import pytest

from lora_edu.explore import states
from lora_edu.explore.controls import make_controls
from lora_edu.explore.plain import ExploreError, plain_figure
from lora_edu.explore.states import MAX_PAYLOAD, MAX_STATES, evaluate


def scatter(layout=None, **trace):
    return go.Figure(go.Scatter(**trace), layout=layout)


def states_of(function, **choices):
    return evaluate(function, make_controls(function, choices, {}))


def test_every_state_is_there_with_the_last_control_fastest():
    states = states_of(lambda r, start: scatter(y=[r, 1], name=start), r=[1, 2],
                       start=["this", "that"])
    assert [(state["data"][0]["y"], state["data"][0]["name"]) for state in states] == [
        ([1, 1], "this"), ([1, 1], "that"), ([2, 1], "this"), ([2, 1], "that")]


def test_a_figure_without_controls_has_one_state():
    assert len(evaluate(lambda: scatter(y=[1]), ())) == 1


@pytest.mark.parametrize("given, plain", [
    (np.array([0.5, 2.0]), np.array([0.5, 2.0])),
    ([0.5, 2], np.array([0.5, 2.0])),
    (np.array([[0.5, 1.5], [2.5, 3.5]]), np.array([[0.5, 1.5], [2.5, 3.5]])),
    (np.array([-0.0, 1.0]), np.array([0.0, 1.0])),
    ([1, 2**24 + 1], [1, 2**24 + 1]),
    (np.array([2**24 + 1, 3]), [2**24 + 1, 3]),
    ([0.5, None, 1.5], [0.5, None, 1.5]),
    ([True, False], [True, False]),
    (["a", "b"], ["a", "b"]),
    ([datetime.date(2021, 6, 17)], ["2021-06-17"]),
    (np.array(["2021-06-17"], dtype="datetime64[D]"), ["2021-06-17"]),
    ([Fraction(1, 4), 0.5], np.array([0.25, 0.5])),
    ([10**20, 1], [10**20, 1]),
    (np.array([0.5, 2.0], np.float16), np.array([0.5, 2.0])),
    (np.array([0.5, 2.0], np.longdouble), np.array([0.5, 2.0])),
    ([np.array(0.5), np.float32(2)], np.array([0.5, 2.0])),
])
def test_values_become_plain(given, plain):
    made = scatter(customdata=given)
    for figure in (made, go.Figure(made.to_dict())):  # a stored figure has its arrays in base64
        (trace,) = plain_figure(figure)["data"]
        assert type(trace["customdata"]) is type(plain)
        np.testing.assert_array_equal(trace["customdata"], plain)
        if isinstance(plain, np.ndarray):
            assert not np.signbit(trace["customdata"]).any()


def test_the_layout_is_exact_and_the_template_is_left_to_the_page():
    figure = scatter({"xaxis": {"range": [0, 1.1]}, "meta": {"reading": "so"}}, y=[1])
    assert plain_figure(figure)["layout"] == {"xaxis": {"range": [0, 1.1]},
                                              "meta": {"reading": "so"}}


def test_a_figure_may_be_a_dict():
    made = scatter({"xaxis": {"range": [0, 1]}, "meta": {"reading": "so"}}, y=[0.5, 1], name="n",
                   customdata=np.array([1, 2]))
    plain = {"data": [{"y": [0.5, 1], "name": "n", "customdata": np.array([1, 2])}],
             "layout": {"xaxis": {"range": [0, 1]}, "meta": {"reading": "so"}}}
    for have, want in zip(evaluate(lambda: plain, ()), evaluate(lambda: made, ()), strict=True):
        np.testing.assert_equal(have, want)


@pytest.mark.parametrize("figure, words", [
    ({"data": [{"y": [1], "colour": "red"}]}, "colour"),
    ({"data": [{"y": [1], "type": "curve"}]}, "curve"),
    ({"layout": {"title": "so"}}, "write layout.title in full"),
    ({"layout": {"xaxis_range": [0, 1]}}, "write layout.xaxis_range in full")])
def test_a_dict_that_plotly_would_not_draw_as_it_stands_is_refused(figure, words):
    with pytest.raises(ExploreError, match=words):
        evaluate(lambda: figure, ())


def test_plotly_sees_each_form_of_a_functions_figures_and_not_all(monkeypatch):
    seen = []
    monkeypatch.setattr(states, "validate", lambda figure, where: seen.append(where))
    states_of(lambda r: {"data": [{"y": [r], **({"name": "far"} if r > 2 else {})}]},
              r=[1, 2, 3, 4])
    assert seen == ["state (r = 1)", "state (r = 3)"]


class Table:
    """Not an array, but it can be one, as the columns of pandas can."""

    def __array__(self, dtype=None, copy=None):
        return np.array([0.5, 2.0])


class Sealed:
    """Not an array, and it says so, as a tensor with a gradient does."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("sealed")


def test_a_dict_may_hold_what_can_be_an_array():
    figure = plain_figure({"data": [{"y": Table()}]})
    np.testing.assert_array_equal(figure["data"][0]["y"], [0.5, 2.0], strict=True)


def test_the_figure_itself_is_left_as_it_was():
    figure = scatter(y=np.array([0.5, 1.5]))
    before = figure.to_json()
    plain_figure(figure)["data"][0]["y"][0] = 7
    assert figure.to_json() == before


BAD = {
    "raises": (lambda: 1 / 0, ["ZeroDivisionError", "division by zero"]),
    "no figure": (lambda: {"traces": []}, ["must return a plotly figure", "dict"]),
    "meta is a list": (lambda: scatter({"meta": ["so"]}), ["layout.meta must be a dict", "so"]),
    "reading is none": (lambda: scatter({"meta": {"reading": 1}}), ["whose reading is a text"]),
    "a trace": (lambda: go.Scatter(y=[1]), ["must return a plotly figure", "Scatter"]),
    "nan in an array": (lambda: scatter(y=np.array([1, np.nan])), ["data[0].y[1] is nan", "None"]),
    "inf in an array": (lambda: scatter(y=np.array([-np.inf])), ["data[0].y[0] is -inf"]),
    "nan in two dimensions": (lambda: go.Figure(go.Heatmap(z=np.array([[1, 2], [3, np.nan]]))),
                              ["data[0].z[1][1] is nan"]),
    "nan in a list": (lambda: scatter(y=[1, 2.5, float("nan")]), ["data[0].y[2] is nan"]),
    "inf among gaps": (lambda: scatter(y=[None, float("inf")]), ["data[0].y[1] is inf"]),
    "inf as one number": (lambda: scatter(y=[1], line={"width": np.inf}),
                          ["data[0].line.width is inf"]),
    "nan in the layout": (lambda: scatter({"xaxis": {"range": [0, np.nan]}}, y=[1]),
                          ["layout.xaxis.range[1] is nan"]),
    "a number beyond all floats": (lambda: scatter(customdata=[10**400]),
                                   ["data[0].customdata[0] is inf"]),
    "a fraction beyond all floats": (lambda: scatter(customdata=[Fraction(10**400, 3)]),
                                     ["data[0].customdata[0] is inf"]),
    "a complex number": (lambda: scatter(customdata=[1 + 1j]),
                         ["data[0].customdata[0] is (1+1j) of type complex", "real numbers"]),
    "complex numbers": (lambda: {"data": [{"y": np.array([1j])}]}, ["data[0].y[0]", "complex"]),
    "an object": (lambda: scatter(customdata=[{1}]), ["data[0].customdata[0] is {1} of type set"]),
    "half a character": (lambda: scatter(name="a\ud835"), ["data[0].name", "U+D835"]),
    "the character 0": (lambda: scatter({"meta": {"reading": "\0"}}, y=[1]),
                        ["layout.meta.reading", "U+0000"]),
    "a key with the character 0": (lambda: scatter({"meta": {"\0": 1}}, y=[1]), ["U+0000"]),
    "inf in half precision": (lambda: scatter(y=np.array([1, np.inf], np.float16)),
                                    ["data[0].y[1] is inf"]),
    "no time": (lambda: scatter(x=np.array(["2021-06-17", "NaT"], "datetime64[D]")),
                ["data[0].x[1] is NaT", "None"]),
    "frames": (lambda: go.Figure(go.Scatter(y=[1]), frames=[go.Frame(data=[go.Scatter(y=[2])])]),
               ["the figure has frames", "let what they vary be a control"]),
    "frames of a dict": (lambda: {"data": [], "frames": [{}]}, ["the figure has frames"]),
    "a misspelt key": (lambda: {"data": [{"y": [1], "colour": "red"}]}, ["colour"]),
    "no traces": (lambda: {"data": [None]}, ["TypeError", "NoneType"]),
    "what can't be an array": (lambda: {"data": [{"y": Sealed()}]}, ["RuntimeError", "sealed"]),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_state_is_named_with_what_is_wrong(case):
    bad, words = BAD[case]
    with pytest.raises(ExploreError) as caught:
        states_of(lambda r, alpha: bad() if (r, alpha) == (2, 1e-6) else scatter(y=[1]),
                  r=[1, 2], alpha=[1.0, 1e-6])
    message = str(caught.value)
    assert message.startswith("state (r = 2, α = 10⁻⁶): ")
    assert [word for word in words if word not in message] == []


def test_the_cause_of_an_error_is_kept():
    with pytest.raises(ExploreError) as caught:
        states_of(lambda r: {}[r], r=[3])
    assert isinstance(caught.value.__cause__, KeyError)


def test_too_many_states_are_refused_before_the_first_is_computed():
    def never(r, alpha):
        raise AssertionError("computed")

    with pytest.raises(ExploreError) as caught:
        states_of(never, r=range(64), alpha=range(65))
    for word in ("64 r × 65 alpha = 4160", str(MAX_STATES), "fewer values"):
        assert word in str(caught.value)


def test_exactly_as_many_states_as_allowed_are_computed(monkeypatch):
    monkeypatch.setattr(states, "MAX_STATES", 6)
    assert len(states_of(lambda r, alpha: scatter(y=[r, alpha]), r=[1, 2], alpha=[1, 2, 3])) == 6
    with pytest.raises(ExploreError, match="2 r × 4 alpha = 8"):
        states_of(lambda r, alpha: scatter(y=[1]), r=[1, 2], alpha=[1, 2, 3, 4])


def test_what_cannot_fit_is_refused_long_before_all_states_are_computed():
    rng, calls = np.random.default_rng(0), []

    def noise(r, alpha):
        calls.append(r)
        return {"data": [{"y": rng.normal(size=2000)}]}

    with pytest.raises(ExploreError) as caught:
        states_of(noise, r=range(64), alpha=range(64))
    for word in ("the first ", " of 4,096 states take ", f"{MAX_PAYLOAD:,}", "fewer points"):
        assert word in str(caught.value)
    assert len(calls) < 500


def test_what_fits_is_never_refused_early():
    x = np.linspace(0, 6, 500)
    wave = states_of(lambda r, alpha: {"data": [{"x": x, "y": np.round(np.sin(r * x + alpha), 1)}]},
                     r=range(1, 25), alpha=range(25))
    assert len(wave) == 600


def test_the_last_state_is_left_to_the_page_to_refuse():
    noise = np.random.default_rng(0).normal(size=250_000)
    (state,) = evaluate(lambda: {"data": [{"y": noise}]}, ())
    assert state["data"][0]["y"].size == noise.size
