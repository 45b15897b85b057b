"""Which way A turns, and what that gains: A trained and A frozen, each at its own best rate."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from lora_edu import OPTIMISERS, Adapter, initial, optimiser, stacked_runs, train
from lora_edu.chapters.beside_full.runs_ratio import task

SIDE = 32
ALPHA = 8.0
STEPS = 30
FROZEN_RATE = 1e-30  # times the rate: a step that is lost beside any entry of A
RANKS = (1, 2, 4, 8, 16)
SEEDS = tuple(range(6))
RATES = {"Adam": 2.0 ** np.arange(-11, 1.1, 0.5), "SGD": 2.0 ** np.arange(-8, 6.1, 0.5)}


@dataclass(frozen=True, eq=False)
class Tuned:
    """The run at the rate with the least loss at its end.

    Attributes:
        at: The number of that rate among RATES.
        loss: Over the start's, (steps + 1,).
        aligned: The cosine between the leading right singular vector of G at W0 and the row space
            of A, (steps + 1,).
    """

    at: int
    loss: np.ndarray
    aligned: np.ndarray


@cache
def tuned(name: str, inputs: str, r: int, frozen: bool, steps: int = STEPS) -> list[Tuned]:
    """The best run of each seed's task, with its draw of A, over the rates.

    name: of the optimiser, a key of RATES. inputs: a name of ``runs_ratio.INPUTS``. frozen: whether
    A stays.
    """
    return [_tuned(name, inputs, r, frozen, steps, seed) for seed in SEEDS]


def _tuned(name, inputs, r, frozen, steps, seed) -> Tuned:
    problem = task(inputs, SIDE, seed)
    rates = RATES[name]
    A, B = initial(SIDE, SIDE, r, rng=np.random.default_rng(seed))
    runs = stacked_runs.RegressionRuns(np.full(len(rates), ALPHA / r), problem.covariance,
                                       problem.W_star - problem.W0)
    As, Bts = (np.repeat(matrix[None], len(rates), axis=0) for matrix in (A, B.T))
    each = OPTIMISERS[name](lr=_pair(rates[:, None, None], frozen))
    losses = stacked_runs.train_runs(runs, As, Bts, each, steps)[:, 0]
    at = int(losses[:, -1].argmin())
    leading = np.linalg.svd(problem.gradient(problem.W0))[2][0]
    aligned = []
    end = train(problem, Adapter(A, B, ALPHA / r), optimiser(name, lr=_pair(rates[at], frozen)),
                steps, watch=lambda t, adapter, loss: aligned.append(share(adapter.A, leading)))
    return Tuned(at, end.loss / end.loss[0], np.array(aligned))


def _pair(lr, frozen: bool) -> tuple:
    """The rates of A and of B."""
    return (lr * FROZEN_RATE if frozen else lr, lr)


def share(A: np.ndarray, direction: np.ndarray) -> float:
    """The cosine between a direction of length one, (k,), and the row space of A, (r, k)."""
    return float(np.linalg.norm(np.linalg.qr(A.T)[0].T @ direction))
