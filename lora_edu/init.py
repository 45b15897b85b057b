"""Where A and B start: five starting points, and the distributions that libraries draw from.

A starting point says which of A and B is zero; a distribution says how the random one is drawn.
The two are separate choices, so they are separate arguments.
"""

from __future__ import annotations

import math

import numpy as np

from lora_edu import checks


def kaiming_uniform(rows: int, columns: int, r: int, rng: np.random.Generator) -> np.ndarray:
    """U(−1/√fan_in, 1/√fan_in), fan_in = columns: standard deviation 1/√(3·fan_in).

    What PEFT and loralib give ``lora_A``: ``kaiming_uniform_(a=√5)`` comes to this bound.
    """
    bound = 1 / math.sqrt(columns)
    return rng.uniform(-bound, bound, (rows, columns))


def gaussian(rows: int, columns: int, r: int, rng: np.random.Generator) -> np.ndarray:
    """N(0, 1/fan_in), fan_in = columns: standard deviation 1/√k for A, 1/√r for B."""
    return rng.normal(0.0, 1 / math.sqrt(columns), (rows, columns))


def peft_gaussian(rows: int, columns: int, r: int, rng: np.random.Generator) -> np.ndarray:
    """N(0, 1/r²): PEFT's ``init_lora_weights="gaussian"``, whose spread depends on the rank."""
    return rng.normal(0.0, 1 / r, (rows, columns))


DISTRIBUTIONS = {"kaiming_uniform": kaiming_uniform, "gaussian": gaussian,
                 "peft_gaussian": peft_gaussian}

STARTS = ("A random, B zero", "A zero, B random", "both zero", "both random", "BA zero")


def initial(d: int, k: int, r: int, start: str = "A random, B zero",
            distribution: str | float = "kaiming_uniform", *,
            rng: np.random.Generator | int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Draw (A, B), shapes (r, k) and (d, r), at one of the five starting points:

    - ``"A random, B zero"``: the paper's; PEFT and loralib for Linear.
    - ``"A zero, B random"``: its mirror image; PEFT and loralib for Embedding.
    - ``"both zero"``: a stationary point; a common bug.
    - ``"both random"``: ΔW ≠ 0 before training; PEFT's ``init_lora_weights=False``.
    - ``"BA zero"``: both non-zero, product exactly zero. The first ⌊r/2⌋ components have B = 0,
      the others have A = 0. PEFT's ``"orthogonal"`` is such a start, seen through a rotation of
      the r components.

    Args:
        d, k, r: The sides and the rank, at least 1, and r at least 2 for ``"BA zero"``: at r = 1
            B·A = 0 forces one of the two vectors to be zero. A rank above min(d, k) is legitimate,
            as for :func:`scaling`.
        start: One of :data:`STARTS`.
        distribution: One of :data:`DISTRIBUTIONS`, or a number σ > 0 for N(0, σ²).
        rng: A ``numpy.random.Generator``; or the seed of a new one, a whole number; or None, which
            draws different numbers at each call. A and B are always both drawn, in this order, so
            that two starts from the same seed share their random matrices.

    Example:
        >>> A, B = initial(d=3, k=5, r=2, rng=0)
        >>> A.shape, B.shape, bool(A.any()), bool(B.any())
        ((2, 5), (3, 2), True, False)
    """
    d = checks.integer("d", d, minimum=1)
    k = checks.integer("k", k, minimum=1)
    r = checks.integer("r", r, minimum=1)
    checks.choice("start", start, STARTS)
    rng = checks.generator("rng", rng)
    draw = _distribution(distribution)
    A = draw(r, k, r, rng)
    B = draw(d, r, r, rng)
    if start in ("A zero, B random", "both zero"):
        A = np.zeros_like(A)
    if start in ("A random, B zero", "both zero"):
        B = np.zeros_like(B)
    if start == "BA zero":
        if r == 1:
            raise ValueError("start 'BA zero' needs r of at least 2, got r = 1: a product of "
                             "two vectors is zero only if one of them is")
        A[r // 2:] = 0.0
        B[:, :r // 2] = 0.0
    return A, B


def _distribution(distribution: str | float):
    """The drawing function behind a name or a standard deviation."""
    if isinstance(distribution, str):
        return DISTRIBUTIONS[checks.choice("distribution", distribution, DISTRIBUTIONS)]
    sigma = checks.number("distribution", distribution, above=0.0, below=1e300)
    return lambda rows, columns, r, rng: rng.normal(0.0, sigma, (rows, columns))
