"""The check of the chapter The same in PEFT. Imports NumPy and the verdicts."""

from __future__ import annotations

import numpy as np

from lora_edu.checks.verdict import compare, several, verdict


def converted_adapter(convert) -> bool:
    """Check an adapter that stands, on W0, for one that was trained on W0 − s·B0·A0.

    convert: function (A, B, A0, B0, alpha) → (A1, B1, alpha1), to be scaled by alpha1 / its rank.
    The oracle adds up the trained layer entry by entry, from its own moved base.
    """
    rng = np.random.default_rng(0)
    for d, k, r, alpha in ((5, 7, 2, 3.0), (6, 4, 3, 8.0)):
        W0, A, B, A0, B0 = (rng.normal(size=shape) for shape in (
            (d, k), (r, k), (d, r), (r, k), (d, r)))
        answer = convert(A.copy(), B.copy(), A0.copy(), B0.copy(), alpha)
        if not several(answer, "three things: A1, B1, alpha1", 3):
            return False
        A1, B1, alpha1 = (np.asarray(part, dtype=float) for part in answer)
        problems = _shapes(A1, B1, alpha1, d, k, r)
        if problems:
            return verdict(problems, "")
        base = np.array([[W0[i, j] - alpha / r * sum(B0[i, q] * A0[q, j] for q in range(r))
                          for j in range(k)] for i in range(d)])
        trained = np.array([[base[i, j] + alpha / r * sum(B[i, q] * A[q, j] for q in range(r))
                             for j in range(k)] for i in range(d)])
        problems = compare("ΔW on the original weight", alpha1 / len(A1) * (B1 @ A1),
                           trained - W0, "what is alpha1 divided by?")
        if problems:
            return verdict(problems, "")
    return verdict([], "on the original weight it is the trained model, for two shapes.")


def _shapes(A1, B1, alpha1, d, k, r) -> list[str]:
    """What is wrong with the shapes, in words."""
    if alpha1.ndim or not alpha1 > 0:
        return [f"alpha1 must be one positive number, it is {alpha1}."]
    if A1.ndim != 2 or B1.ndim != 2 or A1.shape[1] != k or B1.shape != (d, len(A1)):
        return [f"A1 and B1 must be (r1, {k}) and ({d}, r1), with one rank r1; they are {A1.shape} "
                f"and {B1.shape}."]
    if len(A1) > 2 * r:
        return [f"The rank is {len(A1)}; {2 * r} is enough."]
    return []
