"""The check of the chapter Why divide by r. Imports NumPy and the verdicts."""

from __future__ import annotations

import numpy as np

from lora_edu.checks.verdict import verdict


def flat_scale(scale) -> bool:
    """Check a scale that keeps the useful part of the first step, by averaging over draws of A.

    scale: function (optimiser, r, r_first, s_first) → s.
    """
    for optimiser in ("SGD", "Adam"):
        for r, r_first, s_first in ((16, 4, 2.0), (2, 8, 0.5)):
            s = scale(optimiser, r, r_first, s_first)
            if s is None:
                return verdict(["The function returned None."], "")
            ratio = _useful(optimiser, r, s) / _useful(optimiser, r_first, s_first)
            if not 0.9 < ratio < 1.1:
                return verdict([f"{optimiser}, from r = {r_first} to {r}: the useful part of the "
                                f"first step is {ratio:.2g} times what it was."], "")
    return verdict([], "the useful part of the first step is the same at both ranks.")


def _useful(optimiser: str, r: int, s: float, draws: int = 400) -> float:
    """The mean of −⟨ΔW, G⟩ after the first step, η = 1, over draws of A."""
    rng = np.random.default_rng(0)
    G = rng.normal(size=(6, 10))
    total = 0.0
    for _ in range(draws):
        A = rng.normal(size=(r, 10))
        B = -s * G @ A.T
        total -= s * np.vdot((B if optimiser == "SGD" else np.sign(B)) @ A, G)
    return total / draws
