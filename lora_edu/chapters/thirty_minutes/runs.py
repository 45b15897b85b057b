"""One step of the word's run in other units, and a sum of arrows."""

from functools import cache

import numpy as np

from lora_edu import STARTS, Adam, equivalent, train
from lora_edu.chapters.shared.word_run import LR, SLOW, task, written

ENTRY = 0, 11  # of A, for the ruler
ARROWS = 64


def stride(optimiser_name: str, alpha: float) -> float:
    """‖ΔW‖ after the first step."""
    return float(np.linalg.norm(written(STARTS[0], optimiser_name, SLOW[optimiser_name],
                                        alpha)[1].delta()))


@cache
def measured(c: float) -> tuple[float, float, float]:
    """Value, gradient and first Adam step of one entry of A, in a unit that is c times smaller.

    Of a run of three steps, which goes on in the new unit; Adam's settings are not told of it.
    """
    adam = Adam(LR)
    adapter, _ = equivalent(written()[3], adam, c)
    grad_A, _ = adapter.gradients(task().gradient(adapter.delta()))
    step = train(task(), adapter, adam, 1).adapter.A - adapter.A
    return adapter.A[ENTRY], grad_A[ENTRY], step[ENTRY]


def across(seed: int = 303) -> np.ndarray:
    """The sums (64,) of the first 1, 2, … random steps across; the default is a typical draw."""
    return np.cumsum(np.random.default_rng(seed).normal(size=ARROWS))


def descend(a: float, b: float, lr: float, steps: int) -> np.ndarray:
    """The path (steps + 1, 2) of gradient descent on L(a, b) = (1 − ab)²/2."""
    path = [(a, b)]
    for _ in range(steps):
        error = 1 - a * b
        a, b = a + lr * error * b, b + lr * error * a
        path.append((a, b))
    return np.array(path)
