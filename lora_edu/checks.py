"""Argument checks: each error names the argument, the value received and what is allowed.

A number is whatever holds one real number: Python's and NumPy's, zero-dimensional arrays, tensors.
Booleans, text and complex numbers are no numbers, nor do arrays of them hold numbers.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np


def numbers(name: str, value, what: str = "an array of numbers") -> np.ndarray:
    """Return ``value`` as an array of real numbers, in its own dtype; TypeError otherwise."""
    try:
        array = np.asarray(value)
    except Exception as error:  # NumPy, torch and others have many
        raise _no_numbers(name, value, what, f": {error}") from None
    if isinstance(value, np.ndarray) and hasattr(value, "mask"):
        raise _no_numbers(name, value, what, ": a masked array, whose mask would be lost")
    if array.dtype.kind not in "iuf":
        # who gave "8" or None has no dtype in mind
        dtype = f", dtype {array.dtype}" if hasattr(value, "dtype") else ""
        raise _no_numbers(name, value, what, dtype)
    return array


def integer(name: str, value, *, minimum: int, maximum: float = sys.maxsize,
            what: str = "a whole number") -> int:
    """Return ``value`` as an int in the given range; TypeError or ValueError otherwise."""
    if type(value) is not int:
        _one(name, value, "iu", what)
    if value < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {value!r}")
    if value > maximum:
        raise ValueError(f"{name} must be at most {maximum}, got {value!r:.100}")
    return int(value)


def number(name: str, value, *, above: float = -math.inf, minimum: float = -math.inf,
           below: float = math.inf) -> float:
    """Return ``value`` as a finite float in the given range (``minimum`` inclusive)."""
    if type(value) not in (int, float):
        _one(name, value, "iuf", "a number")
    try:
        result = float(value)
    except OverflowError:  # a whole number above the largest float
        result = math.inf
    if not (math.isfinite(result) and above < result < below and result >= minimum):
        bounds = [f"greater than {above:g}"] if above > -math.inf else []
        bounds += [f"at least {minimum:g}"] if minimum > -math.inf else []
        bounds += [f"less than {below:g}"] if below < math.inf else []
        raise ValueError(f"{name} must be {' and '.join(['finite', *bounds])}, got {value!r:.100}")
    return result


def flag(name: str, value) -> bool:
    """Return ``value`` if it is True or False; TypeError otherwise."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def choice(name: str, value, allowed, *, any_case: bool = False):
    """Return ``value`` as it stands in ``allowed``; otherwise a ValueError that lists them.

    With ``any_case`` names are the same in capitals and in small letters.
    """
    allowed = tuple(allowed)
    key = value
    keys = allowed
    if any_case and isinstance(value, str):
        key = value.lower()
        keys = [one.lower() for one in allowed]
    try:
        return allowed[keys.index(key)]
    except (ValueError, RuntimeError):  # it is none of them, or an array of NumPy's or torch's
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, "
                         f"got {value!r}") from None


def path(name: str, value, what: str = "a path") -> Path:
    """Return ``value`` as a Path; TypeError or ValueError for what names no file."""
    if isinstance(value, str) and not value:  # which would be the current folder
        raise ValueError(f"{name} must be {what}, got ''")
    try:
        return Path(value)
    except TypeError:
        raise TypeError(f"{name} must be {what}, got {value!r:.100}") from None


def matrix(name: str, value, shape: tuple[int | None, int | None] = (None, None), *,
           finite: bool = True) -> np.ndarray:
    """Return ``value`` as a float64 matrix whose sides match ``shape`` (None: any)."""
    array = numbers(name, value, "a matrix of numbers").astype(np.float64, copy=False)
    fits = array.ndim == 2 and all(want in (None, have)
                                   for want, have in zip(shape, array.shape, strict=True))
    if not fits:
        sides = ", ".join("any" if side is None else str(side) for side in shape)
        raise ValueError(f"{name} must be a matrix of shape ({sides}), got shape {array.shape}")
    if finite and not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got {np.sum(~np.isfinite(array))} "
                         f"non-finite entries of {array.size}")
    return array


def read_only(array: np.ndarray) -> np.ndarray:
    """A copy of ``array`` that cannot be written to: what was checked stays as it was."""
    array = array.copy()
    array.flags.writeable = False
    return array


class ReadOnly:
    """A frozen dataclass whose arrays cannot be written to, nor can those of its copies."""

    def __setstate__(self, state: dict) -> None:
        for name, value in state.items():
            fixed = read_only(value) if isinstance(value, np.ndarray) else value
            object.__setattr__(self, name, fixed)


def instance(name: str, value, kind: type):
    """Return ``value`` if it is a ``kind``."""
    if not isinstance(value, kind):
        an = kind.__name__[0] in "AEIO" or kind.__name__.isupper()
        raise TypeError(f"{name} must be {'an' if an else 'a'} {kind.__name__}, got {value!r:.100}")
    return value


def generator(name: str, value, others: str = "") -> np.random.Generator:
    """What a draw comes from: a NumPy Generator, a new one with a whole number as its seed, or for
    None a new one that nobody can foresee. others: what else the caller takes, for the message."""
    if isinstance(value, np.random.Generator):
        return value
    if value is None:
        return np.random.default_rng()
    seed = integer(name, value, minimum=0, maximum=math.inf,
                   what=f"a numpy.random.Generator, {others}a seed (a whole number) or None")
    return np.random.default_rng(seed)


def _one(name: str, value, kinds: str, what: str) -> None:
    """Raise a TypeError unless ``value`` is a single number of one of NumPy's ``kinds``."""
    array = numbers(name, value, what)
    if array.ndim or array.dtype.kind not in kinds:
        raise TypeError(f"{name} must be {what}, got {value!r}")


def _no_numbers(name: str, value, what: str, reason: str) -> TypeError:
    return TypeError(f"{name} must be {what}, got {value!r:.100}{reason}")
