"""The book's exercises with a check: each check accepts every right answer in every form, refuses
wrong ones and says what is wrong, and has a sentence for whatever is no answer."""

import contextlib
import copy
import inspect
import io
import re

import numpy as np
import pytest
import torch

import lora_edu
from lora_edu.chapters.audit import check as audit
from lora_edu.chapters.shared.problem import problem
from lora_edu.chapters.step_zero import runs as step_zero
from lora_edu.chapters.which_zero import wide
from tests.book import NOTEBOOKS, checks, folded_solutions, printed_solution
from tests.chapters.exercise_answers import LABELS, RIGHT, WRONG

CHECKS = list(vars(checks).values())
FUNCTIONS = [check for check in CHECKS if check.__module__ != audit.__name__]
NUMBERS = [check for check in CHECKS if check.__module__ == audit.__name__]


def verdict(check, answer) -> tuple[bool, str]:
    """What a check returns for a function, or for numbers by name, and what it prints."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        right = check(**answer) if isinstance(answer, dict) else check(answer)
    return right, printed.getvalue().strip()


def cases(table):
    return [pytest.param(check, case, id=f"{check.__name__}: {case}")
            for check in table for case in table[check]]


def per_check(some):
    return pytest.mark.parametrize("check", some, ids=lambda check: check.__name__)


@pytest.mark.parametrize(("check", "case"), cases(RIGHT))
def test_a_right_answer_is_right_in_every_form(check, case):
    assert verdict(check, RIGHT[check][case]) == (True, Starts("Right: "))


@pytest.mark.parametrize(("check", "case"), cases(WRONG))
def test_a_plausible_mistake_is_refused_and_named(check, case):
    answer, words = WRONG[check][case]
    if isinstance(answer, dict):  # the other numbers are right, and nothing is said of them
        others = [name for name in RIGHT[check]["NumPy"] if name not in answer]
        answer = {**RIGHT[check]["NumPy"], **answer}
    right, said = verdict(check, answer)
    assert not right and words in said and said.startswith("Not yet. ")
    if check in NUMBERS:
        assert not [name for name in others if f"{name}:" in said]


@per_check(NUMBERS)
def test_every_slip_is_named_as_it_stands(check, monkeypatch):
    """None is hidden behind the right answer or behind its neighbour."""
    tables = []
    with monkeypatch.context() as patched:
        patched.setattr(audit, "_judge", lambda given, want, slips, *_, **__: tables.append(slips))
        verdict(check, RIGHT[check]["NumPy"])
    for name, slips in tables[0].items():
        for value, _ in slips:
            right, said = verdict(check, {**RIGHT[check]["NumPy"], name: value})
            assert not right and any(why in said for same, why in slips if same == value)


def test_no_check_is_without_answers():
    assert set(RIGHT) == set(WRONG) == set(LABELS) == set(CHECKS)
    assert [(check.__name__, len(table[check])) for table in (RIGHT, WRONG) for check in CHECKS
            if len(table[check]) < 4] == []
    for check in NUMBERS:  # and no number of a question is without a mistake
        named = {name for answer, _ in WRONG[check].values() for name in answer}
        assert named == set(inspect.signature(check).parameters)


@per_check(CHECKS)
def test_the_printed_solution_passes_its_check(check):
    solution = printed_solution(LABELS[check], check=audit, formula=(
        lambda layers, matrices, d, r: 2 * layers * matrices * d * r))
    assert verdict(check, solution) == (True, Starts("Right: "))


def names_of_step_zero():
    G = step_zero.problem().gradient(step_zero.problem().W0)
    eta = step_zero.LEARNING_RATE["SGD"]
    return {**vars(step_zero), "growth": 1 + eta * 2 * np.linalg.svd(G, compute_uv=False)[0]}


UNCHECKED = {  # a solution that a check does not ask for: what its page has defined before
    "ex-sooner": names_of_step_zero,
    "ex-row-space": lambda: {**vars(lora_edu), "task": problem(), "r": 8, "s": 2.0},
    "ex-few-out": lambda: {**vars(lora_edu), "rates": np.geomspace(0.003, 0.5, 16).round(4)},
    "ex-their-rate": lambda: {**vars(lora_edu), "wide": wide}}


def numbers(text):
    return set(re.findall(r"\d+\.\d+", re.sub(r"\$[^$]*\$|\]\([^)]*\)", "", text)))


@pytest.mark.parametrize("label", UNCHECKED)
def test_a_solution_says_what_its_code_prints(label):
    """Nobody sees the output of a folded block: the text states it."""
    [(code, text)] = [folded_solutions(page)[label] for page in NOTEBOOKS
                      if label in folded_solutions(page)]
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(code, {"np": np, **UNCHECKED[label]()})
    assert numbers(printed.getvalue()) and numbers(text) <= numbers(printed.getvalue() + code)


def spoiling(solution):
    """A solution that leaves nothing of the arrays that it was given."""
    def answer(*inputs):
        found = copy.deepcopy(solution(*inputs))
        for array in arrays(inputs):
            array[...] = 0
        return found
    return answer


def arrays(inputs):
    for value in inputs:
        if isinstance(value, tuple):
            yield from arrays(value)
        elif isinstance(value, np.ndarray):
            yield value


@per_check(FUNCTIONS)
def test_what_the_function_does_to_its_inputs_changes_no_verdict(check):
    """It gets copies: to be right it may spoil them, and to empty them first does not help."""
    solution = next(iter(RIGHT[check].values()))
    assert verdict(check, spoiling(solution))[0]
    emptied = []

    def on_nothing(*inputs):
        for array in arrays(inputs):
            if array.dtype == float:
                array[...] = 0
                emptied.append(array)
        with np.errstate(all="ignore"):
            return solution(*inputs)

    assert verdict(check, on_nothing)[0] == (not emptied)


UNANSWERED = "Not answered yet: put your answer in place of None."


@per_check(CHECKS)
def test_no_answer_has_one_wording(check):
    for nothing in (None, ...):
        if check in NUMBERS:
            names = list(inspect.signature(check).parameters)
            assert verdict(check, dict.fromkeys(names, nothing)) == (False, UNANSWERED)
            one = {**RIGHT[check]["NumPy"], names[1]: nothing}
            assert verdict(check, one) == (False, f"{UNANSWERED} Missing: {names[1]}.")
            continue
        assert verdict(check, nothing) == (False, UNANSWERED)
        assert verdict(check, lambda *inputs, found=nothing: found) == (False, UNANSWERED)
        several = re.search(r"must return (\d) things, (.*); it", verdict(check, lambda *a: ())[1])
        if several:
            names = several[2].split(", ")
            all_of_them = (nothing,) * len(names)
            assert verdict(check, lambda *a, found=all_of_them: found) == (False, UNANSWERED)
            assert verdict(check, replaced(check, nothing)) == (
                False, f"{UNANSWERED} Missing: {names[0]}.")


def replaced(check, value):
    """The right answer with its first part, or all of it, replaced."""
    def answer(*inputs):
        found = next(iter(RIGHT[check].values()))(*inputs)
        return (value, *found[1:]) if isinstance(found, tuple) else value
    return answer


NO_NUMBERS = {"text": ("abc", "it is 'abc'"), "ragged": ([[1.0], [2.0, 3.0]], "it is [[1.0], [2.0"),
              "a set": ({1.0}, "it is {1.0}"), "complex": (1j, "must be a real number"),
              "nan": (np.nan, "not a number"), "infinite": (np.inf, "infinite"),
              "None inside": ([None, 1.0], "it is [None, 1.0]"),
              "text inside": ([1.0, "2"], "it is [1.0, '2']"), "true": (True, "it is True"),
              "too large": (10**400, "it is 1000"), "a list": ([1.0, 2.0], "(2,)"),
              "a matrix": (np.ones((9, 9)), "(9, 9)"),
              "no data": (torch.ones(2, device="meta"), "must be a real number")}


@per_check(CHECKS)
@pytest.mark.parametrize("kind", NO_NUMBERS)
def test_what_is_no_number_has_a_sentence_of_its_own(check, kind):
    value, words = NO_NUMBERS[kind]
    answer = ({**RIGHT[check]["NumPy"], next(iter(RIGHT[check]["NumPy"])): value}
              if check in NUMBERS else replaced(check, value))
    right, said = verdict(check, answer)
    assert not right and said.startswith("Not yet. ") and words in said


@per_check(FUNCTIONS)
def test_an_error_in_the_function_is_told_with_its_own_line(check):
    def stops(*inputs):
        return np.linalg.inv(np.zeros((2, 2)))  # as in the reader's cell

    line = inspect.getsourcelines(stops)[1] + 1
    assert verdict(check, stops) == (False, Starts(
        f"Not yet. Your function stopped in line {line}, `return np.linalg.inv(np.zeros((2, 2)))"))
    assert "LinAlgError: Singular matrix" in verdict(check, stops)[1]


@per_check(FUNCTIONS)
def test_what_cannot_be_called_is_told(check):
    right, said = verdict(check, lambda: 0)
    assert not right and "cannot be called as the exercise says" in said and "argument" in said
    assert verdict(check, 3.0) == (False, Starts("Not yet. What you gave cannot be called"))


def stopping_generator(*inputs):
    yield 1.0
    raise ValueError


@per_check(FUNCTIONS)
def test_a_generator_that_stops_is_no_answer(check):
    right, said = verdict(check, stopping_generator)
    assert not right and said.startswith("Not yet. ") and "generator" in said


@per_check(CHECKS)
def test_a_call_that_does_not_fit_is_told(check):
    assert verdict(check, {"r_4": 1}) == (False, Starts("The check does not take what it was"))


def test_stopping_by_hand_still_stops():
    def stops(*inputs):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        checks.flat_scale(stops)


class Starts(str):
    """Equal to every text that starts so."""

    def __eq__(self, other):
        return other.startswith(str(self))

    __hash__ = None
