"""What headlines say is what figures draw, or what an oracle finds: a row a figure."""

import numpy as np
import pytest

from lora_book.beside_full import figures as beside_full
from lora_book.beside_full import runs_many_ranks
from lora_book.divide_by_r import figures as divide_by_r
from lora_book.divide_by_r import runs_growth, runs_rate
from lora_book.first_r import figures as first_r
from lora_book.in_peft import figures as in_peft
from lora_book.in_peft import runs as peft_runs
from lora_book.in_practice import figures as in_practice
from lora_book.in_practice.memory import LLAMAS, PRECISIONS, account
from lora_book.language_models import figures as language_models
from lora_book.language_models import runs
from lora_book.rotated_digits import figures as rotated_digits
from lora_book.rotated_digits import runs as digits_runs
from lora_book.shared import digits_map
from lora_book.small_gpt import figures as small_gpt
from lora_book.small_gpt import results
from tests.lora_book.figure_words import figure_holds, nothing


def half_of_the_models(pair, power):
    """What half of them lose, how many leave the rates, how many there are, the change of η."""
    r1, r = language_models.PAIRS[pair]
    losses = [runs.regret(model, r1, r, power) for model in runs.having(r1, r)
              if np.isfinite(runs.bottom(model, r1)[0])]
    counts = [np.isnan(losses).sum(), len(losses), (r / r1)**power]
    if np.isnan(losses).all():
        return counts
    return [np.nanmedian(losses), *counts]


def bytes_in_all(precision, r):
    terms = account(LLAMAS["7B"], "all seven", r, PRECISIONS[precision], 2048, True)
    return sum(terms.values()) / 1e9, 24, 80


def distances(steps):
    """Of SGD and of Adam, at the largest rank."""
    at = runs_many_ranks.STEPS.index(steps)
    gaps = runs_many_ranks.sgd_gaps(), runs_many_ranks.adam_gaps(beside_full.ADAM_RATE)
    return runs_many_ranks.RANKS[-1], *(np.exp(np.log(gap[-1, :, at]).mean()) for gap in gaps)


def right_of_both_tasks(task, r):
    """At the η that the figure opens with."""
    runs_at = digits_runs.tried(task, digits_runs.PLACES[0], r)[digits_runs.RATES.index(0.03)]
    return np.median(runs_at, axis=0)


def arriving_of_linear(draws, r, weight):
    pair = peft_runs.pair(r, draws == "one draw", np.random.default_rng(0))
    change, total = (peft_runs.combined(kind, pair, [1.0, weight]) for kind in ("linear", "cat"))
    gap = np.linalg.norm(change - total) / np.linalg.norm(total)
    return *peft_runs.arrives(change, pair), gap


def of_24(task, r):
    named = digits_runs.shipped()["named"][digits_runs.NAMED.index(task)]
    shown = named[digits_runs.NAMED_RANKS.index(r)]
    truth = rotated_digits.digits.load().y_test[:24]
    return np.sum(shown == truth), 24


def mean_gain(prompt, adapter, r):
    if adapter == "none":
        return []
    return np.mean(results.sample(small_gpt.ADAPTERS[adapter], r, prompt)["gain"])


def full_goes(angle):
    return np.rad2deg(np.arctan2(*np.sign([np.sin(np.radians(angle)),
                                           np.cos(np.radians(angle)).round(9)])))


@pytest.mark.parametrize(("function", "oracle", "grid"), [
    (divide_by_r.darkrooms, nothing, {"r": runs_growth.TERMS, "optimiser": ["Adam", "SGD"]}),
    (divide_by_r.best_rate, nothing, {"inputs": runs_rate.INPUTS, "steps": runs_rate.STEPS}),
    (first_r.dropped, nothing, {"alpha": first_r.CHOICES, "task": digits_map.TASKS,
                                "r1": digits_map.FIRST_RANKS}),
    (beside_full.many_ranks, distances, {"steps": runs_many_ranks.STEPS}),
    (beside_full.row_step, full_goes, {"angle": [0, 20, 70, 90]}),
    (language_models.valleys, nothing, {"model": language_models.MODELS,
                                        "tuned": language_models.TUNED_AT}),
    (language_models.costs, half_of_the_models, {"pair": language_models.PAIRS,
                                                 "power": language_models.POWERS}),
    (rotated_digits.names, of_24, {"task": digits_runs.NAMED, "r": digits_runs.NAMED_RANKS}),
    (rotated_digits.rotated_digits, right_of_both_tasks, {"task": digits_runs.TASKS[:3],
                                              "r": digits_runs.RANKS}),
    (small_gpt.small_gpt, mean_gain, {"prompt": results.prompts()[:2],
                                      "adapter": small_gpt.ADAPTERS, "r": results.RANKS}),
    (in_practice.memory, bytes_in_all, {"precision": PRECISIONS, "r": [4, 16, 64, 256]}),
    (in_peft.combine, arriving_of_linear, {"draws": in_peft.DRAWS, "r": [4],
                                           "weight": in_peft.WEIGHTS}),
], ids=lambda value: getattr(value, "__name__", None))
def test_a_headline_says_what_is_drawn(function, oracle, grid):
    figure_holds(function, oracle, **grid)
