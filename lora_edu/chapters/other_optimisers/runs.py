"""The best rates of other optimisers than Adam against the rank.

``make_data.py`` makes what is read: ``digits.npz``, and ``optimisers.log`` of the small GPT among
the shared maps.
"""

from functools import cache, partial
from pathlib import Path

import numpy as np

from lora_edu import optim
from lora_edu.chapters.first_r import runs_models
from lora_edu.chapters.shared import rate_maps
from lora_edu.chapters.shared.fits import best_rate, exponent
from lora_edu.chapters.shared.scale_rules import SCALE_RULES

DIGITS = "digits, 45°"
GPT = "small GPT"
TASKS = DIGITS, GPT
FILE = Path(__file__).with_name("digits.npz")
ADAM = "45°, Adam"  # the part of the map of The first r you try that is run with others
MUON = "Muon"  # with torch's own factor for the shape, √(d/r) for B
MAKE = {"Lion": partial(optim.Lion, weight_decay=0.0),
        "Adafactor": partial(optim.Adafactor, scale_parameter=False),
        MUON: partial(optim.Muon, weight_decay=0.0),
        "Muon, match": partial(optim.Muon, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")}
RATES = {name: 2.0 ** np.arange(low, low + 8.1, 0.5) for name, low in
         {"Lion": -11, "Adafactor": -9, MUON: -8, "Muon, match": -9}.items()}


def optimisers(task: str) -> tuple[str, ...]:
    """Those that were run on a task."""
    return ("Adam", *MAKE) if task == DIGITS else ("Adam", "Lion", "Adafactor", MUON)


def ranks(task: str, optimiser: str) -> tuple[int, ...]:
    """Those that were trained."""
    return (1, 4, 16) if task == GPT and optimiser in ("Lion", "Adafactor") else (1, 4, 16, 64)


def curve(task: str, optimiser: str, rule: str, r: int) -> tuple[np.ndarray, np.ndarray]:
    """The rates tried, (n,), and the losses at the end, (seeds, n), under one of SCALE_RULES."""
    if optimiser == "Adam":
        return runs_models.curve(task, rule, r)
    if task == GPT:
        return rate_maps.curve("optimisers", optimiser, SCALE_RULES[rule], r)
    with np.load(FILE) as stored:
        losses = stored[optimiser][list(SCALE_RULES).index(rule), ranks(task, optimiser).index(r)]
    return RATES[optimiser], losses.astype(float)


@cache
def best(task: str, optimiser: str, rule: str) -> np.ndarray:
    """The best η of each seed at each rank, (ranks, seeds); ValueError where one is at an end."""
    return np.array([best_rate(*curve(task, optimiser, rule, r)) for r in ranks(task, optimiser)])


def power(task: str, optimiser: str, rule: str) -> tuple[float, float]:
    """The power of r that the best η follows: mean over the seeds, standard error."""
    return exponent(ranks(task, optimiser), best(task, optimiser, rule))
