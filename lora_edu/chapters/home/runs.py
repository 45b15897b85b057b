"""The first steps of a LoRA of a 16 × 24 weight, matrix by matrix."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from lora_edu import Adapter, Regression, initial, optimiser, scaling, teacher_student, train

D, K = 16, 24
ALPHA = 4.0
SIGMA = 1 / math.sqrt(3 * K)  # PEFT's default spread of A, here of B too
LEARNING_RATE = {"SGD": 0.2, "Adam": 0.03}  # so large that few steps can be seen
STEPS = 5


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The adapter at one step, ∇A (r, k) and ∇B (d, r) there, and the loss."""

    adapter: Adapter
    grad_A: np.ndarray
    grad_B: np.ndarray
    loss: float


@cache
def problem() -> Regression:
    """A 16 × 24 regression whose target shift has rank 4."""
    return teacher_student(D, K, shift_rank=4, spectrum=0.5, rng=np.random.default_rng(0))


@cache
def first_steps(r: int, start: str, optimiser_name: str) -> list[Snapshot]:
    """The steps 0 … STEPS of one run. Runs that differ only in the optimiser start alike."""
    task, seen = problem(), []

    def keep(step, adapter, loss):
        G = task.gradient(adapter.merge(task.W0))  # (d, k)
        seen.append(Snapshot(adapter, *adapter.gradients(G), loss))

    A, B = initial(D, K, r, start, SIGMA, rng=np.random.default_rng(1))
    rule = optimiser(optimiser_name, lr=LEARNING_RATE[optimiser_name])
    train(task, Adapter(A, B, scaling(r, ALPHA)), rule, STEPS, watch=keep)
    return seen
