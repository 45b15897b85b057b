"""The check of the chapter α is a step size."""

import numpy as np

from lora_book.shared.verdict import NotYet, ask, check, close, positive


@check
def same_first_step(rate) -> str:
    """Check a learning rate by taking the first step twice, on random matrices.

    rate: function (optimiser, alpha, lr, new_alpha) → the learning rate that keeps the step.
    """
    rng = np.random.default_rng(0)
    r = 3
    A = rng.normal(size=(r, 7))
    G = rng.normal(size=(5, 7))
    for optimiser in ("SGD", "Adam"):
        for alpha, lr, new_alpha in ((4.0, 0.1, 16.0), (10.0, 0.02, 3.0)):
            answer = positive("The learning rate", ask(rate, optimiser, alpha, lr, new_alpha))
            want = _step(optimiser, A, G, alpha / r, lr)
            new_step = _step(optimiser, A, G, new_alpha / r, answer)
            if not close(new_step, want):
                ratio = np.linalg.norm(new_step) / np.linalg.norm(want)
                raise NotYet(f"{optimiser}: when α goes from {alpha:g} to {new_alpha:g}, your "
                             f"rate multiplies the first step in W by {ratio:.6g}.")
    return "the first step in W stays the same under SGD and under Adam."


def _step(optimiser: str, A, G, s: float, lr: float):
    """ΔW after one step from B = 0, entry by entry as the optimisers are defined."""
    g = s * G @ A.T
    move = g if optimiser == "SGD" else g / np.sqrt(g * g)
    return s * (-lr * move) @ A
