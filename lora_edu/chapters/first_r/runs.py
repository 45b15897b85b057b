"""The map behind the chapter The first r you try: loss against r, s and η on turned digits.

Imports NumPy and the core's checks. The map is read from ``runs.npz``, which ``compute.py`` makes.

An MLP that reads upright digits is adapted to turned ones: LoRA on all layers, 100 steps, batches
of 64, in float32. The map holds the loss over all training pictures at the end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from lora_edu import _check

FILE = Path(__file__).with_name("runs.npz")
RANKS = (1, 2, 4, 8, 16, 32, 64)
FIRST = (1, 8, 64)  # first ranks, r1
SEEDS = (0, 1, 2, 3, 4)
LOST = 6e4  # a run that diverged counts as this loss: float16 holds no more


@dataclass(frozen=True)
class Task:
    """angle: degrees. decay: does η fall to 0? octaves: log 2 of the first and the last η; step."""

    angle: float
    optimiser: str
    decay: bool
    octaves: tuple[float, float, float]

    @property
    def rates(self) -> tuple[float, ...]:
        """The learning rates of the map."""
        low, high, step = self.octaves
        return tuple(2.0 ** (low + step * i) for i in range(1 + round((high - low) / step)))


TASKS = {"45°, Adam": Task(45, "Adam", True, (-9.5, -2, 0.5)),
         "90°, Adam": Task(90, "Adam", False, (-9.5, -2, 0.5)),
         "45°, SGD": Task(45, "SGD", True, (-11, 4, 1))}
ALPHA_RULES = {  # what becomes of α: s at rank r when r1 is the first rank tried
    "α kept": lambda r, r1: r1 / r,
    "rsLoRA": lambda r, r1: math.sqrt(r1 / r),
    "α = r": lambda r, r1: 1.0,
    "α = 2r": lambda r, r1: 2.0,
}
PLANE_TASK, PLANE_RANKS = "45°, Adam", (1, 8, 64)  # here the map holds every s of PLANE
PLANE = tuple(2.0**e for e in range(-6, 7))


def scales(task: str, r: int) -> list[float]:
    """The s for which the map holds rank r: those of every rule and r1, and of the planes."""
    _check.choice("task", task, TASKS)
    _check.choice("r", r, RANKS)
    wanted = {_snap(rule(r, r1)) for rule in ALPHA_RULES.values() for r1 in FIRST}
    return sorted(wanted | set(PLANE if task == PLANE_TASK and r in PLANE_RANKS else ()))


def losses(task: str, r: int, s: float) -> np.ndarray:
    """The loss at the end for each of the task's rates and SEEDS, (rates, seeds); at most LOST.

    Read-only: the map itself. Raises ValueError for a task, r or s that the map does not hold.
    """
    s = _check.choice("s", _snap(s), scales(task, r))
    return _read()[task][r, s]


def tuned(task: str, r: int, s: float) -> int:
    """The number of the rate with the least loss, in geometric mean over the seeds."""
    return int(mean(losses(task, r, s)).argmin())


def at_an_end(task: str, r: int, s: float) -> bool:
    """Whether the tuned rate is the smallest or the largest tried, and the best may lie beyond."""
    return tuned(task, r, s) in (0, len(TASKS[task].rates) - 1)


def regrets(task: str, scale, r1: int, ranks=RANKS, s1: float | None = None) -> np.ndarray:
    """Loss at the η tuned at r1, divided by the loss at the η tuned anew; (ranks, seeds).

    scale: one of ALPHA_RULES, or another function (r, r1) → s. s1: the scale at which η was tuned
    at r1, if not the rule's own. η is tuned on all seeds together, the same on which the losses
    are measured. 1 means that tuning anew gains nothing; a single seed may fall below 1, and one
    that diverges has inf.
    """
    first, rows = tuned(task, r1, scale(r1, r1) if s1 is None else s1), []
    for r in ranks:
        s = scale(r, r1)
        found = losses(task, r, s)
        rows.append(np.where(found[first] < LOST, found[first] / found[tuned(task, r, s)], np.inf))
    return np.array(rows)


def mean(values: np.ndarray) -> np.ndarray:
    """The geometric mean over the seeds, the last axis."""
    return np.exp(np.log(values).mean(axis=-1))


def _snap(s: float) -> float:
    """The half octave that s is, without its rounding."""
    octaves = round(2 * math.log2(_check.number("s", s, above=0.0))) / 2
    return 2.0**octaves if math.isclose(2.0**octaves, s) else s


def keys(task: str) -> list[tuple[int, float]]:
    """The (r, s) of a task's part of the map, in the file's order."""
    return [(r, s) for r in RANKS for s in scales(task, r)]


@cache
def _read() -> dict:
    """task → {(r, s): (rates, seeds)}, from the file."""
    with np.load(FILE) as saved:
        maps = [saved[f"task{i}"].astype(float) for i in range(len(TASKS))]
    for losses_of_task in maps:
        losses_of_task.flags.writeable = False  # also that of its rows, which losses() hands out
    return {task: dict(zip(keys(task), found, strict=True))
            for task, found in zip(TASKS, maps, strict=True)}
