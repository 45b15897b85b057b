"""The chapter On language models: what published sweeps say. Statements on the rates that were run
are recomputed from the stored rows, those between rates by the chapter's curves."""

import json
import math
import statistics
from itertools import pairwise, permutations

import numpy as np
import pytest

from lora_book.language_models import make_data, runs

STORED = json.loads((runs.FOLDER / "sweep.json").read_text("utf-8"))
SMALL = 4e-5


def cells(model):
    """{rank: {rate: loss}} of a stored model; a loss of 1.72 counts as diverged."""
    losses = {}
    for r, rate, loss in model["runs"]:
        if loss < 1:
            losses.setdefault(r, {}).setdefault(rate, []).append(loss)
    return {r: {rate: sum(each) / len(each) for rate, each in sorted(rates.items())}
            for r, rates in sorted(losses.items())}


SWEEP = {model["name"]: cells(model) for model in STORED}
LOST = {(model["name"], r, rate) for model in STORED for r, rate in model["lost"]} | {
    (model["name"], r, rate) for model in STORED for r, rate, loss in model["runs"] if loss >= 1}
SEARCHED = {name: {r: rates for r, rates in cell.items() if len(rates) > 1}
            for name, cell in SWEEP.items()}


def best(rates):
    return min(rates, key=rates.get)


def searched_ranks(model):
    return [r for r in model.ranks if len(model.at(r)[0]) > 1]


def vertex_rate(model, r):
    """At the vertex of the parabola through the best rate and its neighbours; nan where one of the
    two was not run or diverged."""
    rates, losses = runs.tried(model, r)
    best_at = int(losses.argmin())
    three = slice(max(best_at - 1, 0), best_at + 2)
    if best_at == 0 or len(losses[three]) < 3 or not np.isfinite(losses[three]).all():
        return math.nan
    bend, slope, _ = np.polyfit(np.log(rates[three]), losses[three], 2)
    return math.exp(-slope / (2 * bend))


def carried(r1, r, power=0.0):
    """What the rate at the bottom of r1 loses at r, a number a model."""
    losses = [runs.regret(model, r1, r, power) for model in runs.having(r1, r)]
    return [loss for loss in losses if math.isfinite(loss)]


def third(r1, r):
    """What a third of the rate with the lowest loss at r loses there, on the models of carried."""
    losses = []
    for model in runs.having(r1, r):
        if math.isfinite(runs.regret(model, r1, r)):
            rate, lowest = runs.bottom(model, r)
            rate = rate if math.isfinite(rate) else model.best(r)
            losses.append(float(runs.valley(model, r)(math.log(rate / 3))) - lowest)
    return losses


def too_small(r):
    """What the rate of the grid about a third of the best one costs at r, a number a model."""
    costs = []
    for model in runs.models():
        if r in model.ranks:
            rates, losses = runs.tried(model, r)
            at = int(losses.argmin())
            if at > 0 and 2.4 < rates[at] / rates[at - 1] < 3.4:
                costs.append(losses[at - 1] - losses[at])
    return costs


def test_a_block_of_the_published_file_is_read_whole():
    block = """someone/Model-8B

- Learning rates: [4e-05, 3e-03]
- LoRA ranks: [1, 4]

| LR | LoRA Rank | Test NLL | Train NLL | Wall Time (min) |
|---:|----------:|---------:|----------:|----------------:|
| 4e-05 | 1 | 0.6090 | 0.6195 | 331 |
| 4e-05 | 4 | 0.6091 | 0.6195 | 331 |
| 3e-03 | 4 | 0.7 | 0.6195 | 331 |

> **Note:** 1 run(s) diverged (test_nll > 2.0) at lr={3e-03} with rank={1, 4} and are excluded."""
    assert make_data.read_model(block, {"Model-8B": 8.0}) == {
        "name": "Model-8B", "billions": 8.0, "ranks": [1, 4], "rates": [4e-5, 3e-3],
        "runs": [[1, 4e-5, 0.609], [4, 4e-5, 0.6091], [4, 3e-3, 0.7]], "lost": [[1, 3e-3]]}


