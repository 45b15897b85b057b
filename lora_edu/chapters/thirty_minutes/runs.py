"""A LoRA that learns to write the word LoRA, one step of it in other units, and a sum of arrows.

Imports the NumPy core and the word.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from lora_edu import STARTS, Adapter, Regression, equivalent, initial, optimiser, scaling, train
from lora_edu.chapters.low_rank_update.runs import word

R, SIGMA = 8, 0.4
STEPS = (0, 1, 2, 3, 5, 8, 12, 20, 30)  # that are shown
LR = 0.15  # of Adam, where the word is written
SLOW = {"SGD": 0.004, "Adam": 0.03}  # of runs that are compared: four times as much is no harm
ENTRY = 0, 11  # of A, for the ruler
ARROWS = 64


@cache
def task() -> Regression:
    """L(W) = ‖W − S‖²/2 for the word S: the inputs' covariance is the identity, and W0 is 0."""
    S = word()
    return Regression(np.zeros_like(S), S, np.sqrt(S.shape[1]) * np.eye(S.shape[1]))


@cache
def written(start: str = STARTS[0], optimiser_name: str = "Adam", lr: float = LR,
            alpha: float = R) -> list[Adapter]:
    """The adapter at the steps 0 … 30. Runs with one start share their A and B there."""
    A, B = initial(*task().shape, R, start, SIGMA, rng=np.random.default_rng(1))
    seen = []
    train(task(), Adapter(A, B, scaling(R, alpha)), optimiser(optimiser_name, lr=lr), STEPS[-1],
          watch=lambda step, adapter, loss: seen.append(adapter))
    return seen


def loss_left(adapter: Adapter) -> float:
    """The loss as a share of the frozen model's."""
    return task().loss(adapter.delta()) / task().loss(task().W0)


def stride(optimiser_name: str, alpha: float) -> float:
    """‖ΔW‖ after the first step."""
    return float(np.linalg.norm(written(STARTS[0], optimiser_name, SLOW[optimiser_name],
                                        alpha)[1].delta()))


def moved(adapter: Adapter) -> float:
    """How far A is from its random start, as a share of the start's length."""
    first = written()[0].A
    return float(np.linalg.norm(adapter.A - first) / np.linalg.norm(first))


@cache
def measured(c: float) -> tuple[float, float, float]:
    """Value, gradient and first Adam step of one entry of A, in a unit that is c times smaller.

    Of a run of three steps, which goes on in the new unit; Adam's settings are not told of it.
    """
    rule = optimiser("Adam", lr=LR)
    adapter, _ = equivalent(written()[3], rule, c)
    grad_A, _ = adapter.gradients(task().gradient(adapter.delta()))
    step = train(task(), adapter, rule, 1).adapter.A - adapter.A
    return adapter.A[ENTRY], grad_A[ENTRY], step[ENTRY]


def across(seed: int = 303) -> np.ndarray:
    """The sums (64,) of the first 1, 2, … random steps across; the default is a typical draw."""
    return np.cumsum(np.random.default_rng(seed).normal(size=ARROWS))
