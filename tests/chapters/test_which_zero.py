"""Which matrix is zero: what a task prefers, what is never seen, and what the spread does."""

import math

import numpy as np
import pytest
from scipy.stats import ks_2samp

from lora_edu import SGD, STARTS, Adam, AdamW, Adapter, Momentum, Regression, initial, sweep, train
from lora_edu.chapters.shared.fits import exponent
from lora_edu.chapters.which_zero import figures
from lora_edu.chapters.which_zero import runs_swap as swap
from lora_edu.chapters.which_zero import runs_wide_layer as wide
from lora_edu.chapters.which_zero.make_data import trained

(A_RANDOM, B_RANDOM), (NARROW, BROAD) = wide.MATRICES, wide.SPREADS
EITHER = pytest.mark.parametrize("random", wide.MATRICES)


def caught(S, X, r, rng):
    """Shares of the loss that a frozen A and a frozen B remove, by least squares, (2,)."""
    Y = X @ S.T  # (n, d): what the update is to produce
    features = X @ rng.normal(size=(S.shape[1], r))  # (n, r)
    B = rng.normal(size=(len(S), r))
    rests = (Y - features @ np.linalg.lstsq(features, Y, rcond=None)[0],
             Y.T - B @ np.linalg.lstsq(B, Y.T, rcond=None)[0])
    return np.array([1 - (rest**2).sum() / (Y**2).sum() for rest in rests])


EQUAL, FALLING = np.ones(12), 1 / np.arange(1, 13)


@pytest.mark.claim("thm-frozen")
@pytest.mark.parametrize(("gamma", "r", "flat"), [
    (EQUAL, 3, 12), (EQUAL * (np.arange(12) < 5), 3, 5), (EQUAL * (np.arange(12) < 3), 3, 3),
    (FALLING**0.5, 3, 0), (FALLING**2, 1, 0)])
def test_what_a_frozen_draw_catches(gamma, r, flat):
    """gamma: the eigenvalues of the inputs' covariance, of which the first ``flat`` are equal:
    then the target is one for all draws, else it prefers no input."""
    d, k, rng = 8, 12, np.random.default_rng(5)
    X = gamma[:, None]**0.5 * np.linalg.qr(rng.normal(size=(k, k)))[0].T
    S, removed, start = rng.normal(size=(d, k)), [], []
    for _ in range(1500):
        S = S if flat else rng.normal(size=(d, k))
        start.append(((X @ S.T)**2).sum())
        removed.append(caught(S, X, r, rng) * start[-1])
    share = np.array(removed) / np.mean(start)
    (by_A, by_B), errors = share.mean(axis=0), share.std(axis=0) / math.sqrt(len(share)) + 1e-9
    assert by_B == pytest.approx(r / d, abs=3.5 * errors[1])
    if flat:
        assert by_A == pytest.approx(r / flat, abs=3.5 * errors[0])
    else:
        assert r / k + 4 * errors[0] < by_A < gamma[:r].sum() / gamma.sum()


@pytest.mark.claim("obs-few-inputs")
def test_few_directions_in_put_a_random_a_ahead_the_fewer_the_more():
    logs = np.empty((5, 12, 2))  # of the loss left: m = 64, …, 4; tasks; A random and B random
    for i, seed in np.ndindex(5, 12):
        runs = sweep(swap.narrow_task(64 >> i, seed), r=4, alpha=4, start=STARTS[:2], steps=10,
                     lr=np.geomspace(0.003, 0.5, 16).round(4), seed=100 + seed, distribution=1 / 8)
        left = runs.loss[0, 0, :, :, 0, -1] / runs.loss[0, 0, 0, 0, 0, 0]  # (rates, starts)
        assert set(left.argmin(axis=0)).isdisjoint({0, len(left) - 1})
        logs[i, seed] = np.log(left.min(axis=0))
    np.testing.assert_allclose(np.log(swap.losses_left(10))[::-1], logs)
    gaps = logs[..., 1] - logs[..., 0]
    means, errors = gaps.mean(axis=1), gaps.std(axis=1, ddof=1) / math.sqrt(12)
    assert abs(means[0]) < 2 * errors[0] and (means[1:] > 4 * errors[1:]).all()
    assert 5 < math.exp(means[-1]) < 7.2 and (np.diff(means) > 0).all()
    assert (np.diff(logs[..., 1].mean(axis=1)) > 0).all()


