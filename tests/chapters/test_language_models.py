"""The chapter On language models: what published sweeps say, recomputed from their stored rows with
dicts, loops and NumPy's own parabolas, which the chapter's code does not use."""

import json
import math
import statistics
from bisect import bisect
from functools import cache
from itertools import pairwise, permutations

import numpy as np
import pytest

from lora_edu.chapters.in_practice.memory import LLAMAS
from lora_edu.chapters.language_models import figures, make_data, runs
from tests.chapters.figure_words import headline

STORED = json.loads((runs.FOLDER / "sweep.json").read_text("utf-8"))
SMALL = 4e-5


def cells(model):
    """{rank: {rate: losses}} of a stored model; a loss of 1.72 counts as diverged."""
    found = {}
    for r, rate, loss in model["runs"]:
        if loss < 1:
            found.setdefault(r, {}).setdefault(rate, []).append(loss)
    return {r: {rate: sum(each) / len(each) for rate, each in sorted(rates.items())}
            for r, rates in sorted(found.items())}


SWEEP = {model["name"]: cells(model) for model in STORED}
DIVERGED = {(model["name"], r, rate) for model in STORED for r, rate in model["lost"]} | {
    (model["name"], r, rate) for model in STORED for r, rate, loss in model["runs"] if loss >= 1}
SEARCHED = {name: {r: rates for r, rates in cell.items() if len(rates) > 1}
            for name, cell in SWEEP.items()}


def best(rates):
    return min(rates, key=rates.get)


def lost_rates(name, r):
    return [rate for model, rank, rate in DIVERGED if (model, rank) == (name, r)]


def vertex(name, r):
    """The lowest point of the parabola through the best rate and its neighbours; None at an end of
    the rates that were run, and beside one that diverged."""
    rates = SEARCHED[name][r]
    top = best(rates)
    tried = sorted({*rates, *lost_rates(name, r)})
    place = tried.index(top)
    three = tried[max(place - 1, 0):place + 2]
    if len(three) < 3 or place == 0 or not set(three) <= set(rates):
        return None
    a, b, _ = np.polyfit(np.log(three), [rates[rate] for rate in three], 2)
    return math.exp(-b / (2 * a))


def parabola(x, y, at):
    """The parabola through three points, by Lagrange's formula."""
    (a, b, c), (u, v, w) = x, y
    return (u * (at - b) * (at - c) / ((a - b) * (a - c))
            + v * (at - a) * (at - c) / ((b - a) * (b - c))
            + w * (at - a) * (at - b) / ((c - a) * (c - b)))


def smooth(rates, rate):
    """The loss between two rates: the parabolas through three rates on either side, mixed by how
    near each is; None outside."""
    x = [math.log(each) for each in sorted(rates)]
    y = [rates[each] for each in sorted(rates)]
    at = math.log(rate)
    if not x[0] - 1e-9 <= at <= x[-1] + 1e-9:
        return None
    if len(x) == 2:
        return y[0] + (y[1] - y[0]) * (at - x[0]) / (x[1] - x[0])
    left = min(max(bisect(x, at) - 1, 0), len(x) - 2)
    share = (at - x[left]) / (x[left + 1] - x[left])
    before = parabola(x[left - 1:left + 2], y[left - 1:left + 2], at) if left else None
    after = parabola(x[left:left + 3], y[left:left + 3], at) if left < len(x) - 2 else None
    if before is None or after is None:
        return before if after is None else after
    return (1 - share) * before + share * after


@cache
def bottom(name, r):
    """The lowest of a thousand points of the valley, its loss, and whether it is inside."""
    rates = SEARCHED[name][r]
    points = [min(rates) * (max(rates) / min(rates))**(i / 1000) for i in range(1001)]
    losses = [smooth(rates, point) for point in points]
    lowest = losses.index(min(loss for loss in losses if loss is not None))
    return points[lowest], losses[lowest], 0 < lowest < 1000


def carried(r1, r, power=0.0):
    """What the rate at the bottom of r1 loses at r, a number a model."""
    losses = []
    for name, searched in SEARCHED.items():
        if {r1, r} <= set(searched):
            rate, _, inside = bottom(name, r1)
            loss = smooth(searched[r], rate * (r / r1)**power) if inside else None
            if loss is not None:
                losses.append(loss - bottom(name, r)[1])
    return losses


