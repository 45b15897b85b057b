"""The claims of the chapter Rotated digits: the shipped runs, made again, and what they show."""

import copy
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
import torch

from lora_edu.chapters.rotated_digits import compute, figures, runs, training
from lora_edu.chapters.shared.digits import load
from lora_edu.explore.plain import plain_figure
from lora_edu.nn import set_adapter, unload
from tests.book import printed_solution

torch.set_num_threads(1)

FIRST, ALL = runs.PLACES
TEST, OLD = 1, 2
STATE = np.array([300, runs.UNITS, runs.UNITS * 1200])  # pictures, units, pairs


def middle(task, method, r=8, rule="LoRA", which=TEST):
    """Median accuracy over the seeds at the η that validation chooses."""
    return np.median(runs.chosen(task, method, r, rule)[1][:, which])


def index(task, place, rule, r, lr):
    return (runs.TASKS.index(task), runs.PLACES.index(place), list(runs.ALPHAS).index(rule),
            runs.RANKS.index(r), runs.RATES.index(lr))


# --- the shipped runs are what the code makes ---

@pytest.mark.parametrize(("task", "place", "rule", "r", "lr", "seed"), [
    ("rotated", FIRST, "LoRA", 4, 0.03, 0), ("rotated", FIRST, "unscaled", 8, 0.01, 1),
    ("rotated", ALL, "rsLoRA", 2, 0.01, 2), ("new classes", ALL, "LoRA", 4, 0.03, 0),
    ("inverted", FIRST, "LoRA", 16, 0.03, 1),
    ("inverted, centred", FIRST, "unscaled", 16, 0.01, 0)])
def test_a_run_made_again_is_the_shipped_one(task, place, rule, r, lr, seed):
    """To a few pictures: another processor rounds otherwise, and training passes that on."""
    _, parts = training.base_for(task)
    counts = compute.fit(task, place, lr, seed, r, rule)
    again = np.array(counts) / [len(parts[which][1]) for which in ("val", "test", "old")]
    np.testing.assert_allclose(again, runs.shipped()["lora"][index(task, place, rule, r, lr)][seed],
                               atol=0.05)


@pytest.mark.parametrize(("task", "method", "lr"), [
    ("rotated", "full", 0.01), ("inverted", "head", 0.03)])
def test_head_and_full_made_again_are_the_shipped_ones(task, method, lr):
    _, parts = training.base_for(task)
    values = runs.shipped()["others"][runs.TASKS.index(task), runs.METHODS.index(method),
                                      runs.RATES.index(lr), 0]
    again = np.array(compute.fit(task, method, lr, 0)) / [
        len(parts[which][1]) for which in ("val", "test", "old")]
    np.testing.assert_allclose(again, values, atol=0.05)


@pytest.mark.parametrize("share", (0.0, 1.0))
def test_a_path_made_again_is_the_shipped_one(share):
    again = np.array(compute.path(share, "r = 16", 0)) / STATE
    kept = runs.shipped()["paths"][runs.SHARES.index(share), 2, 0]
    np.testing.assert_allclose(again[0], kept[0], atol=0.01)
    np.testing.assert_allclose(again[-1], kept[-1], atol=0.08)


@pytest.mark.claim("obs-digits-not-step")
@pytest.mark.parametrize("way", [("Adam", 1e-3, 2000), ("Adam, warm-up", 0.003, 1000),
                                 ("SGD", 0.001, 1000)])
def test_an_attempt_made_again_is_the_shipped_one(way):
    again = np.array(compute.attempt(*way, seed=1)) / STATE
    kept = runs.shipped()["attempts"][runs.ATTEMPTS.index(way), 1]
    assert (abs(again - kept) < [0.05, 0.1, 0.01]).all()


@pytest.mark.claim("obs-digits-not-bias")
@pytest.mark.parametrize("biases", runs.BIASES)
def test_runs_with_biases_made_again_are_the_shipped_ones(biases):
    """At a rate at which no run hangs by a thread."""
    which, at = list(runs.BIASES).index(biases), runs.BIAS_RATES.index(0.01)
    again = [compute.with_biases(runs.BIASES[biases], 0.01, seed) / 300 for seed in range(2)]
    np.testing.assert_allclose(again, runs.shipped()["biases"][which, at, :2], atol=0.03)


