"""α beside η: the losses over the (α, η) plane."""

from functools import cache

import numpy as np

from lora_book.shared.tasks import task_32
from lora_edu import STARTS, sweep

R = 8
STEPS = 50
SEED = 1
ALPHAS = tuple(2**i for i in range(7))
LRS = tuple(0.001 * 2.0**i for i in range(-3, 10))


@cache
def losses(optimiser_name: str) -> np.ndarray:
    """Loss at every step over the frozen model's, (7, 13, steps + 1); inf where it ran off."""
    grid = sweep(task_32(), r=R, alpha=ALPHAS, lr=LRS, seed=SEED, steps=STEPS,
                 optimiser=optimiser_name).select(r=R, start=STARTS[0], seed=SEED)
    return grid.loss / task_32().loss(task_32().W0)
