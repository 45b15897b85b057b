"""Controls: what a reader can move, made from keyword arguments as ``ipywidgets.interact`` does."""

import inspect
import itertools
import math
import re
import unicodedata
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from lora_edu.explore.words import short

MOST_STEPS = 100_000  # of a range; a page stores fewer positions (see states.py)

@dataclass(frozen=True)
class Control:
    """One control. ``kind`` is ``"slider"``, ``"choice"`` or ``"switch"``.

    name: the function's argument. label: what the reader sees. values: the positions, in order.
    texts: each value as the reader sees it. keys: each as it stands in a link, of letters, digits,
    dots and dashes. start: index of the position shown first.
    """

    name: str
    label: str
    kind: str
    values: tuple
    texts: tuple[str, ...]
    keys: tuple[str, ...]
    start: int


def value_text(value) -> str:
    """A value as the reader sees it: ``1e-06`` → "10⁻⁶", ``True`` → "on", strings as they are."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return short(value) if isinstance(value, float) else str(value)


def value_key(value) -> str:
    """A value as it stands in a link: ``1e-06`` → "1e-6", "both zero" → "both-zero"."""
    if isinstance(value, float):
        return re.sub(r"e([+-])0*", lambda found: "e" + found[1].strip("+"), f"{value:g}")
    return slug(value_text(value)) if isinstance(value, (bool, str)) else str(value)


def slug(text: str) -> str:
    """Lower case, and every run of other characters than letters, digits, dot, dash is a dash."""
    return re.sub(r"[^\w.\-]+", "-", text.lower()).strip("-")


def make_controls(function, choices: Mapping[str, object], labels: Mapping[str, str]
                  ) -> tuple[Control, ...]:
    """Controls for ``function`` from keyword → values, as :func:`explore` says.

    Raises TypeError or ValueError when names do not match the function's arguments, and for values
    of which no control can be made; the message names the control. Warns of a default that is not
    among the values.
    """
    signature = inspect.signature(function)
    try:
        signature.bind(**choices)
    except TypeError as error:
        name = getattr(function, "__name__", type(function).__name__)
        raise TypeError(f"the controls must match the arguments of {name}{signature}: {error}"
                        ) from None
    if not (isinstance(labels, Mapping) and labels.keys() <= choices.keys()
            and all(isinstance(text, str) for text in labels.values())):
        raise ValueError(f"labels must be a dict from controls ({', '.join(choices)}) to texts, "
                         f"got {labels!r}")
    none = inspect.Parameter.empty
    defaults = {name: parameter.default for name, parameter in signature.parameters.items()}
    return tuple(_control(name, values, defaults.get(name, none), labels.get(name, _label(name)))
                 for name, values in choices.items())


def grid(controls: tuple[Control, ...]) -> Iterator[dict]:
    """Every state as {name: value}; the last control varies fastest."""
    for values in itertools.product(*(control.values for control in controls)):
        yield {c.name: value for c, value in zip(controls, values, strict=True)}


def describe(controls: tuple[Control, ...], values: dict) -> str:
    """A state in words: ``r = 8, α = 16, start = both zero``."""
    return ", ".join(f"{c.label} = {c.texts[_position(c, values[c.name])]}" for c in controls)


def _position(control: Control, value) -> int:
    """Where one of the control's own values stands; it may be an array, which is not compared."""
    return next(i for i, position in enumerate(control.values) if position is value)


def _label(name: str) -> str:
    """The name, or the letter where it is a Greek letter's: "alpha" → "α"."""
    try:
        return unicodedata.lookup(f"GREEK SMALL LETTER {name}") if name.islower() else name
    except KeyError:
        return name


def _control(name: str, given, default, label: str) -> Control:
    texts, values = _values(name, given)
    kinds = {"switch" if isinstance(v, bool) else
             "slider" if isinstance(v, (int, float)) and not texts else "choice" for v in values}
    if len(kinds) > 1 or not (texts or all(isinstance(v, (bool, int, float, str)) for v in values)):
        raise TypeError(f"{name} must be all numbers, all strings or True/False, got {values!r}")
    if any(isinstance(value, float) and math.isnan(value) for value in values):
        raise ValueError(f"{name} must have no NaN among its values, got {values!r}")
    keys = tuple(slug(text) for text in texts) or tuple(map(value_key, values))
    if len(set(keys) - {""}) < len(values):
        raise ValueError(f"{name} must have values that differ in their letters or first six "
                         f"digits, so that links can name them, got {values!r}; a dict can give "
                         "them names")
    default = given if isinstance(given, (bool, np.bool_)) else default
    return Control(name, label, kinds.pop(), values, texts or tuple(map(value_text, values)), keys,
                   _start(name, values, default))


def _values(name: str, given) -> tuple[tuple[str, ...], tuple]:
    """(texts, values) of what was given for a control; no texts where the values speak."""
    if given is bool or isinstance(given, (bool, np.bool_)):
        return (), (False, True)
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise TypeError(f"{name} must be a list of numbers or strings, (min, max) or (min, max, "
                        f"step), a dict from texts to values, or bool, got {given!r}")
    values = tuple(map(_number, given.values() if isinstance(given, Mapping) else given))
    if not values:
        raise ValueError(f"{name} must have at least one value, got none")
    if isinstance(given, Mapping):
        return tuple(map(str, given)), values
    are_numbers = all(type(value) in (int, float) for value in values)
    if isinstance(given, tuple) and len(given) in (2, 3) and are_numbers:
        return (), _range(name, *values)
    return (), values


def _number(value):
    """A NumPy scalar as Python's own number; anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def _range(name: str, low, high, step=None) -> tuple:
    """What ``(min, max)`` and ``(min, max, step)`` mean in ipywidgets; steps are 1 or 0.1."""
    whole = all(isinstance(value, int) for value in (low, high, step or 1))
    step = step if step is not None else 1 if whole else 0.1
    if not (low < high and 0 < step <= high - low < MOST_STEPS * step):
        raise ValueError(f"{name} must be (min, max) or (min, max, step) with min < max and "
                         f"0 < step ≤ max − min < {MOST_STEPS:,} steps (a list holds separate "
                         f"values), got {(low, high, step)!r}")
    count = math.floor((high - low) / step + 1e-9) + 1
    return tuple(low + i * step if whole else round(low + i * step, 12) for i in range(count))


def _start(name: str, values: tuple, default) -> int:
    """The index of the default; 0, with a warning, where it is not among the values."""
    if default is inspect.Parameter.empty:
        return 0
    default = _number(default)
    for i, value in enumerate(values):
        if value is default or (type(default) in (int, float, str) and (
                value == default or (isinstance(value, float) and math.isclose(value, default)))):
            return i
    warnings.warn(f"{name}: the function's default {default!r} is not among the values; the "
                  f"explorer starts at {values[0]!r}", stacklevel=6)
    return 0
