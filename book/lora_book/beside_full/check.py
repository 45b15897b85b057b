"""The check of the chapter Compared with full fine-tuning."""

import numpy as np

from lora_book.shared.verdict import NotYet, ask, check, close, positive


@check
def matching_rate(rate) -> str:
    """Check the rate of full fine-tuning whose first Adam step has LoRA's mean first-order
    decrease.

    rate: function (G, lr, alpha, sigma) → the learning rate. The mean over A is taken by
    quadrature, component by component: it knows nothing of the closed form.
    """
    rng = np.random.default_rng(0)
    for lr, alpha, sigma, shape in ((0.01, 8.0, 0.2, (3, 5)), (0.002, 32.0, 0.05, (4, 2))):
        G = rng.normal(size=shape) * rng.uniform(0.1, 3, (shape[0], 1))
        G[1] = 0  # a row of zeros
        answer = positive("The learning rate", ask(rate, G, lr, alpha, sigma))
        ratio = answer * np.sum(np.sign(G) * G) / (lr * alpha * _useful(G, sigma))
        if not close(ratio, 1.0):
            raise NotYet(f"With α = {alpha:g} and σ = {sigma:g}, the average first-order "
                         f"decrease of full fine-tuning is {ratio:.6g} times LoRA's.")
    return "on average, the two first steps have the same first-order decrease."


def _useful(G: np.ndarray, sigma: float) -> float:
    """The mean of Σᵢ|gᵢ·a| over normal a: gᵢ·a is normal, and its size is averaged on a grid."""
    z = np.linspace(-12, 12, 240_001)
    size = np.sum(np.abs(z) * np.exp(-z**2 / 2)) / np.sum(np.exp(-z**2 / 2))
    return sum(size * np.sqrt(np.sum((sigma * row)**2)) for row in G)
