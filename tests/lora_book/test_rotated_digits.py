"""The claims of the chapter Rotated digits: the shipped runs, made again, and what they show."""

import copy
from itertools import pairwise

import numpy as np
import pytest
import torch

from lora_book.rotated_digits import make_data, runs, training
from lora_book.shared.digits import load
from tests.book import printed_solution
from tests.lora_book.oracles import of_rank

FIRST, ALL = runs.PLACES
TEST, OLD = 1, 2
STATE = np.array([300, runs.UNITS, runs.UNITS * 1200])  # pictures, units, pairs


def middle(task, method, r=8, which=TEST):
    """Median accuracy over the seeds at the η that validation chooses."""
    return np.median(runs.chosen(task, method, r)[1][:, which])


# The shipped runs are what the code makes: to a few pictures, for another processor rounds
# otherwise, and training passes that on.

@pytest.mark.claim("obs-digits-rank", "obs-digits-not-rank")
@pytest.mark.parametrize(("task", "method", "r", "lr", "seed"), [
    ("rotated", FIRST, 4, 0.03, 0), ("rotated", ALL, 2, 0.01, 2),
    ("inverted, centred", FIRST, 16, 0.01, 0), ("rotated", "full", 8, 0.01, 0)])
def test_a_run_made_again_is_the_shipped_one(task, method, r, lr, seed):
    _, parts = training.base_for(task)
    sizes = [len(parts[which][1]) for which in ("val", "test", "old")]
    again = np.array(make_data.fit(task, method, r, lr, seed)) / sizes
    shipped = runs.tried(task, method, r)[runs.RATES.index(lr), seed]
    np.testing.assert_allclose(again, shipped, atol=0.05)


@pytest.mark.claim("obs-digits-zero")
def test_what_was_tried_on_inverted_digits_made_again_is_the_shipped_one():
    """At rates at which no run hangs by a thread."""
    shipped = runs.shipped()
    for again, kept in (
            (make_data.on_base((3, 0), "inverted", 1, 0.03, 0)[1:],
             shipped["bases"][3, 1, 1, runs.RATES.index(0.03), 0, 1:]),
            (make_data.path(1.0, "r = 16", 0)[-1], shipped["paths"][-1, 2, 0, -1])):
        np.testing.assert_allclose(again / STATE, kept, atol=0.1)


@pytest.mark.claim("obs-digits-rank")
def test_accuracy_rises_with_the_rank_and_comes_near_full():
    by_rank = [middle("rotated", FIRST, r) for r in (1, 2, 4, 8)]
    assert all(b > a + 0.02 for a, b in pairwise(by_rank))
    assert 0.45 < by_rank[0] < 0.6
    for way in (("full",), ("head",), *((FIRST, r) for r in runs.RANKS)):
        assert runs.chosen("rotated", *way)[0] in runs.RATES[1:-1]
    full = middle("rotated", "full")
    least = max(full - 0.05, middle("rotated", "head") + 0.1)
    assert all(least < middle("rotated", FIRST, r) < full for r in (8, 16, 64))


@pytest.mark.claim("obs-digits-place")
def test_at_one_rank_all_layers_win_and_at_one_count_the_first():
    for r in (1, 2):
        assert middle("rotated", ALL, r) > middle("rotated", FIRST, r) + 0.05
        assert middle("rotated", FIRST, 4) > middle("rotated", ALL, r) + 0.02
    counts = [sum(p.numel() for p in training.prepare(training.make_model(), place, r).parameters()
                  if p.requires_grad) for place, r in ((ALL, 1), (FIRST, 4), (ALL, 2))]
    assert counts == [586, 768, 1172]


@pytest.mark.claim("obs-digits-forgetting")
def test_at_the_best_rate_for_the_new_task_the_old_one_is_forgotten():
    assert runs.shipped()["frozen"][0, OLD] == pytest.approx(0.98, abs=0.01)
    ways = [("head", 8), ("full", 8), *((at, r) for at in (FIRST, ALL) for r in runs.RANKS)]
    learned = [way for way in ways if way != (FIRST, 1)]
    assert min(middle("rotated", *way) for way in learned) >= 0.7
    assert max(middle("rotated", *way, which=OLD) for way in learned) < 0.4
    for way in (("head", 8), ("full", 8), *((ALL, r) for r in (1, 2, 4, 8, 16))):
        assert middle("new classes", *way) > 0.6 and middle("new classes", *way, which=OLD) < 0.02
    # but not at any η: at 0.003 full fine-tuning learns as much and keeps more
    _, new, old = np.median(runs.tried("rotated", "full"), axis=1)[runs.RATES.index(0.003)]
    assert new > 0.9 and 0.4 < old < 0.6


