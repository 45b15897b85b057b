"""Which matrix is zero: what a task prefers, what is never seen, and what the spread does."""

import math

import numpy as np
import pytest
import torch

from lora_edu import SGD, STARTS, Adam, Adapter, Momentum, Regression, initial, sweep, train
from lora_edu.figures import wide

NARROW = wide.SPREADS[0]
A_RANDOM = wide.MATRICES[0]


def narrow_inputs(d, k, m, seed):
    rng = np.random.default_rng(seed)
    S = rng.normal(size=(d, 4)) @ rng.normal(size=(4, k))
    X = np.sqrt(k) * np.linalg.qr(rng.normal(size=(k, m)))[0].T
    return Regression(np.zeros((d, k)), S / np.linalg.norm(S), X)


@pytest.mark.parametrize("m", [30, 10, 4])
def test_a_frozen_draw_catches_r_of_its_directions(m):
    d, k, r = 20, 30, 4
    caught = {"A": [], "B": []}
    for seed in range(400):
        task = narrow_inputs(d, k, m, seed)
        rng = np.random.default_rng(1000 + seed)
        Y = task.X @ task.W_star.T  # (m, d): what the update is to produce
        features = task.X @ rng.normal(size=(k, r))  # (m, r)
        B = rng.normal(size=(d, r))
        rest_A = Y - features @ np.linalg.lstsq(features, Y, rcond=None)[0]
        rest_B = Y.T - B @ np.linalg.lstsq(B, Y.T, rcond=None)[0]
        for letter, rest in (("A", rest_A), ("B", rest_B)):
            caught[letter].append(1 - (rest**2).sum() / (Y**2).sum())
    for letter, want in (("A", r / m), ("B", r / d)):
        error = np.std(caught[letter]) / 20
        assert np.mean(caught[letter]) == pytest.approx(want, abs=max(3.5 * error, 1e-9))


def log_ratios(d, k, m, steps):
    """log of (loss left with B random / with A random), each at its best rate; ten tasks."""
    ratios = []
    for seed in range(10):
        runs = sweep(narrow_inputs(d, k, m, seed), r=4, alpha=4, lr=np.geomspace(0.003, 0.5, 16),
                     start=STARTS[:2], seed=100 + seed, distribution=k**-0.5, steps=steps)
        left = runs.loss[0, 0, :, :, 0, -1].min(axis=0)
        ratios.append(np.log(left[1] / left[0]))
    return np.mean(ratios), np.std(ratios, ddof=1) / math.sqrt(10)


def test_few_directions_in_put_a_random_a_ahead_the_fewer_the_more():
    found = {m: log_ratios(64, 64, m, steps=10) for m in (64, 32, 16, 8, 4)}
    assert abs(found[64][0]) < 2 * found[64][1]
    means = [mean for mean, _ in found.values()]
    assert means == sorted(means)
    assert all(mean > 4 * error for m, (mean, error) in found.items() if m < 64)


def test_many_in_and_few_out_put_a_random_b_ahead():
    mean, error = log_ratios(16, 256, 256, steps=5)
    assert mean < -3 * error


@pytest.mark.parametrize("optimiser", [Adam(0.01), SGD(0.1), Momentum(0.03)])
def test_tokens_that_never_occur_stay_only_if_a_starts_at_zero(optimiser):
    rng = np.random.default_rng(0)
    table = rng.normal(size=(16, 50))
    lookup = Regression(table, table + rng.normal(size=(16, 50)), np.eye(50)[:30])
    for start, still in zip(STARTS[:2], (False, True), strict=True):
        A, B = initial(16, 50, 4, start, 0.1, rng=np.random.default_rng(1))
        end = train(lookup, Adapter(A, B, 1.0), optimiser, 60).adapter
        assert np.array_equal(end.A[:, 30:], A[:, 30:])
        assert (end.delta()[:, 30:] == 0).all() == still
        assert np.linalg.norm(end.delta()[:, :30], axis=0).min() > 0.01


@pytest.mark.parametrize("start", STARTS[:2])
def test_inputs_orthogonal_to_training_keep_their_a_x_under_sgd_and_not_under_adam(start):
    task = narrow_inputs(12, 20, 5, 0)
    x = np.linalg.svd(task.X)[2][-1]  # orthogonal to all inputs
    A, B = initial(12, 20, 3, start, 0.2, rng=np.random.default_rng(1))
    for optimiser, keeps in ((SGD(0.05), True), (Momentum(0.02), True), (Adam(0.01), False)):
        end = train(task, Adapter(A, B, 1.0), optimiser, 40).adapter
        assert np.allclose(end.A @ x, A @ x, rtol=0, atol=1e-12) == keeps


@pytest.mark.parametrize("shape", [(16, 768), (768, 16)])
def test_the_library_s_call_takes_the_columns_as_fan_in(shape):
    torch.manual_seed(0)
    drawn = torch.nn.init.kaiming_uniform_(torch.empty(shape), a=5**0.5)
    bound = shape[1] ** -0.5
    assert 0.99 * bound < drawn.abs().max() <= bound
    assert drawn.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.02)


@pytest.mark.parametrize("random", wide.MATRICES)
def test_a_draw_four_times_too_wide_is_a_pair_of_unequal_rates_bit_for_bit(random):
    layer, Z = wide.draw(64, seed=0)
    A, B = wide.pair(random, NARROW, Z)
    c, lr, eps = 4.0, 0.01, 1e-8
    up, down = (c * lr, lr / c), (eps / c, c * eps)  # for the zero matrix, for the random one
    order = slice(None, None, -1 if random == A_RANDOM else 1)
    losses = [train(layer, Adapter(a * A, a * B, 1.0), Adam(lr=rates, eps=epsilons), 50).loss
              for a, rates, epsilons in ((c, lr, eps), (1.0, up[order], down[order]))]
    assert np.array_equal(*losses)
    fair = train(layer, Adapter(A, B, 1.0), Adam(lr, eps=eps), 50).loss
    undone = train(layer, Adapter(c * A, c * B, 1.0),
                   Adam(lr=up[::-1][order], eps=down[::-1][order]), 50).loss
    assert np.array_equal(fair, undone) and not np.allclose(fair, losses[0], rtol=0.01)
