"""Five starting points at step zero and after one step, and how noise leaves the saddle. The
problem is a teacher–student regression of 64 × 64 with decaying input spectrum; A and B are drawn
with one standard deviation, so that the two one-zero starts are mirror images."""


import numpy as np

from lora_book.shared.norm_board import LEARNING_RATE
from lora_book.shared.tasks import task_64
from lora_edu import Adapter, History, initial, optimiser, scaling, train

SIDE = 64
SIGMA = 1 / np.sqrt(3 * SIDE)  # PEFT's default spread of A at k = 64
NOISE_STEPS = 150  # of the runs that start as noise


def one_step(r: int, alpha: float, start: str, optimiser_name: str) -> History:
    """The History of one step from a starting point."""
    A, B = initial(SIDE, SIDE, r, start, SIGMA, rng=np.random.default_rng(1))
    return train(task_64(), Adapter(A, B, scaling(r, alpha)),
                 optimiser(optimiser_name, lr=LEARNING_RATE[optimiser_name]), 1)


def from_noise(tau: float, optimiser_name: str, seed: int = 1) -> History:
    """The History of a run with r = 8 and α = 16 whose A and B start as N(0, τ²) noise."""
    rng = np.random.default_rng(seed)
    A = tau * rng.normal(size=(8, SIDE))
    B = tau * rng.normal(size=(SIDE, 8))
    return train(task_64(), Adapter(A, B, scaling(8, 16)), optimiser(
        optimiser_name, lr=LEARNING_RATE[optimiser_name]), NOISE_STEPS)


def escape_step(history: History) -> int | None:
    """The first step at which the loss is below 90 % of its start, or None."""
    below = np.flatnonzero(history.loss < 0.9 * history.loss[0])
    return int(below[0]) if below.size else None