def test_the_counts_of_the_sweep():
    rows = [(model["name"], r, rate) for model in STORED for r, rate, _ in model["runs"]]
    assert len(STORED) == 35 and len(rows) == 548 and len(set(rows)) == 482
    assert len(rows) - len(set(rows)) == 66 and sum(model["diverged"] for model in STORED) == 110
    assert [model["billions"] for model in STORED] == sorted(m["billions"] for m in STORED)
    assert (STORED[0]["billions"], STORED[-1]["billions"]) == (1, 1000)


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
        "runs": [[1, 4e-5, 0.609], [4, 4e-5, 0.6091], [4, 3e-3, 0.7]], "lost": [[1, 3e-3]],
        "diverged": 1}


@pytest.mark.claim("cit-tinker-carry")
def test_what_a_carried_rate_costs():
    losses = []
    for name, searched in SEARCHED.items():
        for r1, r in permutations(searched, 2):
            rate = best(searched[r1])
            assert (name, r, rate) not in DIVERGED
            if rate in searched[r]:
                losses.append(searched[r][rate] - min(searched[r].values()))
    shares = [sum(loss < bound for loss in losses) / len(losses) for bound in (1e-9, 1e-3, 5e-3)]
    assert len(losses) == 315
    assert [round(100 * share) for share in shares] == [73, 80, 96]
    assert max(losses) == pytest.approx(0.0087)

    down, up = [], []
    for name, searched in SEARCHED.items():
        for r, rates in searched.items():
            tried = dict(sorted({**dict.fromkeys(lost_rates(name, r), math.inf), **rates}.items()))
            for low, high in pairwise(tried):
                if 2.4 < high / low < 3.4 and best(tried) in (low, high):
                    (down if best(tried) == high else up).append(
                        tried[low if best(tried) == high else high] - min(tried.values()))
    finite = [cost for cost in up if cost < math.inf]
    assert (len(down), len(up), len(up) - len(finite)) == (112, 104, 23)
    assert statistics.median(down) == pytest.approx(0.0042, abs=5e-5)
    assert statistics.median(up) == pytest.approx(0.0096, abs=5e-5)

    for r1, r, count, median, most in ((16, 64, 18, 0.0002, 0.0008), (4, 64, 19, 0.0010, 0.0043),
                                       (1, 64, 11, 0.0031, 0.0069)):
        losses = carried(r1, r)
        assert len(losses) == count
        assert statistics.median(losses) == pytest.approx(median, abs=6e-5)
        assert max(losses) == pytest.approx(most, abs=6e-5)
    bought = bottom("Llama-3.1-8B", 16)[1] - bottom("Llama-3.1-8B", 64)[1]
    assert max(carried(16, 64)) / bought == pytest.approx(0.2, abs=0.02)
    assert bottom("Llama-3.1-8B", 64)[1] + max(carried(16, 64)) == pytest.approx(
        smooth(SEARCHED["Llama-3.1-8B"][64], bottom("Llama-3.1-8B", 16)[0]))


@pytest.mark.claim("cit-tinker-carry")
def test_runs_of_one_setting_hardly_differ():
    settings = {}
    for model in STORED:
        for r, rate, loss in model["runs"]:
            settings.setdefault((model["name"], r, rate), []).append(loss)
    gaps = [each[0] - each[1] for (_, _, rate), each in settings.items()
            if len(each) == 2 and rate < 3e-3]
    spread = math.sqrt(sum(gap**2 for gap in gaps) / len(gaps) / 2)
    assert len(gaps) == 63 and spread == pytest.approx(0.00013, abs=5e-6)


