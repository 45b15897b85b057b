"""How an update grows with r: the first step towards the word, and runs under the three rules."""

from functools import cache

import numpy as np

from lora_book.shared.scale_rules import SCALE_RULES
from lora_book.shared.word import word
from lora_edu import STARTS, sweep, teacher_student

TERMS = (1, 4, 16, 64, 256, 1024)  # of the step towards the word

SIDE = 64
RANKS = tuple(2**i for i in range(9))
SEEDS = tuple(range(8))
STEPS = (1, 3, 10, 30, 100)
LRS = {"SGD": 0.003, "Adam": 1e-4}


@cache
def agreed() -> np.ndarray:
    """What one term of Adam's first step towards the word adds on average, (d, k); η = s = 1.

    That is √(2/π)σ times the word with all its rows at length one, but for the blank ones.
    """
    lengths = np.linalg.norm(word(), axis=1, keepdims=True)
    rows = word() / np.where(lengths, lengths, 1)
    return np.sqrt(2 / np.pi / word().shape[1]) * rows


@cache
def first_step(r: int, seed: int = 165) -> tuple[np.ndarray, float, float]:
    """Adam's first ΔW towards the word, (d, k), with A's standard deviation 1/√k and η = s = 1;
    and how far it goes along ``agreed`` and across it, in lengths of ``agreed``.

    The ranks share their rows of A. The seed is that of a typical draw.
    """
    A = np.random.default_rng(seed).normal(0, word().shape[1]**-0.5, (max(TERMS), word().shape[1]))
    delta = np.sign(word() @ A[:r].T) @ A[:r]  # the gradient at W = 0 is −S
    one = np.linalg.norm(agreed())
    along = np.vdot(delta, agreed()) / one
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
