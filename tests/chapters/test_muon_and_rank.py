"""The laboratory's page Muon and the rank: its theorem, and the runs that it rests on."""

import itertools

import numpy as np
import pytest
import torch

from lora_edu.chapters.muon_and_rank import make_data, runs
from lora_edu.chapters.muon_and_rank.figures import first_step
from lora_edu.chapters.shared.fits import geometric_mean
from lora_edu.chapters.shared.scale_rules import SCALE_RULES

D, K = 24, 40
SPECTRA = {"rank 2": np.array([3.0, 1.0]), "falling": 1 / np.arange(1, D + 1), "flat": np.ones(D)}


def gradient(name):
    """A matrix (D, K) with these singular values."""
    rng, values = np.random.default_rng(0), SPECTRA[name]
    U, V = (np.linalg.qr(rng.normal(size=(side, len(values))))[0] for side in (D, K))
    return torch.tensor(U * values @ V.T)


def first_useful(G, A, move, s=0.3):
    """−⟨ΔW, G⟩ of one step from B = 0, by autograd. move: B's gradient → its step, with η = 1."""
    A = torch.as_tensor(A).requires_grad_()
    B = torch.zeros(len(G), len(A), dtype=A.dtype, requires_grad=True)
    (G * (s * B @ A)).sum().backward()
    assert not A.grad.any()
    return -float((s * (move(B.grad) @ A.detach()) * G).sum()) / s


def orthogonal(grad):
    U, S, Vh = torch.linalg.svd(grad, full_matrices=False)
    kept = S / S[0] > 1e-9
    return -U[:, kept] @ Vh[kept]


def means(name, ranks, draw, count=60):
    """Mean and standard error at each rank."""
    G = gradient(name)
    found = np.array([[first_useful(G, draw(r), orthogonal) for _ in range(count)] for r in ranks])
    return found.mean(axis=1), found.std(axis=1) / count**0.5


@pytest.mark.claim("thm-muon-rank")
@pytest.mark.parametrize("name", SPECTRA)
def test_the_useful_part_lies_within_the_bounds(name):
    ranks, sigma, rng = np.array([1, 2, 4, 16, 64, 256]), 0.7, np.random.default_rng(1)
    found, error = means(name, ranks, lambda r: rng.normal(0, sigma, (r, K)))
    values = SPECTRA[name]
    length, effective = np.linalg.norm(values), np.sum(values**2)**2 / np.sum(values**4)
    few, many = ranks * sigma * length, np.sqrt(ranks) * sigma * values.sum()
    least = np.maximum(few * (1 - (ranks + 1) / (2 * effective)),
                       many * (1 - (len(values) + 1) / (2 * ranks)))
    assert (found > least - 4 * error).all() and (found < np.minimum(few, many) + 4 * error).all()
    ends = {"rank 2": [(64, many), (256, many)], "falling": [(256, many)],
            "flat": [(1, few), (2, few), (256, many)]}[name]
    for r, end in ends:  # where the bounds leave little
        assert found[ranks == r] == pytest.approx(end[ranks == r], rel=0.1)


@pytest.mark.claim("thm-muon-rank")
@pytest.mark.parametrize("name", SPECTRA)
def test_the_power_lies_between_one_half_and_one(name):
    """For rows of any distribution: few of their entries are not zero, and all are positive."""
    rng = np.random.default_rng(2)
    ranks = np.array([1, 2, 4, 8, 16, 32, 64])
    found, error = means(name, ranks, lambda r: rng.exponential(size=(r, K))
                         * (rng.random((r, K)) < 0.2))
    powers, slack = np.diff(np.log2(found)), 4 * np.hypot(error[1:], error[:-1]) / found[1:]
    assert (powers < 1 + slack).all() and (powers > 0.5 - slack).all()
    assert powers[0] - powers[-1] > 0.2 or name == "flat"


@pytest.mark.claim("thm-muon-rank")
@pytest.mark.parametrize(("rule", "lost"), [("original", 0.5), ("match_rms_adamw", 0)])
@pytest.mark.parametrize(("name", "power", "ranks"), [
    ("rank 2", 0.5, (8, 32)), ("flat", 1, (2, 8))])
