"""Call a reader's function with small inputs: on copies, in silence, and not for ever."""

import contextlib
import copy
import io
import math
import reprlib
import sys
import time

import numpy as np

from lora_book.shared.verdict import NotAnswered, NotYet, in_a_line, line_in, unanswered

from .file import path
from .steps import FILES

SECONDS = 3.0  # for a call that takes a thousandth
history = []  # (name, inputs, result) of the calls of a trial, for a sentence


def call(function, *inputs):
    """What a function returns for copies of the inputs.

    Raises:
        NotYet: where it fails or changes an input; TimeoutError where it takes too long.
    """
    name = getattr(function, "__name__", type(function).__name__)
    copies = copy.deepcopy(inputs)
    with contextlib.redirect_stdout(io.StringIO()), limited(name), in_sentences(name):
        result = function(*copies)
    if unanswered(result):
        raise NotAnswered
    for number, (old, new) in enumerate(zip(inputs, copies, strict=True), 1):
        if isinstance(old, np.ndarray) and not np.array_equal(old, new, equal_nan=True):
            raise NotYet(f"{name} changes its argument {number}. The caller still needs "
                         "it: return a new array instead.")
    history.append((name, inputs, result))
    return result


@contextlib.contextmanager
def in_sentences(name: str):
    """Raise NotYet where what is run fails or takes too long.

    Args:
        name: what is run, for the sentence.
    """
    try:
        yield
    except NotYet:
        raise
    except TimeoutError as error:
        raise NotYet(str(error)) from None
    except Exception as error:
        sentences = [f"{name} stopped{line_in(error, readers_files())} {in_a_line(error)}."]
        if isinstance(error, NameError):
            sentences.append("A function can use only what it or the file contains.")
        raise NotYet(*sentences) from error


def readers_files() -> set[str]:
    return {str(path(file)) for file in FILES}


class TooLong(BaseException):  # no Exception, so that no except clause of the reader's stops it
    pass


@contextlib.contextmanager
def limited(name: str):
    """Raise TimeoutError where what is run takes longer than it may. By tracing, because a
    browser's Python has neither alarms nor threads; by opcodes, because an empty loop has no new
    line.

    Args:
        name: what is run, for a sentence.
    """
    end = time.monotonic() + SECONDS
    before = sys.gettrace()
    files = readers_files()

    def watch(frame, event, argument):
        if frame.f_code.co_filename not in files:
            return None
        frame.f_trace_opcodes = True
        if time.monotonic() > end:
            raise TooLong
        return watch

    sys.settrace(watch)
    try:
        yield
    except TooLong:
        raise TimeoutError(f"{name} had not returned after {SECONDS:.0f} seconds. Does its loop "
                           "end?") from None
    finally:
        sys.settrace(before)


def in_words(value, wanted) -> str:
    """The call that gave a value: its inputs, what came, and what was wanted, if they are small."""
    for name, inputs, result in history:
        results = result if isinstance(result, (tuple, list)) else [result]
        if any(part is value for part in results):
            return (f"{name}({', '.join(map(_short, inputs))}) returned {_short(value)}; expected "
                    f"{_short(wanted)}.")
    return ""


def _short(value) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return f"[{', '.join(map(_short, value))}]"
    if not hasattr(value, "shape"):
        return getattr(value, "__name__", None) or reprlib.repr(value)
    if math.prod(value.shape) > 12:
        return f"<{' × '.join(map(str, value.shape))}>"
    return _short(value.tolist())
