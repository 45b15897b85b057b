"""Keyword arguments become controls as in ipywidgets.interact; what does not fit is refused."""

import functools
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lora_edu.explore import explore
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


def test_a_warning_names_the_line_that_calls_explore():
    with pytest.warns(UserWarning) as found:
        explore(lambda r=3: None, name="far", r=[1, 2])
    assert [warning.filename for warning in found] == [__file__]


def test_the_first_value_is_shown_first_where_the_default_is_not_among_them_and_that_is_said():
    with pytest.warns(UserWarning, match="^r: the function's default 8 is not among the values; "
                                         "the explorer starts at 1$"):
        assert controls(r=[1, 2])[0].start == 0


@pytest.mark.parametrize("given, values, texts", [
    (np.array([1, 2, 8]), (1, 2, 8), ("1", "2", "8")),
    (2 ** np.arange(4), (1, 2, 4, 8), ("1", "2", "4", "8")),
    (np.array([0.5, 8.0], dtype=np.float32), (0.5, 8.0), ("0.5", "8")),
    (range(7, 9), (7, 8), ("7", "8")), ((i for i in (1, 8)), (1, 8), ("1", "8")),
    ((8, 10), (8, 9, 10), ("8", "9", "10")), ((2, 8, 3), (2, 5, 8), ("2", "5", "8")),
    ((7.8, 8.0), (7.8, 7.9, 8.0), ("7.8", "7.9", "8")),
    ((1, 2, 4, 8), (1, 2, 4, 8), ("1", "2", "4", "8")),
    ({"few": 2, "many": 8}, (2, 8), ("few", "many")),
    ([("few", 2), ("many", 8)], (2, 8), ("few", "many")),
])
def test_values_may_come_as_interact_takes_them(given, values, texts):
    (made,) = make_controls(figure, {"r": given}, {})
    assert (made.values, made.texts) == (values, texts)
    assert all(type(have) is type(want) for have, want in zip(made.values, values, strict=True))
    assert made.kind == ("choice" if "few" in texts else "slider")
    assert made.values[made.start] == 8


@pytest.mark.parametrize("given, start", [(bool, 0), (True, 1), (False, 0), (np.True_, 1)])
def test_a_truth_value_is_a_switch(given, start):
    (made,) = make_controls(figure, {"log": given}, {})
    assert (made.kind, made.values, made.start) == ("switch", (False, True), start)


def test_a_float_default_is_found_on_a_grid_that_rounds():
    def rounded(q=0.3):
        """0.3 is not the fourth of these values: that is 0.30000000000000004."""

    (made,) = make_controls(rounded, {"q": np.linspace(0, 1, 11)}, {})
    assert made.start == 3


class Callable:
    def __call__(self, r):
        """A callable object."""


@pytest.mark.parametrize("function", [
    functools.partial(figure, alpha=1.0), Callable(), Callable().__call__, lambda r: None,
    lambda **anything: None])
def test_anything_that_can_be_called_has_controls(function):
    assert make_controls(function, {"r": [1, 8]}, {})[0].values == (1, 8)


@pytest.mark.parametrize("name, label", [
    ("alpha", "α"), ("sigma", "σ"), ("omega", "ω"), ("Alpha", "Alpha"), ("lr", "lr"),
    ("eps", "eps"), ("alpha_1", "alpha_1")])
def test_the_name_of_a_greek_letter_is_shown_as_the_letter_and_no_other_name_is_changed(name,
                                                                                      label):
    (made,) = make_controls(lambda **anything: None, {name: [8]}, {})
    assert made.label == label


def test_labels_may_be_given():
    made = make_controls(figure, {"r": [8], "alpha": [1.0, 16.0]},
                         {"r": "rank r", "alpha": "alpha"})
    assert [control.label for control in made] == ["rank r", "alpha"]


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


def test_behind_words_may_be_anything_even_arrays():
    low, high = np.zeros(2), np.ones(2)

    def of(mask=high):
        """Its default is the second of the values."""

    made = make_controls(of, {"mask": {"low": low, "high": high}}, {})
    assert made[0].start == 1
    assert describe(made, {"mask": high}) == "mask = high"


def needs_two(r, alpha):
    """No defaults."""


def positional(r, /):
    """An argument that has no name for a caller."""


@pytest.mark.parametrize("function, choices, labels, error, words", [
    (figure, {"rank": [1]}, {}, TypeError, ["rank", "figure(r, alpha, start, log)"]),
    (needs_two, {"r": [1]}, {}, TypeError, ["no values for alpha", "needs_two(r, alpha)"]),
    (needs_two, {"r": [1], "a": [1]}, {}, TypeError, ["argument named a", "no values for alpha"]),
    (figure, {"r": []}, {}, ValueError, ["r must have at least one value"]),
    (figure, {"r": 8}, {}, TypeError, ["r must be a list of numbers or strings", "got 8"]),
    (figure, {"r": None}, {}, TypeError, ["r must be a list", "got None"]),
    (figure, {"start": "abc"}, {}, TypeError, ["start must be a list", "got 'abc'"]),
    (figure, {"r": (1, 8, 64)}, {}, ValueError, ["r must be (min, max)", "(1, 8, 64)"]),
    (figure, {"r": (8, 1)}, {}, ValueError, ["r must be (min, max)", "min < max"]),
    (figure, {"r": [1.0, float("inf")]}, {}, ValueError, ["r must have finite values", "inf"]),
    (print, {"r": [1]}, {}, TypeError, ["no argument named r"]),
    (dict, {"r": [1]}, {}, TypeError, ["function must be a function with arguments", "dict"]),
    (positional, {"r": [1]}, {}, TypeError, ["no argument named r", "no values for r"]),
    (figure, {"r": [1]}, "rank", ValueError, ["labels must be a dict", "'rank'"]),
    (figure, {"r": [1, "2"]}, {}, TypeError, ["r must be all numbers", "'2'"]),
    (figure, {"r": [1, True]}, {}, TypeError, ["r must be all numbers", "True"]),
    (figure, {"r": [None]}, {}, TypeError, ["r must be all numbers", "None"]),
    (figure, {"r": [1, 2, 1]}, {}, ValueError, ["r must have values that differ", "1, 2"]),
    (figure, {"start": ["A, B", "a b"]}, {}, ValueError, ["start must have values that differ"]),
    (figure, {"start": ["≤", "a"]}, {}, ValueError, ["differ in letters or digits", "≤"]),
    (figure, {"r": [1]}, {"q": "rank"}, ValueError, ["labels must be a dict", "q"]),
    (figure, {"r": [1]}, {"r": 5}, ValueError, ["labels must be a dict", "to texts", "5"]),
])
def test_what_does_not_fit_is_refused_by_name(function, choices, labels, error, words):
    with pytest.raises(error) as caught:
        make_controls(function, choices, labels)
    assert [word for word in words if word not in str(caught.value)] == []


@pytest.mark.parametrize("given", [(5, 6, 3), (5, 6, 0), (6, 5), (5, 5), (-3, -1, 2.5),
                                   (0, float("inf"))])
def test_a_range_needs_a_step_that_fits_between_its_ends(given):
    with pytest.raises(ValueError, match="step ≤ max − min"):
        make_controls(lambda r: None, {"r": given}, {})


def test_a_step_may_be_the_whole_range():
    (control,) = make_controls(lambda r: None, {"r": (5, 8, 3)}, {})
    assert control.values == (5, 8)


def test_a_control_stays_as_it_was_made():
    (control,) = make_controls(lambda r: None, {"r": [1, 2]}, {})
    with pytest.raises(FrozenInstanceError):
        control.start = 1
