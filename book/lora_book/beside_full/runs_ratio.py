"""The best learning rate of LoRA over that of full fine-tuning, both under Adam.

The best rates are stored in ``ratio.npz``, which ``make_data.py`` makes.
"""

from functools import cache
from pathlib import Path

import numpy as np

from lora_book.shared.fits import best_rate
from lora_edu import STARTS, Adam, Regression, sweep, teacher_student

WIDTHS = (16, 32, 64, 128)
ALPHAS = (2, 8, 32)
RANKS = (1, 2, 4, 8, 16)
STEPS = (1, 3, 10, 30, 100)
SEEDS = tuple(range(8))
INPUTS = {"few directions": 2.0, "all directions": 0.0}  # how the variances fall off
LORA_RATES = 2.0 ** np.arange(-13, 5.1, 0.5)
FULL_RATES = 2.0 ** np.arange(-15, 0.1, 0.5)
FILE = Path(__file__).with_name("ratio.npz")


@cache
def task(inputs: str, k: int, seed: int) -> Regression:
    """A k × k regression of full target rank."""
    return teacher_student(k, k, spectrum=INPUTS[inputs], rng=np.random.default_rng(seed))


def whole_paths(problem: Regression, optimiser, steps: int):
    """W − W0 after 0, 1, … steps, (…, d, k), where W itself is trained; each in the same array.

    An optimiser whose rate has the shape (R, 1, 1) trains R copies.
    """
    shift = problem.W_star - problem.W0
    C = problem.covariance
    D = np.zeros(np.broadcast_shapes(np.shape(optimiser.lr), shift.shape))
    state = optimiser.init([D])
    for _ in range(steps + 1):
        yield D
        state = optimiser.update([D], [(D - shift) @ C], state)


def search(inputs: str, k: int, seed: int, alphas=ALPHAS, ranks=RANKS, steps=STEPS):
    """The best rates of full fine-tuning, (steps,), and of LoRA, (ranks, alphas, steps).

    They are those of one task and draw of A. steps: the lengths of the runs. ValueError where one
    lies at an end of its rates.
    """
    problem = task(inputs, k, seed)
    shift = problem.W_star - problem.W0
    C = problem.covariance
    whole = np.array([0.5 * np.sum((D - shift) @ C * (D - shift), axis=(1, 2)) for D in whole_paths(
        problem, Adam(FULL_RATES[:, None, None]), max(steps))])[list(steps)]  # steps, rates
    runs = sweep(problem, r=ranks, alpha=alphas, lr=LORA_RATES, seed=seed, steps=max(steps))
    lora = runs.select(start=STARTS[0], seed=seed).loss[..., steps]  # ranks, alphas, rates, steps
    return best_rate(FULL_RATES, whole), best_rate(LORA_RATES, np.moveaxis(lora, 2, -1))


@cache
def ratios() -> np.ndarray:
    """LoRA's best rate over that of full fine-tuning, (inputs, widths, ranks, alphas, steps,
    seeds)."""
    with np.load(FILE) as stored:
        return stored["lora"] / stored["full"][:, :, None, None]


def first_step(inputs: str, k: int, seed: int, r, alpha) -> np.ndarray:
    """The theorem's ratio for one step, from the expected losses; A normal, σ = 1/√(3k).

    Only for these tasks: it takes W to be square, and no row of its gradient to be zero.
    """
    problem = task(inputs, k, seed)
    G = problem.gradient(problem.W0)
    C = problem.covariance
    sigma = (3 * k)**-0.5
    s = alpha / r
    lengths = np.linalg.norm(G, axis=1)
    signs = np.sign(G)
    unit = G / lengths[:, None]
    use = s * sigma * np.sqrt(2 / np.pi) * r * lengths.sum()
    harm = (s * sigma)**2 * (r * k * np.trace(C)
                             + 2 / np.pi * r * (r - 1) * np.vdot(unit, unit @ C))
    return use / harm * np.vdot(signs, signs @ C) / np.abs(G).sum()
