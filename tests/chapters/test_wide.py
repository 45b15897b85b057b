"""The wide layer: its mirror image, its stack of runs, and its first step in closed form."""

import math

import numpy as np
import pytest

from lora_edu import STARTS, Adam, Adapter, Regression, _runs, initial, train
from lora_edu.chapters.which_zero import wide

NARROW, BROAD = wide.SPREADS
A_RANDOM, B_RANDOM = wide.MATRICES


def mirrored_layer(layer):
    """The wide layer seen from its outputs: inputs √n·P, readouts X/√n, targets Tᵀ."""
    n = layer.X.shape[1]
    return wide.WideLayer(math.sqrt(n) * layer.P, layer.X / math.sqrt(n), layer.target.T)


@pytest.mark.claim("thm-same-law")
def test_the_wide_layer_s_mirror_image_is_a_wide_layer_and_exchanges_the_letters():
    layer, Z = wide.draw(48, seed=3)
    W = np.random.default_rng(0).normal(size=(48, 48))
    (loss, G), (loss_, G_) = layer.loss_and_gradient(W), mirrored_layer(
        layer).loss_and_gradient(W.T)
    assert loss_ == pytest.approx(loss, rel=1e-12)
    np.testing.assert_allclose(G_, G.T, rtol=1e-9, atol=1e-12)
    A, B = wide.pair(B_RANDOM, NARROW, Z)
    here = wide.train_rates(layer, A, B, [0.001, 0.01], 20)[0]
    there = wide.train_rates(mirrored_layer(layer), B.T, A.T, [0.001, 0.01], 20)[0]
    np.testing.assert_allclose(there, here, rtol=1e-8)


def last_losses(random, spread, seeds):
    """The loss after three steps of Adam, of a fresh wide layer for each seed."""
    losses = []
    for seed in seeds:
        layer, Z = wide.draw(24, seed)
        loss, _ = wide.train_rates(layer, *wide.pair(random, spread, Z), [0.02], 3)
        losses.append(loss[0, -1])
    return np.sort(losses)


def distance(one, other):
    """The largest gap between two empirical distributions of the same size."""
    both = np.concatenate([one, other])
    below = [np.searchsorted(sample, both, side="right") / len(sample) for sample in (one, other)]
    return np.abs(below[0] - below[1]).max()


@pytest.mark.claim("thm-same-law")
def test_the_letters_have_one_distribution_of_losses_and_the_spreads_two():
    count = 400
    samples = [last_losses(*start, range(i * count, (i + 1) * count))
               for i, start in enumerate([(A_RANDOM, NARROW), (B_RANDOM, NARROW),
                                          (B_RANDOM, BROAD)])]
    limit = 1.95 * math.sqrt(2 / count)  # of the Kolmogorov–Smirnov distance, one in a thousand
    assert distance(*samples[:2]) < limit < distance(*samples[1:]) / 1.5


def test_the_gradient_of_the_wide_layer_is_the_difference_of_its_loss():
    layer, _ = wide.draw(9, seed=1)
    rng = np.random.default_rng(0)
    W, move = rng.normal(size=(9, 9)), rng.normal(size=(9, 9))
    slope = (layer.loss_and_gradient(W + 1e-6 * move)[0]
             - layer.loss_and_gradient(W - 1e-6 * move)[0]) / 2e-6
    assert slope == pytest.approx(np.vdot(layer.loss_and_gradient(W)[1], move), rel=1e-6)


@pytest.mark.parametrize("random", wide.MATRICES)
@pytest.mark.parametrize("spread", wide.SPREADS)
def test_a_stack_of_wide_runs_is_each_run_trained_alone(random, spread):
    layer, Z = wide.draw(40, seed=2)
    A, B = wide.pair(random, spread, Z)
    rates = [0.001, 0.01, 0.05]
    losses, reaches = wide.train_rates(layer, A, B, rates, 12)
    for lr, loss, reach in zip(rates, losses, reaches, strict=True):
        alone = train(layer, Adapter(A, B, 1.0), Adam(lr), 12)
        np.testing.assert_allclose(loss, alone.loss, rtol=1e-9)
        last = layer.X @ alone.adapter.A.T
        assert reach[-1] == pytest.approx(np.sqrt((last**2).mean()), rel=1e-9)


def test_the_ratio_is_that_of_the_rates_of_b_and_a():
    layer, Z = wide.draw(32, seed=1)
    A, B = wide.pair(A_RANDOM, NARROW, Z)
    losses, _ = wide.train_rates(layer, A, B, [0.002, 0.004], 10, ratio=8.0)
    for lr, loss in zip((0.002, 0.004), losses, strict=True):
        alone = train(layer, Adapter(A, B, 1.0), Adam((lr, 8 * lr)), 10)
        np.testing.assert_allclose(loss, alone.loss, rtol=1e-9)


def test_last_is_where_the_run_ends():
    layer, Z = wide.draw(32, seed=1)
    A, B = wide.pair(B_RANDOM, BROAD, Z)
    end = train(layer, Adapter(A, B, 1.0), Adam(0.004), 10).adapter
    for found, want in zip(wide.last(layer, A, B, 0.004, 10), (end.A, end.B), strict=True):
        np.testing.assert_allclose(found, want, rtol=1e-9, atol=1e-12)


