"""The claims of the chapter Rotated digits: the shipped runs, made again, and what they show."""

import copy
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
import torch

from lora_edu.digits import load
from lora_edu.explore.first_frame import first_frame
from lora_edu.explore.states import plain_figure
from lora_edu.figures import rotated_digits as shipped
from lora_edu.figures import rotated_map as made
from lora_edu.figures.digit_rows import digit_rows
from lora_edu.nn import set_adapter, unload

torch.set_num_threads(1)

FIRST, ALL = shipped.PLACES
TEST, OLD = 1, 2


def mean(task, method, r=8, rule="LoRA", which=TEST):
    """Mean accuracy over the seeds at the η that validation chooses."""
    return shipped.chosen(task, method, r, rule)[1][:, which].mean()


def index(task, place, rule, r, lr):
    return (shipped.TASKS.index(task), shipped.PLACES.index(place), list(shipped.RULES).index(rule),
            shipped.RANKS.index(r), shipped.RATES.index(lr))


# --- the shipped runs are what the code makes ---

@pytest.mark.parametrize(("task", "place", "rule", "r", "lr", "seed"), [
    ("rotated", FIRST, "LoRA", 4, 0.03, 0), ("rotated", FIRST, "unscaled", 8, 0.01, 1),
    ("rotated", ALL, "rsLoRA", 2, 0.01, 2), ("new classes", ALL, "LoRA", 4, 0.03, 0),
    ("inverted", FIRST, "LoRA", 16, 0.03, 1),
    ("inverted, centred", FIRST, "unscaled", 16, 0.01, 0)])
def test_a_run_made_again_is_the_shipped_one(task, place, rule, r, lr, seed):
    """To a few pictures: another processor rounds otherwise, and training passes that on."""
    _, parts = made.base_for(task)
    counts = made.fit(task, place, lr, seed, r, rule)
    again = np.array(counts) / [len(parts[which][1]) for which in ("val", "test", "old")]
    np.testing.assert_allclose(again, shipped.runs()["lora"][index(task, place, rule, r, lr)][seed],
                               atol=0.05)


@pytest.mark.parametrize(("task", "method", "lr"), [
    ("rotated", "full", 0.01), ("inverted", "head", 0.03)])
def test_head_and_full_made_again_are_the_shipped_ones(task, method, lr):
    _, parts = made.base_for(task)
    values = shipped.runs()["others"][shipped.TASKS.index(task), shipped.METHODS.index(method),
                                      shipped.RATES.index(lr), 0]
    again = np.array(made.fit(task, method, lr, 0)) / [
        len(parts[which][1]) for which in ("val", "test", "old")]
    np.testing.assert_allclose(again, values, atol=0.05)


@pytest.mark.parametrize("share", (0.0, 1.0))
def test_a_path_made_again_is_the_shipped_one(share):
    again = np.array(made.path(share, "r = 16", 0)) / [300, shipped.UNITS]
    kept = shipped.runs()["paths"][shipped.SHARES.index(share), 2, 0]
    np.testing.assert_allclose(again[0], kept[0], atol=0.01)
    np.testing.assert_allclose(again[-1], kept[-1], atol=0.06)


def test_the_rate_is_chosen_on_validation_and_not_on_test(monkeypatch):
    others = np.zeros((4, 2, len(shipped.RATES), shipped.SEEDS, 3))
    others[0, 0, 1, :, 0] = 0.9  # best on validation
    others[0, 0, 3, :, 1] = 0.9  # best on test
    monkeypatch.setattr(shipped, "runs", lambda: {"others": others})
    assert shipped.chosen("rotated", "head")[0] == shipped.RATES[1]


def test_the_validation_and_test_pictures_are_no_training_pictures():
    _, parts = made.base_for("rotated")
    rows = [{row.numpy().tobytes() for row in parts[which][0]}
            for which in ("train", "val", "test")]
    assert sum(map(len, rows)) == 1797 == len(set.union(*rows))


# --- what rank, rule and place do ---

def test_accuracy_rises_with_the_rank_and_comes_near_full():
    by_rank = [mean("rotated", FIRST, r) for r in (1, 2, 4, 8)]
    assert all(b > a + 0.02 for a, b in pairwise(by_rank))
    assert by_rank[0] < 0.65
    for r in (8, 16):
        assert mean("rotated", "full") - 0.06 < mean("rotated", FIRST, r)
        assert mean("rotated", FIRST, r) > mean("rotated", "head") + 0.1


def test_at_one_rank_all_layers_win_and_at_one_count_the_first():
    assert mean("rotated", ALL, 1) > mean("rotated", FIRST, 1) + 0.15
    assert mean("rotated", FIRST, 4) > mean("rotated", ALL, 1) + 0.05
    counts = [sum(p.numel() for p in made.prepare(made.make_model(), place, r).parameters()
                  if p.requires_grad) for place, r in ((ALL, 1), (FIRST, 4), (ALL, 2))]
    assert counts == sorted(counts)


