"""What A's training gains: A trained and A frozen, each at its own best rate."""

from functools import cache

import numpy as np

from lora_book.beside_full.runs_ratio import task
from lora_book.shared.fits import best_rate
from lora_edu import OPTIMISERS, sweep

SIDE = 32
ALPHA = 8.0
STEPS = 30
RANKS = (1, 2, 4, 8, 16)
SEEDS = tuple(range(6))
RATES = {"Adam": 2.0 ** np.arange(-11, 1.1, 0.5), "SGD": 2.0 ** np.arange(-8, 6.1, 0.5)}
LOST = 1e-30  # times η: a step that is lost beside any entry of A


def on_B(optimiser_class):
    """What makes an optimiser of its lr, for ``sweep``, that leaves A where it starts."""
    def make(lr):
        return optimiser_class((LOST * lr, lr))

    return make


@cache
def tuned(name: str, inputs: str, r: int, frozen: bool, steps: int = STEPS) -> np.ndarray:
    """The loss at the end over the start's, of each seed's task at its best rate, (seeds,).

    name: of the optimiser, a key of RATES. inputs: a name of ``runs_ratio.INPUTS``. frozen: whether
    A stays. ValueError where a best rate lies at an end of RATES.
    """
    rates = RATES[name]
    rule = OPTIMISERS[name]
    left = []
    for seed in SEEDS:
        losses = sweep(task(inputs, SIDE, seed), r=r, alpha=ALPHA, lr=rates, seed=seed, steps=steps,
                       optimiser=on_B(rule) if frozen else rule).loss[0, 0, :, 0, 0]
        best_rate(rates, losses[:, -1])
        left.append(losses[:, -1].min() / losses[0, 0])
    return np.array(left)