@pytest.mark.claim("cor-wide-draw")
@EITHER
def test_a_draw_four_times_too_wide_is_a_pair_of_unequal_rates_bit_for_bit(random):
    layer, Z = wide.draw_task(64, seed=0)
    A, B = wide.start_pair(random, NARROW, Z)
    c, lr, eps = 4.0, 0.01, 1e-8
    order = slice(None, None, -1 if random == A_RANDOM else 1)

    def losses(times, zero=1.0, drawn=1.0):
        """zero, drawn: the factors on the rates of the zero matrix and of the drawn one."""
        optimiser = Adam(lr=(zero * lr, drawn * lr)[order], eps=(eps / zero, eps / drawn)[order])
        return train(layer, Adapter(times * A, times * B, 1.0), optimiser, 50).loss

    assert np.array_equal(losses(c), losses(1, c, 1 / c))
    assert np.array_equal(losses(1), losses(c, 1 / c, c))
    assert not np.allclose(losses(1), losses(c), rtol=0.01)


@pytest.mark.claim("thm-unseen")
@pytest.mark.parametrize("optimiser", [
    SGD(0.05), SGD(0.05, weight_decay=0.1), Momentum(0.02), Adam(0.01),
    Adam(0.01, weight_decay=0.1), AdamW(0.01, weight_decay=0.5)])
def test_what_training_never_sees_stays_if_a_starts_at_zero(optimiser):
    """A direction orthogonal to all inputs; under Adam, only one of the coordinate axes."""
    task = swap.narrow_task(5, 0, 12, 20)
    axis = Regression(task.W0, task.W_star, task.X * (np.arange(20) > 0))
    for given, x in ((task, np.linalg.svd(task.X)[2][-1]), (axis, np.eye(20)[0])):
        keeps = given is axis or not isinstance(optimiser, Adam)
        for start in STARTS[:2]:
            A, B = initial(12, 20, 3, start, 0.2, rng=np.random.default_rng(1))
            end = train(given, Adapter(A, B, 1.0), optimiser, 40).adapter
            if optimiser.weight_decay == 0:
                assert np.allclose(end.A @ x, A @ x, rtol=0, atol=1e-12) == keeps
            stays = np.allclose(end.delta() @ x, 0, atol=1e-12)
            assert stays == (keeps and not A.any())


def losses_at(n, seed, random, spread, rates, steps=1):
    """The losses after so many steps of Adam on a fresh wide layer, (rates,)."""
    layer, Z = wide.draw_task(n, seed)
    return wide.train_rates(layer, *wide.start_pair(random, spread, Z), rates, steps)[0][:, -1]


@pytest.mark.claim("thm-same-law")
def test_the_letters_have_one_distribution_of_losses_and_the_spreads_two():
    count = 400
    one, other, broad = (
        [losses_at(24, i * count + j, *start, [0.02], 3)[0] for j in range(count)]
        for i, start in enumerate([(A_RANDOM, NARROW), (B_RANDOM, NARROW), (B_RANDOM, BROAD)]))
    assert ks_2samp(one, other).pvalue > 0.001 and ks_2samp(other, broad).pvalue < 1e-6


@pytest.mark.claim("thm-one-step-spread")
@EITHER
def test_after_one_step_only_the_product_of_rate_and_spread_counts(random):
    rates, ratio = np.geomspace(0.001, 0.02, 5), math.sqrt(64 / wide.R)  # of the two spreads
    np.testing.assert_allclose(losses_at(64, 0, random, BROAD, rates),
                               losses_at(64, 0, random, NARROW, ratio * rates), rtol=1e-4)


@pytest.mark.claim("thm-one-step-spread")
@pytest.mark.parametrize(("start", "axis"), [(STARTS[0], 1), (STARTS[1], 0)])
def test_the_useful_part_of_the_first_step_is_the_sum_of_the_norms(start, axis):
    """The mean is taken over the components of one run."""
    r, rng = 40_000, np.random.default_rng(0)
    task = Regression(np.zeros((6, 9)), rng.normal(size=(6, 9)), rng.normal(size=(50, 9)))
    A, B = initial(6, 9, r, start, 0.3, rng=rng)
    useful = train(task, Adapter(A, B, 1.5), Adam(0.01, eps=1e-30), 1).useful[1]
    norms = np.linalg.norm(task.gradient(task.W0), axis=axis).sum()
    assert useful == pytest.approx(0.01 * 1.5 * 0.3 * r * math.sqrt(2 / math.pi) * norms, rel=0.01)