@pytest.mark.claim("thm-undo")
@pytest.mark.parametrize("seed", range(3))
def test_the_undo_is_exact_for_any_invertible_change(seed):
    """With a bias, and without one where the third entry of every input is −0.7."""
    rng = np.random.default_rng(seed)
    M, W0, X = (rng.normal(size=(rows, 5)) for rows in (5, 4, 7))
    M += 3 * np.eye(5)
    t = rng.normal(size=5)
    b0 = rng.normal(size=4)
    M[2] = np.eye(5)[4]  # x'₂ = x₄ − 0.7, and x₄ is 0
    t[2] = -0.7
    X[:, 4] = 0
    delta_W, delta_b = printed_solution("ex-undo-change")(W0, b0, M, t)
    no_bias = delta_W + np.outer(delta_b, np.eye(5)[2]) / -0.7
    for delta, bias in ((delta_W, b0 + delta_b), (no_bias, b0)):
        np.testing.assert_allclose((X @ M.T + t) @ (W0 + delta).T + bias, X @ W0.T + b0, atol=1e-9)
    assert np.linalg.matrix_rank(no_bias) <= np.linalg.matrix_rank(delta_W) + 1


@pytest.mark.claim("obs-digits-not-rank")
@pytest.mark.parametrize("bias", [True, False])
def test_a_matrix_of_rank_16_does_it(bias):
    """The exact answer, −2·W0 and the sums of its rows, cut; every picture's first entry is 1."""
    base, parts = training.base_for("inverted")
    model = copy.deepcopy(base)
    W0 = base[0].weight.detach()
    delta = -2 * W0
    if bias:
        model[0].bias.data += W0.sum(dim=1)
    else:
        delta[:, 0] += W0.sum(dim=1)
    model[0].weight.data += torch.tensor(of_rank(delta.numpy(), 16))
    assert training.right(model, parts["test"]) > 0.9 * 300


@pytest.mark.claim("obs-digits-not-rank")
def test_no_rank_finds_it_and_a_seed_now_and_then_escapes():
    assert max(middle("inverted", FIRST, r) for r in runs.RANKS) < 0.25
    assert middle("inverted", "first W") < 0.4
    assert 0.8 < middle("inverted", "full") <= middle("inverted", "head")
    rates = {r: runs.chosen("inverted", FIRST, r)[0] for r in runs.RANKS}
    assert max(rates.values()) < runs.RATES[-1] > runs.chosen("inverted", "first W")[0]
    assert [r for r in rates if rates[r] == 0.001] == [4, 64]
    every = np.array([runs.tried("inverted", FIRST, r)[..., TEST] for r in runs.RANKS])
    assert every.size == 210 and (every > 0.3).sum() == 3 and (every > 0.5).sum() == 1
    assert every.max() == pytest.approx(0.82, abs=0.005)


@pytest.mark.claim("obs-digits-zero")
def test_moving_the_zero_changes_no_output_and_is_the_cure():
    base, parts = training.base_for("inverted")
    moved, its_parts = training.centred(base, parts)
    with torch.no_grad():
        torch.testing.assert_close(moved(its_parts["test"][0]), base(parts["test"][0]),
                                   atol=1e-3, rtol=1e-4)
    assert min(middle("inverted, centred", FIRST, r) for r in (8, 16, 64)) > 0.9
    assert middle("inverted, centred", "full") > middle("inverted", "full") + 0.03
    paths = runs.shipped()["paths"][:, list(runs.TRAINED).index("r = 16")]  # shares, seeds, steps
    assert paths[0, :, 1:, 2].max() < 0.05  # of the pairs pass from step 10 on
    assert 0.4 < np.median(paths[-1, :, -1, 2]) < 0.6


@pytest.mark.claim("obs-digits-zero")
def test_it_is_the_cure_on_every_base_and_split():
    for _, inverted in runs.shipped()["bases"]:  # as it is and centred, each (rates, seeds, 4)
        medians = np.median(inverted, axis=2)
        as_it_is, centred = (tried[tried[:, 0].argmax(), 1] for tried in medians)
        assert as_it_is < 0.4 and centred > 0.9


@pytest.mark.claim("obs-digits-zero")
def test_the_first_steps_act_on_what_all_inputs_share():
    """Of rotated digits as well, but there they move the units half as far, and silence fewer."""
    lengths = {}
    silent = {}
    for task in ("rotated", "inverted"):
        base, parts = training.base_for(task)
        model = training.train(training.prepare(base, FIRST, 16), parts["train"], 0.03, steps=5)
        with torch.no_grad():
            moved = model[0](parts["train"][0]) - base[0](parts["train"][0])
        lengths[task] = (moved**2).sum(1).mean().sqrt().item()
        silent[task] = training.silent(model, parts["train"])
        assert (moved.mean(0) ** 2).sum() > 0.97 * lengths[task]**2
    assert lengths["rotated"] < 0.6 * lengths["inverted"]
    assert silent["rotated"] < 0.4 * silent["inverted"]


@pytest.mark.claim("obs-digits-zero")
def test_units_that_cannot_fall_silent_do_better():
    _, parts = training.base_for("inverted")
    leaky = training.make_model()
    leaky[1] = leaky[3] = torch.nn.LeakyReLU(0.1)
    training.train(leaky, training.part(load(), "train"), training.BASE_LR, training.BASE_STEPS)
    counts = []
    for seed in range(3):
        model = training.prepare(leaky, FIRST, 16, seed=seed)
        training.train(model, parts["train"], 0.2, seed=seed)
        counts.append(training.right(model, parts["test"]))
    assert np.median(counts) > 0.7 * 300
