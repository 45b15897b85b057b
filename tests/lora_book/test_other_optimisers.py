"""The best rates of Muon against the rank, in Every optimiser."""

import itertools

import numpy as np
import pytest
import torch

from lora_book.other_optimisers import make_data, runs
from lora_book.shared import rate_maps
from lora_book.shared.scale_rules import SCALE_RULES
from tests.lora_book.test_small_gpt import price


def powers(task, optimiser):
    """Undivided, under α/√r and under α/r."""
    return [runs.power(task, optimiser, rule)[0] for rule in SCALE_RULES]


@pytest.mark.claim("obs-muon-best-rates")
@pytest.mark.parametrize(("task", "optimiser", "wanted"), [
    (runs.DIGITS, "Muon", [-0.16, 0.08, 0.35]), (runs.DIGITS, "Muon, match", [-0.43, -0.15, 0.13]),
    (runs.GPT, "Muon", [-0.21, -0.01, 0.21]), (runs.GPT, "Adam", [-0.49, -0.23, -0.02])])
def test_the_powers_of_the_best_rates(task, optimiser, wanted):
    assert powers(task, optimiser) == pytest.approx(wanted, abs=0.006)


@pytest.mark.claim("obs-muon-best-rates")
def test_whose_powers_are_adams():
    assert powers(runs.DIGITS, "Muon, match") == pytest.approx(
        powers(runs.DIGITS, "Adam"), abs=0.034)


@pytest.mark.claim("obs-muon-best-rates")
@pytest.mark.parametrize(("optimiser", "rule", "worst", "with_one"), [
    ("Muon", "unscaled", 1.35, 2.25), ("Muon", "rsLoRA", 2.87, 2.87), ("Muon", "LoRA", 24.9, 24.9),
    ("Muon, match", "unscaled", 2.68, 78.1), ("Muon, match", "rsLoRA", 1, 1.84)])
def test_what_carrying_costs_under_muon(optimiser, rule, worst, with_one):
    logs = {}
    for r in runs.RANKS:
        rates, losses = runs.curve(runs.DIGITS, optimiser, rule, r)
        logs[r] = rates, np.log(losses)
    costs = {pair: np.exp(price(*map(logs.get, pair)))
             for pair in itertools.permutations(logs, 2)}
    assert max(cost for pair, cost in costs.items() if 1 not in pair) == pytest.approx(
        worst, rel=0.01)
    assert max(costs.values()) == pytest.approx(with_one, rel=0.01)
    if rule == "LoRA":
        assert costs[4, 64] == pytest.approx(14.3, rel=0.01)
        assert costs[64, 4] == max(costs.values())


@pytest.mark.claim("obs-muon-best-rates")
@pytest.mark.parametrize(("rule", "most"), [
    ("LoRA", 1.38), ("rsLoRA", 0.012), ("unscaled", 0)])
def test_what_carrying_costs_the_small_gpt(rule, most):
    curves = [runs.curve(runs.GPT, "Muon", rule, r) for r in (4, 16, 64)]
    costs = [price(*pair) for pair in itertools.permutations(curves, 2)]
    assert max(costs) == pytest.approx(most, abs=5e-3 if most > 1 else 5e-4)
    if rule == "unscaled":
        first = runs.curve(runs.GPT, "Muon", rule, 1)
        assert price(first, curves[-1]) == pytest.approx(0.036, abs=5e-4)


@pytest.mark.parametrize(("optimiser", "rule", "r"), [
    ("Muon", "LoRA", 16), ("Muon, match", "unscaled", 4)])
def test_a_sample_of_the_digits_trained_anew(optimiser, rule, r):
    rates, losses = runs.curve(runs.DIGITS, optimiser, rule, r)
    at = losses.mean(axis=0).argmin() - 1
    now = make_data.digits_losses(optimiser, SCALE_RULES[rule], r, rates[at:at + 1])[:, 0]
    off = np.abs(now / losses[:, at] - 1)  # float16
    assert np.median(off) < 0.01 and off.max() < 0.1


@pytest.mark.thorough
@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch before 2.9 has no Muon")
def test_a_sample_of_the_small_gpt_trained_anew():
    rates, losses = runs.curve(runs.GPT, "Muon", "LoRA", 16)
    rate = rate_maps.rate(3)
    stored = losses[0, rates.tolist().index(rate)]
    assert make_data.gpt_loss("bible", "lora", 16, rate, 0) == pytest.approx(stored, abs=0.01)
