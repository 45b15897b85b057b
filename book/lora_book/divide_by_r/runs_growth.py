"""How the first step towards the word grows with the number of its terms."""

from functools import cache

import numpy as np

from lora_book.shared.word import word

TERMS = (1, 4, 16, 64, 256, 1024, 4096)
POWERS = {"Adam": 1, "SGD": 2}  # of s in the first step


@cache
def agreed(optimiser_name: str = "Adam") -> np.ndarray:
    """What one term of the first step adds on average, (d, k), with η = s = 1.

    Of Adam that is √(2/π)σ times the word with all its rows at length one, but for the blank ones.
    Of SGD it is σ² times the word.
    """
    k = word().shape[1]
    if optimiser_name == "SGD":
        return word() / k
    lengths = np.linalg.norm(word(), axis=1, keepdims=True)
    rows = word() / np.where(lengths, lengths, 1)
    return np.sqrt(2 / np.pi / k) * rows


def grain_of_one(optimiser_name: str = "Adam") -> float:
    """The root mean square length of the rest of one term, in lengths of ``agreed``."""
    k = word().shape[1]
    return np.sqrt(k + 1 if optimiser_name == "SGD" else k * np.pi / 2 - 1)


@cache
def first_step(r: int, optimiser_name: str = "Adam", seed: int = 165
               ) -> tuple[np.ndarray, float, float]:
    """The first ΔW towards the word, (d, k), with A's standard deviation 1/√k and η = s = 1; and
    how far it goes along ``agreed`` and across it, in lengths of ``agreed``.

    The ranks share their rows of A. The seed is that of a typical draw.
    """
    k = word().shape[1]
    A = np.random.default_rng(seed).normal(0, k**-0.5, (max(TERMS), k))[:r]  # (r, k)
    B = word() @ A.T  # (d, r): minus the gradient, which is −S·Aᵀ at W = 0
    if optimiser_name == "Adam":
        B = np.sign(B)
    delta = B @ A
    one = np.linalg.norm(agreed(optimiser_name))
    along = np.vdot(delta, agreed(optimiser_name)) / one
    return delta, along / one, np.sqrt(np.vdot(delta, delta) - along**2) / one
