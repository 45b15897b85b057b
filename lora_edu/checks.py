"""Checks for the book's code exercises: each tells right from wrong, and says what is off.

Imports NumPy only. A check takes the reader's function, tries it on random matrices against an
oracle that shares no code with the solution, prints what it found, and returns True or False.
"""

from __future__ import annotations

import numpy as np


def three_factor_gradients(gradients) -> bool:
    """Check (∇A, ∇M, ∇B) of an adapter ΔW = s·B·M·A.

    gradients: function (A, M, B, G, s) → (∇A, ∇M, ∇B), shapes A (r, k), M (r, r), B (d, r),
    G (d, k) = ∂L/∂W.

    The oracle: ⟨G, s·B·M·A⟩ is linear in each matrix, so its difference under a unit change of
    one entry is that entry of the gradient.
    """
    rng = np.random.default_rng(0)
    d, k, r, s = 5, 7, 3, 0.7
    factors = {"A": rng.normal(size=(r, k)), "M": rng.normal(size=(r, r)),
               "B": rng.normal(size=(d, r))}
    G = rng.normal(size=(d, k))
    answer = gradients(factors["A"], factors["M"], factors["B"], G, s)
    if answer is None:
        return _say(False, "Not answered yet: the function returned None.")
    if not isinstance(answer, (tuple, list)) or len(answer) != 3:
        return _say(False, "The function must return three matrices: ∇A, ∇M, ∇B.")

    def change(**changed):
        use = {**factors, **changed}
        return np.vdot(G, s * use["B"] @ use["M"] @ use["A"])

    problems = []
    for (name, matrix), given in zip(factors.items(), answer, strict=True):
        want = np.array([[change(**{name: matrix + _unit(matrix.shape, i, j)}) - change()
                          for j in range(matrix.shape[1])] for i in range(matrix.shape[0])])
        problems += _compare(f"∇{name}", np.asarray(given, dtype=float), want)
    return _say(not problems, "Right: all three gradients agree with the differences of the loss."
                if not problems else "Not yet. " + " ".join(problems))


def _unit(shape: tuple[int, int], i: int, j: int) -> np.ndarray:
    """The matrix that is 1 at (i, j) and 0 elsewhere."""
    unit = np.zeros(shape)
    unit[i, j] = 1.0
    return unit


def _compare(name: str, given: np.ndarray, want: np.ndarray) -> list[str]:
    """What is wrong with ``given``, in words; an empty list if it is right."""
    if given.shape != want.shape:
        return [f"{name} has shape {given.shape}, it must have {want.shape}."]
    if np.allclose(given, want, rtol=1e-8, atol=1e-10):
        return []
    ratio = given / want
    if np.allclose(ratio, ratio.flat[0]):
        return [f"{name} is off by one factor, {ratio.flat[0]:.3g}: has s its place?"]
    return [f"{name} has the right shape and wrong entries."]


def _say(right: bool, message: str) -> bool:
    print(message)
    return right
