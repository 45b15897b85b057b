"""The laboratory's page Every optimiser: the table's rows run again, and Adafactor from B = 0."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

import lora_edu as core
from lora_edu.chapters.every_optimiser import figures, runs
from lora_edu.explore.words import number
from tests.chapters.test_invariance import TASK, weights

pytestmark = pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch before 2.9")
CORE = {"SGD": core.SGD(0.02), "SGD with momentum": core.Momentum(0.002), "Adam": core.Adam(0.01),
        "AdamW": core.AdamW(0.01, weight_decay=0.1), "SignSGD": core.SignSGD(0.001),
        "Lion": core.Lion(0.001, weight_decay=0.1), "Muon": core.Muon(0.01),
        "Adafactor": core.Adafactor(0.01),
        "Adafactor, unscaled": core.Adafactor(0.01, scale_parameter=False)}


def with_autograd(make, s, seed=1, start=1, steps=60):
    """Losses and ΔW of a run of a torch optimiser, make(params), whose A starts × start."""
    A, B = (torch.tensor(M, requires_grad=True)
            for M in core.initial(16, 16, 4, rng=np.random.default_rng(seed)))
    A.data *= start
    rule, losses, deltas = make([A, B]), [], []
    for _ in range(steps + 1):
        delta = s * B @ A
        error = torch.tensor(TASK.W0 - TASK.W_star) + delta
        loss = (error * (error @ torch.tensor(TASK.covariance))).sum() / 2
        losses.append(loss.item())
        deltas.append(delta.detach().numpy())
        rule.zero_grad()
        loss.backward()
        rule.step()
    return losses, np.array(deltas)


def gap(ours, theirs):
    norms = (np.linalg.norm(D[1:], axis=(1, 2)) for D in (ours - theirs, ours))
    return np.divide(*norms).max()


@pytest.mark.claim("obs-every-optimiser")
@pytest.mark.parametrize("name", runs.RULES)
def test_one_power_of_eta_or_none_makes_torchs_runs_the_same(name):
    rule, stride = runs.RULES[name], figures.results()[name]["stride"]

    def run(s, start=1, lr=1, c=1):
        return with_autograd(lambda p: rule.make(p, lr * rule.lr, c), s, start=start)[1]

    ours = run(8)
    gaps = {p: gap(ours, run(0.5, 4, 4**p, 4)) for p in (0, 1, 2)}
    assert [p for p in gaps if gaps[p] == 0] == ([] if rule.power is None else [rule.power])
    assert rule.power is not None or min(gaps.values()) > 0.1
    assert np.linalg.norm(ours[1]) == pytest.approx(stride * np.linalg.norm(run(0.5)[1]))


@pytest.mark.claim("obs-every-optimiser", "thm-degree")
@pytest.mark.parametrize("name", CORE)
def test_the_core_says_the_same_of_its_own(name):
    rule, found = CORE[name], figures.results()[name]
    adapter = core.Adapter(*core.initial(16, 16, 4, rng=np.random.default_rng(1)), 8.0)
    partner, changed = core.equivalent(adapter, rule, 4)
    ours = weights(TASK, adapter, rule)
    stay = gap(ours, weights(TASK, partner, replace(rule, lr=changed.lr)))
    assert found["gaps"][2] == gap(ours, weights(TASK, partner, changed)) == 0
    # torch rounds Muon's steps to bfloat16.
    assert found["gaps"][1] == pytest.approx(stay, rel=0.3 if name == "Muon" else 1e-4)


@pytest.mark.claim("obs-every-optimiser")
def test_twenty_four_of_thirty_are_exact_and_five_have_no_power():
    found = figures.results()
    assert Counter((one["power"], one["gaps"][2] == 0) for one in found.values()) == {
        (1, True): 20, (1, False): 1, (2, True): 2, (0, True): 2, (None, False): 5}
    assert 0 < found["AdaBelief"]["gaps"][2] < 1e-14
    without = [name for name in found if found[name]["power"] is None]
    assert sorted(without) == ["Adadelta", "LAMB", "LARS", "MARS", "RAdam"]
    assert min(found[name]["gaps"][2] for name in without) > 0.1
    for name, rule in (("Lion", "η × c, decay ÷ c"), ("Adafactor", "η stays, ε₂ × c"),
                       ("RAdam", "no power of η")):
        layout = figures.chooser(name)["layout"]
        assert layout["title"]["text"].startswith(f"{rule}; ")
        assert layout["meta"]["reading"].endswith("exactly 0") == (name != "RAdam")
    [row] = [row for row in figures.table().split("\n") if row.startswith("| AdamW |")]
    assert row.split(" | ")[2:4] == ["exactly 0", number(found["AdamW"]["gaps"][1])]


@pytest.mark.claim("obs-adafactor-zero-b")
@pytest.mark.parametrize(("make", "steps", "left"), [
    (torch.optim.Adafactor, 60, (98.7, 98.8)),
    (torch.optim.Adafactor, 600, (0.0, 0.0)),
    (lambda p: runs.RULES["Adafactor, unscaled"].make(p, 0.01, 1), 600, (0.6, 0.9)),
    (lambda p: torch.optim.Adafactor(p, 0.001), 600, (98.6, 98.8)),
    (lambda p: runs.RULES["Adafactor, unscaled"].make(p, 0.01, 1), 60, (0.8, 1.5)),
    (lambda p: torch.optim.Adam(p, 0.01), 60, (0.2, 4.4))])
def test_adafactor_hardly_moves_a_b_that_is_zero(make, steps, left):
    losses = [with_autograd(make, 2, seed, steps=steps)[0] for seed in range(1, 6)]
    parts = [100 * loss[-1] / loss[0] for loss in losses]
    assert (round(min(parts), 1), round(max(parts), 1)) == left
