"""The claims of the chapter A small GPT: the transformer, its checkpoint, its adapters."""

import copy
import hashlib
import itertools
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from lora_edu.chapters.shared import rate_maps
from lora_edu.chapters.small_gpt import (
    figures,
    fit,
    load_base,
    loss_on,
    make_data,
    results,
    surprise,
)
from lora_edu.chapters.small_gpt.text import DATA, PARTS, STYLES, decode, encode, part, read
from lora_edu.nn import inject, load_adapter, set_adapter

RANKS = results.RANKS


@pytest.fixture(scope="module")
def base():
    return load_base()


@torch.no_grad()
def bits(model, ids):
    return model(ids)


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


@pytest.mark.parametrize("style", STYLES)
def test_the_parts_share_no_block_and_lose_none(style):
    text, parts = read(style), [decode(part(style, name)) for name in PARTS]
    blocks = [p[i:i + 2000] for p in parts for i in range(0, len(p) - 1999, 2000)]
    assert sorted("".join(parts)) == sorted(text) and len(blocks) == len(set(blocks))
    assert [round(20 * len(p) / len(text)) for p in parts] == [18, 1, 1]


def test_surprise_is_the_loss_character_by_character(base):
    """So no character looks ahead: alone with those before it, each has the same surprise."""
    text = read("bible")[:150]
    ids, one_by_one = encode(text), []
    for i in range(1, len(ids)):
        logits = bits(base, ids[None, max(0, i - 64):i])[0, -1].double()
        one_by_one.append((logits.logsumexp(0) - logits[ids[i]]).item())
    np.testing.assert_allclose(surprise(base, text), one_by_one, atol=1e-4)
    assert surprise(base, text[:65]).mean() == pytest.approx(loss_on(base, ids[:65]), abs=1e-5)


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
        assert len(row["test"]) == len(row["shakespeare"]) == len(make_data.SEEDS) == 3


def test_the_shipped_adapters_give_the_losses_told():
    for style in ("bible", "devil"):
        for r, row in zip(RANKS, on_q_and_v(style), strict=True):
            again = loss_on(adapted(style, r), part(style, "test"))
            assert again == pytest.approx(row["test"][0], abs=2e-3)


def test_one_sample_comes_out_again(base):
    told, model = results.sample("devil", 16, "LOVE, n."), adapted("devil", 16)
    assert make_data.sample(model, told["prompt"])[:100] == told["text"][:100]
    whole = told["prompt"] + told["text"]
    gain = (surprise(base, whole) - surprise(model, whole))[len(told["prompt"]) - 1:]
    np.testing.assert_allclose(gain, told["gain"], atol=0.02)


@pytest.mark.claim("obs-gpt-ranks")
@pytest.mark.parametrize(("style", "gains"), [
    ("bible", [41, 58, 64, 70]), ("devil", [64, 73, 77, 79])])
def test_the_loss_falls_with_the_rank_ever_more_slowly(style, gains):
    by_rank = on_q_and_v(style)
    assert all(apart(more, less) for less, more in itertools.pairwise(by_rank))
    won = results.read()["base"][style]["test"] - np.mean([row["test"] for row in by_rank], 1)
    assert (np.diff([0, *won], 2) < 0).all() and by_rank[0]["trained"] == 1536
    full = results.read()["base"][style]["test"] - np.mean(results.row(style, "full")["test"])
    assert [round(100 * gain / full) for gain in won] == gains


@pytest.mark.claim("obs-gpt-forgetting")
@pytest.mark.parametrize(("style", "ends"), [("bible", (0.23, 0.32)), ("devil", (0.41, 0.49))])
def test_a_larger_rank_forgets_more_on_average_and_full_fine_tuning_most(style, ends):
    before = results.read()["base"]["shakespeare"]["test"]
    old = [row["shakespeare"] for row in on_q_and_v(style)]
    paid = np.mean(old, 1) - before
    assert (np.diff(paid) > 0).all() and (round(paid[0], 2), round(paid[-1], 2)) == ends
    assert all(max(less) > min(more) for less, more in itertools.pairwise(old))  # seeds overlap
    full = results.row(style, "full")
    for row in results.read()["rows"]:
        assert min(row["shakespeare"]) > before
        if row["style"] == style and row["method"] != "full":
            assert max(row["shakespeare"]) < min(full["shakespeare"]) and apart(full, row)


