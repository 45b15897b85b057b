"""What A's training gains: A trained and A frozen, each at its own best rate."""

from functools import cache

import numpy as np

from lora_edu import OPTIMISERS, initial, stacked_runs
from lora_edu.chapters.beside_full.runs_ratio import task
from lora_edu.chapters.shared.fits import best_rate

SIDE = 32
ALPHA = 8.0
STEPS = 30
FROZEN_RATE = 1e-30  # times the rate: a step that is lost beside any entry of A
RANKS = (1, 2, 4, 8, 16)
SEEDS = tuple(range(6))
RATES = {"Adam": 2.0 ** np.arange(-11, 1.1, 0.5), "SGD": 2.0 ** np.arange(-8, 6.1, 0.5)}


@cache
def tuned(name: str, inputs: str, r: int, frozen: bool, steps: int = STEPS) -> np.ndarray:
    """The loss at the end over the start's, of each seed's task at its best rate, (seeds,).

    name: of the optimiser, a key of RATES. inputs: a name of ``runs_ratio.INPUTS``. frozen: whether
    A stays. ValueError where a best rate lies at an end of RATES.
    """
    rates = RATES[name]
    factors = (FROZEN_RATE if frozen else 1, 1)
    rule = OPTIMISERS[name](lr=tuple(factor * rates[:, None, None] for factor in factors))
    left = []
    for seed in SEEDS:
        problem = task(inputs, SIDE, seed)
        A, B = initial(SIDE, SIDE, r, rng=np.random.default_rng(seed))
        runs = stacked_runs.RegressionRuns(np.full(len(rates), ALPHA / r), problem.covariance,
                                           problem.W_star - problem.W0)
        As, Bts = (np.repeat(matrix[None], len(rates), axis=0) for matrix in (A, B.T))
        losses = stacked_runs.train_runs(runs, As, Bts, rule, steps)[:, 0]
        best_rate(rates, losses[:, -1])
        left.append(losses[:, -1].min() / losses[0, 0])
    return np.array(left)
