"""The best rates of Muon, Lion and Adafactor against the rank, in Every optimiser."""

import itertools

import numpy as np
import pytest
import torch

from lora_edu.chapters.other_optimisers import make_data, runs
from lora_edu.chapters.shared import rate_maps
from lora_edu.chapters.shared.fits import exponent, geometric_mean
from lora_edu.chapters.shared.scale_rules import SCALE_RULES
from tests.chapters.test_small_gpt import price


def powers(task, optimiser):
    """Undivided, under α/√r and under α/r."""
    return [runs.power(task, optimiser, rule)[0] for rule in SCALE_RULES]


@pytest.mark.claim("obs-muon-best-rates", "obs-lion-best-rates")
@pytest.mark.parametrize(("task", "optimiser", "wanted"), [
    (runs.DIGITS, "Muon", [-0.16, 0.08, 0.35]), (runs.DIGITS, "Muon, match", [-0.43, -0.15, 0.13]),
    (runs.GPT, "Muon", [-0.21, -0.01, 0.21]), (runs.GPT, "Adam", [-0.49, -0.23, -0.02])])
def test_the_powers_of_the_best_rates(task, optimiser, wanted):
    assert powers(task, optimiser) == pytest.approx(wanted, abs=0.006)


@pytest.mark.claim("obs-muon-best-rates", "obs-lion-best-rates")
@pytest.mark.parametrize(("task", "optimiser", "apart"), [
    (runs.DIGITS, "Muon, match", 0.034), (runs.DIGITS, "Lion", 0.034),
    (runs.DIGITS, "Adafactor", 0.034), (runs.GPT, "Lion", 0.08), (runs.GPT, "Adafactor", 0.08)])
def test_whose_powers_are_adams(task, optimiser, apart):
    ranks = runs.ranks(task, optimiser)
    adam = [exponent(ranks, runs.best(task, "Adam", rule)[:len(ranks)])[0] for rule in SCALE_RULES]
    assert powers(task, optimiser) == pytest.approx(adam, abs=apart)


@pytest.mark.claim("obs-muon-best-rates")
@pytest.mark.parametrize(("optimiser", "rule", "worst", "up"), [
    ("Muon, match", "rsLoRA", 1, 1), ("Muon", "unscaled", 1.35, 1), ("Muon", "LoRA", 24.9, 14.3)])
def test_what_carrying_costs_under_muon(optimiser, rule, worst, up):
    logs = {}
    for r in (4, 16, 64):
        rates, losses = runs.curve(runs.DIGITS, optimiser, rule, r)
        logs[r] = rates, np.log(losses)
    costs = [price(*pair) for pair in itertools.permutations(logs.values(), 2)]
    assert np.exp(max(costs)) == pytest.approx(worst, rel=0.01)
    assert np.exp(price(logs[4], logs[64])) == pytest.approx(up, rel=0.01)


@pytest.mark.claim("obs-lion-best-rates")
@pytest.mark.parametrize(("task", "optimiser", "ends"), [
    (runs.DIGITS, "Lion", (2.2, 2.9)), (runs.DIGITS, "Adafactor", (0.86, 1.09)),
    (runs.GPT, "Lion", (2.0, 2.6))])
def test_how_many_times_smaller_the_best_rate_is_than_adams(task, optimiser, ends):
    count = len(runs.ranks(task, optimiser))
    means = np.array([geometric_mean(runs.best(task, "Adam", rule))[:count]
                      / geometric_mean(runs.best(task, optimiser, rule)) for rule in SCALE_RULES])
    assert (means.min(), means.max()) == pytest.approx(ends, abs=0.05)


@pytest.mark.claim("obs-muon-best-rates")
@pytest.mark.parametrize(("rule", "most"), [
    ("LoRA", 1.38), ("rsLoRA", 0.012), ("unscaled", 0)])
def test_what_carrying_costs_the_small_gpt(rule, most):
    curves = [runs.curve(runs.GPT, "Muon", rule, r) for r in (4, 16, 64)]
    costs = [price(*pair) for pair in itertools.permutations(curves, 2)]
    assert max(costs) == pytest.approx(most, abs=5e-3 if most > 1 else 5e-4)


@pytest.mark.parametrize(("optimiser", "rule", "r"), [
    ("Muon", "LoRA", 16), ("Muon, match", "unscaled", 4), ("Lion", "rsLoRA", 64),
    ("Adafactor", "LoRA", 1)])
def test_a_sample_of_the_digits_trained_anew(optimiser, rule, r):
    rates, losses = runs.curve(runs.DIGITS, optimiser, rule, r)
    at = losses.mean(axis=0).argmin() - 1
    now = make_data.digits_losses(optimiser, rule, r, rates[at:at + 1])[:, 0]
    off = np.abs(now / losses[:, at] - 1)  # float16
    assert np.median(off) < 0.01 and off.max() < 0.1


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch before 2.9 has no Muon")
@pytest.mark.parametrize(("optimiser", "r", "octave"), [("Muon", 16, 3), ("Lion", 4, 1)])
def test_a_sample_of_the_small_gpt_trained_anew(optimiser, r, octave):
    rates, losses = runs.curve(runs.GPT, optimiser, "LoRA", r)
    stored = losses[0, rates.tolist().index(rate_maps.rate(octave))]
    now = make_data.gpt_loss(optimiser, "lora", r, rate_maps.rate(octave), 0)
    assert now == pytest.approx(stored, abs=0.01)
