"""The note Every optimiser: the table's rows run again, and Adafactor from B = 0.

For the rows of other libraries: pip install -c constraints.txt -e "./book[optimisers]"
"""

import itertools
from collections import Counter

import numpy as np
import pytest
import torch

from lora_book.every_optimiser import figures, runs
from lora_edu import initial
from lora_edu.explore.words import number
from tests.lora_book.oracles import span
from tests.lora_book.test_invariance import TASK

pytestmark = pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch before 2.9")


def with_autograd(make, s, seed=1, start=1, steps=60, dtype=torch.float64):
    """Losses and ΔW of a run of a torch optimiser, make(params), whose A starts × start."""
    A, B = (torch.tensor(M, dtype=dtype, requires_grad=True)
            for M in initial(16, 16, 4, rng=np.random.default_rng(seed)))
    A.data *= start
    rule = make([A, B])
    losses = []
    deltas = []
    if hasattr(rule, "train"):  # schedule-free rules have two points
        rule.train()
    for _ in range(steps + 1):
        delta = s * B.double() @ A.double()
        error = torch.tensor(TASK.W0 - TASK.W_star) + delta
        loss = (error * (error @ torch.tensor(TASK.covariance))).sum() / 2
        losses.append(loss.item())
        deltas.append(delta.detach().numpy())
        rule.zero_grad()
        loss.backward()
        rule.step()
    return losses, np.array(deltas)


@np.errstate(all="ignore")
def gap(ours, theirs):
    """The largest of all steps, of those in which the runs are finite and not both at the start."""
    norms = (np.linalg.norm(D[1:], axis=(1, 2)) for D in (ours - theirs, ours))
    return np.nanmax(np.divide(*norms))


QUICK, *THOROUGH = itertools.product((torch.float64, torch.float32, torch.bfloat16), (4, 8))
GAPS = {  # the least and the most when all follows, where the bits are not the same
    ("Adafactor", torch.float32, 4): (0.001, 0.003), ("Adafactor", torch.float32, 8): (0, 0.003),
    ("Adafactor", torch.bfloat16, 4): (0.08, 0.1), ("Adafactor", torch.bfloat16, 8): (0.1, 0.5)}
for dtype, c in (QUICK, *THOROUGH):
    GAPS["AdaBelief", dtype, c] = (0, 1e-14)
    GAPS["Shampoo", dtype, c] = {4: (0, 0.01), 8: (0.1, 0.26)}[c]


@pytest.mark.claim("obs-every-optimiser")
@pytest.mark.parametrize("name", figures.results())
@pytest.mark.parametrize(("dtype", "c"), [
    QUICK, *(pytest.param(*setting, marks=pytest.mark.thorough) for setting in THOROUGH)])
def test_one_power_of_eta_or_none_makes_the_runs_the_same(name, dtype, c):
    rule = runs.RULES[name]
    pytest.importorskip(rule.library)
    stored = figures.results()[name]

    def run(s, start=1, lr=1, unit=1):
        return with_autograd(lambda p: rule.make(p, lr * rule.lr, unit), s, start=start,
                             dtype=dtype)[1]

    large = run(c * c / 2)
    gaps = {power: gap(large, run(0.5, c, c**power, c)) for power in (0, 1, 2)}
    best = min(gaps, key=gaps.get)
    if rule.power is None:
        assert gaps[best] > 0.1
    else:
        least, most = GAPS.get((name, dtype, c), (0, 0))
        assert best == rule.power
        assert least <= gaps[best] <= most
    if (dtype, c) == (rule.dtype, 4):  # as in the table
        alone = run(0.5)
        stays = run(0.5, c, c**best)
        assert [gap(large, alone), gap(large, stays)] == pytest.approx(
            stored["gaps"][:2], rel=0.05, abs=0)


@pytest.mark.claim("obs-every-optimiser")
def test_twenty_three_of_thirty_are_exact_and_five_have_no_power():
    rows = figures.results()
    exact = Counter(row["power"] for name, row in rows.items()
                    if row["gaps"][2] == 0 and name != "Shampoo")
    without = {name for name, row in rows.items() if row["power"] is None}
    assert len(rows) == 30 and exact == {1: 19, 2: 2, 0: 2}
    assert without == {"Adadelta", "LAMB", "LARS", "MARS", "RAdam"}
    for name, rule in (("Lion", "η × c, decay ÷ c"), ("Adafactor", "η stays, ε₂ × c"),
                       ("RAdam", "no power of η")):
        assert figures.rule_in_words(rows[name]) == rule
    [row] = [row for row in figures.table().split("\n") if row.startswith("| AdamW |")]
    assert row.split(" | ")[2:4] == ["exactly 0", number(rows["AdamW"]["gaps"][1])]


@pytest.mark.claim("obs-adafactor-zero-b")
@pytest.mark.parametrize(("make", "left"), [
    (torch.optim.Adafactor, {60: (98.7, 98.8), 600: (0.0, 0.0)}),
    (lambda p: torch.optim.Adafactor(p, 0.001), {600: (98.6, 98.8)}),
    (lambda p: torch.optim.Adafactor(p, eps=(None, 1.0)), {60: (0.8, 1.5)}),
    (lambda p: runs.RULES["Adafactor, unscaled"].make(p, 0.01, 1),
     {60: (0.8, 1.5), 600: (0.6, 0.9)}),
    (lambda p: torch.optim.Adam(p, 0.01), {60: (0.2, 4.4)})])
def test_adafactor_hardly_moves_a_b_that_is_zero(make, left):
    losses = np.array([with_autograd(make, 2, seed, steps=max(left))[0] for seed in range(1, 6)])
    for steps, ends in left.items():
        assert np.round(span(100 * losses[:, steps] / losses[:, 0]), 1) == pytest.approx(ends)