def test_the_stack_records_what_train_records():
    layer, Z = wide.draw(24, seed=5)
    A, B = wide.pair(A_RANDOM, BROAD, Z)
    runs = wide.WideRuns(np.array([2.0]), layer)
    records = _runs.train_runs(runs, A[None], B.T[None], Adam(0.004), 10)[0]
    alone = train(layer, Adapter(A, B, 2.0), Adam(0.004), 10)
    for name, values in zip(_runs.RECORDED, records, strict=True):
        np.testing.assert_allclose(values, getattr(alone, name), rtol=1e-8, atol=1e-12)


def test_best_rates_finds_the_vertex_of_a_parabola():
    x = np.log(wide.RATES)
    vertex = np.log([0.0013, 0.02])
    loss = np.exp(0.3 * (x - vertex[:, None])**2 - 2)
    np.testing.assert_allclose(wide.best_rates(loss), [0.0013, 0.02], rtol=1e-9)
    with pytest.raises(ValueError, match="end of the rates tried"):
        wide.best_rates(np.exp(x))


@pytest.mark.claim("thm-one-step-spread")
@pytest.mark.parametrize("random", wide.MATRICES)
def test_after_one_step_only_the_product_of_rate_and_spread_counts(random):
    layer, Z = wide.draw(64, seed=0)
    ratio = math.sqrt(64 / wide.R)  # of the two spreads
    rates = np.geomspace(0.001, 0.02, 5)
    one, other = (wide.train_rates(layer, *wide.pair(random, spread, Z), values, 1)[0][:, 1]
                  for spread, values in ((BROAD, rates), (NARROW, ratio * rates)))
    np.testing.assert_allclose(one, other, rtol=1e-4)  # Adam's ε is not quite zero


@pytest.mark.claim("thm-one-step-spread")
@pytest.mark.parametrize(("start", "axis"), [(STARTS[0], 1), (STARTS[1], 0)])
def test_the_useful_part_of_the_first_step_is_the_sum_of_the_norms(start, axis):
    rng = np.random.default_rng(0)
    d, k, r, lr, s, sigma = 12, 20, 3, 0.01, 1.5, 0.3
    task = Regression(np.zeros((d, k)), rng.normal(size=(d, k)), rng.normal(size=(50, k)))
    G = task.gradient(task.W0)
    useful = [train(task, Adapter(*initial(d, k, r, start, sigma, rng=np.random.default_rng(i)),
                                  s), Adam(lr, eps=1e-30), 1).useful[1] for i in range(600)]
    want = lr * s * sigma * r * math.sqrt(2 / math.pi) * np.linalg.norm(G, axis=axis).sum()
    error = np.std(useful) / math.sqrt(len(useful))
    assert error < 0.01 * want
    assert np.mean(useful) == pytest.approx(want, abs=3.5 * error)


def first_rate(n, seed, random=A_RANDOM):
    """σ·n times the rate that is best for the first step, in closed form."""
    layer, Z = wide.draw(n, seed)
    if random == A_RANDOM:
        AX = Z @ layer.X.T  # (r, m)
        N = layer.P @ np.sign(layer.P.T @ (layer.target @ AX.T)) @ AX  # change over ησ
    else:
        PB = layer.P @ Z.T  # (m, r)
        N = PB @ np.sign((PB.T @ layer.target) @ layer.X) @ layer.X.T
    return n * np.vdot(layer.target, N) / np.vdot(N, N)


def limit_rate(seed):
    rng = np.random.default_rng(seed)
    Y, T = rng.normal(size=(wide.R, wide.ENDS)), rng.normal(size=(wide.ENDS, wide.ENDS))
    V = T @ Y.T
    N = math.sqrt(2 / math.pi) * (V / np.linalg.norm(V, axis=0)) @ Y
    return np.vdot(T, N) / np.vdot(N, N)


@pytest.mark.claim("thm-wide-step")
@pytest.mark.parametrize("random", wide.MATRICES)
def test_the_best_first_rate_has_the_limit_of_the_theorem(random):
    limit = np.log([limit_rate(i) for i in range(2000)])
    found = np.log([[first_rate(n, i, random) for i in range(200)] for n in (64, 256, 2048)])
    means = found.mean(axis=1)
    assert means[-1] == pytest.approx(limit.mean(), abs=3.5 * limit.std() / math.sqrt(200))
    for quantile in (0.1, 0.25, 0.5, 0.75, 0.9):  # the share of the found below the limit's
        below = np.mean(found[-1] < np.quantile(limit, quantile))
        error = math.sqrt(quantile * (1 - quantile) / 200)
        assert below == pytest.approx(quantile, abs=3.5 * error)
    # Readouts disturb each other at small widths: "some hundredths" in the slope.
    slope = np.polyfit(np.log([64, 256, 2048]), means, 1)[0]
    assert 0.01 < slope < 0.07


@pytest.mark.claim("thm-wide-step")
def test_the_closed_form_is_the_valley_of_the_study():
    best = wide.best_rates(wide.study().loss[3, 0, 0, :, :, 1])  # n = 512, A random, 1/√n
    want = np.array([first_rate(512, seed) for seed in range(wide.SEEDS)]) * 512**-0.5
    np.testing.assert_allclose(best, want, rtol=0.1)  # the parabola in logs is a little low
