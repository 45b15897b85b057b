"""The drift of the best learning rate with the rank: that of the published sweep, and that of
single regressions, with A trained and with A frozen. α/r is the rule throughout."""

from functools import cache
from itertools import pairwise

import numpy as np

from lora_book.divide_by_r.runs_rate import crossover
from lora_book.language_models import runs
from lora_book.shared import rate_maps
from lora_book.shared.fits import geometric_mean, vertex
from lora_book.shared.frozen import on_B
from lora_edu import Adam, sweep, teacher_student

PUBLISHED_RANKS = (1, 4, 16, 64, 128)
RANKS = (1, 4, 16, 64)
STEPS = (1, 2, 3, 5, 10)
INPUTS = {"all directions": 0.0, "about ten": 1.0}  # how the variances of the inputs fall off
TASKS = 4
SEEDS = range(4)
RATES = 2.0 ** np.arange(-9, 2.5, 0.5)
SIDE = 32
OPTIMISERS = {"trained": Adam, "frozen": on_B(Adam)}  # of A


def best_rate(model: runs.Model, r: int) -> float:
    """The vertex of the parabola through the best rate and its neighbours; nan where one of the
    two was not run or diverged."""
    rates, losses = runs.tried(model, r)
    best = int(losses.argmin())
    neighbours = losses[max(best - 1, 0):best + 2]
    if best == 0 or len(neighbours) < 3 or not np.isfinite(neighbours).all():
        return np.nan
    return float(np.exp(vertex(np.log(rates), losses)))


@cache
def published() -> np.ndarray:
    """The best η of the language models at PUBLISHED_RANKS, as a multiple of that at r = 1.

    From each rank to the next it is multiplied by the geometric mean of the models that have both.
    """
    rises = [1.0]
    for low, high in pairwise(PUBLISHED_RANKS):
        both = [best_rate(model, high) / best_rate(model, low) for model in runs.having(low, high)]
        rises.append(float(geometric_mean([rise for rise in both if np.isfinite(rise)])))
    return np.cumprod(rises)


def one_crossover(ranks, r_c: float) -> np.ndarray:
    """The best η by the one-step theorem under α/r, as a multiple of that at r = 1."""
    return r_c / (1 + (r_c - 1) / np.asarray(ranks))


def falls(best) -> np.ndarray:
    """By how much 1/η falls from rank to rank, as a share of its fall before that.

    Between ranks that grow by a factor of four the one-step theorem has a quarter.
    """
    fall = -np.diff(1 / np.asarray(best))
    return fall[1:] / fall[:-1]


def task(inputs: str, seed: int):
    """A regression with 32 × 32 weights."""
    return teacher_student(SIDE, SIDE, n=512, spectrum=INPUTS[inputs],
                           rng=np.random.default_rng(seed))


@cache
def best_after(inputs: str, optimiser: str) -> np.ndarray:
    """The η with the least mean loss over the draws of A, (STEPS, TASKS, RANKS)."""
    best = []
    for seed in range(TASKS):
        losses = sweep(task(inputs, seed), r=RANKS, alpha=1.0, lr=RATES, seed=SEEDS,
                       steps=max(STEPS), optimiser=OPTIMISERS[optimiser]).loss[:, 0, :, 0]
        mean = losses.mean(axis=2)  # (ranks, rates, steps)
        best.append([vertex(np.log(RATES), np.log(mean[..., step])) for step in STEPS])
    return np.exp(np.swapaxes(best, 0, 1))


def power(best) -> float:
    """The power of the rank between the first and the last of RANKS, the mean over the tasks."""
    rise = best[..., RANKS.index(64)] / best[..., 0]
    return float(np.log(rise).mean() / np.log(64))


@cache
def mean_crossover(inputs: str) -> float:
    """The r_c of one step of Adam, the mean over the tasks."""
    tasks = [task(inputs, seed) for seed in range(TASKS)]
    return float(np.mean([crossover(one.gradient(one.W0), one.covariance, "Adam")
                          for one in tasks]))


def rise_of_gpt(log: str) -> float:
    """The best η of the small GPT at r = 64 over that at r = 1, from the mean losses of a log."""
    best = []
    for r in (1, 64):
        rates, losses = rate_maps.curve(log, "bible", "lora", r)
        best.append(vertex(np.log(rates), losses.mean(axis=0)))
    return float(np.exp(best[1] - best[0]))
