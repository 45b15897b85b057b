"""What counts as a number above zero, and what a check hands out."""

import contextlib
import io

import numpy as np
import pytest

from lora_edu.chapters.shared import verdict
from tests.book import checks
from tests.chapters.exercise_answers import RIGHT


@pytest.mark.parametrize("value", [0, -1e-9, 1e100, np.inf, np.nan])
def test_what_is_not_above_zero_or_cannot_be_computed_with_is_refused(value):
    with pytest.raises(verdict.NotYet, match=r"it is|infinite or not a number"):
        verdict.positive("x", value)


@pytest.mark.parametrize("value", [1e-300, 1, 9.9e99])
def test_a_number_above_zero_is_taken_as_it_is(value):
    assert verdict.positive("x", value) == value


@pytest.mark.parametrize("check", RIGHT, ids=lambda check: check.__name__)
def test_a_right_answer_is_told_why(check):
    answer = next(iter(RIGHT[check].values()))
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert check(**answer) if isinstance(answer, dict) else check(answer)
    assert len(printed.getvalue()) > 30 and "Right: None" not in printed.getvalue()


def said(check, **numbers):
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert not check(**numbers)
    return printed.getvalue()


def test_a_number_near_a_slip_is_not_taken_for_it():
    """2·96·2·12288 parameters a rank; 4 % more than twice as many are no slip that is known."""
    one = 2 * 96 * 2 * 12288
    assert "twice as much" in said(checks.gpt3_rows, r1=2 * one, r4=4 * one, r8=8 * one)
    words = said(checks.gpt3_rows, r1=2.04 * one, r4=4 * one, r8=8 * one)
    assert "r1: 9,625,927.68 is 2 times what it must be" in words and "twice" not in words


def test_gpt2_large_counted_with_the_width_of_medium_is_told_its_own():
    words = said(checks.gpt2_rows, medium=2 * 24 * 2 * 1024 * 4, large=2 * 36 * 2 * 1024 * 4)
    assert "large has d = 1280" in words and "medium:" not in words


def test_ids_come_as_an_array():
    seen = []

    def embed(*inputs):
        seen.extend(inputs)

    with contextlib.redirect_stdout(io.StringIO()):
        checks.embedding_forward(embed)
    assert [type(value) for value in seen[:4]] == [np.ndarray] * 4
