"""Keyword arguments become controls as in ipywidgets.interact; what does not fit is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lora_edu.explore.controls import describe, grid, make_controls, value_key, value_text


def figure(r=8, alpha=16.0, start="both zero", log=False):
    """A figure function's signature; never called here."""


CHOICES = {"r": [1, 8], "alpha": [0.5, 16.0, 1e-6], "start": ["A random, B zero", "both zero"],
           "log": bool}


def controls(**changes):
    return make_controls(figure, CHOICES | changes, {})


@pytest.mark.parametrize("name, kind, label, values, start", [
    ("r", "slider", "r", (1, 8), 1),
    ("alpha", "slider", "α", (0.5, 16.0, 1e-6), 1),
    ("start", "choice", "start", ("A random, B zero", "both zero"), 1),
    ("log", "switch", "log", (False, True), 0),
])
def test_a_list_becomes_the_control_that_fits_it(name, kind, label, values, start):
    (made,) = (control for control in controls() if control.name == name)
    assert (made.kind, made.label, made.values, made.start) == (kind, label, values, start)


def test_the_first_value_is_shown_first_where_the_default_is_not_among_them():
    assert controls(r=[1, 2])[0].start == 0


def test_labels_may_be_given():
    (made,) = make_controls(figure, {"r": [1]}, {"r": "rank r"})
    assert made.label == "rank r"


@pytest.mark.parametrize("value, text, key", [
    (1e-6, "10⁻⁶", "1e-6"), (2.5e10, "2.5·10¹⁰", "2.5e10"), (0.5, "0.5", "0.5"), (16.0, "16", "16"),
    (16, "16", "16"), (-3, "-3", "-3"), (True, "on", "on"), (False, "off", "off"),
    ("A random, B zero", "A random, B zero", "a-random-b-zero"), ("BA zero", "BA zero", "ba-zero"),
])
def test_a_value_has_a_text_for_readers_and_a_key_for_links(value, text, key):
    assert (value_text(value), value_key(value)) == (text, key)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.text())
def test_a_key_needs_no_escaping_in_a_link(value):
    assert not set(value_key(value)) & set("#?&=%+ \"'<>/")


def test_the_grid_counts_the_last_control_fastest():
    made = make_controls(figure, {"r": [1, 8], "log": bool}, {})
    assert list(grid(made)) == [{"r": 1, "log": False}, {"r": 1, "log": True},
                                {"r": 8, "log": False}, {"r": 8, "log": True}]
    assert list(grid(())) == [{}]


def test_a_position_is_described_as_the_reader_sees_it():
    assert describe(controls(), {"r": 8, "alpha": 1e-6, "start": "both zero", "log": True}) == (
        "r = 8, α = 10⁻⁶, start = both zero, log = on")


def needs_two(r, alpha):
    """No defaults."""


@pytest.mark.parametrize("function, choices, labels, error, words", [
    (figure, {"rank": [1]}, {}, TypeError, ["rank", "figure(r, alpha, start, log)"]),
    (needs_two, {"r": [1]}, {}, TypeError, ["no values for alpha", "needs_two(r, alpha)"]),
    (needs_two, {"r": [1], "a": [1]}, {}, TypeError, ["argument named a", "values for alpha"]),
    (figure, {"r": []}, {}, ValueError, ["r must have at least one value"]),
    (figure, {"r": [1, "2"]}, {}, TypeError, ["r must be all numbers", "'2'"]),
    (figure, {"r": [1, True]}, {}, TypeError, ["r must be all numbers", "True"]),
    (figure, {"r": [None]}, {}, TypeError, ["r must be all numbers", "None"]),
    (figure, {"r": [1, 2, 1]}, {}, ValueError, ["r must have values with distinct names", "1, 2"]),
    (figure, {"start": ["A, B", "a b"]}, {}, ValueError, ["start must have values with distinct"]),
    (figure, {"r": [1]}, {"q": "rank"}, ValueError, ["labels must name controls", "q"]),
])
def test_what_does_not_fit_is_refused_by_name(function, choices, labels, error, words):
    with pytest.raises(error) as caught:
        make_controls(function, choices, labels)
    assert [word for word in words if word not in str(caught.value)] == []
