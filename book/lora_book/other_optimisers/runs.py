"""The best rates of PyTorch's Muon against the rank, beside Adam's.

``make_data.py`` makes what is read: ``digits.npz``, and ``small_gpt_muon.log`` among the shared
maps.
"""

from functools import cache, partial
from pathlib import Path

import numpy as np

from lora_book.first_r import runs_models
from lora_book.shared import rate_maps
from lora_book.shared.fits import best_rate, exponent
from lora_book.shared.scale_rules import SCALE_RULES
from lora_edu import optim

DIGITS = "digits, 45°"
GPT = "small GPT"
TASKS = DIGITS, GPT
RANKS = (1, 4, 16, 64)
FILE = Path(__file__).with_name("digits.npz")
LOG = "small_gpt_muon"
MAP_TASK = "45°, Adam"  # of the map of The first r you try; here it is run with Muon
MUON = "Muon"  # with torch's own factor for the shape, √(d/r) for B
MAKE = {MUON: partial(optim.Muon, weight_decay=0.0),
        "Muon, match": partial(optim.Muon, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")}
RATES = {MUON: 2.0 ** np.arange(-8, 0.1, 0.5), "Muon, match": 2.0 ** np.arange(-9, -0.9, 0.5)}


def optimisers(task: str) -> tuple[str, ...]:
    """Those that were run on a task."""
    return ("Adam", *MAKE) if task == DIGITS else ("Adam", MUON)


def curve(task: str, optimiser: str, rule: str, r: int) -> tuple[np.ndarray, np.ndarray]:
    """The rates tried, (n,), and the losses at the end, (seeds, n), under one of SCALE_RULES."""
    if optimiser == "Adam":
        return runs_models.curve(task, rule, r)
    if task == GPT:
        return rate_maps.curve(LOG, "bible", SCALE_RULES[rule], r)
    with np.load(FILE) as stored:
        losses = stored[optimiser][list(SCALE_RULES).index(rule), RANKS.index(r)]
    return RATES[optimiser], losses.astype(float)


@cache
def best(task: str, optimiser: str, rule: str) -> np.ndarray:
    """The best η of each seed at each rank, (ranks, seeds); ValueError where one is at an end."""
    return np.array([best_rate(*curve(task, optimiser, rule, r)) for r in RANKS])


def power(task: str, optimiser: str, rule: str) -> tuple[float, float]:
    """The power of r that the best η follows: mean over the seeds, standard error."""
    return exponent(RANKS, best(task, optimiser, rule))