@EITHER
@pytest.mark.parametrize("ratio", [1.0, 8.0])
def test_a_stack_of_wide_runs_is_each_run_trained_alone(random, ratio):
    layer, Z = wide.draw_task(40, seed=2)
    A, B = wide.start_pair(random, BROAD, Z)
    [loss], [reach] = wide.train_rates(layer, A, B, [0.01], 12, ratio)
    alone = train(layer, Adapter(A, B, 1.0), Adam((0.01, ratio * 0.01)), 12)
    np.testing.assert_allclose(loss, alone.loss, rtol=1e-9)
    AX = alone.adapter.A @ layer.X.T
    assert reach[-1] == pytest.approx(np.sqrt((AX**2).mean()), rel=1e-9)


@pytest.mark.parametrize("index", [(0, 0, 0, 3), (2, 1, 1, 0), (3, 0, 1, 9), (4, 1, 0, 5)])
def test_the_stored_study_is_what_training_gives(index):
    loss, reach = trained(index)
    kept = wide.stored()
    np.testing.assert_allclose(kept["loss"][index], loss.clip(max=wide.LOST), rtol=1e-4)
    np.testing.assert_allclose(kept["reach"][index], reach, rtol=1e-4)


@pytest.mark.claim("obs-width-rates", "obs-eight-steps")
@pytest.mark.parametrize(("quantity", "steps", "start", "low", "high"), [
    *(("best", 1, (random, NARROW), -0.52, -0.41) for random in wide.MATRICES),
    *(("best", 1, (random, BROAD), -1.01, -0.92) for random in wide.MATRICES),
    *(("best", steps, (random, NARROW), -0.83, -0.67)
      for random in wide.MATRICES for steps in (2, 4, 8, 16, 32)),
    *(("best", steps, (random, BROAD), *ends) for random in wide.MATRICES
      for steps, ends in ((2, (-1.13, -1.01)), (4, (-1.13, -1.01)), (32, (-0.78, -0.68)))),
    ("reach", 8, (A_RANDOM, NARROW), 0.19, 0.31), ("reach", 8, (B_RANDOM, NARROW), 0.19, 0.31),
    ("reach", 8, (A_RANDOM, BROAD), 0.44, 0.56), ("reach", 8, (B_RANDOM, BROAD), -0.06, 0.06)])
def test_the_powers_of_the_width_are_as_stated(quantity, steps, start, low, high):
    at = wide.MATRICES.index(start[0]), wide.SPREADS.index(start[1])
    found, error = exponent(wide.WIDTHS, wide.after(steps)[quantity][:, *at])
    assert error <= 0.054 and low < found < high


def moved(random, spread, n, steps):
    """How far the random matrix and what the task sees of it (A·x, or B's readouts) have moved
    over their lengths, and the cosine of the latter; means over the tasks, each at its best η."""
    i, j = wide.MATRICES.index(random), wide.SPREADS.index(spread)
    found = []
    for seed, lr in enumerate(wide.after(steps)["best"][wide.WIDTHS.index(n), i, j]):
        layer, Z = wide.draw_task(n, seed)
        pair = wide.start_pair(random, spread, Z)
        ends = pair[i], wide.trained_pair(layer, *pair, lr, steps)[i]
        seen = [layer.P @ M if i else M @ layer.X.T for M in ends]
        shares = [np.linalg.norm(new - old) / np.linalg.norm(old) for old, new in (ends, seen)]
        found.append((*shares, np.vdot(*seen) / np.prod([np.linalg.norm(M) for M in seen])))
    return np.mean(found, axis=0)


@pytest.mark.claim("obs-eight-steps")
@EITHER
def test_the_broad_draw_moves_little_whatever_the_letter(random):
    (matrix, seen, _), (most, far, _) = (moved(random, s, 256, 8) for s in (BROAD, NARROW))
    assert matrix < 0.1 and most == pytest.approx(0.4, abs=0.05)
    assert seen == pytest.approx(0.43, abs=0.06) and far > 1.5


@pytest.mark.claim("obs-draw-remembered")
@EITHER
def test_after_32_steps_the_wide_draw_is_not_forgotten(random):
    (_, broad, cosines), (_, narrow, _) = (
        np.transpose([moved(random, spread, n, 32) for n in (64, 512, 2048)])
        for spread in (BROAD, NARROW))
    assert broad[[0, -1]] == pytest.approx([1.05, 0.73], abs=0.1)
    assert cosines[-1] == pytest.approx(0.68, abs=0.08)
    assert (np.diff(broad) < 0).all() and (np.diff(narrow) > 0).all()
    assert narrow[0] > 1.6 and 3.5 < narrow[-1] < 4.8