@pytest.mark.claim("obs-digits-zero")
@pytest.mark.parametrize(("task", "share"), [("rotated", 1), ("inverted", 1), ("inverted", 0)])
def test_a_run_on_another_base_made_again_is_the_shipped_one(task, share):
    again = np.array(compute.on_base(task, 3, 0, share, 0.03, 0)) / [297, *STATE]
    kept = runs.shipped()["bases"][3, int(task == "inverted"), share, runs.RATES.index(0.03), 0]
    assert (abs(again - kept) < [0.06, 0.06, 0.1, 0.05]).all()


def test_the_other_bases_are_other_bases_and_other_splits():
    weights = {training.base_for("inverted", *base)[0][0].weight.sum().item()
               for base in runs.BASES}
    assert len(weights) == len(runs.BASES)
    first, second = (training.base_for("inverted", 0, split)[1]["test"][0] for split in (0, 1))
    assert not torch.equal(first, second)


def test_the_rate_is_chosen_on_validation_and_not_on_test(monkeypatch):
    others = np.zeros((4, len(runs.METHODS), len(runs.RATES), runs.SEEDS, 3))
    others[0, 0, 1, :, 0] = 0.9  # best on validation
    others[0, 0, 3, :, 1] = 0.9  # best on test
    monkeypatch.setattr(runs, "shipped", lambda: {"others": others})
    assert runs.chosen("rotated", "head")[0] == runs.RATES[1]


def test_one_lucky_seed_does_not_choose_the_rate(monkeypatch):
    others = np.zeros((4, len(runs.METHODS), len(runs.RATES), runs.SEEDS, 3))
    others[0, 0, 2, 0, 0] = 1.0  # best mean
    others[0, 0, 4, :, 0] = 0.15  # best median
    monkeypatch.setattr(runs, "shipped", lambda: {"others": others})
    assert runs.chosen("rotated", "head")[0] == runs.RATES[4]


