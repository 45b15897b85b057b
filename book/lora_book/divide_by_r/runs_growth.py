"""How the first step towards the word grows with the number of its terms."""

from functools import cache

import numpy as np

from lora_book.shared.scale_rules import SCALE_RULES
from lora_book.shared.word import word
from lora_edu import STARTS, sweep, teacher_student

TERMS = (1, 4, 16, 64, 256, 1024, 4096)
POWERS = {"Adam": 1, "SGD": 2}  # of s in the first step


SIDE = 64
RANKS = tuple(2**i for i in range(9))
SEEDS = tuple(range(8))
STEPS = (1, 3, 10, 30, 100)
LRS = {"SGD": 0.003, "Adam": 1e-4}


@cache
def agreed(optimiser_name: str = "Adam") -> np.ndarray:
    """What one term of the first step adds on average, (d, k), with η = s = 1.

    Of Adam that is √(2/π)σ times the word with all its rows at length one, but for the blank ones.
    Of SGD it is σ² times the word.
    """
    _d, k = word().shape
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


@cache
def full_rank_task():
    """A 64 × 64 regression of full target rank, its inputs' variances falling like 1/i."""
    return teacher_student(SIDE, SIDE, n=512, spectrum=1.0, rng=np.random.default_rng(0))


@cache
def grown(rule: str, optimiser_name: str):
    """The Sweep over RANKS and SEEDS with s = 1 at r = 1: axes (r, seed)."""
    return sweep(full_rank_task(), r=RANKS, alpha=1.0, lr=LRS[optimiser_name], seed=SEEDS,
                 steps=max(STEPS), optimiser=optimiser_name, rule=SCALE_RULES[rule]
                 ).select(alpha=1.0, lr=LRS[optimiser_name], start=STARTS[0])
