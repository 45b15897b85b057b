"""What headlines say is what figures draw, or what an oracle finds: a row a figure."""

import numpy as np
import pytest

from lora_book.divide_by_r import figures as divide_by_r
from lora_book.divide_by_r import runs_growth, runs_rate
from lora_book.first_r import figures as first_r
from lora_book.in_peft import figures as in_peft
from lora_book.in_peft import runs as in_peft_runs
from lora_book.in_practice import figures as in_practice
from lora_book.in_practice.memory import LLAMAS, PRECISIONS, account
from lora_book.language_models import figures as language_models
from lora_book.rotated_digits import figures as rotated_digits
from lora_book.rotated_digits import runs as digits_runs
from lora_book.shared import digits_map
from lora_book.shared.word import word
from lora_book.small_gpt import figures as small_gpt
from lora_book.small_gpt import results
from lora_book.starts import COMPARED_STARTS, rates
from lora_book.starts import figures as starts
from tests.lora_book.figure_words import figure_holds, nothing


def letters_beside_grain(r, optimiser):
    """How long ΔW is along the word, whose rows Adam makes equally long, over the rest."""
    delta, *_ = runs_growth.first_step(r, optimiser)
    letters = word().copy()
    if optimiser == "Adam":
        rows = letters.any(axis=1)
        letters[rows] /= np.linalg.norm(letters[rows], axis=1, keepdims=True)
    letters /= np.linalg.norm(letters)
    along = np.vdot(delta, letters)
    return along / np.linalg.norm(delta - along * letters)


def bytes_in_all(precision, r):
    terms = account(LLAMAS["7B"], "all seven", r, PRECISIONS[precision], 2048, True)
    return sum(terms.values()) / 1e9, 24, 80


def off_the_sum(draws, r, weight):
    """How far each kind's ΔW is from the weighted sum, relative to it."""
    pair = in_peft_runs.pair(r, draws == "one draw", np.random.default_rng(0))
    (A1, B1), (A2, B2) = pair
    total = B1 @ A1 + weight * B2 @ A2
    changes = [in_peft_runs.combined(kind, pair, [1.0, weight]) for kind in in_peft_runs.KINDS]
    return [np.linalg.norm(change - total) / np.linalg.norm(total) for change in changes]


def right_of_both_tasks(task, r):
    """At the η that the figure opens with."""
    runs_at = digits_runs.tried(task, digits_runs.PLACES[0], r)[digits_runs.RATES.index(0.03)]
    base = digits_runs.shipped()["frozen"][digits_runs.TASKS.index(task)]
    full = digits_runs.chosen(task, "full")[1][:, 1]
    return [*np.median(runs_at, axis=0), *base, np.median(full), 0.03]


def of_24(task, r):
    named = digits_runs.shipped()["named"][digits_runs.NAMED.index(task)]
    shown = named[digits_runs.NAMED_RANKS.index(r)]
    truth = rotated_digits.digits.load().y_test[:24]
    return np.sum(shown == truth), 24


def mean_gain(prompt, adapter, r):
    if adapter == "none":
        return []
    return np.mean(results.sample(small_gpt.ADAPTERS[adapter], r, prompt)["gain"])


def beside_the_default(start, optimiser):
    """A start's curvature and best rate, each over the default's, and the default's best rate."""
    best = rates.best(optimiser)
    logs = [np.log(values).mean(axis=1) for values in (rates.stored()["curvature"], best)]
    ratios = [np.exp(log[COMPARED_STARTS.index(start)] - log[0]) for log in logs]
    return [*ratios, np.exp(logs[1][0])]


@pytest.mark.parametrize(("function", "oracle", "grid"), [
    (divide_by_r.darkrooms, letters_beside_grain, {"r": runs_growth.TERMS,
                                                  "optimiser": ["Adam", "SGD"]}),
    (divide_by_r.best_rate, nothing, {"inputs": runs_rate.INPUTS, "steps": runs_rate.STEPS}),
    (first_r.dropped, nothing, {"alpha": first_r.CHOICES, "task": digits_map.TASKS,
                                "r1": digits_map.FIRST_RANKS}),
    (in_peft.combine, off_the_sum, {"draws": in_peft.DRAWS, "r": [4, 32],
                                    "weight": in_peft.WEIGHTS}),
    (language_models.valleys, nothing, {"model": language_models.MODELS,
                                        "tuned": language_models.TUNED_AT}),
    (rotated_digits.names, of_24, {"task": digits_runs.NAMED, "r": digits_runs.NAMED_RANKS}),
    (rotated_digits.rotated_digits, right_of_both_tasks, {"task": digits_runs.TASKS[:3],
                                              "r": digits_runs.RANKS}),
    (small_gpt.small_gpt, mean_gain, {"prompt": results.prompts()[:2],
                                      "adapter": small_gpt.ADAPTERS, "r": results.RANKS}),
    (starts.own_rate, beside_the_default, {"start": COMPARED_STARTS, "optimiser": rates.RATES}),
    (in_practice.memory, bytes_in_all, {"precision": PRECISIONS, "r": [4, 16, 64, 256]}),
], ids=lambda value: getattr(value, "__name__", None))
def test_a_headline_says_what_is_drawn(function, oracle, grid):
    figure_holds(function, oracle, **grid)