@pytest.mark.claim("cit-tinker-carry")
def test_what_a_carried_rate_costs():
    losses = []
    upwards = {1: [], 4: [], 16: []}
    for name, searched in SEARCHED.items():
        for r1, r in permutations(searched, 2):
            rate = best(searched[r1])
            assert (name, r, rate) not in LOST
            if rate in searched[r]:
                losses.append(searched[r][rate] - min(searched[r].values()))
                if r1 in upwards and r > r1:
                    upwards[r1].append(losses[-1])
    shares = [sum(loss < bound for loss in losses) / len(losses) for bound in (1e-9, 1e-3, 5e-3)]
    assert len(losses) == 315
    assert [round(100 * share) for share in shares] == [73, 80, 96]
    assert max(losses) == pytest.approx(0.0087)
    assert {r1: (len(each), round(100 * np.mean(np.array(each) < 5e-3)))
            for r1, each in upwards.items()} == {1: (53, 89), 4: (56, 95), 16: (32, 100)}

    for r1, each in upwards.items():
        assert sorted(runs.carried_costs(r1)) == pytest.approx(sorted(each), abs=1e-12)
        assert np.median(each) < 1e-9
    small = [np.mean(np.array(each) < 1e-3) for each in upwards.values()]
    assert [round(100 * share) for share in small] == [60, 75, 97]

    down = runs.wrong_rate_costs()
    up = runs.wrong_rate_costs(smaller=False)
    assert (len(down), len(up), np.isinf(up).sum()) == (112, 104, 23)
    assert [round(100 * np.mean(costs < 5e-3)) for costs in (down, up)] == [55, 29]
    assert np.median(down) == pytest.approx(0.0042, abs=5e-5)
    assert np.median(too_small(1)) == pytest.approx(0.0024, abs=6e-5)
    assert np.median(too_small(64)) == pytest.approx(0.0065, abs=5e-5)
    assert np.median(up) == pytest.approx(0.0096, abs=5e-5)

    for r1, count, median, most, of_third in (
            (16, 18, 0.0002, 0.0008, 0.0060), (4, 19, 0.0010, 0.0043, 0.0066),
            (1, 11, 0.0031, 0.0069, 0.0051)):
        losses = carried(r1, 64)
        wrong = third(r1, 64)
        assert len(losses) == len(wrong) == count
        assert np.isfinite(wrong).all()
        assert statistics.median(losses) == pytest.approx(median, abs=6e-5)
        assert max(losses) == pytest.approx(most, abs=6e-5)
        assert statistics.median(wrong) == pytest.approx(of_third, abs=6e-5)
    as_much = statistics.median(third(4, 64))
    assert statistics.median(carried(4, 64)) == pytest.approx(as_much / 7, rel=0.05)
    assert statistics.median(carried(4, 64, -0.25)) == pytest.approx(as_much, rel=0.02)
    assert statistics.median(carried(4, 64, -0.5)) == pytest.approx(2 * as_much, rel=0.02)
    assert statistics.median(carried(1, 64)) == pytest.approx(
        0.6 * statistics.median(third(1, 64)), rel=0.01)


@pytest.mark.claim("cit-tinker-carry")
def test_runs_of_one_setting_hardly_differ():
    assert runs.noise() == pytest.approx(0.00013, abs=5e-6)
    pairs = {}
    for model in runs.models():
        for rate, one, other in model.repeats:
            pairs.setdefault(rate, []).append(one - other)
    assert len(pairs[SMALL]) == 59
    assert len(pairs[1e-3]) == 4
    assert (np.square(pairs[1e-3]).mean() / 2)**0.5 == pytest.approx(0.0003, abs=5e-5)


@pytest.mark.claim("cit-tinker-carry")
def test_a_little_more_with_the_rank_halves_what_carrying_costs():
    powers = (-0.25, 0, 0.1, 0.15, 0.2, 0.25, 0.3)  # pairs at which all of these can be judged
    pairs = []
    for model in runs.models():
        for r1, r in permutations(searched_ranks(model), 2):
            losses = [runs.regret(model, r1, r, power) for power in powers]
            if np.isfinite(losses).all():
                pairs.append(losses)
    means = dict(zip(powers, np.mean(pairs, axis=0), strict=True))
    assert len(pairs) == 217
    assert means[0] == pytest.approx(0.0010, abs=5e-5)
    assert means[0.15] == pytest.approx(0.0005, abs=5e-5)
    assert min(means, key=means.get) == 0.15


