"""The check of the chapter Step zero. Imports NumPy and the verdicts."""

from __future__ import annotations

import numpy as np

from lora_edu.checks.verdict import compare, several, verdict


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
    if not several(answer, "three matrices: ∇A, ∇M, ∇B", 3):
        return False

    def change(**changed):
        use = {**factors, **changed}
        return np.vdot(G, s * use["B"] @ use["M"] @ use["A"])

    problems = []
    for (name, matrix), given in zip(factors.items(), answer, strict=True):
        want = np.array([[change(**{name: matrix + _unit(matrix.shape, i, j)}) - change()
                          for j in range(matrix.shape[1])] for i in range(matrix.shape[0])])
        problems += compare(f"∇{name}", given, want, "has s its place?")
    return verdict(problems, "all three gradients agree with the differences of the loss.")


def _unit(shape: tuple[int, int], i: int, j: int) -> np.ndarray:
    """The matrix that is 1 at (i, j) and 0 elsewhere."""
    unit = np.zeros(shape)
    unit[i, j] = 1.0
    return unit
