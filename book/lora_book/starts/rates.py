"""The curvature and the best learning rate of each start, under SGD and Adam.

They lie in ``data/rates.npz``, which ``make_data`` makes.
"""

from functools import cache
from pathlib import Path

import numpy as np

from lora_book.shared.fits import best_rate

SEEDS = 5
RATES = {"SGD": 2.0 ** np.arange(-21, 3), "Adam": 2.0 ** np.arange(-17, 1)}
STEPS = 100  # a run
EVERY = 10  # steps a loss is kept
LOST = 1e4  # a loss above this, or none
FILE = Path(__file__).with_name("data") / "rates.npz"


@cache
def stored() -> dict[str, np.ndarray]:
    """What the file holds: "curvature", (starts, seeds), and for each optimiser the losses:
    "optimiser ends", (starts, seeds, rates), and "optimiser curves" of the first seed, (starts,
    rates, points). The latter are kept as logarithms, to three digits."""
    with np.load(FILE) as file:
        return {name: 10 ** file[name].astype(float) if name.endswith("curves")
                else file[name].astype(float) for name in file}


def best(optimiser: str) -> np.ndarray:
    """The learning rate with the least loss at the end, (starts, seeds), between the rates tried.

    ValueError where one lies at an end of them.
    """
    ends = stored()[f"{optimiser} ends"]
    return best_rate(RATES[optimiser], np.where(ends < LOST, ends, np.inf))
