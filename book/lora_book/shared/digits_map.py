"""The digits' map: the loss against r, s and η on rotated digits.

An MLP that reads upright digits is adapted to rotated ones: LoRA on all layers, 100 steps, batches
of 64, in float32. The map holds the loss over all training pictures at the end.
``first_r.make_data`` trains it and writes ``maps/digits.npz``.
"""

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from lora_book.shared.fits import geometric_mean

FILE = Path(__file__).with_name("maps") / "digits.npz"
RANKS = (1, 2, 4, 8, 16, 32, 64)
FIRST_RANKS = (1, 8, 64)  # r1
SEEDS = (0, 1, 2, 3, 4)
LOST = 6e4  # a run that diverged counts as this loss: float16 holds no more


@dataclass(frozen=True)
class MapPart:
    """A part of the map. angle: of the digits, in degrees. decay: whether η falls linearly to 0.
    octaves: log 2 of the smallest and the largest η, and of the step between two."""

    angle: float
    optimiser: str
    decay: bool
    octaves: tuple[float, float, float]

    @property
    def rates(self) -> tuple[float, ...]:
        """The learning rates of the map."""
        low, high, step = self.octaves
        return tuple(2.0 ** (low + step * i) for i in range(1 + round((high - low) / step)))


TASKS = {"45°, Adam": MapPart(45, "Adam", True, (-9.5, -2, 0.5)),
         "90°, Adam": MapPart(90, "Adam", False, (-9.5, -2, 0.5)),
         "45°, SGD": MapPart(45, "SGD", True, (-11, 4, 1))}
ALPHA_RULES = {  # what becomes of α: s at rank r when r1 is the first rank tried
    "α fixed": lambda r, r1: r1 / r,
    "rsLoRA": lambda r, r1: math.sqrt(r1 / r),
    "α = r": lambda r, r1: 1.0,
    "α = 2r": lambda r, r1: 2.0,
}
# where the map holds every s of PLANE
PLANE_TASK = "45°, Adam"
PLANE_RANKS = (1, 8, 64)
PLANE = tuple(2.0**e for e in range(-6, 7))
PLANE_RATES = TASKS[PLANE_TASK].rates
ETAS = (0.002, 0.004, 0.008, 0.016, 0.03, 0.06)  # to tune α at; the nearest of the rates is meant
SEARCHES = ("α = r₁ = 8, η tuned at r = 8", "α = 1, η tuned at r = 1", "α tuned at r = 1, η given")


def scales(task: str, r: int) -> list[float]:
    """The s for which the map holds rank r: those of every rule and r1, and of the planes."""
    wanted = {_snap(rule(r, r1)) for rule in ALPHA_RULES.values() for r1 in FIRST_RANKS}
    return sorted(wanted | set(PLANE if task == PLANE_TASK and r in PLANE_RANKS else ()))


def losses(task: str, r: int, s: float) -> np.ndarray:
    """The loss at the end for each of the task's rates and SEEDS, (rates, seeds); at most LOST."""
    return _read()[task][r, _snap(s)]


def tuned(task: str, r: int, s: float) -> int:
    """The number of the rate with the least loss, in geometric mean over the seeds."""
    return int(geometric_mean(losses(task, r, s)).argmin())


def at_an_end(task: str, r: int, s: float) -> bool:
    """Whether the tuned rate is the smallest or the largest tried, and the best may lie beyond."""
    return tuned(task, r, s) in (0, len(TASKS[task].rates) - 1)


def regrets(task: str, scale, r1: int, ranks=RANKS, s1: float | None = None) -> np.ndarray:
    """What an η costs that was tuned at another rank.

    Args:
        task: one of TASKS.
        scale: one of ALPHA_RULES, or another function (r, r1) → s.
        r1: where η was tuned, on all seeds together, the same on which the losses are measured.
        ranks: where it is used.
        s1: the scale at which η was tuned at r1, if not the rule's own.

    Returns:
        (ranks, seeds), the loss at this η over the loss at the η tuned at the rank itself. 1 means
        that the search gains nothing; a seed may fall below 1, and one that diverges has inf.
    """
    first = tuned(task, r1, scale(r1, r1) if s1 is None else s1)
    rows = []
    for r in ranks:
        s = scale(r, r1)
        ends = losses(task, r, s)
        rows.append(np.where(ends[first] < LOST, ends[first] / ends[tuned(task, r, s)], np.inf))
    return np.array(rows)


def searches(eta: float) -> dict[str, tuple[float, float]]:
    """search → (α, η): the settings that each of SEARCHES finds; α from 1, 2, …, 64."""
    eta = nearest(eta)
    at_8 = PLANE_RATES[tuned(PLANE_TASK, 8, 1.0)]
    at_1 = PLANE_RATES[tuned(PLANE_TASK, 1, 1.0)]
    # The third search is at r = 1, where α is s.
    alpha = min((s for s in PLANE if s >= 1), key=lambda s: loss_at(1, s, eta))
    return dict(zip(SEARCHES, ((8.0, at_8), (1.0, at_1), (alpha, eta)), strict=True))


def nearest(eta: float) -> float:
    """The one of the plane's rates that is nearest to ``eta``."""
    return min(PLANE_RATES, key=lambda rate: abs(np.log(rate / eta)))


def loss_at(r: int, alpha: float, eta: float) -> float:
    """The loss with s = α/r and η, geometric mean over the seeds."""
    return float(geometric_mean(losses(PLANE_TASK, r, alpha / r))[PLANE_RATES.index(eta)])


def plane(r: int) -> np.ndarray:
    """The loss at rank r, geometric mean over the seeds: a row for each η, a column for each s."""
    return np.array([geometric_mean(losses(PLANE_TASK, r, s)) for s in PLANE]).T


def _snap(s: float) -> float:
    """The half octave that s is, without its rounding."""
    return 2.0 ** (round(2 * math.log2(s)) / 2)


def keys(task: str) -> list[tuple[int, float]]:
    """The (r, s) of a task's part of the map, in the file's order."""
    return [(r, s) for r in RANKS for s in scales(task, r)]


@cache
def _read() -> dict:
    """task → {(r, s): (rates, seeds)}, from the file."""
    with np.load(FILE) as saved:
        maps = [saved[f"task{i}"].astype(float) for i in range(len(TASKS))]
    return {task: dict(zip(keys(task), arrays, strict=True))
            for task, arrays in zip(TASKS, maps, strict=True)}
