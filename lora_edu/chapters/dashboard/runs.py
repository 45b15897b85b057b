"""All runs of the dashboard: every setting, over its steps and against the rank."""

from functools import cache

import numpy as np

from lora_edu import STARTS, sweep
from lora_edu.chapters.shared.scale_rules import SCALE_RULES
from lora_edu.chapters.shared.tasks import task_32

RANKS = (1, 4, 16, 64)
ALPHAS = [4, 16, 64]
RATES = [0.003, 0.03]
OPTIMISERS = ("SGD", "Adam")
STEPS = 100


@cache
def all_runs(optimiser: str, rule: str):
    """The Sweep of all runs of the dashboard: axes (r, alpha, lr, start), one seed."""
    return sweep(task_32(), r=RANKS, alpha=ALPHAS, lr=RATES, start=STARTS[:4], seed=1,
                 steps=STEPS, optimiser=optimiser, rule=SCALE_RULES[rule]).select(seed=1)


def one_run(r, alpha, start, optimiser, rule, lr):
    """The Sweep of one run: arrays of the steps 0 … STEPS, inf where it ran off."""
    return all_runs(optimiser, rule).select(r=r, alpha=alpha, lr=lr, start=start)


def ranks_of(quantity, alpha, start, optimiser, rule, lr) -> np.ndarray:
    """A quantity after one step, (ranks,), in units of A random, B zero at r = 1."""
    grid = getattr(all_runs(optimiser, rule).select(alpha=alpha, lr=lr), quantity)[..., 1]
    return grid[:, STARTS.index(start)] / grid[0, 0]


def frozen_loss() -> float:
    """The loss before training, the unit of losses and useful parts here."""
    return task_32().loss(task_32().W0)


def least_loss(r: int) -> float:
    """The least loss that a ΔW of rank r can leave, in units of the frozen model's.

    The loss of ΔW is half the squared norm of (ΔW − shift)·L with covariance = L·Lᵀ, so by Eckart
    and Young it is at least the squares of the singular values of shift·L beyond the r-th.
    """
    task = task_32()
    root = np.linalg.cholesky(task.covariance)
    squares = np.linalg.svd((task.W_star - task.W0) @ root, compute_uv=False) ** 2
    return float(squares[r:].sum() / squares.sum())
