"""The map behind the chapter The first r you try: loss against r, s and η on turned digits.

Imports NumPy, the core and ``mlp``; reading the map needs nothing else. Training it anew needs
scikit-learn for the digits and takes about a quarter of an hour of one core:

    python -m lora_edu.first_r

An MLP that reads upright digits is adapted to turned ones: LoRA on all layers, Adam, 100 steps,
batches of 64. The map holds the loss over all training pictures at the end.
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import numpy as np

from lora_edu import _check

FILE = Path(__file__).with_name("first_r.npz")
RANKS = (1, 2, 4, 8, 16, 32, 64)
SEEDS = (0, 1, 2, 3, 4)
RATES = tuple(2.0 ** (e / 2) for e in range(-22, -3))  # half octaves from 2^-11 to 2^-2
TASKS = {"45°, η falls to 0": (45, True), "90°, η constant": (90, False)}  # angle, decay
RULES = {  # s at rank r when r1 is the first rank tried
    "α = r₁": lambda r, r1: r1 / r,
    "rsLoRA": lambda r, r1: math.sqrt(r1 / r),
    "α = r": lambda r, r1: 1.0,
    "α = 2r": lambda r, r1: 2.0,
}
PLANE_RANKS, PLANE = (1, 8, 64), tuple(2.0**e for e in range(-6, 7))  # every s, at these ranks


def scales(r: int) -> list[float]:
    """The s for which the map holds rank r: those of every rule and r1, and of the planes."""
    wanted = {rule(r, r1) for rule in RULES.values() for r1 in RANKS}
    return sorted({_snap(s) for s in wanted} | set(PLANE if r in PLANE_RANKS else ()))


def losses(task: str, r: int, s: float) -> np.ndarray:
    """The loss at the end for each of RATES and SEEDS, (rates, seeds); at most 60,000.

    Raises ValueError for a task, r or s that the map does not hold.
    """
    found = _read()[_check.choice("task", task, TASKS)]
    _check.choice("r", r, RANKS)
    return found[r, _check.choice("s", _snap(s), scales(r))]


def tuned(task: str, r: int, s: float) -> np.ndarray:
    """For each seed, the number of the rate in RATES with the least loss, (seeds,)."""
    return losses(task, r, s).argmin(axis=0)


def regret(task: str, rule: str, r1: int) -> np.ndarray:
    """Loss at the η tuned at r1, divided by the loss at the η tuned anew; (ranks, seeds).

    Each seed tunes η at rank r1 for itself and carries it to the other ranks, where s is what the
    rule makes of it. 1 means that tuning anew would have gained nothing.
    """
    scale = RULES[_check.choice("rule", rule, RULES)]
    first = tuned(task, r1, scale(r1, r1))
    rows = []
    for r in RANKS:
        found = losses(task, r, scale(r, r1))
        rows.append(found[first, range(len(SEEDS))] / found.min(axis=0))
    return np.array(rows)


@cache
def model():
    """The MLP that the map adapts: pretrained on upright digits."""
    from lora_edu import digits, mlp

    upright = digits.load()
    return mlp.pretrain(upright.X_train, upright.y_train)


def train(task: str, r: int, s: float, rates=RATES, seeds=SEEDS) -> np.ndarray:
    """Train what :func:`losses` reads, for the given rates and seeds: (rates, seeds)."""
    from lora_edu import digits, mlp

    angle, decay = TASKS[task]
    data = digits.load(angle)
    runs = [(s, lr, seed) for lr in rates for seed in seeds]
    scale, lr, seed = zip(*runs, strict=True)
    ends = mlp.adapt(model(), data.X_train, data.y_train, r=r, s=scale, lr=lr, seed=seed,
                     decay=decay)
    with np.errstate(over="ignore", invalid="ignore"):
        found = np.array([end.loss(data.X_train, data.y_train) for end in ends])
    return np.where(np.isfinite(found), found, np.inf).reshape(len(rates), len(seeds))


def _snap(s: float) -> float:
    """The half octave that s is, without its rounding."""
    return 2.0 ** (round(2 * math.log2(s)) / 2)


@cache
def _read() -> dict:
    """task → {(r, s): (rates, seeds)}, from the file."""
    with np.load(FILE) as saved:
        stacked = {task: saved[f"task{i}"].astype(float) for i, task in enumerate(TASKS)}
    keys = [(r, s) for r in RANKS for s in scales(r)]
    return {task: dict(zip(keys, values, strict=True)) for task, values in stacked.items()}


def main() -> None:
    """Train the whole map and write it, as float16: three digits are enough."""
    from tqdm import tqdm

    keys = [(r, s) for r in RANKS for s in scales(r)]
    saved = {}
    for i, task in enumerate(TASKS):
        found = [train(task, r, s) for r, s in tqdm(keys, desc=task)]
        saved[f"task{i}"] = np.minimum(found, 6e4).astype(np.float16)
    np.savez_compressed(FILE, **saved)


if __name__ == "__main__":
    main()
