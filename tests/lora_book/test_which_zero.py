"""Which matrix is zero: what a task prefers, what is never seen, and what the spread does."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import ks_2samp, sem

from lora_book.shared.fits import exponent
from lora_book.which_zero import runs_swap as swap
from lora_book.which_zero import runs_wide_layer as wide
from lora_book.which_zero.make_data import trained
from lora_edu import SGD, STARTS, Adam, AdamW, Adapter, Momentum, Regression, initial, train

A_RANDOM, B_RANDOM = wide.MATRICES
NARROW, BROAD = wide.SPREADS
EITHER = pytest.mark.parametrize("random", wide.MATRICES)


def removed_by_frozen(S, X, r, rng):
    """What a frozen A and a frozen B take off the squared error, by least squares, (2,)."""
    Y = X @ S.T  # (n, d): what the update is to produce
    features = X @ rng.normal(size=(S.shape[1], r))  # (n, r)
    B = rng.normal(size=(len(S), r))
    left = (Y - features @ np.linalg.lstsq(features, Y, rcond=None)[0],
            Y.T - B @ np.linalg.lstsq(B, Y.T, rcond=None)[0])
    return np.array([(Y**2).sum() - (error**2).sum() for error in left])


EQUAL = np.ones(12)
FALLING = 1 / np.arange(1, 13)


@pytest.mark.claim("thm-frozen")
@pytest.mark.parametrize(("gamma", "r", "flat"), [
    (EQUAL, 3, 12), (EQUAL * (np.arange(12) < 5), 3, 5), (EQUAL * (np.arange(12) < 3), 3, 3),
    (FALLING**0.5, 3, 0), (FALLING**2, 1, 0)])
def test_what_a_frozen_draw_catches(gamma, r, flat):
    """gamma: the eigenvalues of the inputs' covariance, of which the first ``flat`` are equal:
    then the target is one for all draws, else it prefers no input."""
    d, k, draws = 8, 12, 1500
    rng = np.random.default_rng(5)
    X = gamma[:, None]**0.5 * np.linalg.qr(rng.normal(size=(k, k)))[0].T
    targets = rng.normal(size=(1 if flat else draws, d, k))
    removed = [removed_by_frozen(targets[i % len(targets)], X, r, rng) for i in range(draws)]
    shares = removed / np.mean([((X @ S.T)**2).sum() for S in targets])
    by_A, by_B = shares.mean(axis=0)
    errors = sem(shares) + 1e-9
    assert by_B == pytest.approx(r / d, abs=3.5 * errors[1])
    if flat:
        assert by_A == pytest.approx(r / flat, abs=3.5 * errors[0])
    else:
        assert r / k + 4 * errors[0] < by_A < gamma[:r].sum() / gamma.sum()


@pytest.mark.claim("obs-few-inputs")
def test_few_directions_in_put_a_random_a_ahead_the_fewer_the_more(monkeypatch):
    left = swap.losses_left(10)  # m = 4, …, 64; tasks; A random and B random
    one_start = Adapter(*initial(64, 64, 4, STARTS[0], 1 / 8, rng=np.random.default_rng(100)), 1.0)
    losses = [train(swap.narrow_task(4, 0), one_start, Adam(lr), 10).loss for lr in swap.RATES]
    assert left[0, 0, 0] == pytest.approx(min(loss[-1] / loss[0] for loss in losses))
    monkeypatch.setattr(swap, "RATES", swap.RATES[1:-1])
    assert np.array_equal(left, swap.losses_left.__wrapped__(10))  # no best rate is at an end
    gaps = np.diff(np.log(left))[..., 0]
    means = gaps.mean(axis=1)
    errors = sem(gaps, axis=1)
    assert (means[:-1] > 4 * errors[:-1]).all() and abs(means[-1]) < 2 * errors[-1]
    assert (np.diff(means) < 0).all()
    assert 5 < math.exp(means[0]) < 7.2


@pytest.mark.claim("cor-wide-draw")
@EITHER
def test_a_draw_four_times_too_wide_is_a_pair_of_unequal_rates_bit_for_bit(random):
    layer, Z = wide.draw_task(64, seed=0)
    A, B = wide.start_pair(random, NARROW, Z)
    drawn = np.array([random == A_RANDOM, random == B_RANDOM])  # of A and B

    def losses(width, power):
        """power: of 4, in the factor on the drawn matrix's rate; the other's is the inverse."""
        factors = 4.0 ** np.where(drawn, power, -power)
        optimiser = Adam(lr=tuple(0.01 * factors), eps=tuple(1e-8 / factors))
        return train(layer, Adapter(width * A, width * B, 1.0), optimiser, 50).loss

    assert np.array_equal(losses(4.0, 0), losses(1.0, -1))
    assert np.array_equal(losses(1.0, 0), losses(4.0, 1))
    assert not np.allclose(losses(1.0, 0), losses(4.0, 0), rtol=0.01)


@pytest.mark.claim("thm-unseen")
@pytest.mark.parametrize("optimiser", [
    SGD(0.05), SGD(0.05, weight_decay=0.1), Momentum(0.02), Adam(0.01),
    AdamW(0.01, weight_decay=0.5)])
@pytest.mark.parametrize("on_an_axis", [True, False])
def test_what_training_never_sees_stays_if_a_starts_at_zero(optimiser, on_an_axis):
    """A direction orthogonal to all inputs; under Adam, only one of the coordinate axes."""
    task = swap.narrow_task(5, 0, 12, 20)
    x = np.linalg.svd(task.X)[2][-1]
    if on_an_axis:
        task = Regression(task.W0, task.W_star, task.X * (np.arange(20) > 0))
        x = np.eye(20)[0]
    keeps = on_an_axis or not isinstance(optimiser, Adam)
    for start in STARTS[:2]:
        A, B = initial(12, 20, 3, start, 0.2, rng=np.random.default_rng(1))
        end = train(task, Adapter(A, B, 1.0), optimiser, 40).adapter
        if optimiser.weight_decay == 0:
            assert np.allclose(end.A @ x, A @ x, rtol=0, atol=1e-12) == keeps
        stays = np.allclose(end.delta() @ x, 0, atol=1e-12)
        assert stays == (keeps and not A.any())


def losses_at(n, seed, random, spread, rates, steps=1):
    """The losses after so many steps of Adam on a fresh wide layer, (rates,)."""
    layer, Z = wide.draw_task(n, seed)
    return wide.train_rates(layer, *wide.start_pair(random, spread, Z), rates, steps)[:, -1]


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
    rates = np.geomspace(0.001, 0.02, 5)
    ratio = math.sqrt(64 / wide.R)  # of the two spreads
    np.testing.assert_allclose(losses_at(64, 0, random, BROAD, rates),
                               losses_at(64, 0, random, NARROW, ratio * rates), rtol=1e-4)


@pytest.mark.claim("thm-one-step-spread")
@pytest.mark.parametrize(("start", "axis"), [(STARTS[0], 1), (STARTS[1], 0)])
def test_the_useful_part_of_the_first_step_is_the_sum_of_the_norms(start, axis):
    """The mean is taken over the components of one run."""
    r = 40_000
    rng = np.random.default_rng(0)
    task = Regression(np.zeros((6, 9)), rng.normal(size=(6, 9)), rng.normal(size=(50, 9)))
    A, B = initial(6, 9, r, start, 0.3, rng=rng)
    useful = train(task, Adapter(A, B, 1.5), Adam(0.01, eps=1e-30), 1).useful[1]
    norms = np.linalg.norm(task.gradient(task.W0), axis=axis).sum()
    assert useful == pytest.approx(0.01 * 1.5 * 0.3 * r * math.sqrt(2 / math.pi) * norms, rel=0.01)


@EITHER
def test_a_stack_of_wide_runs_is_each_run_trained_alone(random):
    layer, Z = wide.draw_task(40, seed=2)
    A, B = wide.start_pair(random, BROAD, Z)
    [loss] = wide.train_rates(layer, A, B, [0.01], 12)
    alone = train(layer, Adapter(A, B, 1.0), Adam(0.01), 12)
    np.testing.assert_allclose(loss, alone.loss, rtol=1e-9)


@pytest.mark.parametrize("index", [(0, 0, 0, 3), (2, 1, 1, 0), (3, 0, 1, 9), (4, 1, 0, 5)])
def test_the_stored_study_is_what_training_gives(index):
    width, random, spread, seed = index
    loss = trained(wide.WIDTHS[width], wide.MATRICES[random], wide.SPREADS[spread], seed)
    loss = loss.clip(max=wide.LOST)
    np.testing.assert_allclose(wide.stored()[index], loss, rtol=1e-4)


def best_rates(random, spread, steps):
    """Of a start, (widths, seeds)."""
    return wide.after(steps)["best"][:, wide.MATRICES.index(random), wide.SPREADS.index(spread)]


@pytest.mark.claim("obs-width-rates")
@pytest.mark.parametrize(("spread", "ends"), [
    (NARROW, {1: (-0.52, -0.41)} | dict.fromkeys((2, 4, 8, 16, 32), (-0.83, -0.67))),
    (BROAD, {1: (-1.01, -0.92), 2: (-1.13, -1.01), 4: (-1.13, -1.01), 32: (-0.78, -0.68)})])
def test_the_powers_of_the_width_are_as_stated(spread, ends):
    for random, (steps, (low, high)) in itertools.product(wide.MATRICES, ends.items()):
        values = best_rates(random, spread, steps)
        power, error = exponent(wide.WIDTHS, values)
        assert error <= 0.054 and low < power < high


def moved(random, spread, n, steps):
    """How far the random matrix has moved over its length, the mean over the tasks, each at its
    best η."""
    i = wide.MATRICES.index(random)
    ways = []
    rates = best_rates(random, spread, steps)[wide.WIDTHS.index(n)]
    for seed, lr in enumerate(rates):
        layer, Z = wide.draw_task(n, seed)
        pair = wide.start_pair(random, spread, Z)
        old = pair[i]
        new = wide.trained_pair(layer, *pair, lr, steps)[i]
        ways.append(np.linalg.norm(new - old) / np.linalg.norm(old))
    return np.mean(ways)


@pytest.mark.claim("obs-eight-steps")
@EITHER
def test_the_broad_draw_moves_little_whatever_the_letter(random):
    assert moved(random, BROAD, 256, 8) < 0.1
    assert moved(random, NARROW, 256, 8) == pytest.approx(0.4, abs=0.05)


@pytest.mark.claim("obs-draw-remembered")
def test_after_32_steps_the_draws_have_nearly_one_rate_and_two_losses():
    """A random, as in the printed table; the slopes are those against log2 of the width."""
    best, least = (np.log(wide.after(32)[name])[:, 0] for name in ("best", "least"))
    rates = best[:, 0] - best[:, 1]  # (widths, tasks)
    losses = least[:, 1] - least[:, 0]
    ratios, gaps = (np.exp(values.mean(axis=-1)) for values in (rates, losses))
    assert ratios.min() > 1.05 and ratios.max() < 1.55
    assert 0.98 < gaps[0] < 1.08 and 1.2 < gaps[-1] < 1.65
    slopes = np.polyfit(np.log2(wide.WIDTHS), losses, 1)[0]
    assert slopes.mean() > 3 * sem(slopes)


@pytest.mark.claim("obs-eight-steps")
def test_the_broad_draw_leaves_twice_the_loss_at_either_rate():
    loss = wide.left(8)[-1]  # n = 2048: (matrices, spreads, seeds, rates)
    tuned = loss[0, 0].argmin(axis=-1)[:, None]
    narrow = np.median(loss[0, 0].min(axis=-1))
    for broad in loss[:, 1]:
        borrowed = np.median(np.take_along_axis(broad, tuned, axis=1))
        assert 1.7 < np.median(broad.min(axis=-1)) / narrow <= borrowed / narrow < 2.7