def test_a_warm_up_rises_to_its_rate_and_falls_to_nothing():
    seen = []

    class Adam(torch.optim.Adam):
        def step(self, closure=None):
            seen.append(self.param_groups[0]["lr"])
            return super().step(closure)

    base, parts = training.base_for("inverted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim, "Adam", Adam)
        training.train(training.prepare(base, "head"), parts["train"], 0.1, 50,
                       rule="Adam, warm-up")
    assert seen[0] == pytest.approx(0.01) and len(seen) == 50
    assert 9 <= np.argmax(seen) <= 10 and 0.085 < max(seen) < 0.1 and seen[-1] < 0.001


def test_the_validation_and_test_pictures_are_no_training_pictures():
    _, parts = training.base_for("rotated")
    rows = [{row.numpy().tobytes() for row in parts[which][0]}
            for which in ("train", "val", "test")]
    assert sum(map(len, rows)) == 1797 == len(set.union(*rows))


# --- what rank, rule and place do ---

@pytest.mark.claim("obs-digits-rank")
def test_accuracy_rises_with_the_rank_and_comes_near_full():
    by_rank = [middle("rotated", FIRST, r) for r in (1, 2, 4, 8)]
    assert all(b > a + 0.02 for a, b in pairwise(by_rank))
    assert 0.45 < by_rank[0] < 0.6
    for way in (("full", 8), ("head", 8), *((FIRST, r) for r in runs.RANKS)):
        assert runs.chosen("rotated", *way)[0] in runs.RATES[1:-1]
    for r in (8, 16, 64):
        assert middle("rotated", "full") - 0.05 < middle("rotated", FIRST, r)
        assert middle("rotated", FIRST, r) < middle("rotated", "full")
        assert middle("rotated", FIRST, r) > middle("rotated", "head") + 0.1


@pytest.mark.claim("obs-digits-rank")
def test_rank_1_made_again_gets_half_and_rank_8_nearly_all():
    base, parts = training.base_for("rotated")
    found = [training.right(training.train(training.prepare(base, FIRST, r), parts["train"], 0.03),
                        parts["test"]) / 300 for r in (1, 8)]
    assert 0.3 < found[0] < 0.7 and found[1] > 0.9


@pytest.mark.claim("obs-digits-place")
def test_at_one_rank_all_layers_win_and_at_one_count_the_first():
    for r in (1, 2):
        assert middle("rotated", ALL, r) > middle("rotated", FIRST, r) + 0.05
        assert middle("rotated", FIRST, 4) > middle("rotated", ALL, r) + 0.02
    counts = [sum(p.numel() for p in training.prepare(training.make_model(), place, r).parameters()
                  if p.requires_grad) for place, r in ((ALL, 1), (FIRST, 4), (ALL, 2))]
    assert counts == [586, 768, 1172]


def test_the_rule_moves_the_best_rate_and_hardly_the_best_accuracy():
    tops = [middle("rotated", FIRST, 64, rule) for rule in runs.ALPHAS]
    assert max(tops) - min(tops) < 0.05
    rates = [runs.chosen("rotated", FIRST, 64, rule)[0] for rule in runs.ALPHAS]
    assert rates[0] > rates[2]  # s = 1/8 needs a larger η than s = 1


def test_a_large_rate_wrecks_three_adapters_and_not_one():
    one, three = (runs.shipped()["lora"][index("rotated", place, "LoRA", 8, 0.1)][:, TEST]
                  for place in (FIRST, ALL))
    assert three.max() < 0.15 < np.median(one) < 0.5 < one.max()


# --- forgetting ---

@pytest.mark.claim("obs-digits-forgetting")
def test_removal_gives_back_every_bit():
    base, parts = training.base_for("rotated")
    with torch.no_grad():
        before = base(parts["old"][0])
    model = training.train(training.prepare(base, ALL, 4), parts["train"], 0.03, steps=30)
    assert training.right(model, parts["old"]) < 0.9 * training.right(base, parts["old"])
    set_adapter(model, [])
    with torch.no_grad():
        assert torch.equal(model(parts["old"][0]), before)
    unload(model)
    assert all(torch.equal(a, b)
               for a, b in zip(model.parameters(), base.parameters(), strict=True))


@pytest.mark.claim("obs-digits-forgetting")
def test_whatever_learns_rotated_digits_falls_on_upright_ones():
    t = runs.TASKS.index("rotated")
    assert runs.shipped()["frozen"][t, OLD] == pytest.approx(0.98, abs=0.01)
    ways = [("head", 8), ("full", 8), *((at, r) for at in (FIRST, ALL) for r in runs.RANKS)]
    learned = [way for way in ways if middle("rotated", *way) >= 0.7]
    assert learned == [way for way in ways if way != (FIRST, 1)]
    assert max(middle("rotated", *way, which=OLD) for way in learned) < 0.4
    kept = [middle("rotated", FIRST, r, which=OLD) for r in runs.RANKS]
    assert kept[0] > max(kept[1:])  # rank 1 learns half, and keeps the most
    for r in (8, 16, 64):  # keeps more, and still little
        assert middle("rotated", FIRST, r, which=OLD) > middle("rotated", "full", which=OLD) + 0.04


@pytest.mark.claim("obs-digits-forgetting")
def test_how_much_is_forgotten_depends_on_the_rate():
    """So whatever learns rotated digits falls below 40 % at its own η, and not at any."""
    (_, new, old), (_, _, most) = np.median(runs.tried("rotated", "full"), axis=1)[[1, 2]]
    assert runs.RATES[1] == 0.003 and new > 0.9 and 0.4 < old < 0.6 and most < 0.2
    assert abs(new - middle("rotated", FIRST, 8)) < 0.01  # learns as much, and keeps more
    assert old > middle("rotated", FIRST, 8, which=OLD) + 0.2
    _, new, old = np.median(runs.tried("new classes", "head")[0], axis=0)
    assert min(new, old) > 0.6  # "whatever learns the new forgets the old, all of them"


@pytest.mark.claim("obs-digits-forgetting")
def test_whatever_learns_the_new_classes_forgets_the_old():
    t = runs.TASKS.index("new classes")
    assert runs.shipped()["frozen"][t, OLD] > 0.95 > 0.01 >= runs.shipped()["frozen"][t, TEST]
    for way in (("head", 8), ("full", 8), *((ALL, r) for r in (1, 2, 4, 8, 16))):
        assert middle("new classes", *way) > 0.6 and middle("new classes", *way, which=OLD) < 0.02
    for r in runs.RANKS:
        assert runs.tried("new classes", FIRST, r)[..., TEST].max() < 0.02
        assert runs.chosen("new classes", FIRST, r)[0] == runs.RATES[0]
        assert middle("new classes", FIRST, r, which=OLD) > 0.6


def test_silent_units_are_not_why_the_first_layer_fails_on_new_classes(monkeypatch):
    base, parts = training.base_for("new classes")
    model = training.train(training.prepare(base, FIRST, 16), parts["train"], 0.03)
    assert training.silent(model, parts["train"]) > 0.9 * runs.UNITS
    with monkeypatch.context() as patch:
        patch.setitem(training.LAYERS, ALL, ["0", "2"])
        model = training.train(training.prepare(base, ALL, 16), parts["train"], 0.03)
    assert training.right(model, parts["test"]) > 0.95 * len(parts["test"][1])
    base, parts = training.centred(base, parts)
    model = training.train(training.prepare(base, FIRST, 16), parts["train"], 0.03)
    assert training.silent(model, parts["train"]) < 0.2 * runs.UNITS
    assert training.right(model, parts["test"]) < 0.05 * len(parts["test"][1])


# --- why inverted digits defeat it ---

def exact_answer(base, parts, r=64, bias=True):
    """The right pictures with the first layer that undoes the inversion, cut to rank r."""
    W0, model = base[0].weight.detach().numpy(), copy.deepcopy(base)
    delta, delta_b = -2 * W0, W0.sum(axis=1)
    if not bias:
        delta, delta_b = delta + np.outer(delta_b, np.eye(64)[0]), 0 * delta_b
    U, sigma, Vt = np.linalg.svd(delta, full_matrices=False)
    with torch.no_grad():
        model[0].weight += torch.tensor((U[:, :r] * sigma[:r]) @ Vt[:r])
        model[0].bias += torch.tensor(delta_b)
    return model


@pytest.mark.claim("thm-undo")
@pytest.mark.parametrize("bias", (True, False))
def test_the_exact_answer_computes_what_the_base_computes(bias):
    base, parts = training.base_for("inverted")
    with torch.no_grad():
        np.testing.assert_allclose(exact_answer(base, parts, bias=bias)(parts["test"][0]),
                                   base(1 - parts["test"][0]), atol=1e-3)
    assert np.linalg.matrix_rank(base[0].weight.detach().numpy()) == 64


@pytest.mark.claim("thm-undo")
@pytest.mark.parametrize("seed", range(3))
def test_the_undo_is_exact_for_any_invertible_change(seed):
    """With a bias, and without one where the third entry of every input is −0.7."""
    rng = np.random.default_rng(seed)
    M, t = rng.normal(size=(5, 5)) + 3 * np.eye(5), rng.normal(size=5)
    W0, b0, X = rng.normal(size=(4, 5)), rng.normal(size=4), rng.normal(size=(7, 5))
    M[2], t[2] = 0, -0.7
    M[2, 4] = 1  # x'₂ = x₄ − 0.7
    delta_W, delta_b = printed_solution("ex-undo-change")(W0, b0, M, t)
    seen = X @ M.T + t
    np.testing.assert_allclose(seen @ (W0 + delta_W).T + b0 + delta_b, X @ W0.T + b0, atol=1e-9)
    np.testing.assert_allclose(delta_W, W0 @ (np.linalg.inv(M) - np.eye(5)), atol=1e-9)
    X[:, 4] = 0
    seen = X @ M.T + t
    np.testing.assert_allclose(seen[:, 2], -0.7)
    no_bias = delta_W + np.outer(delta_b, np.eye(5)[2]) / -0.7
    np.testing.assert_allclose(seen @ (W0 + no_bias).T + b0, X @ W0.T + b0, atol=1e-9)
    assert np.linalg.matrix_rank(no_bias) <= np.linalg.matrix_rank(delta_W) + 1


def test_a_rotation_asks_for_rank_48():
    pixels = np.arange(64).reshape(8, 8)
    turn = np.eye(64)[np.rot90(pixels).ravel()]
    assert np.linalg.matrix_rank(turn - np.eye(64)) == 48


@pytest.mark.claim("obs-digits-not-rank")
def test_a_matrix_of_rank_16_does_it():
    base, parts = training.base_for("inverted")
    for bias in (True, False):
        assert training.right(exact_answer(base, parts, 16, bias), parts["test"]) > 0.9 * 300


@pytest.mark.claim("obs-digits-not-rank")
def test_no_rank_finds_it():
    """Neither LoRA of any rank nor the whole weight, and the chosen η is not at the upper end."""
    assert max(middle("inverted", FIRST, r) for r in runs.RANKS) < 0.25
    assert middle("inverted", "first W") < 0.4
    for way in (*((FIRST, r) for r in runs.RANKS), ("first W", 8)):
        assert runs.chosen("inverted", *way)[0] < runs.RATES[-1]
    lowest = [r for r in runs.RANKS if runs.chosen("inverted", FIRST, r)[0] == 0.001]
    assert lowest == [4, 64]
    assert 0.85 < middle("inverted", "full") < middle("inverted", "head") + 0.02


@pytest.mark.claim("obs-digits-not-rank")
def test_a_seed_now_and_then_escapes():
    """So a quarter is not the best that LoRA in the first layer gets, as was once said."""
    every = np.array([runs.tried("inverted", FIRST, r)[..., TEST] for r in runs.RANKS])
    assert every.size == 210 and (every > 0.3).sum() == 3
    assert every.max() == pytest.approx(0.82, abs=0.005) and (every > 0.5).sum() == 1
    between = runs.shipped()["biases"][0, list(runs.BIAS_RATES).index(0.05)]  # r = 16
    assert between.shape == (30,) and (between > 0.3).sum() == 5


@pytest.mark.claim("obs-digits-not-rank")
def test_an_inverted_run_of_rank_64_made_again_fails():
    base, parts = training.base_for("inverted")
    for r in (4, 64):
        model = training.train(training.prepare(base, FIRST, r), parts["train"], 0.03)
        assert training.right(model, parts["test"]) < 0.3 * 300


@pytest.mark.parametrize("layer", (0, 2, 4))
def test_full_fine_tuning_uses_less_rank_where_lora_fails(layer):
    ranks = {}
    for task in ("rotated", "inverted"):
        base, parts = training.base_for(task)
        full = training.train(training.prepare(base, "full"), parts["train"], 0.01)
        sigma = np.linalg.svd((full[layer].weight - base[layer].weight).detach().numpy(),
                              compute_uv=False)
        ranks[task] = int((np.cumsum(sigma**2) < 0.9 * np.sum(sigma**2)).sum()) + 1
    assert ranks["inverted"] < ranks["rotated"]


@pytest.mark.claim("obs-digits-zero")
def test_moving_the_zero_does_not_only_move_the_bias():
    """The exact ΔW needs no Δb at a half, where LoRA fails, and needs it at 1 as at 0."""
    base, parts = training.base_for("inverted")
    alone = []
    for share in runs.SHARES:
        moved, its_parts = training.centred(base, parts, share)
        with torch.no_grad():
            moved[0].weight -= 2 * base[0].weight
            model, both = copy.deepcopy(moved), base[0].weight @ (
                1 - 2 * share * parts["train"][0].mean(dim=0))
            model[0].bias += both
            torch.testing.assert_close(model(its_parts["test"][0]), base(1 - parts["test"][0]),
                                       atol=1e-3, rtol=1e-4)
        alone.append(training.right(moved, its_parts["test"]) / 300)
    assert np.argmax(alone) == 2 and alone[2] > 0.9
    assert max(alone[0], alone[4]) < 0.3 and abs(alone[0] - alone[4]) < 0.05


@pytest.mark.claim("obs-digits-zero")
def test_units_that_cannot_fall_silent_do_better():
    _, parts = training.base_for("inverted")
    leaky = training.make_model()
    leaky[1] = leaky[3] = torch.nn.LeakyReLU(0.1)
    training.train(leaky, training.part(load(), "train"), training.BASE_LR, training.BASE_STEPS)
    models = [training.train(training.prepare(leaky, FIRST, 16, seed=seed), parts["train"], 0.2,
                             seed=seed) for seed in range(3)]
    found = [training.right(model, parts["test"]) for model in models]
    assert 0.7 * 300 < np.median(found) < 0.95 * 300


def test_black_on_white_from_the_start_fails_in_part():
    """The same network pretrained on inverted digits; upright ones share less, and still a lot."""
    _, inverted = training.base_for("inverted")
    base = training.train(training.make_model(), inverted["train"], training.BASE_LR,
                          training.BASE_STEPS)
    parts = {which: training.part(load(), which) for which in ("train", "test")}
    found = []
    for start, pictures in ((base, parts), training.centred(base, parts)):
        model = training.train(training.prepare(start, FIRST, 16), pictures["train"], 0.03)
        found.append(training.right(model, pictures["test"]) / 300)
    assert 0.5 < found[0] < 0.8 and found[1] > 0.9


@pytest.mark.claim("obs-digits-not-bias")
def test_nor_is_it_the_first_bias():
    none, first, three = runs.shipped()["biases"]  # each (rates, seeds)
    assert none.shape == (5, 30)
    plain, along, all_along = (np.median(found, axis=1) for found in (none, first, three))
    assert abs(plain - along).max() < 0.03 and max(plain.max(), along.max()) < 0.2
    assert (none > 0.3).sum(axis=1).max() == 5 and (first > 0.3).sum(axis=1).max() == 5
    assert all(0 < found.argmax() < 4 for found in (plain, along, all_along))


@pytest.mark.claim("obs-digits-not-bias")
def test_the_later_biases_help_some_seeds():
    """So not every bias is innocent, as was once said of the first."""
    none, _, three = runs.shipped()["biases"]
    assert (three > 0.3).sum() > 2 * (none > 0.3).sum()
    assert np.median(three, axis=1).max() > np.median(none, axis=1).max() + 0.1
    assert np.median(three, axis=1).max() < 0.45


@pytest.mark.claim("obs-digits-not-bias")
def test_the_biases_that_are_named_are_trained(monkeypatch):
    trained, _ = [], training.base_for("inverted")  # not to be caught training

    def note(model, *_, **__):
        trained.extend(name for name, p in model.named_parameters() if p.requires_grad)
        return model

    monkeypatch.setattr(compute, "train", note)
    compute.with_biases(("0", "4"), 0.1, 0)
    assert {name for name in trained if "lora" not in name} == {"0.base_layer.bias", "4.bias"}


@pytest.mark.claim("obs-digits-not-step")
def test_nor_is_it_the_step():
    accuracy, _, passing = np.moveaxis(runs.shipped()["attempts"], -1, 0)
    assert accuracy.shape == (11, 5) and accuracy.max() < 0.25 and passing.max() < 0.02
    base, parts = training.base_for("inverted")
    assert 0.6 < training.passing(base, parts["train"]) / (runs.UNITS * 1200) < 0.75


def test_moving_the_zero_changes_no_output():
    base, parts = training.base_for("inverted")
    for share in runs.SHARES:
        moved, its_parts = training.centred(base, parts, share)
        with torch.no_grad():
            torch.testing.assert_close(moved(its_parts["test"][0]), base(parts["test"][0]),
                                       atol=1e-3, rtol=1e-4)


@pytest.mark.claim("obs-digits-zero")
def test_moving_the_zero_is_the_cure():
    for r in (8, 16, 64):
        assert middle("inverted, centred", FIRST, r) > 0.9
        assert middle("inverted, centred", FIRST, r) > middle("inverted", FIRST, r) + 0.5
    assert middle("inverted, centred", "full") > middle("inverted", "full") + 0.03
    assert middle("inverted, centred", FIRST, 1) < 0.4  # now rank is a limit
    paths = np.median(runs.shipped()["paths"][:, list(runs.TRAINED).index("r = 16"), :, -1],
                      axis=1)
    accuracy, silent, passing = paths.T  # against the share taken off
    assert accuracy[:3].max() < 0.3 and silent[:3].min() > 0.9 and passing[:3].max() < 0.02
    assert accuracy[3] > 0.5 and accuracy[4] > 0.88 and silent[3:].max() < 0.2
    assert 0.4 < passing[4] < 0.6


@pytest.mark.claim("obs-digits-zero")
def test_it_is_the_cure_on_every_base_and_split():
    better = []
    for rotated, inverted in runs.shipped()["bases"]:
        found = []
        for tried in (*rotated, *inverted):  # (rates, seeds, 4), as it is and with the mean off
            best = np.median(tried[..., 0], axis=1).argmax()
            found.append(np.median(tried[best], axis=0)[1])
        assert found[2] < 0.4 and found[3] > 0.9
        better.append(found[1] > found[0])
    assert sum(better) == 5  # of six, on rotated digits


@pytest.mark.claim("obs-digits-zero")
def test_silence_comes_first():
    """Most pairs end within ten steps with nothing taken off, and the accuracy never comes."""
    paths = runs.shipped()["paths"][0, list(runs.TRAINED).index("r = 16")]  # (seeds, steps, 3)
    assert paths[:, 2:, 1].min() > 0.8
    assert paths[:, 1:, 2].max() < 0.05
    assert paths[..., 0].max() < 0.3


@pytest.mark.claim("obs-digits-zero")
def test_the_first_steps_act_on_what_all_inputs_share():
    base, parts = training.base_for("inverted")
    x, _ = parts["train"]
    model = training.train(training.prepare(base, FIRST, 16), parts["train"], 0.03, steps=5)
    with torch.no_grad():
        moved = model[0](x) - base[0](x)
    assert (moved.mean(0) ** 2).sum() > 0.97 * (moved**2).sum(1).mean()


def test_runs_that_escape_are_runs_with_units_left():
    every = runs.shipped()["bases"][:, 1, 0].reshape(-1, 4)  # inverted as it is, all rates
    assert every[every[:, 1] > 0.3, 2].max() < 0.92 < np.median(every[:, 2])


# --- the figures ---

def test_the_explorer_draws_the_runs_and_says_them():
    figure = plain_figure(figures.rotated_digits("rotated", FIRST, "LoRA", 4, 0.03))
    values = runs.shipped()["lora"][index("rotated", FIRST, "LoRA", 4, 0.03)]
    lines = [t for t in figure["data"] if t["name"] == "new task"]
    assert lines[0]["y"][runs.RANKS.index(4)] == lines[1]["y"][runs.RATES.index(0.03)]
    assert lines[0]["y"][runs.RANKS.index(4)] == pytest.approx(np.median(values[:, TEST]))
    reading = figure["layout"]["meta"]["reading"]
    assert f"{np.median(values[:, TEST]):.0%} of the test pictures" in reading
    assert "s = α/r = 2," in reading


def test_the_shipped_runs_cannot_be_changed_by_their_reader():
    for values in (*runs.shipped().values(), runs.chosen("rotated", "full")[1]):
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 0


def test_the_explorer_needs_no_torch():
    code = ("import sys; from lora_edu.chapters.rotated_digits import figures as m; "
            "m.rotated_digits(); m.moving_zero(); "
            "print(bool({'torch', 'sklearn'} & set(sys.modules)))")
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          check=True).stdout.strip() == "False"


def test_pretraining_leaves_the_global_generator_alone():
    state = torch.random.get_rng_state()
    training.make_model()
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("call", [
    lambda: training.prepare(training.make_model(), "heads"),
    lambda: training.base_for("upside down"),
    lambda: runs.chosen("rotated", "both")])
def test_unknown_names_are_refused(call):
    with pytest.raises(ValueError, match="must be one of"):
        call()


def test_the_corner_is_blank_in_every_picture():
    digits = load()
    assert max(part[:, 0].max() for part in (digits.X_train, digits.X_val, digits.X_test)) == 0


def test_the_inverted_digits_are_one_minus_the_upright_ones():
    z = figures.three_tasks()["data"][0]["z"] / 100
    upright, turned, inverted = (z[10 * i:10 * i + 8, :8] for i in range(3))  # the digit 0
    np.testing.assert_allclose(inverted, 1 - upright, atol=0.011)
    np.testing.assert_allclose(turned, np.rot90(upright), atol=0.011)
