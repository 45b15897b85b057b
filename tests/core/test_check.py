"""The argument checks, once for all callers: what they let through, and what they say of the rest.

Callers' own tests have one case an argument: that it is checked, and within which bounds.
"""

import math

import numpy as np
import pytest

from lora_edu import Adam, _check

NOT_NUMBERS = [True, False, np.True_, None, "8", [1], (1.0,), {}, object, 1j, np.ones(2)]
NOT_FINITE = [math.nan, math.inf, -math.inf, np.float32("nan")]


def refused(error, words, check, *arguments, **bounds):
    """The check raises the error, which begins with ``words`` and ends with the value."""
    with pytest.raises(error) as caught:
        check("size", *arguments, **bounds)
    assert str(caught.value).startswith(f"size must be {words}")
    return str(caught.value)


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_a_whole_number_comes_back_as_pythons(value):
    number = _check.integer("size", value, minimum=3)
    assert number == 3 and type(number) is int


@pytest.mark.parametrize("value", [*NOT_NUMBERS, *NOT_FINITE, 2.0, np.float64(2)], ids=repr)
def test_what_is_no_whole_number_is_refused(value):
    said = refused(TypeError, "a whole number, got ", _check.integer, value, minimum=0)
    assert said.endswith(repr(value))


@pytest.mark.parametrize("value", [0, -1, np.int64(-5), -10**30])
def test_a_whole_number_below_the_least_is_refused(value):
    said = refused(ValueError, "at least 1, got ", _check.integer, value, minimum=1)
    assert said.endswith(repr(value))


@pytest.mark.parametrize("value", [2, 2.0, np.float32(2), np.int8(2), np.array(2.0)], ids=repr)
def test_a_number_comes_back_as_pythons_float(value):
    number = _check.number("size", value, above=1, minimum=2, below=3)
    assert number == 2 and type(number) is float


@pytest.mark.parametrize("value", NOT_NUMBERS, ids=repr)
def test_what_is_no_number_is_refused(value):
    assert refused(TypeError, "a number, got ", _check.number, value).endswith(repr(value))


@pytest.mark.parametrize("value", NOT_FINITE)
def test_a_number_that_is_not_finite_is_refused(value):
    assert refused(ValueError, "finite, got ", _check.number, value).endswith(repr(value))


@pytest.mark.parametrize("value, bounds, words", [
    (0, {"above": 0}, "finite and greater than 0"), (-1, {"minimum": 0}, "finite and at least 0"),
    (1, {"below": 1}, "finite and less than 1"), (1.5, {"below": 1}, "finite and less than 1"),
    (3, {"above": 1, "minimum": 2, "below": 3},
     "finite and greater than 1 and at least 2 and less than 3")])
def test_a_number_beyond_a_bound_is_refused_and_the_bounds_are_told(value, bounds, words):
    assert refused(ValueError, f"{words}, got ", _check.number, value, **bounds).endswith(
        repr(value))


def test_the_least_number_is_allowed_and_the_open_bounds_are_not():
    assert _check.number("size", 0, minimum=0) == 0
    assert _check.number("size", 5e-324, above=0) == 5e-324


@pytest.mark.parametrize("value", ["c", "A", None, 0, ("a",), ["a"]], ids=repr)
def test_a_choice_that_there_is_not_is_refused_and_those_there_are_are_told(value):
    said = refused(ValueError, "one of 'a', 'b', got ", _check.choice, value, ("a", "b"))
    assert said.endswith(repr(value))
    assert _check.choice("size", "b", iter(["a", "b"])) == "b"


def test_a_matrix_comes_back_in_float64():
    made = _check.matrix("size", [[1, 2, 3], [4, 5, 6]], (2, None))
    assert made.dtype == np.float64 and made.shape == (2, 3)


@pytest.mark.parametrize("value", ["a", [["a"]], [[1.0], [1.0, 2.0]], [[None, {}]]], ids=repr)
def test_what_is_no_matrix_of_numbers_is_refused(value):
    assert repr(value) in refused(TypeError, "a matrix of numbers, got ", _check.matrix, value)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 1), (3, 3), (2, 2), (0, 3)])
def test_a_matrix_of_another_shape_is_refused(shape):
    said = refused(ValueError, "a matrix of shape (2, 3), got shape ", _check.matrix,
                   np.ones(shape), (2, 3))
    assert said.endswith(repr(shape))
    assert "(any, 3)" in refused(ValueError, "", _check.matrix, np.ones((4, 5)), (None, 3))


def test_entries_that_are_not_finite_are_counted():
    said = refused(ValueError, "finite", _check.matrix, [[1.0, math.nan], [math.inf, 2.0]])
    assert said.endswith("got 2 non-finite entries of 4")


def test_another_kind_is_refused_in_english():
    rng = np.random.default_rng(0)
    assert _check.instance("size", rng, np.random.Generator) is rng
    assert refused(TypeError, "a Generator, got ", _check.instance, "8", type(rng)).endswith("'8'")
    assert refused(TypeError, "an Adam, got ", _check.instance, Adam, Adam).endswith(repr(Adam))


@pytest.mark.parametrize("value", [0, None, np.random, np.random.RandomState(0),
                                   np.random.Generator], ids=lambda value: type(value).__name__)
def test_what_is_no_generator_is_refused(value):
    said = refused(TypeError, "a numpy.random.Generator", _check.generator, value)
    assert said.endswith(repr(value)) and "default_rng" in said
    rng = np.random.default_rng(0)
    assert _check.generator("size", rng) is rng


@pytest.mark.parametrize(("name", "words"), [("Adapter", "an Adapter"), ("Module", "a Module")])
def test_the_article_fits_the_kind(name, words):
    with pytest.raises(TypeError, match=f"^x must be {words}, got 5$"):
        _check.instance("x", 5, type(name, (), {}))


def test_an_array_of_ones_own_is_a_copy_that_cannot_be_written_to():
    given = np.ones(3)
    own = _check.own(given)
    given[0] = 7
    assert own.tolist() == [1, 1, 1]
    with pytest.raises(ValueError, match="read-only"):
        own[0] = 7
