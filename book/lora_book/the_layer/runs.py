"""A weight merged with updates of many lengths and rounded to float32, float16 or bfloat16."""

from functools import cache
from typing import NamedTuple

import numpy as np

D = K = 128
SIZES = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1)  # ‖ΔW‖ / ‖W0‖


class Format(NamedTuple):
    """bits: of the mantissa, the hidden one too. least: exponent of the least number above zero."""

    bits: int
    least: int


FORMATS = {"float32": Format(24, -149), "float16": Format(11, -24), "bfloat16": Format(8, -133)}


def rounded(values: np.ndarray, format_name: str) -> np.ndarray:
    """The nearest numbers of one of FORMATS, ties to even; there is no largest one."""
    bits, least = FORMATS[format_name]
    _, exponent = np.frexp(values)
    spacing = np.maximum(exponent - bits, least)  # the neighbours are 2**spacing away
    return np.ldexp(np.round(np.ldexp(values, -spacing)), spacing)


@cache
def matrices(format_name: str) -> tuple[np.ndarray, np.ndarray]:
    """(W0, ΔW of W0's norm and rank 8): W0 representable in the format."""
    rng = np.random.default_rng(0)
    W0 = rounded(rng.normal(0, 1 / np.sqrt(K), (D, K)), format_name)
    delta = rng.normal(size=(D, 8)) @ rng.normal(size=(8, K))
    return W0, delta * np.linalg.norm(W0) / np.linalg.norm(delta)


class Arrivals(NamedTuple):
    """What arrives of ΔW in a merged weight, for all SIZES. With E = merged − (W0 + ΔW):

    kept = ⟨ΔW + E, ΔW⟩ / ‖ΔW‖², error = ‖E‖ / ‖ΔW‖.
    """

    kept: np.ndarray
    error: np.ndarray


@cache
def arrivals(format_name: str) -> Arrivals:
    """The Arrivals where only the merged weight is rounded, and sums are exact."""
    W0, delta = matrices(format_name)
    rows = []
    for size in SIZES:
        update = size * delta
        E = rounded(W0 + update, format_name) - (W0 + update)
        square = np.vdot(update, update)
        rows.append((1 + np.vdot(E, update) / square,
                     np.sqrt(np.vdot(E, E) / square)))
    return Arrivals(*np.array(rows).T)
