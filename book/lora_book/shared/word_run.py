"""A LoRA that learns to write the word LoRA: the running task of the first parts."""

from functools import cache

import numpy as np

from lora_book.shared.path import adapters_of
from lora_book.shared.word import word
from lora_edu import STARTS, Adapter, Regression, initial, optimiser, scaling

R = 8
SIGMA = 0.2  # the standard deviation of what starts at random
STEPS = (0, 1, 2, 3, 5, 8, 12, 20, 30)  # that are shown
LR = 0.15  # of Adam, where the word is written
SLOW = {"SGD": 0.004, "Adam": 0.03}  # of runs that are compared: four times as much is no harm


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
    return adapters_of(task(), Adapter(A, B, scaling(R, alpha)), optimiser(optimiser_name, lr=lr),
                       STEPS[-1])


def loss_left(adapter: Adapter) -> float:
    """The loss as a share of the frozen model's."""
    return task().loss(adapter.delta()) / task().loss(task().W0)


def moved(adapter: Adapter) -> float:
    """How far A is from its random start, as a share of the start's length."""
    first = written()[0].A
    return float(np.linalg.norm(adapter.A - first) / np.linalg.norm(first))