@pytest.mark.claim("cit-tinker-stride")
def test_the_loss_at_a_small_rate_hardly_knows_the_rank():
    for low, high, power, error in ((1, 64, 0.022, 0.006), (4, 128, 0.014, 0.004)):
        powers = []
        for cell in SWEEP.values():
            pair = [cell.get(r, {}) for r in (low, high)]
            if all({SMALL, 1e-4} <= set(rates) for rates in pair):
                slope = sum(rates[SMALL] - rates[1e-4] for rates in pair) / 2 / math.log(2.5)
                powers.append((pair[0][SMALL] - pair[1][SMALL]) / slope / math.log(high / low))
        assert len(powers) == 10
        assert statistics.mean(powers) == pytest.approx(power, abs=5e-4)
        assert statistics.stdev(powers) / 10**0.5 == pytest.approx(error, abs=5e-4)
        if high == 64:
            assert 64**statistics.median(powers) == pytest.approx(1.09, abs=0.005)


@pytest.mark.claim("cit-tinker-drift")
def test_the_best_rate_drifts_upwards():
    for low, high, factor, count in ((1, 4, 1.36, 17), (4, 16, 1.30, 14), (16, 64, 1.24, 13),
                                     (64, 128, 1.04, 5)):
        ratios = [vertex_rate(model, high) / vertex_rate(model, low)
                  for model in runs.having(low, high)]
        ratios = [ratio for ratio in ratios if math.isfinite(ratio)]
        assert len(ratios) == count
        assert math.exp(statistics.mean(map(math.log, ratios))) == pytest.approx(factor, abs=0.005)

    rising = 0
    all_steps = 0
    moves = []
    for model in runs.models():
        best_rates = [vertex_rate(model, r) for r in searched_ranks(model)]
        located = [rate for rate in best_rates if math.isfinite(rate)]
        rising += sum(before < after for before, after in pairwise(located))
        all_steps += len(located) - 1 if located else 0
        rates = [best(rates) for rates in SEARCHED[model.name].values()]
        assert rates == sorted(rates)
        moves.append(len(set(rates)) > 1)
    assert (rising, all_steps) == (56, 58)
    assert (moves.count(False), moves.count(True)) == (17, 18)


@pytest.mark.claim("cit-tinker-rank")
def test_what_a_rank_is_worth():
    for low, high, count, median in ((1, 4, 23, 0.0044), (4, 16, 24, 0.0029),
                                     (16, 64, 22, 0.0017), (64, 128, 10, 0.0005)):
        gains = [min(searched[low].values()) - min(searched[high].values())
                 for searched in SEARCHED.values() if {low, high} <= set(searched)]
        assert len(gains) == count
        assert statistics.median(gains) == pytest.approx(median, abs=5e-5)
    small = {name: min(SEARCHED[name][4].values()) - min(SEARCHED[name][128].values())
             for name in ("Llama-3.2-1B", "Llama-3.1-8B", "Qwen3-8B", "Qwen3-8B-Base",
                          "Llama-3.1-8B-Instruct")}
    assert round(small.pop("Llama-3.2-1B"), 2) == 0.04
    assert min(small.values()) == pytest.approx(0.0045, abs=5e-5)
    assert max(small.values()) == pytest.approx(0.009, abs=5e-4)


@pytest.mark.claim("cit-tinker-one-eta")
def test_one_rate_serves_all():
    for below, count, share in ((math.inf, 122, 89), (10, 40, 78)):
        losses = [runs.valley(model, r)(math.log(3e-4)) - runs.bottom(model, r)[1]
                  for model in runs.models() if model.billions < below
                  for r in searched_ranks(model)]
        losses = np.array(losses)[np.isfinite(losses)]
        assert (len(losses), round(100 * np.mean(losses < 0.005))) == (count, share)
        assert below == 10 or losses.max() == pytest.approx(0.020, abs=5e-4)

    at_sixteen = [best(searched[16]) for searched in SEARCHED.values() if 16 in searched]
    counts = {rate: at_sixteen.count(rate) for rate in sorted(set(at_sixteen))}
    assert counts == {1e-4: 1, 3e-4: 14, 4e-4: 2, 1e-3: 7}
    assert sum(1e-3 in searched.get(16, {}) for searched in SEARCHED.values()) == 20


@pytest.mark.claim("cit-peft-scale")
def test_doubling_the_rank_buys_what_doubling_the_scale_buys():
    compared = runs.peft_runs()
    assert [(run["r"], run["alpha"], run["s"]) for run in compared] == [
        (32, 64, 2), (64, 128, 2), (64, 64, 8)]
    ends = [run["losses"][5000] for run in compared]
    assert [round(end, 4) for end in ends] == [0.6068, 0.5931, 0.5663]
    assert ends[0] - ends[1] == pytest.approx(0.0138, abs=5e-5)
    assert (ends[1] - ends[2]) / 2 == pytest.approx(0.0134, abs=5e-5)  # from s = 2 to 8
