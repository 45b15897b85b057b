"""Loss against η at every rank, for four tasks under three rules for s, and where it is best."""

from functools import cache

import numpy as np

from lora_book.shared import digits_map, rate_maps
from lora_book.shared.fits import best_rate, exponent
from lora_book.shared.scale_rules import SCALE_RULES
from lora_edu import sweep, teacher_student

REFERENCE_RANK = rate_maps.FIRST  # at which all rules have s = 1
TO_ALPHA_RULE = {"LoRA": "α fixed", "rsLoRA": "rsLoRA", "unscaled": "α = r"}  # in the digits' map
DIGITS = {"digits, 45°": "45°, Adam", "digits, 90°": "90°, Adam"}
LOGS = {"small GPT": ("small_gpt", "bible")}
MODELS = ("regression", *DIGITS, *LOGS)
STEPS = 30  # of the regression


def ranks(model: str) -> tuple[int, ...]:
    """The ranks that were trained."""
    return rate_maps.ranks(*LOGS[model]) if model in LOGS else digits_map.RANKS


@cache
def curve(model: str, rule: str, r: int) -> tuple[np.ndarray, np.ndarray]:
    """The rates tried, (n,), and the losses at the end, (seeds, n), under a scale rule."""
    if model in LOGS:
        return rate_maps.curve(*LOGS[model], SCALE_RULES[rule], r)
    if model in DIGITS:
        scale = digits_map.ALPHA_RULES[TO_ALPHA_RULE[rule]](r, REFERENCE_RANK)
        return (np.array(digits_map.TASKS[DIGITS[model]].rates),
                digits_map.losses(DIGITS[model], r, scale).T)
    regression = teacher_student(32, 32, spectrum=2.0, rng=np.random.default_rng(0))
    rates = 2.0 ** np.arange(-10, 1.5, 0.5)
    name = SCALE_RULES[rule]
    losses = sweep(regression, r=r, alpha=rate_maps.ALPHAS[name], rule=name, lr=rates,
                   seed=range(5), steps=STEPS).loss[0, 0, :, 0, :, -1]  # (rates, seeds)
    return rates, losses.T


@cache
def best(model: str, rule: str) -> np.ndarray:
    """The best η of each seed at each of the ranks, (ranks, seeds).

    That is the vertex of a parabola in logarithms. ValueError where a best rate lies at an end of
    those tried.
    """
    return np.array([best_rate(*curve(model, rule, r)) for r in ranks(model)])


def power(model: str, rule: str) -> tuple[float, float]:
    """The power of r that the best η follows: mean over the seeds, standard error."""
    return exponent(ranks(model), best(model, rule))
