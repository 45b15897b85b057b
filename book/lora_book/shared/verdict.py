"""Helpers for exercise checks: the reader's function gets copies, numbers may come in any form, and
whatever else comes back has a sentence of its own.

A check displays a Verdict. A notebook shows its text, as it shows what is printed; Python in the
page takes sign, word and whether it is right from the data of the kind KIND. Only this file knows
which verdicts there are; the page colours what is right, and all else alike (``in_page/cell.js``).
"""

import copy
import functools
import inspect
import reprlib
import traceback
from dataclasses import asdict, dataclass

import numpy as np
from IPython.display import display

TOL = 1e-5  # of the largest entry: single precision passes, and so do six digits
KIND = "application/vnd.lora-edu.verdict+json"


@dataclass(frozen=True)
class Verdict:
    """What a check says. text: the whole, in sentences. word: the same in short."""

    is_right: bool
    sign: str
    word: str
    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        return {KIND: asdict(self), "text/plain": self.text}


class NotYet(Exception):
    """What is wrong with an answer, in sentences for the reader."""

    sign = "✗"
    word = "Not yet"

    def __str__(self) -> str:
        return f"{self.word}. {' '.join(self.args)}"


class NotAnswered(NotYet):
    """Nothing stands in place of None; or, beside answers, not for the names given."""

    sign = "○"
    word = "Not answered yet"

    def __str__(self) -> str:
        missing = f" Missing: {', '.join(self.args)}." if self.args else ""
        return f"{self.word}: put your answer in place of None.{missing}"


def check(judge):
    """A check from a function that returns its praise or raises NotYet. The check displays a
    Verdict, "Right: …" or what is wrong, and returns True or False."""
    @functools.wraps(judge)
    def checked(*answers, **named) -> bool:
        try:
            _bind(judge, answers, named)
            verdict = Verdict(True, "✓", "Right", f"Right: {judge(*answers, **named)}")
        except NotYet as problem:
            verdict = Verdict(False, problem.sign, problem.word, str(problem))
        display(verdict)  # which prints where there is no notebook
        return verdict.is_right

    return checked


def _bind(judge, answers: tuple, named: dict) -> None:
    try:
        inspect.signature(judge).bind(*answers, **named)
    except TypeError as error:
        raise NotYet(f"The check cannot take these arguments: {error}.") from None


def ask(function, *inputs):
    """What the reader's function returns for copies of the inputs, so that it may work in place."""
    if unanswered(function):
        raise NotAnswered
    try:
        answer = function(*copy.deepcopy(inputs))
    except NotYet:
        raise
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)[1:]
        if not frames:
            raise NotYet("Your answer cannot be called as the exercise says. "
                         f"{in_a_line(error)}") from None
        place = line_in(error, {frames[0].filename})
        raise NotYet(f"Your function stopped{place} {in_a_line(error)}") from None
    if unanswered(answer):
        raise NotAnswered
    return answer


def in_a_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


def line_in(error: Exception, files: set[str]) -> str:
    """The last line of these files in which an error was raised, for a sentence."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename in files:
            return f" in line {frame.lineno}, `{frame.line}`."
    return " when it was called."


def unanswered(value) -> bool:
    return value is None or value is ...


def parts(answer, *names: str, of: str = "It") -> list:
    """The things of these names that a function returns together. of: its name, for a sentence."""
    try:
        values = [] if isinstance(answer, (str, bytes, dict, set)) else list(answer)
    except Exception:  # one number, a tensor of one, a generator that stops
        values = []
    if len(values) != len(names):
        raise NotYet(f"{of} must return {len(names)} values ({', '.join(names)}); it returned "
                     f"{len(values) or 'one'}, of type {type(answer).__name__}.")
    missing = [name for name, value in zip(names, values, strict=True) if unanswered(value)]
    if missing:
        raise NotAnswered(*(missing if len(missing) < len(names) else ()))
    return values


def array(name: str, value) -> np.ndarray:
    """Numbers as float64, whether they come as lists, arrays or tensors."""
    try:
        numbers = np.asarray(_plain(value))
        if numbers.dtype.kind not in "iufO" or any(map(unanswered, numbers.flat)):
            raise TypeError
        numbers = numbers.astype(float)
    except Exception:  # NumPy and torch have many
        raise NotYet(f"{name} must be a real number or an array of them; it is "
                     f"{reprlib.repr(value)}.") from None
    if not np.isfinite(numbers).all():
        raise NotYet(f"{name} is infinite or not a number in {np.sum(~np.isfinite(numbers))} of "
                     f"{numbers.size} entries.")
    return numbers


def number(name: str, value) -> float:
    """One number."""
    numbers = array(name, value)
    if numbers.shape:
        raise NotYet(f"{name} must be a single number; it has shape {numbers.shape}.")
    return float(numbers)


def positive(name: str, value) -> float:
    """One number above zero, of a size that can be computed with."""
    result = number(name, value)
    if not 0 < result < 1e100:
        raise NotYet(f"{name} must be above zero and below 1e100; it is {result:g}.")
    return result


def close(given, want, tol: float = TOL) -> bool:
    """Whether every entry is as wanted, to ``tol`` of the largest one."""
    return np.shape(given) == np.shape(want) and not wrong(given, want, tol).any()


def wrong(given, want, tol: float) -> np.ndarray:
    return ~(np.abs(given - want) <= tol * np.abs(want).max())  # what is not a number is wrong


def agree(want: dict, answers, hint: str = "") -> None:
    """Compare what is given with what is wanted, name by name; NotYet says where they differ."""
    problems = []
    for (name, right), value in zip(want.items(), answers, strict=True):
        right = np.asarray(right, dtype=float)
        value = array(name, value if right.ndim else number(name, value))
        if value.shape != right.shape:
            problems.append(f"{name} has shape {value.shape}, but should have {right.shape}.")
        elif not close(value, right):
            factor = np.vdot(value, right) / np.vdot(right, right)
            if right.ndim and close(value, right, 1e-3):
                finding = "right to a few digits only. Is a small term missing?"
            elif right.ndim and right.size == 1:  # which any factor fits
                finding = "wrong."
            elif close(value, factor * right):
                finding = f"off by a constant factor, {factor:.6g}{': ' + hint if hint else '.'}"
            else:
                finding = f"wrong in {wrong(value, right, TOL).sum()} of {right.size} entries."
            problems.append(f"{name} is {finding}")
    if problems:
        raise NotYet(*problems)


def _plain(value):
    """Tensors as lists, also where they stand in lists."""
    if hasattr(value, "detach"):
        return value.detach().tolist()
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