@pytest.mark.claim("obs-gpt-modules")
def test_with_one_budget_q_and_v_beat_one_matrix_and_the_perceptron_beats_them():
    row = {name: results.row("bible", name) for name in make_data.BUDGET | make_data.QV}
    qv, v, more = row["q, v, r = 8"], row["v, r = 16"], row["q, v, r = 16"]
    assert all(apart(qv, row[f"{m}, r = 16"]) for m in "qkv")  # v too, by little:
    lead = np.subtract(v["test"], qv["test"])
    assert lead.mean() == pytest.approx(0.0105, abs=5e-5)
    assert np.abs(lead - lead.mean()).max() < 0.0021
    assert lead.min() > max(np.ptp(qv["test"]), np.ptp(v["test"]))
    attention = row["q, k, v, out, r = 4"]
    perceptron, everything = row["up, down, r = 3"], row["all, r = 2"]
    assert all(apart(better, worse) for better in (perceptron, everything)
               for worse in (more, attention))
    assert apart(attention, qv) and np.mean(attention["test"]) > np.mean(qv["test"]) - 0.01
    assert not apart(perceptron, everything) and not apart(everything, perceptron)
    counts = [row[name]["trained"] for name in make_data.BUDGET]
    assert 11_500 < min(counts) < max(counts) < 14_000 and more["trained"] == 24_576


@pytest.mark.claim("obs-gpt-two-adapters")
@pytest.mark.parametrize(("own", "other"), [("bible", "devil"), ("devil", "bible")])
def test_each_adapter_helps_its_own_text_and_the_sum_less(own, other):
    model, before = adapted(own, 8), results.read()["base"]
    loss = {style: loss_on(model, part(style, "test")) for style in STYLES}
    load_adapter(model, DATA / "adapters" / f"{other}-r8", name=other)
    set_adapter(model, ["bible", "devil"])
    assert loss[own] < loss_on(model, part(own, "test")) < before[own]["test"]
    assert all(loss[style] > before[style]["test"] for style in (other, "shakespeare"))


@pytest.mark.claim("obs-gpt-layout")
@pytest.mark.parametrize(("style", "characters", "later", "small", "large"), [
    ("bible", 23, 58, 30, 22), ("devil", 20, 63, 38, 34)])
def test_less_than_half_of_the_gain_sits_outside_letters(base, style, characters, later, small,
                                                         large):
    """Character by character over the test part: not letters, first letters, later letters."""
    ids = part(style, "test")
    n = (len(ids) - 1) // 64 * 64
    text, kinds = decode(ids[:n + 1]), (r".[^A-Za-z]", r"[^A-Za-z][A-Za-z]", r"[A-Za-z][A-Za-z]")
    kind = np.array([[bool(re.fullmatch(pattern, text[i:i + 2], re.S)) for pattern in kinds]
                     for i in range(n)])

    def loss(model):
        logits = torch.cat([bits(model, x) for x in ids[:n].view(-1, 64).split(64)]).flatten(0, 1)
        return F.cross_entropy(logits, ids[1:n + 1], reduction="none").numpy()

    gains = [loss(base) - loss(adapted(style, r)) for r in (1, 16)]
    shares = [100 * gain @ kind / gain.sum() for gain in gains]
    assert [round(100 * mean) for mean in kind.mean(0)[[0, 2]]] == [characters, later]
    assert [round(share[0]) for share in shares] == [small, large]
    assert all(share.argmax() == 2 and 47.5 < share[2] < 58.5 for share in shares)


@pytest.mark.claim("obs-gpt-files")
def test_an_adapter_is_a_thirty_fifth_of_the_base():
    base = (DATA / "base.safetensors").stat().st_size
    adapter = (DATA / "adapters" / "bible-r8" / "adapter_model.safetensors").stat().st_size
    assert (round(base, -3), round(adapter, -3)) == (930_000, 26_000)
    assert round(base / adapter) == 35


@pytest.mark.claim("obs-gpt-cost")
def test_a_step_with_adapters_makes_seven_tenths_of_the_multiplications():
    counts, models = [], (load_base(), load_base())
    inject(models[1], ["q", "v"], 8, 8, rng=np.random.default_rng(0))
    for model in models:
        with FlopCounterMode(display=False) as counter:
            model(torch.zeros(16, 64, dtype=torch.long)).square().mean().backward()
        counts.append(counter.get_total_flops())
    assert counts[1] / counts[0] == pytest.approx(0.70, abs=0.005)


def found(rule, r):
    return rate_maps.curve("small_gpt", "bible", rule, r)


def best(rule, r):
    """The best rate on average, and of each seed."""
    rates, losses = found(rule, r)
    return rates[losses.mean(0).argmin()], rates[losses.argmin(1)]


def price(first, used):
    """What the rate that is best on one curve costs on another, in the units of the losses."""
    (rates, there), (others, here) = first, used
    [carried] = here.mean(0)[others == rates[there.mean(0).argmin()]]
    return carried - here.mean(0).min()