@pytest.mark.claim("cit-tinker-carry")
def test_a_little_more_with_the_rank_halves_what_carrying_costs():
    powers = (-0.25, 0, 0.1, 0.15, 0.2, 0.25, 0.3)  # pairs at which all of these can be judged
    pairs = []
    for name, searched in SEARCHED.items():
        for r1, r in permutations(searched, 2):
            rate, _, inside = bottom(name, r1)
            losses = [smooth(searched[r], rate * (r / r1)**power) for power in powers]
            if inside and None not in losses:
                pairs.append(np.array(losses) - bottom(name, r)[1])
    means = dict(zip(powers, np.mean(pairs, axis=0), strict=True))
    assert len(pairs) == 217
    assert means[0] == pytest.approx(0.0010, abs=5e-5)
    assert means[0.15] == pytest.approx(0.0005, abs=5e-5)
    assert means[-0.25] == pytest.approx(0.0045, abs=5e-5)


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
        ratios = [vertex(name, high) / vertex(name, low) for name, searched in SEARCHED.items()
                  if {low, high} <= set(searched) and vertex(name, low) and vertex(name, high)]
        assert len(ratios) == count
        assert math.exp(statistics.mean(map(math.log, ratios))) == pytest.approx(factor, abs=0.005)

    rising, all_steps = 0, 0
    moves = []
    for name, searched in SEARCHED.items():
        located = [vertex(name, r) for r in searched if vertex(name, r)]
        rising += sum(before < after for before, after in pairwise(located))
        all_steps += len(located) - 1 if located else 0
        rates = [best(rates) for rates in searched.values()]
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
    losses = [smooth(rates, 3e-4) - bottom(name, r)[1] for name, searched in SEARCHED.items()
              for r, rates in searched.items() if smooth(rates, 3e-4) is not None]
    assert len(losses) == 122
    assert round(100 * sum(loss < 0.005 for loss in losses) / 122) == 89
    assert max(losses) == pytest.approx(0.020, abs=5e-4)

    at_sixteen = [best(searched[16]) for searched in SEARCHED.values()
                  if 1e-3 in searched.get(16, {})]
    assert (len(at_sixteen), at_sixteen.count(1e-3), max(at_sixteen)) == (20, 7, 1e-3)


@pytest.mark.claim("cit-rank-from-tokens")
def test_a_7b_llama_has_two_and_a_half_million_numbers_a_rank():
    width, inner, layers = 4096, 11008, 32
    a_layer = 4 * (width + width) + 3 * (width + inner)
    counted = LLAMAS["7B"].trainable("q, k, v, o, gate, up, down", 1)
    assert layers * a_layer == counted == pytest.approx(2.5e6, rel=1e-3)


@pytest.mark.claim("cit-peft-scale")
def test_doubling_the_rank_buys_what_doubling_the_scale_buys():
    stored = json.loads((runs.FOLDER / "peft.json").read_text("utf-8"))
    ends = [run["losses"]["5000"] for run in stored]
    assert [(run["r"], run["alpha"], run["use_rslora"]) for run in stored] == [
        (32, 64, False), (64, 128, False), (64, 64, True)]
    assert [round(end, 4) for end in ends] == [0.6068, 0.5931, 0.5663]
    assert ends[0] - ends[1] == pytest.approx(0.0138, abs=5e-5)
    assert (ends[1] - ends[2]) / 2 == pytest.approx(0.0134, abs=5e-5)  # from s = 2 to 8
    assert [run["s"] for run in runs.peft_runs()] == [2, 2, 8]


@pytest.mark.claim("cit-grpo-ranks")
def test_the_error_of_an_accuracy_on_a_thousand_problems():
    """The accuracies were read once at their source, which gives no licence to store its runs."""
    for share in (0.869, 0.890):
        assert math.sqrt(share * (1 - share) / 1000) == pytest.approx(0.01, abs=1e-3)


@pytest.mark.claim("cit-alpha-r-drift")
def test_with_alpha_equal_r_the_best_rate_does_not_rise():
    steps = [later / first for first, later in figures.ALPHA_IS_R.values()]
    assert sorted(round(step, 2) for step in steps) == [0.3, 0.33, 0.33, 1, 1]
    assert headline(figures.two_rules(figures.GROWS)).endswith("rises in 0, falls in 3")


def test_the_figures_say_what_the_rows_say():
    assert headline(figures.valleys()).endswith("costs 0.0041 nats at r = 64")
    assert "0.0031 nats in the median" in headline(figures.costs("1 → 64"))
    assert "× 1.09 measured" in headline(figures.one_stride("rsLoRA"))
    assert headline(figures.two_rules(figures.KEPT)).endswith("rises on 28, falls on 0")
    middle = "20 to 35 billion"
    assert headline(figures.rank_buys(middle)).startswith(f"{middle}: from r = 1 to 4")