def test_the_rule_moves_the_best_rate_and_hardly_the_best_accuracy():
    tops = [mean("rotated", FIRST, 64, rule) for rule in shipped.RULES]
    assert max(tops) - min(tops) < 0.05
    rates = [shipped.chosen("rotated", FIRST, 64, rule)[0] for rule in shipped.RULES]
    assert rates[0] > rates[2]  # s = 1/8 needs a larger η than s = 1


def test_a_large_rate_wrecks_three_adapters_and_not_one():
    for place, low, high in ((FIRST, 0.45, 1), (ALL, 0, 0.25)):
        values = shipped.runs()["lora"][index("rotated", place, "LoRA", 8, 0.1)]
        assert low <= values[:, TEST].mean() <= high


# --- forgetting ---

def test_removal_gives_back_every_bit():
    base, parts = made.base_for("rotated")
    with torch.no_grad():
        before = base(parts["old"][0])
    model = made.train(made.prepare(base, ALL, 4), parts["train"], 0.03, steps=30)
    assert made.right(model, parts["old"]) < 0.9 * made.right(base, parts["old"])
    set_adapter(model, [])
    with torch.no_grad():
        assert torch.equal(model(parts["old"][0]), before)
    unload(model)
    assert all(torch.equal(a, b)
               for a, b in zip(model.parameters(), base.parameters(), strict=True))


def test_whatever_learns_the_new_classes_forgets_the_old():
    t = shipped.TASKS.index("new classes")
    assert shipped.runs()["frozen"][t, OLD] > 0.95 > 0.01 >= shipped.runs()["frozen"][t, TEST]
    for way in (("head", 8), ("full", 8), *((ALL, r) for r in (1, 2, 4, 8, 16))):
        assert mean("new classes", *way) > 0.6 and mean("new classes", *way, which=OLD) < 0.05
    for r in shipped.RANKS:
        assert mean("new classes", FIRST, r) < 0.02
        assert mean("new classes", FIRST, r, which=OLD) > 0.6


def test_silent_units_are_not_why_the_first_layer_fails_on_new_classes():
    base, parts = made.centred(*made.base_for("new classes"))
    model = made.train(made.prepare(base, FIRST, 16), parts["train"], 0.03)
    assert made.silent(model, parts["train"]) < 0.2 * shipped.UNITS
    assert made.right(model, parts["test"]) < 0.05 * len(parts["test"][1])


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


@pytest.mark.parametrize("bias", (True, False))
def test_the_exact_answer_computes_what_the_base_computes(bias):
    base, parts = made.base_for("inverted")
    with torch.no_grad():
        np.testing.assert_allclose(exact_answer(base, parts, bias=bias)(parts["test"][0]),
                                   base(1 - parts["test"][0]), atol=1e-3)
    assert np.linalg.matrix_rank(base[0].weight.detach().numpy()) == 64


def test_a_rotation_asks_for_rank_48():
    pixels = np.arange(64).reshape(8, 8)
    turn = np.eye(64)[np.rot90(pixels).ravel()]
    assert np.linalg.matrix_rank(turn - np.eye(64)) == 48


def test_rank_is_not_the_reason():
    """A matrix of rank 16 does it, and neither LoRA of rank 64 nor the whole weight finds one."""
    base, parts = made.base_for("inverted")
    for bias in (True, False):
        assert made.right(exact_answer(base, parts, 16, bias), parts["test"]) > 0.9 * 300
    assert max(mean("inverted", FIRST, r) for r in shipped.RANKS) < 0.4
    whole = shipped.runs()["paths"][0, -1, :, -1]
    assert whole[:, 0].max() < 0.5
    assert 0.85 < mean("inverted", "full") < mean("inverted", "head") + 0.02


def test_full_fine_tuning_uses_less_rank_where_lora_fails():
    ranks = {}
    for task in ("rotated", "inverted"):
        base, parts = made.base_for(task)
        full = made.train(made.prepare(base, "full"), parts["train"], 0.01)
        sigma = np.linalg.svd((full[0].weight - base[0].weight).detach().numpy(), compute_uv=False)
        ranks[task] = int((np.cumsum(sigma**2) < 0.9 * np.sum(sigma**2)).sum()) + 1
    assert ranks["inverted"] + 2 < ranks["rotated"]


def test_units_that_cannot_fall_silent_do_better():
    _, parts = made.base_for("inverted")
    leaky = made.make_model()
    leaky[1] = leaky[3] = torch.nn.LeakyReLU(0.1)
    made.train(leaky, made.part(load(), "train"), made.BASE_LR, made.BASE_STEPS)
    model = made.train(made.prepare(leaky, FIRST, 16), parts["train"], 0.1)
    assert 0.55 * 300 < made.right(model, parts["test"]) < 0.93 * 300


