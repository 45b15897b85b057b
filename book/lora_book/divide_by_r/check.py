"""The check of the chapter Why divide by r."""

import numpy as np

from lora_book.shared.verdict import NotYet, ask, check, close, positive


@check
def flat_scale(scale) -> str:
    """Check a scale that keeps the useful part of the first step, by averaging over draws of A.

    Both ranks use the same random rows, r at a time, so that chance does not blur the comparison.
    scale: function (optimiser, r, r_first, s_first) → s.
    """
    for optimiser in ("SGD", "Adam"):
        for r, r_first, s_first in ((16, 4, 2.0), (2, 8, 0.5)):
            s = positive("The scale", ask(scale, optimiser, r, r_first, s_first))
            ratio = _useful(optimiser, r, s) / _useful(optimiser, r_first, s_first)
            if not close(ratio, 1.0):
                raise NotYet(f"{optimiser}, from r = {r_first} to {r}: your scale multiplies "
                             f"the useful part of the first step by {ratio:.6g}.")
    return "the useful part of the first step is the same at both ranks."


def _useful(optimiser: str, r: int, s: float) -> float:
    """The mean of −⟨ΔW, G⟩ after the first step, η = 1, over draws of A that share their rows."""
    rng = np.random.default_rng(0)
    G = rng.normal(size=(6, 10))
    draws = rng.normal(size=(64 // r, r, 10))  # 64 rows, r to a draw
    total = 0.0
    for A in draws:
        B = -s * G @ A.T
        if optimiser == "Adam":
            B = np.sign(B)
        total -= s * np.vdot(B @ A, G)
    return total / len(draws)
