"""Schedules and warm-ups on rotated digits, each with a learning rate of its own.

The test losses are stored in ``data/schedules.npz``, which ``make_data.py`` makes.
"""

import math
from functools import cache
from pathlib import Path

import numpy as np

from lora_book.shared import mlp

FILE = Path(__file__).with_name("data") / "schedules.npz"
R = 8
ALPHA = 8
STEPS = 100
WARMUPS = (0, 10, 30)  # steps
RATES = 2.0 ** np.arange(-9, -1.5)
SEEDS = (0, 1, 2, 3, 4)
CYCLES = 3  # of the schedule with restarts


def cosine(step: int, steps: int) -> float:
    return (1 + math.cos(math.pi * step / steps)) / 2


def restarts(step: int, steps: int) -> float:
    """A few cosines, one after the other."""
    return cosine(CYCLES * step % steps, steps)


SHAPES = {"constant": mlp.constant, "linear": mlp.falling, "cosine": cosine, "restarts": restarts}


def after(warmup: int, shape):
    """A schedule that rises for some steps and then has a shape."""

    def schedule(step: int, steps: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return shape(step - warmup, steps - warmup)

    return schedule


@cache
def losses() -> np.ndarray:
    """The test losses at the end, (SHAPES, WARMUPS, RATES, SEEDS)."""
    with np.load(FILE) as stored:
        return stored["losses"]


def train(shape: str, warmup: int, lr: float) -> list[float]:
    """The test losses of the runs with these settings, one a seed."""
    from lora_book.first_r.make_data import test_losses

    return test_losses(R, ALPHA / R, lr, SEEDS, steps=STEPS,
                       schedule=after(warmup, SHAPES[shape]))
