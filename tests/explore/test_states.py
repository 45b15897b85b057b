"""A grid is evaluated whole, into figures of plain types."""

import datetime
from fractions import Fraction

import numpy as np
import plotly.graph_objects as go
import pytest

from lora_edu.explore import explore, states
from lora_edu.explore.plain_figure import plain_figure


def scatter(layout=None, **trace):
    return go.Figure(go.Scatter(**trace), layout=layout)


@pytest.mark.parametrize("given, plain", [
    (np.array([[0.5, 1.5], [2.5, 3.5]]), np.array([[0.5, 1.5], [2.5, 3.5]])),
    (np.array([-0.0, 1.0]), np.array([0.0, 1.0])),
    (np.array([2**24 + 1, 3]), [2**24 + 1, 3]),
    ([0.5, None, 1.5], [0.5, None, 1.5]),
    ([datetime.date(2021, 6, 17)], ["2021-06-17"]),
    (np.array(["2021-06-17"], dtype="datetime64[D]"), ["2021-06-17"]),
    ([Fraction(1, 4), 0.5], np.array([0.25, 0.5])),
    ([np.array(0.5), np.float32(2)], np.array([0.5, 2.0])),
])
def test_values_become_plain(given, plain):
    new = scatter(customdata=given)
    for figure in (new, go.Figure(new.to_dict())):  # a stored figure has its arrays in base64
        (trace,) = plain_figure(figure)["data"]
        assert type(trace["customdata"]) is type(plain)
        np.testing.assert_array_equal(trace["customdata"], plain)
        if isinstance(plain, np.ndarray):
            assert not np.signbit(trace["customdata"]).any()


def test_a_figure_may_be_a_dict_and_its_template_is_left_to_the_page():
    layout = {"xaxis": {"range": [0, 1.1]}, "meta": {"reading": "so"}}
    trace = {"type": "scatter", "y": [0.5, None], "name": "n", "customdata": [1, 2]}
    for figure in ({"data": [trace], "layout": layout}, scatter(layout, **trace)):
        assert plain_figure(figure) == {"data": [trace], "layout": layout}


def test_plotly_sees_each_form_of_a_functions_figures_and_not_all(monkeypatch):
    validated = []
    monkeypatch.setattr(states, "validate", lambda figure, where: validated.append(where))
    explore(lambda r: {"data": [{"y": [r], **({"name": "far"} if r > 2 else {})}]}, name="a",
            r=[1, 2, 3, 4]).states()
    assert validated == ["state (r = 1)", "state (r = 3)"]


def test_the_figure_itself_is_left_as_it_was():
    figure = scatter(y=np.array([0.5, 1.5]))
    before = figure.to_json()
    plain_figure(figure)["data"][0]["y"][0] = 7
    assert figure.to_json() == before
