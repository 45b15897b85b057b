"""Argument checks: each error names the argument, the value received and what is allowed.

Imports NumPy only.
"""

from __future__ import annotations

import math
import operator

import numpy as np


def integer(name: str, value, *, minimum: int) -> int:
    """Return ``value`` as an int of at least ``minimum``; TypeError or ValueError otherwise."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be a whole number, got {value!r}") from None
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be a whole number, got {value!r}")
    if number < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {value!r}")
    return number


def number(name: str, value, *, above: float = -math.inf, minimum: float = -math.inf,
           below: float = math.inf) -> float:
    """Return ``value`` as a finite float in the given range (``minimum`` inclusive)."""
    if isinstance(value, (bool, np.bool_, str)):
        raise TypeError(f"{name} must be a number, got {value!r}")
    try:
        result = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number, got {value!r}") from None
    if not math.isfinite(result) or not (above < result < below) or result < minimum:
        bounds = [f"greater than {above:g}"] if above > -math.inf else []
        bounds += [f"at least {minimum:g}"] if minimum > -math.inf else []
        bounds += [f"less than {below:g}"] if below < math.inf else []
        raise ValueError(f"{name} must be finite{' and ' if bounds else ''}"
                         f"{' and '.join(bounds)}, got {value!r}")
    return result


def choice(name: str, value, allowed):
    """Return ``value`` if it is one of ``allowed``; otherwise a ValueError that lists them."""
    if value not in tuple(allowed):
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")
    return value


def matrix(name: str, value, shape: tuple[int | None, int | None] = (None, None)) -> np.ndarray:
    """Return ``value`` as a finite float64 matrix whose sides match ``shape`` (None: any)."""
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a matrix of numbers, got {value!r}") from None
    fits = array.ndim == 2 and all(want in (None, have)
                                   for want, have in zip(shape, array.shape, strict=True))
    if not fits:
        sides = ", ".join("any" if side is None else str(side) for side in shape)
        raise ValueError(f"{name} must be a matrix of shape ({sides}), got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got {np.sum(~np.isfinite(array))} "
                         f"non-finite entries of {array.size}")
    return array


def instance(name: str, value, kind: type):
    """Return ``value`` if it is a ``kind``."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be {'an' if kind.__name__[0] in 'AEIO' else 'a'} "
                        f"{kind.__name__}, got {value!r}")
    return value


def generator(name: str, value) -> np.random.Generator:
    """Return ``value`` if it is a NumPy Generator; randomness is always passed in."""
    if not isinstance(value, np.random.Generator):
        raise TypeError(f"{name} must be a numpy.random.Generator "
                        f"(such as numpy.random.default_rng(0)), got {value!r}")
    return value
