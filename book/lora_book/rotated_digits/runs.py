"""The runs of the chapter Rotated digits, as they ship: what was run, and what came of it.

The runs lie in ``data/runs.npz``, as counts of pictures; ``make_data`` makes that file.
"""

from functools import cache
from pathlib import Path

import numpy as np

from lora_book.shared.digits import TRAIN

DATA = Path(__file__).with_name("data") / "runs.npz"
TASKS = ("rotated", "new classes", "inverted", "inverted, centred")
PLACES = ("first layer", "all layers")  # where the adapters are
METHODS = ("head", "full", "first W")  # what else is trained; the last: all of W there, no bias
RANKS = (1, 2, 4, 8, 16, 64)
RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3)
SEEDS = 5
NAMED = ("rotated", "inverted")
NAMED_RANKS = (0, *RANKS)
PICTURES = 24
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the mean picture, taken off the inputs
TRAINED = {"r = 1": 1, "r = 4": 4, "r = 16": 16, "r = 64": 64, "all of W": None}
SHOWN = tuple(range(0, 201, 10))
SHOWN_RATE = 0.03
UNITS = 128
# LoRA of rank 16 in the first layer on other bases: seed of the base, seed of the split
BASES = ((0, 0), (1, 0), (2, 0), (3, 0), (0, 1), (0, 2))
BASES_SEEDS = 3


@cache
def shipped() -> dict[str, np.ndarray]:
    """Accuracies of all runs on "val", "test" and "old" (last axis), with the adapter on.

    "lora": (tasks, places, ranks, rates, seeds, 3), with α = 8. "others": (tasks, methods, rates,
    seeds, 3). "frozen": (tasks, 3), the base. "named": (NAMED, NAMED_RANKS, PICTURES), what the
    first seed at SHOWN_RATE calls the first test pictures; r = 0 is the base.

    Of inverted digits, a *state* being accuracy on "test", the share of silent units, and the
    share of (unit, picture) pairs that pass: "paths" (shares, trained, seeds, steps), states;
    "bases" (bases, "rotated" and "inverted", mean left in and taken off, rates, seeds, 4), accuracy
    on "val" and the state.
    """
    with np.load(DATA) as data:
        sizes = data["sizes"].astype(float)  # (tasks, 3)
        # between the task and the last axis: place, rank, rate, seed; method, rate, seed
        lora = data["lora"] / sizes[:, None, None, None, None]
        others = data["others"] / sizes[:, None, None, None]
        val, test, _ = sizes[TASKS.index("inverted")]
        state = np.array([test, UNITS, UNITS * TRAIN])
        return {"lora": lora, "others": others, "frozen": data["frozen"] / sizes,
                "named": data["named"], "paths": data["paths"] / state,
                "bases": data["bases"] / np.array([val, *state])}


def tried(task: str, method: str, r: int = 8) -> np.ndarray:
    """All runs of one method, (rates, seeds, 3).

    method: one of METHODS, or of PLACES for LoRA there with rank ``r``.
    """
    t = TASKS.index(task)
    if method in METHODS:
        return shipped()["others"][t, METHODS.index(method)]
    return shipped()["lora"][t, PLACES.index(method), RANKS.index(r)]


def chosen(task: str, method: str, r: int = 8) -> tuple[float, np.ndarray]:
    """The η with the best median accuracy on the validation part, and the runs at it, (seeds, 3).

    Of equal rates the least.
    """
    accuracies = tried(task, method, r)
    best = int(np.median(accuracies[..., 0], axis=1).argmax())
    return RATES[best], accuracies[best]
