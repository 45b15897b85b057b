"""The claims of the chapter A small GPT: the transformer, its checkpoint, its adapters."""

import copy
import hashlib
import itertools
import re

import numpy as np
import pytest
import torch

from lora_book.beside_full.runs_whole import beside
from lora_book.shared import rate_maps
from lora_book.small_gpt import (
    fit,
    load_base,
    loss_on,
    make_data,
    make_maps,
    results,
    surprise,
)
from lora_book.small_gpt.text import DATA, STYLES, encode, part, read
from lora_edu.nn import load_adapter, set_adapter

RANKS = results.RANKS


@pytest.fixture(scope="module")
def base():
    return load_base()


def adapted(style, r):
    """The base with a shipped adapter."""
    model = load_base()
    load_adapter(model, DATA / "adapters" / f"{style}-r{r}", name=style)
    return model


def test_the_checkpoint_is_the_one_the_log_tells_of(base):
    log = (DATA / "base.log").read_text()
    content = (DATA / "base.safetensors").read_bytes()
    assert f"sha256 {hashlib.sha256(content).hexdigest()}" in log
    [loss] = re.findall(r"in float16: test loss ([\d.]+)", log)
    assert loss_on(base, part("shakespeare", "test")) == pytest.approx(float(loss), abs=1e-3)


@torch.no_grad()
def test_surprise_is_the_loss_character_by_character(base):
    """So no character looks ahead: alone with those before it, each has the same surprise."""
    text = read("bible")[:150]
    ids = encode(text)
    one_by_one = []
    for i in range(1, len(ids)):
        logits = base(ids[None, max(0, i - 64):i])[0, -1].double()
        one_by_one.append((logits.logsumexp(0) - logits[ids[i]]).item())
    np.testing.assert_allclose(surprise(base, text), one_by_one, atol=1e-4)
    assert np.mean(one_by_one[:64]) == pytest.approx(loss_on(base, ids[:65]), abs=1e-5)


def apart(better, worse):
    """Whether every seed of one row has a lower loss than every seed of another."""
    return max(better["test"]) < min(worse["test"])


def on_q_and_v(style):
    return [results.row(style, f"q, v, r = {r}") for r in RANKS]


@pytest.mark.claim("obs-gpt-ranks", "obs-gpt-modules", "obs-gpt-forgetting")
def test_every_learning_rate_is_the_best_on_validation_and_inside_its_range():
    for row in results.read()["rows"]:
        rates = {float(lr): loss for lr, loss in row["validation"].items()}
        assert min(rates) < row["lr"] == min(rates, key=rates.get) < max(rates)
        assert len(row["test"]) == len(row["shakespeare"]) == 3


@pytest.mark.claim("obs-gpt-ranks")
@pytest.mark.parametrize(("style", "shares"), [
    ("bible", [41, 58, 64, 70]), ("devil", [64, 73, 77, 79])])
def test_the_loss_falls_with_the_rank_ever_more_slowly(style, shares):
    by_rank = on_q_and_v(style)
    before = results.read()["base"][style]["test"]
    gains = [before - np.mean(row["test"]) for row in by_rank]
    full = before - np.mean(results.row(style, "full")["test"])
    assert all(apart(larger, smaller) for smaller, larger in itertools.pairwise(by_rank))
    assert (np.diff([0, *gains], 2) < 0).all()
    assert [round(100 * gain / full) for gain in gains] == shares
    assert all(f" {share}% " in results.by_rank() for share in shares)
    assert by_rank[0]["trained"] == 1536


@pytest.mark.claim("obs-gpt-forgetting")
@pytest.mark.parametrize(("style", "ends"), [("bible", (0.23, 0.32)), ("devil", (0.41, 0.49))])
def test_a_larger_rank_forgets_more_on_average_and_full_fine_tuning_most(style, ends):
    before = results.read()["base"]["shakespeare"]["test"]
    by_rank = [row["shakespeare"] for row in on_q_and_v(style)]
    costs = np.mean(by_rank, axis=1) - before
    assert (np.diff(costs) > 0).all()
    assert costs[[0, -1]] == pytest.approx(ends, abs=0.005)
    assert all(max(smaller) > min(larger) for smaller, larger in itertools.pairwise(by_rank))
    full = results.row(style, "full")
    for row in results.read()["rows"]:
        assert min(row["shakespeare"]) > before
        if row["style"] == style and row["method"] != "full":
            assert max(row["shakespeare"]) < min(full["shakespeare"])
            assert apart(full, row)


@pytest.mark.claim("obs-gpt-modules")
def test_with_one_budget_q_and_v_beat_one_matrix_and_the_mlp_beats_them():
    row = {name: results.row("bible", name) for name in make_data.BUDGET | make_data.QV}
    qv = row["q, v, r = 8"]
    v = row["v, r = 16"]
    attention = row["q, k, v, out, r = 4"]
    wider = row["up, down, r = 3"], row["all, r = 2"]
    assert all(apart(qv, row[f"{matrix}, r = 16"]) for matrix in "qkv")  # v too, by little:
    lead = np.subtract(v["test"], qv["test"])
    assert lead.mean() == pytest.approx(0.0105, abs=5e-5)
    assert lead.min() > max(np.ptp(qv["test"]), np.ptp(v["test"]))
    assert apart(attention, qv) and np.mean(attention["test"]) > np.mean(qv["test"]) - 0.01
    for better, worse in itertools.product(wider, (row["q, v, r = 16"], attention)):
        assert apart(better, worse)
    assert not apart(*wider) and not apart(*wider[::-1])
    assert all(11_500 < row[name]["trained"] < 14_000 for name in make_data.BUDGET)


