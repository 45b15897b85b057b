"""Runs on the word: their first steps, other units, another α. A ball's path."""

from dataclasses import replace
from functools import cache

import numpy as np

from lora_book.shared.word_run import LR, SLOW, STEPS, task, written
from lora_edu import STARTS, Adam, AdamW, Adapter, equivalent, train

TICKS = 3  # of the ruler, about as long is the entry of A that it measures
DECAY = 0.3  # of the run with α × 16


def filled(start: str) -> dict[str, float]:
    """The shares of A's and ∇A's rows, of B's and ∇B's columns that are not exactly zero; ΔW."""
    first = written(start)[0]
    grad_A, grad_B = first.gradients(task().gradient(first.delta()))
    return {"A": first.A.any(axis=1).mean(), "B": first.B.any(axis=0).mean(),
            "∇A": grad_A.any(axis=1).mean(), "∇B": grad_B.any(axis=0).mean(),
            "ΔW": float(first.delta().any())}


def strides(optimiser_name: str, alpha: float) -> np.ndarray:
    """‖B‖ and ‖ΔW‖ after the first step."""
    first = written(STARTS[0], optimiser_name, SLOW[optimiser_name], alpha)[1]
    return np.array([np.linalg.norm(first.B), np.linalg.norm(first.delta())])


@cache
def measured(c: float) -> tuple[float, float, float]:
    """Value, gradient and first Adam step of one entry of A, in a unit that is c times smaller.

    Of a run of three steps, which goes on in the new unit; Adam's settings are not told of it. The
    entry is about TICKS of Adam's steps from 0, and moves away from it.
    """
    adam = Adam(LR)
    adapter, _ = equivalent(written()[3], adam, c)
    grad_A, _ = adapter.gradients(task().gradient(adapter.delta()))
    step = train(task(), adapter, adam, 1).adapter.A - adapter.A
    away = np.where(step > 0, np.abs(written()[3].A - TICKS * LR), np.inf)
    entry = np.unravel_index(away.argmin(), away.shape)
    return adapter.A[entry], grad_A[entry], step[entry]


@cache
def two_words(**follows: bool) -> tuple[np.ndarray, np.ndarray]:
    """ΔW at the last of STEPS of a run of AdamW with α × 16, and of one with α.

    follows: of lr, start, weight_decay and eps, whether it follows in the second run. Where all
    do, its η and the spread of its A are the usual ones.
    """
    usual = written()[0]
    adapter = Adapter(usual.A / 4, usual.B, 16 * usual.scaling)
    optimiser = AdamW(LR / 4, weight_decay=DECAY)
    second, changed = equivalent(adapter, optimiser, 4)
    if not follows.pop("start"):
        second = Adapter(adapter.A, adapter.B, second.scaling)
    kept = {name: getattr(optimiser, name) for name, on in follows.items() if not on}
    runs = (adapter, optimiser), (second, replace(changed, **kept))
    return tuple(train(task(), *run, STEPS[-1]).adapter.delta() for run in runs)


def descend(a: float, b: float, lr: float, steps: int) -> np.ndarray:
    """The path (steps + 1, 2) of gradient descent on L(a, b) = (1 − ab)²/2."""
    path = [(a, b)]
    for _ in range(steps):
        error = 1 - a * b
        a, b = a + lr * error * b, b + lr * error * a
        path.append((a, b))
    return np.array(path)
