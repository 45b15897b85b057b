"""The book's exercises with a check: each check accepts the printed answer, refuses a wrong one
and says what is wrong, and has a sentence for whatever is no answer."""

import contextlib
import copy
import inspect
import io
import re

import numpy as np
import pytest
import torch

from lora_book.audit import check as audit
from tests.book import checks
from tests.lora_book.exercise_answers import RIGHT, WRONG

CHECKS = list(vars(checks).values())
NUMBERS = [check for check in CHECKS if check.__module__ == audit.__name__]
EVERY = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)


def verdict(check, answer) -> tuple[bool, str]:
    """What a check returns for a function, or for numbers by name, and what it prints."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        right = check(**answer) if isinstance(answer, dict) else check(answer)
    return right, printed.getvalue().strip()


@EVERY
def test_a_right_answer_is_right_in_the_forms_that_it_may_have(check):
    right_answer = RIGHT[check]
    for change in (np.float32, tensor_with_gradient):
        if check in NUMBERS:
            answer = {name: change(value) for name, value in right_answer.items()}
        else:
            answer = spoiling(through(change, right_answer))
        right, text = verdict(check, answer)
        assert right and re.match("Right: .{25}", text) and "None" not in text


def tensor_with_gradient(value):
    return torch.nn.Parameter(torch.tensor(np.asarray(value, dtype=float)))


def through(change, solution):
    """A solution whose answer, or each part of it, has another form."""
    def answer(*inputs):
        value = solution(*inputs)
        return tuple(map(change, value)) if isinstance(value, tuple) else change(value)
    return answer


def spoiling(solution):
    """A solution that leaves nothing of the arrays that it was given."""
    def answer(*inputs):
        result = copy.deepcopy(solution(*inputs))
        for value in inputs:
            if isinstance(value, np.ndarray):
                value[...] = 0
        return result
    return answer


@pytest.mark.parametrize("check", WRONG, ids=lambda check: check.__name__)
def test_a_plausible_mistake_is_refused_and_named(check):
    answer, words = WRONG[check]
    if check in NUMBERS:  # the other numbers are right
        answer = {**RIGHT[check], **answer}
    right, text = verdict(check, answer)
    assert not right and words in text and text.startswith("Not yet. ")


@pytest.mark.parametrize("check", NUMBERS, ids=lambda check: check.__name__)
def test_every_slip_is_named_as_it_stands(check):
    """None is hidden behind the right answer or behind its neighbour."""
    _, table = inspect.unwrap(check)()
    for name, slips in table.items():
        for value, _ in slips:
            right, text = verdict(check, {**RIGHT[check], name: value})
            assert not right and any(why in text for same, why in slips if same == value)


UNANSWERED = "Not answered yet: put your answer in place of None."


@EVERY
def test_no_answer_has_one_wording(check):
    if check in NUMBERS:
        answer = dict.fromkeys(RIGHT[check])
    else:
        def answer(*inputs):
            return None
    assert verdict(check, answer) == (False, UNANSWERED)
    assert check in NUMBERS or verdict(check, None) == (False, UNANSWERED)


def replaced(check, value):
    """The right answer with its first part, or all of it, replaced."""
    if check in NUMBERS:
        return {**RIGHT[check], next(iter(RIGHT[check])): value}

    def answer(*inputs):
        right = RIGHT[check](*inputs)
        return (value, *right[1:]) if isinstance(right, tuple) else value
    return answer


@pytest.mark.parametrize(("value", "words"), [
    ("abc", "it is 'abc'"), ([[1.0], [2.0, 3.0]], "it is [[1.0], [2.0"), (np.nan, "not a number"),
    (1j, "must be a real number"), ([None, 1.0], "it is [None, 1.0]"), ([1.0, 2.0], "(2,)"),
    (torch.ones(2, device="meta"), "must be a real number")], ids=str)
def test_what_is_no_number_has_a_sentence_of_its_own(value, words):
    for check in (checks.best_approximation, audit.gpt3_rows):
        right, text = verdict(check, replaced(check, value))
        assert not right and text.startswith("Not yet. ") and words in text


def test_a_setting_that_no_run_could_have_is_said():
    settings = 1e200, 0.02, 0.01, 0.4
    right, text = verdict(checks.equivalent_adamw, lambda *inputs: settings)
    assert not right and "sigma must be above zero and below 1e100" in text


def stops(*inputs):
    return np.linalg.inv(np.zeros((2, 2)))  # as in the reader's cell


def stopping_generator(*inputs):
    yield 1.0
    raise ValueError


def test_a_function_that_fails_or_cannot_be_called_is_told_so():
    check = checks.three_factor_gradients
    line = inspect.getsourcelines(stops)[1] + 1
    for answer, words in (
            (stops, f"Your function stopped in line {line}, `return np.linalg.inv"),
            (stops, "LinAlgError: Singular matrix"), (stopping_generator, "generator"),
            (lambda: 0, "cannot be called as the exercise says"),
            (3.0, "Your answer cannot be called")):
        right, text = verdict(check, answer)
        assert not right and text.startswith("Not yet. ") and words in text
    assert "The check cannot take these arguments" in verdict(check, {"r_4": 1})[1]
