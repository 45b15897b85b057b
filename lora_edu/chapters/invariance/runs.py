"""Two runs that should be one: their losses and updates at every step."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from lora_edu import Adapter, Regression, equivalent, initial, optimiser, teacher_student, train

R, STEPS, SCALING = 4, 60, 0.5
SETTINGS = {"SGD": {"lr": 0.1, "weight_decay": 0.01},
            "Momentum": {"lr": 0.02, "weight_decay": 0.01},
            "Adam": {"lr": 0.01, "weight_decay": 0.01}, "AdamW": {"lr": 0.01, "weight_decay": 0.5}}
FAR = 1e3  # a run whose loss is this many times its first is followed no further


@cache
def problem() -> Regression:
    """A 16 × 16 regression whose target shift has rank 4."""
    return teacher_student(16, 16, n=64, shift_rank=4, rng=np.random.default_rng(0))


def path(adapter: Adapter, rule) -> tuple[np.ndarray, np.ndarray]:
    """(losses, ΔW at every step), shapes (n,) and (n, d, k); it ends where the run goes astray."""
    losses, deltas = [], []

    def watch(step, adapter, loss):
        losses.append(loss)
        deltas.append(adapter.delta())
        return not loss < FAR * losses[0]

    train(problem(), adapter, rule, STEPS, watch=watch)
    return np.array(losses), np.array(deltas)


def with_scale(factor: float) -> Adapter:
    """The adapter that the runs start from, at ``factor`` times the usual α."""
    return Adapter(*initial(*problem().shape, R, rng=np.random.default_rng(1)), SCALING * factor)


@cache
def first_path(optimiser_name: str, c: float) -> tuple[np.ndarray, np.ndarray]:
    """The path of the run with c² times the usual α, made once."""
    return path(with_scale(c * c), optimiser(optimiser_name, **SETTINGS[optimiser_name]))


def followed(optimiser_name: str, c: float, lr: bool, start: bool, eps: bool, decay: bool):
    """(adapter, optimiser) of the run with the usual α, in which the chosen settings follow."""
    adapter, rule = with_scale(c * c), optimiser(optimiser_name, **SETTINGS[optimiser_name])
    new, changed = equivalent(adapter, rule, c)
    if not start:
        new = Adapter(adapter.A, adapter.B, new.scaling)
    back = {"lr": not lr, "eps": not eps, "weight_decay": not decay}
    return new, replace(changed, **{name: getattr(rule, name) for name, undo in back.items()
                                    if undo and hasattr(rule, name)})


def relative_gap(deltas: np.ndarray, others: np.ndarray) -> np.ndarray:
    """‖ΔW − ΔW′‖ / ‖ΔW‖ at every step, (n,); 0 where the two are equal."""
    gap = np.linalg.norm(deltas - others, axis=(1, 2))
    return np.divide(gap, np.linalg.norm(deltas, axis=(1, 2)), out=gap, where=gap > 0)