def test_what_torchs_factors_do_to_the_powers(rule, lost, name, power, ranks):
    """Its five Newton-Schulz steps make the singular values only nearly one."""
    def move(grad):
        B = torch.nn.Parameter(torch.zeros_like(grad))
        B.grad = grad
        torch.optim.Muon([B], lr=1.0, weight_decay=0.0, adjust_lr_fn=rule).step()
        return B.detach()

    G, rng = gradient(name).float(), np.random.default_rng(3)
    few, many = (np.mean([first_useful(G, rng.normal(size=(r, K)).astype(np.float32), move)
                          for _ in range(40)]) for r in ranks)
    assert np.log(many / few) / np.log(4) == pytest.approx(power - lost, abs=0.12)


@pytest.mark.claim("thm-muon-rank")
@pytest.mark.parametrize(("gradient", "rule", "small", "large"), [
    ("of rank 8", "LoRA", 0, -0.5), ("of rank 8", "rsLoRA", 0.5, 0), ("white", "unscaled", 1, 0.8)])
def test_the_explorer_says_both_powers(gradient, rule, small, large):
    said = first_step(gradient, rule)["layout"]["meta"]["reading"].replace("−", "-")
    found = [float(word) for word in said.split() if word[0] in "+-"]
    assert found == pytest.approx([small, large], abs=0.06)


def powers(task, optimiser):
    """Under α/r, α/√r and undivided."""
    return [runs.power(task, optimiser, rule) for rule in ("LoRA", "rsLoRA", "unscaled")]


@pytest.mark.claim("obs-muon-best-rates")
@pytest.mark.parametrize(("optimiser", "told"), [
    ("Muon", (0.35, 0.08, -0.16)), ("Muon, match", (0.13, -0.15, -0.43))])
def test_the_powers_of_muons_best_rates(optimiser, told):
    found, errors = zip(*powers(runs.DIGITS, optimiser), strict=True)
    assert found == pytest.approx(told, abs=0.006) and max(errors) < 0.025
    adam = [power for power, _ in powers(runs.DIGITS, "Adam")]
    assert (np.abs(np.subtract(found, adam)).max() < 0.03) == (optimiser == "Muon, match")


@pytest.mark.claim("obs-muon-best-rates")
@pytest.mark.parametrize(("optimiser", "rule", "worst"), [
    ("Muon, match", "rsLoRA", 1), ("Muon", "unscaled", 1.35), ("Muon", "LoRA", 24.9)])
def test_what_carrying_costs_under_muon(optimiser, rule, worst):
    prices = [runs.price(runs.DIGITS, optimiser, rule, *move)
              for move in itertools.permutations((4, 16, 64), 2)]
    assert max(prices) == pytest.approx(worst, rel=0.01)
    assert runs.price(runs.DIGITS, "Muon", "LoRA", 4, 64) == pytest.approx(14.3, abs=0.1)


@pytest.mark.claim("obs-lion-best-rates")
def test_lion_and_adafactor_are_with_adam():
    for optimiser in ("Lion", "Adafactor"):
        gaps = np.subtract(powers(runs.DIGITS, optimiser), powers(runs.DIGITS, "Adam"))[:, 0]
        assert np.abs(gaps).max() < 0.035
    ratio = {optimiser: np.array([runs.best(runs.DIGITS, "Adam", rule)
                                  / runs.best(runs.DIGITS, optimiser, rule)
                                  for rule in SCALE_RULES]) for optimiser in ("Lion", "Adafactor")}
    lion, adafactor = (geometric_mean(each) for each in ratio.values())
    assert (lion.min(), lion.max()) == pytest.approx((2.2, 2.9), abs=0.05)
    assert (ratio["Lion"].min(), ratio["Lion"].max()) == pytest.approx((1.5, 4.4), abs=0.06)
    assert np.abs(np.log(adafactor)).max() < np.log(1.163)


@pytest.mark.parametrize(("optimiser", "rule", "r"), [
    ("Muon", "LoRA", 16), ("Muon, match", "unscaled", 4), ("Lion", "rsLoRA", 64),
    ("Adafactor", "LoRA", 1)])
def test_a_sample_of_the_digits_trained_anew(optimiser, rule, r):
    rates, found = runs.curve(runs.DIGITS, optimiser, rule, r)
    at = found.mean(axis=0).argmin() - 1
    now = make_data.digits_losses(optimiser, rule, r, rates[at:at + 1])[:, 0]
    off = np.abs(now / found[:, at] - 1)  # float16
    assert np.median(off) < 0.01 and off.max() < 0.1