@pytest.mark.claim("obs-gpt-two-adapters")
@pytest.mark.parametrize(("style", "other"), [("bible", "devil"), ("devil", "bible")])
def test_each_adapter_helps_its_own_text_and_the_sum_less(style, other):
    model = adapted(style, 8)
    before = {name: losses["test"] for name, losses in results.read()["base"].items()}
    alone = {name: loss_on(model, part(name, "test")) for name in STYLES}
    assert alone[style] == pytest.approx(results.row(style, "q, v, r = 8")["test"][0], abs=2e-3)
    assert alone[other] > before[other] and alone["shakespeare"] > before["shakespeare"]
    load_adapter(model, DATA / "adapters" / f"{other}-r8", name=other)
    set_adapter(model, ["bible", "devil"])
    assert alone[style] < loss_on(model, part(style, "test")) < before[style]


@pytest.mark.claim("obs-gpt-files")
def test_an_adapter_is_a_thirty_fifth_of_the_base():
    base = (DATA / "base.safetensors").stat().st_size
    adapter = (DATA / "adapters" / "bible-r8" / "adapter_model.safetensors").stat().st_size
    assert (round(base, -3), round(adapter, -3)) == (930_000, 26_000)
    assert round(base / adapter) == 35


def curve(rule, r):
    return rate_maps.curve("small_gpt", "bible", rule, r)


def best(rule, r):
    """The best rate on average, and of each seed."""
    rates, losses = curve(rule, r)
    return rates[losses.mean(0).argmin()], rates[losses.argmin(1)]


def price(first, used):
    """What the rate that is best on one curve costs on another, in the units of the losses."""
    first_rates, first_losses = first
    used_rates, used_losses = used
    means = used_losses.mean(0)
    carried = first_rates[first_losses.mean(0).argmin()]
    return means[used_rates == carried].item() - means.min()


@pytest.mark.claim("obs-gpt-first-r")
def test_the_best_rate_stays_with_alpha_over_r_and_moves_without():
    ranks = make_maps.RANKS
    assert [best("lora", r)[0] for r in ranks] == [0.032] * 5
    of_each_seed = sorted(rate for r in ranks for rate in best("lora", r)[1])
    assert of_each_seed == [0.032] * 14 + [0.064]
    for rule, r, rates in (("none", 1, {0.064, 0.128}), ("none", 16, {0.016}),
                           ("none", 64, {0.008, 0.016}), ("rslora", 64, {0.016})):
        assert set(best(rule, r)[1]) == rates
    rates, losses = curve("none", 16)
    assert losses.mean(0)[rates == best("none", 1)[0]].item() == pytest.approx(3, abs=0.05)
    assert price(curve("none", 8), curve("none", 64)) == pytest.approx(0.08, abs=0.005)
    falls = itertools.product(best("rslora", 1)[1], best("rslora", 16)[1])
    assert {max(pair) / min(pair) for pair in falls} == {1, 2}
    roots = [curve("rslora", r) for r in RANKS]  # up to 16
    assert max(price(*pair) for pair in itertools.permutations(roots, 2)) < 0.03
    assert price(curve("rslora", 8), curve("rslora", 64)) == pytest.approx(0.005, abs=5e-4)


@pytest.mark.claim("obs-gpt-first-r")
def test_one_run_of_the_first_r_comes_out_again():
    rates, losses = curve("none", 16)
    again = make_maps.validation_loss("bible", "none", 16, 0.016, 0)
    assert again == pytest.approx(losses[0][rates == 0.016].item(), abs=0.01)


@pytest.mark.claim("obs-full-beside")
def test_what_one_rate_for_the_adapter_and_whole_matrices_costs():
    losses = {rates: np.mean(seeds) for rates, seeds in beside().items()}
    assert {len(seeds) for seeds in beside().values()} == {3}
    assert results.row("bible", "full")["lr"] == 0.002
    wanted = {(0.032, 0): 1.489, (0.032, 0.002): 1.445, (0.032, 0.004): 1.434,
              (0.032, 0.008): 1.433, (0.032, 0.016): 1.432, (0.032, 0.032): 1.450,
              (0.016, 0.016): 1.434}
    assert {rates: losses[rates] for rates in wanted} == pytest.approx(wanted, abs=6e-4)


@pytest.mark.claim("obs-full-beside")
def test_a_group_of_parameters_has_a_rate_of_its_own(base):
    rates = []

    class Watched(torch.optim.SGD):
        def step(self):
            rates.append([group["lr"] for group in self.param_groups])
            super().step()

    fit(copy.deepcopy(base), part("bible", "train"), steps=3, lr=0.2, batch=2, warmup=2,
        rng=np.random.default_rng(0), optimiser=lambda trained: Watched(
            [{"params": trained[:1]}, {"params": trained[1:], "times": 0.25}]))
    np.testing.assert_allclose(rates, [[0.1, 0.025], [0.2, 0.05], [0.2, 0.05]])
