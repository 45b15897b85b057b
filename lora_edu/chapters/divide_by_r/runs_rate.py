"""The best learning rate against r under the three rules for s: the theorem's, and the runs'."""

from __future__ import annotations

from functools import cache

import numpy as np

from lora_edu import STARTS, scaling, sweep, teacher_student
from lora_edu.chapters.shared.fits import vertex
from lora_edu.chapters.shared.scale_rules import SCALE_RULES

SIDE, RANKS, SEEDS = 32, (2, 4, 8, 16, 32), tuple(range(5))
STEPS = [1, 30]
INPUTS = {"one direction": 3.0, "a few": 1.0, "all directions": 0.0}  # how the variances fall off
SPAN = {"Adam": (-3.5, 1.1), "SGD": (-1.6, 3.5)}  # log 10 of the rates tried


@cache
def problem(inputs: str):
    """A 32 × 32 regression whose inputs vary mostly in one direction, in a few, or in all."""
    return teacher_student(SIDE, SIDE, n=512, spectrum=INPUTS[inputs],
                           rng=np.random.default_rng(0))


def crossover(inputs: str, optimiser_name: str) -> float:
    """The rank r_c of the chapter's theorem: the best first η goes like 1/(s^p·(1 + (r − 1)/r_c)).

    Adam: (π/2)·d·tr C / Σᵢ ĝᵢᵀCĝᵢ, with ĝᵢ the rows of G at length 1. SGD: 2 + tr C·‖G‖²/tr(GCGᵀ).
    """
    task = problem(inputs)
    G, C = task.gradient(task.W0), task.covariance
    if optimiser_name == "SGD":
        return 2 + float(np.trace(C) * np.vdot(G, G) / np.vdot(G, G @ C))
    directions = G / np.linalg.norm(G, axis=1, keepdims=True)
    return float(np.pi / 2 * SIDE * np.trace(C) / np.vdot(directions, directions @ C))


def predicted(rule: str, optimiser_name: str, inputs: str) -> np.ndarray:
    """The η with the least expected loss after one step, (ranks,), A0 Gaussian of kaiming's σ."""
    task, sigma2 = problem(inputs), 1 / (3 * SIDE)
    G, C, r = task.gradient(task.W0), task.covariance, np.array(RANKS)
    s = np.array([scaling(rank, 1.0, SCALE_RULES[rule]) for rank in RANKS])
    r_c, d = crossover(inputs, optimiser_name), SIDE
    if optimiser_name == "SGD":
        return np.vdot(G, G) / (s**2 * sigma2 * np.vdot(G, G @ C) * (r - 1 + r_c))
    rows = np.linalg.norm(G, axis=1).sum()
    top = np.sqrt(2 / (np.pi * sigma2)) * rows
    return top / (s * d * np.trace(C) * (1 + (r - 1) / r_c))


@cache
def losses(rule: str, optimiser_name: str, inputs: str):
    """(rates tried, losses): (rates,) and (ranks, rates, seeds, steps + 1)."""
    low, high = SPAN[optimiser_name]
    rates = tuple(float(x) for x in np.logspace(low, high, 1 + round((high - low) * 5)))
    runs = sweep(problem(inputs), r=RANKS, alpha=1.0, lr=rates, seed=SEEDS, steps=max(STEPS),
                 optimiser=optimiser_name, rule=SCALE_RULES[rule])
    return np.array(rates), runs.select(alpha=1.0, start=STARTS[0]).loss


def best_rates(rule: str, optimiser_name: str, inputs: str, steps: int) -> np.ndarray:
    """The learning rate with the lowest loss after ``steps`` steps, (ranks, seeds)."""
    rates, found = losses(rule, optimiser_name, inputs)
    return np.exp(vertex(np.log(rates), np.log(np.moveaxis(found[..., steps], 1, -1))))
