"""The best learning rate against r under the three rules for s: the theorem's, and the runs'."""

from functools import cache

import numpy as np

from lora_book.shared.fits import best_rate
from lora_book.shared.scale_rules import SCALE_RULES
from lora_edu import (
    STARTS,
    Regression,
    scaling,
    sweep,
    teacher_student,
)

SIDE = 32
RANKS = (2, 4, 8, 16, 32)
SEEDS = tuple(range(5))
STEPS = [1, 30]
INPUTS = {"one direction": 3.0, "about ten": 1.0, "all directions": 0.0}  # how variances fall off
SPAN = {"Adam": (-3.5, 1.1), "SGD": (-1.6, 3.5)}  # log 10 of the rates tried


@cache
def task_with_inputs(inputs: str) -> Regression:
    """A 32 × 32 regression whose inputs vary mostly in one direction, in about ten, or in all."""
    return teacher_student(SIDE, SIDE, n=512, spectrum=INPUTS[inputs],
                           rng=np.random.default_rng(0))


def crossover(G: np.ndarray, C: np.ndarray, optimiser_name: str) -> float:
    """The rank r_c at which the harm of the first step becomes coherent.

    Args:
        G: (d, k), the gradient that makes the step; rows that are zero do not count.
        C: (k, k), the mean of x·xᵀ over the inputs.
        optimiser_name: ``"Adam"``, where r_c is (π/2)·d₊·tr C / Σᵢ ĝᵢᵀCĝᵢ with the rows ĝᵢ at
            length one, or ``"SGD"``, where it is 2 + tr C·‖G‖²/tr(GCGᵀ).

    Returns:
        r_c: the best first η goes like 1/(s^p·(1 + (r − 1)/r_c)).
    """
    if optimiser_name == "SGD":
        return 2 + float(np.trace(C) * np.vdot(G, G) / np.vdot(G, G @ C))
    rows = G[G.any(axis=1)]
    directions = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return float(np.pi / 2 * len(rows) * np.trace(C) / np.vdot(directions, directions @ C))


def best_first_rate(task: Regression, optimiser_name: str, r, s, sigma: float):
    """The η with the least expected loss after one step from a normal A and B = 0, as r and s.

    r, s: ranks and their scales, numbers or arrays. sigma: the standard deviation of A's entries.
    """
    G = task.gradient(task.W0)
    C = task.covariance
    r_c = crossover(G, C, optimiser_name)
    # U/V, as in the proof of thm-best-rate, without what cancels.
    if optimiser_name == "SGD":
        return np.vdot(G, G) / (s**2 * sigma**2 * np.vdot(G, G @ C) * (r - 1 + r_c))
    lengths = np.linalg.norm(G, axis=1)
    numerator = np.sqrt(2 / np.pi) * lengths.sum() / sigma
    return numerator / (s * np.count_nonzero(lengths) * np.trace(C) * (1 + (r - 1) / r_c))


def predicted(rule: str, optimiser_name: str, inputs: str) -> np.ndarray:
    """``best_first_rate`` at every rank under one of the rules, (ranks,), with kaiming's σ."""
    task = task_with_inputs(inputs)
    r = np.array(RANKS)
    s = np.array([scaling(rank, 1.0, SCALE_RULES[rule]) for rank in RANKS])
    return best_first_rate(task, optimiser_name, r, s, (3 * SIDE)**-0.5)


@cache
def losses(rule: str, optimiser_name: str, inputs: str):
    """(rates tried, losses): (rates,) and (ranks, rates, seeds, steps + 1)."""
    low, high = SPAN[optimiser_name]
    count = 1 + round((high - low) * 5)  # five a decade
    rates = tuple(float(x) for x in np.logspace(low, high, count))
    runs = sweep(task_with_inputs(inputs), r=RANKS, alpha=1.0, lr=rates, seed=SEEDS,
                 steps=max(STEPS), optimiser=optimiser_name, rule=SCALE_RULES[rule])
    return np.array(rates), runs.select(alpha=1.0, start=STARTS[0]).loss


def best_rates(rule: str, optimiser_name: str, inputs: str, steps: int) -> np.ndarray:
    """The learning rate with the lowest loss after ``steps`` steps, (ranks, seeds)."""
    rates, run_losses = losses(rule, optimiser_name, inputs)
    return best_rate(rates, np.moveaxis(run_losses[..., steps], 1, -1))