@pytest.mark.claim("obs-draw-remembered")
def test_after_32_steps_the_draws_have_nearly_one_rate_and_two_losses():
    """A random, as in the printed table; the slopes are those against log2 of the width."""
    best, least = (np.log(wide.after(32)[name])[:, 0] for name in ("best", "least"))
    rates, losses = best[:, 0] - best[:, 1], least[:, 1] - least[:, 0]  # (widths, tasks)
    ratio, gaps = (np.exp(values.mean(axis=-1)) for values in (rates, losses))
    assert ratio.min() > 1.05 and ratio.max() < 1.55
    errors = rates.std(axis=-1, ddof=1) / np.sqrt(rates.shape[-1])
    assert np.sum(np.log(ratio) < 2 * errors) == 3  # not told from 1
    assert 0.98 < gaps[0] < 1.08 and 1.2 < gaps[-1] < 1.65
    for values, grows in ((rates, False), (losses, True)):
        slopes = np.polyfit(np.log2(wide.WIDTHS), values, 1)[0]
        error = slopes.std(ddof=1) / math.sqrt(len(slopes))
        assert slopes.mean() > 3 * error if grows else abs(slopes.mean()) < 2.5 * error


@pytest.mark.claim("obs-eight-steps")
@pytest.mark.parametrize("i", [0, 1])
def test_the_broad_draw_leaves_twice_the_loss_at_either_rate_and_catches_up(i):
    loss = wide.left(8)[-1]  # n = 2048: (matrices, spreads, seeds, rates)
    tuned = loss[0, 0].argmin(axis=-1)[:, None]
    own = np.median(loss.min(axis=-1), axis=-1)  # (matrices, spreads)
    borrowed = np.median(np.take_along_axis(loss[i, 1], tuned, axis=1))
    assert 1.7 < own[i, 1] / own[0, 0] <= borrowed / own[0, 0] < 2.7
    small, late = np.median(wide.left(32)[[0, -1], i].min(axis=-1), axis=-1)
    assert small[1] / small[0] < 1.1 < late[1] / late[0] < 1.7


@pytest.mark.claim("obs-loraplus-ratio")
def test_a_ratio_of_the_rates_wins_little_and_a_ratio_of_n_loses():
    found = []
    for n in (64, 256, 1024):
        losses = []
        for seed in range(10):
            layer, Z = wide.draw_task(n, seed)
            pair = wide.start_pair(A_RANDOM, NARROW, Z)
            losses.append([wide.train_rates(layer, *pair, np.array(wide.RATES) / rho**0.5, 8, rho)[
                0][:, 8] for rho in (1, 4, 16, 64, n)])
        wide.best_rates(np.array(losses))  # raises if one is at the edge
        one, *others = np.log(np.min(losses, axis=2)).T
        found.append(np.exp([(other - one).mean() for other in others]))
    four, sixteen, sixty_four, width = np.transpose(found)
    assert four.min() > 0.935 and four.max() < 1.03
    assert sixteen[0] > 1.2 and sixteen[1:].min() > 0.935 and sixteen[1:].max() < 1.065
    assert sixty_four[:2].min() > 1.3 and sixty_four[2] == pytest.approx(1.06, abs=0.1)
    assert (np.diff(sixty_four) < 0).all() and width.min() > 1.7 and width.max() < 2.5


def test_the_figures_say_what_the_study_found():
    study = wide.left(32)[-1]  # n = 2048: (matrices, spreads, seeds, rates)
    best = np.exp(np.log(wide.best_rates(study)).mean(axis=-1))
    after = np.log(wide.after(32)["least"][-1]).mean(axis=-1)  # (matrices, spreads)
    ratio = np.exp(after[1, 1] - after[1, 0])
    said = figures.which_zero(2048, 32)["layout"]["title"]["text"]
    assert f"best η ÷ {best[1, 0] / best[1, 1]:.2g}, loss × {ratio:.2g}" in said
    power_of_n, _ = exponent(wide.WIDTHS, wide.after(8)["best"][:, 0, 0])
    assert f"A, 1/√n: −{-power_of_n:.2f} ±" in figures.widths()["layout"]["meta"]["reading"]
    assert figures.widths("loss left", 32)["layout"]["title"]["text"].endswith(f"× {ratio:.2g}")
