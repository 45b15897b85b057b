"""How an update grows with r under the three rules for s: the runs."""

from __future__ import annotations

from functools import cache

import numpy as np

from lora_edu import STARTS, sweep, teacher_student
from lora_edu.chapters.shared.scale_rules import SCALE_RULES

SIDE = 64
RANKS = tuple(2**i for i in range(9))
SEEDS = tuple(range(8))
STEPS = (1, 3, 10, 30, 100)
LRS = {"SGD": 0.003, "Adam": 1e-4}


@cache
def problem():
    """A 64 × 64 regression of full target rank, its inputs' variances falling like 1/i."""
    return teacher_student(SIDE, SIDE, n=512, spectrum=1.0, rng=np.random.default_rng(0))


@cache
def two_parts() -> tuple[np.ndarray, np.ndarray]:
    """Lengths of the coherent part and of the rest of Adam's first ΔW, (RANKS,) each; η = s = 1.

    Coherent is what lies along −G with all its rows at length one. The ranks share their rows of A.
    """
    rng = np.random.default_rng(0)
    G = rng.normal(size=(SIDE, SIDE))
    A = rng.normal(0, SIDE**-0.5, (max(RANKS), SIDE))
    along = -G / np.linalg.norm(G, axis=1, keepdims=True) / SIDE**0.5  # of length one
    deltas = [-np.sign(G @ A[:r].T) @ A[:r] for r in RANKS]
    coherent = np.array([np.vdot(delta, along) for delta in deltas])
    squares = np.array([np.vdot(delta, delta) for delta in deltas])
    return coherent, np.sqrt(squares - coherent**2)


@cache
def grown(rule: str, optimiser_name: str):
    """The Sweep over RANKS and SEEDS with s = 1 at r = 1: axes (r, seed)."""
    return sweep(problem(), r=RANKS, alpha=1.0, lr=LRS[optimiser_name], seed=SEEDS,
                 steps=max(STEPS), optimiser=optimiser_name, rule=SCALE_RULES[rule]
                 ).select(alpha=1.0, lr=LRS[optimiser_name], start=STARTS[0])
