"""The check of the chapter α is a step size. Imports NumPy and the verdicts."""

from __future__ import annotations

import numpy as np

from lora_edu.checks.verdict import verdict


def same_first_step(rate) -> bool:
    """Check a learning rate by taking the first step twice, on random matrices.

    rate: function (optimiser, alpha, lr, new_alpha) → the learning rate that keeps the step.
    """
    rng = np.random.default_rng(0)
    r = 3
    A, G = rng.normal(size=(r, 7)), rng.normal(size=(5, 7))
    for optimiser in ("SGD", "Adam"):
        for alpha, lr, new_alpha in ((4.0, 0.1, 16.0), (10.0, 0.02, 3.0)):
            answer = rate(optimiser, alpha, lr, new_alpha)
            if answer is None:
                return verdict(["The function returned None."], "")
            want = np.linalg.norm(_step(optimiser, A, G, alpha / r, lr))
            given = np.linalg.norm(_step(optimiser, A, G, new_alpha / r, answer))
            if not np.isclose(given, want, rtol=1e-8):
                return verdict([f"{optimiser}: when α goes from {alpha:g} to {new_alpha:g}, the "
                                f"first step in W is {given / want:.3g} times what it was."], "")
    return verdict([], "the first step in W keeps its length, under SGD and under Adam.")


def _step(optimiser: str, A, G, s: float, lr: float):
    """ΔW after one step from B = 0, entry by entry as the optimisers are defined."""
    g = s * G @ A.T
    move = g if optimiser == "SGD" else g / np.sqrt(g * g)
    return s * (-lr * move) @ A