def test_black_on_white_from_the_start_fails_in_part():
    """The same network pretrained on inverted digits; upright ones share less, and still a lot."""
    _, inverted = made.base_for("inverted")
    base = made.train(made.make_model(), inverted["train"], made.BASE_LR, made.BASE_STEPS)
    parts = {which: made.part(load(), which) for which in ("train", "test")}
    found = []
    for start, pictures in ((base, parts), made.centred(base, parts)):
        model = made.train(made.prepare(start, FIRST, 16), pictures["train"], 0.03)
        found.append(made.right(model, pictures["test"]) / 300)
    assert 0.3 < found[0] < 0.8 and found[1] > 0.9


def test_nor_is_it_the_bias():
    base, parts = made.base_for("inverted")
    model = made.prepare(base, FIRST, 16)
    model[0].base_layer.bias.requires_grad_(True)
    made.train(model, parts["train"], 0.03)
    assert made.right(model, parts["test"]) < 0.5 * 300


def test_moving_the_zero_changes_no_output():
    base, parts = made.base_for("inverted")
    for share in shipped.SHARES:
        moved, its_parts = made.centred(base, parts, share)
        with torch.no_grad():
            torch.testing.assert_close(moved(its_parts["test"][0]), base(parts["test"][0]),
                                       atol=1e-3, rtol=1e-4)


def test_moving_the_zero_is_the_cure():
    assert mean("inverted, centred", FIRST, 16) > 0.88
    assert mean("inverted, centred", FIRST, 16) > mean("inverted", FIRST, 16) + 0.5
    assert mean("inverted, centred", "full") > mean("inverted", "full") + 0.03
    assert mean("inverted, centred", FIRST, 1) < 0.4  # now rank is a limit
    paths = shipped.runs()["paths"][:, list(shipped.TRAINED).index("r = 16"), :, -1].mean(axis=1)
    accuracy, silent = paths.T  # against the share taken off
    assert accuracy[:3].max() < 0.3 and silent[:3].min() > 0.9
    assert accuracy[3] > 0.5 and accuracy[4] > 0.88 and silent[3:].max() < 0.2


def test_silence_comes_first():
    """Most units are silent after twenty steps with nothing taken off, and stay so."""
    paths = shipped.runs()["paths"][0, list(shipped.TRAINED).index("r = 16")]  # (seeds, steps, 2)
    assert paths[:, 2:, 1].min() > 0.8
    assert paths[..., 0].max() < 0.3


# --- the figures ---

@pytest.mark.parametrize("figure", [
    shipped.rotated_digits(), shipped.rotated_digits("new classes", ALL, "unscaled", 64, 0.1),
    shipped.moving_zero(), shipped.moving_zero(1.0, "all of W"),
    digit_rows({"one": np.eye(4)[:, :4], "two": np.ones((4, 4))}, "two rows")])
def test_a_first_frame_can_be_drawn(figure):
    assert "<svg" in first_frame(plain_figure(figure), 380, 570)


def test_the_explorer_draws_the_runs_and_says_them():
    figure = plain_figure(shipped.rotated_digits("rotated", FIRST, "LoRA", 4, 0.03))
    values = shipped.runs()["lora"][index("rotated", FIRST, "LoRA", 4, 0.03)]
    lines = [t for t in figure["data"] if t["name"] == "new task"]
    assert lines[0]["y"][shipped.RANKS.index(4)] == lines[1]["y"][shipped.RATES.index(0.03)]
    assert lines[0]["y"][shipped.RANKS.index(4)] == pytest.approx(values[:, TEST].mean())
    reading = figure["layout"]["meta"]["reading"]
    assert f"{values[:, TEST].mean():.0%} of the test pictures" in reading
    assert "s = α/r = 2," in reading


def test_pictures_of_unlike_shapes_are_refused():
    with pytest.raises(ValueError, match="equally many square pictures"):
        digit_rows({"one": np.ones((3, 64)), "two": np.ones((4, 64))}, "")
    with pytest.raises(ValueError, match="equally many square pictures"):
        digit_rows({"one": np.ones((3, 60))}, "")


def test_the_explorer_needs_no_torch():
    code = ("import sys; from lora_edu.figures import rotated_digits as m; m.rotated_digits(); "
            "m.moving_zero(); print(bool({'torch', 'sklearn'} & set(sys.modules)))")
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          check=True).stdout.strip() == "False"


def test_pretraining_leaves_the_global_generator_alone():
    state = torch.random.get_rng_state()
    made.make_model()
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("call", [
    lambda: made.prepare(made.make_model(), "heads"), lambda: made.base_for("upside down"),
    lambda: shipped.chosen("rotated", "both")])
def test_unknown_names_are_refused(call):
    with pytest.raises(ValueError, match="must be one of"):
        call()


def test_the_corner_is_blank_in_every_picture():
    digits = load()
    assert max(part[:, 0].max() for part in (digits.X_train, digits.X_val, digits.X_test)) == 0
