"""Controls: what a reader can move, made from keyword arguments as ``ipywidgets.interact`` does.

Imports the standard library, and figures.text for numbers as words.
"""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from lora_edu.figures.text import short

GREEK = {"alpha": "α", "beta": "β", "eta": "η", "lr": "η", "tau": "τ", "sigma": "σ", "eps": "ε"}


@dataclass(frozen=True)
class Control:
    """One control. ``kind`` is ``"slider"``, ``"choice"`` or ``"switch"``.

    name: the function's argument. label: what the reader sees. values: the positions, in order.
    start: index of the position shown first.
    """

    name: str
    label: str
    kind: str
    values: tuple
    start: int

    @property
    def texts(self) -> tuple[str, ...]:
        """Each value as the reader sees it."""
        return tuple(value_text(value) for value in self.values)

    @property
    def keys(self) -> tuple[str, ...]:
        """Each value as it stands in a link: letters, digits, dots and dashes."""
        return tuple(value_key(value) for value in self.values)


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


def make_controls(function, choices: dict[str, object], labels: dict[str, str]
                  ) -> tuple[Control, ...]:
    """Controls for ``function`` from keyword → values (or ``bool`` for a switch).

    Numbers become a slider, strings a row of buttons, True/False a switch. The position shown
    first is the function's own default where that is among the values, else the first value.

    Raises TypeError or ValueError when names do not match the function's arguments, a list is
    empty or mixes kinds, or values repeat.
    """
    parameters = inspect.signature(function).parameters
    needed = {name for name, p in parameters.items() if p.default is p.empty}
    unknown, missing = set(choices) - set(parameters), needed - set(choices)
    if unknown or missing:
        raise TypeError(f"the controls must match the arguments of {_name(function)}"
                        f"({', '.join(parameters)}): "
                        + "; ".join(part for part in (
                            f"no argument named {', '.join(sorted(unknown))}" if unknown else "",
                            f"no values for {', '.join(sorted(missing))}" if missing else "")
                            if part))
    if set(labels) - set(choices):
        raise ValueError(f"labels must name controls, got {sorted(set(labels) - set(choices))}")
    return tuple(_control(name, values, parameters[name].default,
                          labels.get(name, GREEK.get(name, name)))
                 for name, values in choices.items())


def grid(controls: tuple[Control, ...]) -> Iterator[dict]:
    """Every state as {name: value}; the last control varies fastest."""
    for values in itertools.product(*(control.values for control in controls)):
        yield {c.name: value for c, value in zip(controls, values, strict=True)}


def describe(controls: tuple[Control, ...], values: dict) -> str:
    """A state in words: ``r = 8, α = 16, start = both zero``."""
    return ", ".join(f"{c.label} = {value_text(values[c.name])}" for c in controls)


def _control(name: str, values, default, label: str) -> Control:
    values = (False, True) if values is bool else tuple(values)
    if not values:
        raise ValueError(f"{name} must have at least one value, got none")
    kinds = {"switch" if isinstance(v, bool) else "choice" if isinstance(v, str) else
             "slider" if isinstance(v, (int, float)) else type(v).__name__ for v in values}
    kind = kinds.pop()
    if kinds or kind not in ("switch", "choice", "slider"):
        raise TypeError(f"{name} must be all numbers, all strings or True/False, got {values!r}")
    control = Control(name, label, kind, values,
                      values.index(default) if default in values else 0)
    if len(set(control.keys)) < len(values):
        raise ValueError(f"{name} must have values with distinct names, got {values!r}")
    return control


def _name(function) -> str:
    return getattr(function, "__name__", repr(function))
