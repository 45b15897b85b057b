"""Three searches for a good (s, η) and where they lead at other ranks, on turned digits.

Imports NumPy and the map.
"""

from __future__ import annotations

import numpy as np

from lora_edu.chapters.first_r import runs

TASK = runs.PLANE_TASK
RATES = runs.TASKS[TASK].rates
ETAS = (0.002, 0.004, 0.008, 0.016, 0.03, 0.06)  # to tune α at; the nearest of RATES is meant
SEARCHES = ("α = r₁ = 8, η tuned at r = 8", "α = 1, η tuned at r = 1", "α tuned at r = 1, η given")


def found(eta: float) -> dict[str, tuple[float, float]]:
    """search → (α, η): what each of SEARCHES brings home; α from 1, 2, …, 64."""
    eta = nearest(eta)
    paper, one = (RATES[runs.tuned(TASK, r, 1.0)] for r in (8, 1))
    alphas = [s for s in runs.PLANE if s >= 1]
    least = min(alphas, key=lambda alpha: loss_at(1, alpha, eta))
    return dict(zip(SEARCHES, ((8.0, paper), (1.0, one), (least, eta)), strict=True))


def nearest(eta: float) -> float:
    """The one of RATES that is nearest to ``eta``."""
    return min(RATES, key=lambda rate: abs(np.log(rate / eta)))


def loss_at(r: int, alpha: float, eta: float) -> float:
    """The loss with s = α/r and η, geometric mean over the seeds."""
    return float(runs.mean(runs.losses(TASK, r, alpha / r))[RATES.index(eta)])


def plane(r: int) -> np.ndarray:
    """The loss at rank r, geometric mean over the seeds: a row an η of RATES, a column an s."""
    return np.array([runs.mean(runs.losses(TASK, r, s)) for s in runs.PLANE]).T


def least(r: int) -> float:
    """The least loss at rank r among all s of the map."""
    return min(float(runs.mean(runs.losses(TASK, r, s)).min()) for s in runs.scales(TASK, r))