@pytest.mark.claim("obs-gpt-first-r")
def test_the_best_rate_stays_with_alpha_over_r_and_moves_without():
    ranks = make_data.RANKS
    assert ranks == (1, 4, 8, 16, 64) and [best("lora", r)[0] for r in ranks] == [0.032] * 5
    every = [best("lora", r)[1] for r in ranks]
    assert sorted(np.concatenate(every)) == [*[0.032] * 14, 0.064] and 0.064 in every[0]
    for rule, r, rates in (("none", 1, {0.064, 0.128}), ("none", 16, {0.016}),
                           ("none", 64, {0.008, 0.016}), ("rslora", 64, {0.016})):
        assert set(best(rule, r)[1]) == rates
    rates, losses = found("none", 16)
    assert losses.mean(0)[rates == best("none", 1)[0]].item() == pytest.approx(3, abs=0.05)
    assert price(found("none", 8), found("none", 64)) == pytest.approx(0.08, abs=0.005)
    falls = itertools.product(best("rslora", 1)[1], best("rslora", 16)[1])
    assert {max(pair) / min(pair) for pair in falls} == {1, 2}
    roots = {r: found("rslora", r) for r in ranks}
    assert max(price(roots[r1], roots[r]) for r1, r in itertools.permutations(RANKS, 2)) < 0.03
    assert price(roots[8], roots[64]) == pytest.approx(0.005, abs=5e-4)


@pytest.mark.claim("obs-gpt-first-r")
def test_one_run_of_the_first_r_comes_out_again():
    rates, losses = found("none", 16)
    again = make_data.validation_loss("bible", "none", 16, 0.016, 0)
    assert again == pytest.approx(losses[0][rates == 0.016].item(), abs=0.01)


@pytest.mark.parametrize("adapter", figures.ADAPTERS)
def test_the_page_shows_the_sample_s_own_characters(adapter):
    figure = figures.small_gpt("LOVE, n.", adapter, 4)
    made = results.sample(figures.ADAPTERS[adapter], 0 if adapter == "none" else 4, "LOVE, n.")
    shown = "".join("".join(trace["text"]) for trace in figure["data"]
                    if trace.get("mode") == "text")
    assert len(shown) > 100 and re.sub(r"\s", "", made["prompt"] + made["text"]).startswith(shown)
    assert np.asarray(figure["data"][0]["z"]).any() == (adapter != "none")


def test_the_plots_show_what_was_measured():
    [bible] = [p["surprise"] for p in results.read()["passages"] if p["style"] == "bible"]
    said = figures.verse("Bible", "Bible", 16)["layout"]["meta"]["reading"]
    assert f"{np.mean(bible['bible-r16']):.2f} nats" in said
    ways = figures.ways("Bible", 16)
    [ring, _] = [trace for trace in ways["data"] if trace.get("name") == "here"]
    row, full = results.row("bible", "q, v, r = 16"), results.row("bible", "full")
    assert (ring["x"], ring["y"]) == ([24_576], [np.mean(row["test"])])
    won = 1.6976 - np.array([np.mean(row["test"]), np.mean(full["test"])])
    assert f"{won[0] / won[1]:.0%} of what" in ways["layout"]["meta"]["reading"]
    bars = [bar["x1"] for bar in figures.budget()["layout"]["shapes"]]
    assert bars == sorted(bars) and bars[3] == pytest.approx(0.64, abs=0.005)


@pytest.mark.claim("obs-full-beside")
def test_what_one_rate_for_the_adapter_and_whole_matrices_costs():
    rows = [line.split() for line in
            (rate_maps.FOLDER / "small_gpt_beside.log").read_text("utf-8").splitlines()[2:]]
    losses = {pair: np.mean([float(row[3]) for row in rows if tuple(row[1:3]) == pair])
              for pair in {tuple(row[1:3]) for row in rows}}
    assert all(sum(tuple(row[1:3]) == pair for row in rows) == 3 for pair in losses)
    told = {("0.032", "0"): 1.489, ("0.032", "0.002"): 1.445, ("0.032", "0.032"): 1.450,
            ("0.016", "0.016"): 1.434}
    for pair, loss in told.items():
        assert losses[pair] == pytest.approx(loss, abs=6e-4)
    good = [losses["0.032", rate] for rate in ("0.004", "0.008", "0.016")]
    assert (min(good), max(good)) == pytest.approx((1.432, 1.434), abs=6e-4)
    assert results.row("bible", "full")["lr"] == 0.002


@pytest.mark.claim("obs-full-beside")
def test_a_group_of_parameters_has_a_rate_of_its_own(base):
    model, rates = copy.deepcopy(base), []

    def make(trained):
        rule = torch.optim.SGD([{"params": trained[:1]}, {"params": trained[1:], "times": 0.25}])
        step = rule.step
        rule.step = lambda: (rates.append([group["lr"] for group in rule.param_groups]), step())
        return rule

    fit(model, part("bible", "train"), steps=3, lr=0.2, rng=np.random.default_rng(0), batch=2,
        warmup=2, optimiser=make)
    np.testing.assert_allclose(rates, [[0.1, 0.025], [0.2, 0.05], [0.2, 0.05]])
