"""Which matrix is zero: what a task prefers, what is never seen, and what the spread does."""

import math

import numpy as np
import pytest
import torch

from lora_edu import SGD, STARTS, Adam, AdamW, Adapter, Momentum, Regression, initial, sweep, train
from lora_edu.chapters.which_zero import wide

NARROW = wide.SPREADS[0]
A_RANDOM = wide.MATRICES[0]


def narrow_inputs(d, k, m, seed):
    rng = np.random.default_rng(seed)
    S = rng.normal(size=(d, 4)) @ rng.normal(size=(4, k))
    X = np.sqrt(k) * np.linalg.qr(rng.normal(size=(k, m)))[0].T
    return Regression(np.zeros((d, k)), S / np.linalg.norm(S), X)


def caught(S, X, r, rng):
    """Shares of the loss that a frozen A and a frozen B remove, by least squares, (2,)."""
    Y = X @ S.T  # (n, d): what the update is to produce
    features = X @ rng.normal(size=(S.shape[1], r))  # (n, r)
    B = rng.normal(size=(len(S), r))
    rests = (Y - features @ np.linalg.lstsq(features, Y, rcond=None)[0],
             Y.T - B @ np.linalg.lstsq(B, Y.T, rcond=None)[0])
    return np.array([1 - (rest**2).sum() / (Y**2).sum() for rest in rests])


@pytest.mark.claim("thm-frozen")
@pytest.mark.parametrize("m", [30, 10, 4])
def test_a_frozen_draw_catches_r_of_its_directions_for_a_fixed_target(m):
    d, k, r = 20, 30, 4
    task, rng = narrow_inputs(d, k, m, 0), np.random.default_rng(1000)
    shares = np.array([caught(task.W_star, task.X, r, rng) for _ in range(400)])
    for share, want in zip(shares.T, (r / m, r / d), strict=True):
        assert share.mean() == pytest.approx(want, abs=max(3.5 * share.std() / 20, 1e-9))


@pytest.mark.claim("thm-frozen")
@pytest.mark.parametrize("power", [0, 0.5, 2])
@pytest.mark.parametrize("r", [1, 3])
def test_a_frozen_a_catches_more_where_inputs_vary_unequally(power, r):
    d, k = 8, 12
    rng = np.random.default_rng(5)
    gamma = np.arange(1, k + 1.0)**-power  # eigenvalues of the covariance
    turn = np.linalg.qr(rng.normal(size=(k, k)))[0]
    X = gamma[:, None]**0.5 * turn.T  # XᵀX is the covariance
    removed, start = [], []
    for _ in range(1500):
        S = rng.normal(size=(d, k))  # prefers no input
        start.append(((X @ S.T)**2).sum())
        removed.append(caught(S, X, r, rng) * start[-1])
    share = np.array(removed) / np.mean(start)
    means, errors = share.mean(axis=0), share.std(axis=0) / math.sqrt(len(share))
    assert means[1] == pytest.approx(r / d, abs=3.5 * errors[1])
    if power == 0:
        assert means[0] == pytest.approx(r / k, abs=3.5 * errors[0])
    else:
        assert r / k + 4 * errors[0] < means[0] < gamma[:r].sum() / gamma.sum()
    if r == 1:  # the share in closed form, from the squares of one Gaussian row
        squares = gamma * rng.normal(size=(200_000, k))**2
        want = (gamma @ (squares / squares.sum(axis=1, keepdims=True)).mean(axis=0)) / gamma.sum()
        assert means[0] == pytest.approx(want, abs=4 * errors[0])


@pytest.mark.claim("thm-frozen")
def test_without_its_assumption_on_the_target_a_frozen_a_can_catch_less():
    k, rng = 12, np.random.default_rng(0)
    gamma = np.arange(1, k + 1.0)**-2
    S = np.zeros((8, k))
    S[:, -1] = 1  # asks only for what the inputs show least
    shares = [caught(S, np.diag(gamma**0.5), 3, rng)[0] for _ in range(300)]
    assert np.mean(shares) < 0.5 * 3 / k


def log_left(d, k, m, steps):
    """log of the share of the loss left by A random and by B random, each at its best rate, and
    of B's over A's: means and standard errors of twelve tasks."""
    logs = []
    for seed in range(12):
        runs = sweep(narrow_inputs(d, k, m, seed), r=4, alpha=4, start=STARTS[:2], steps=steps,
                     lr=np.geomspace(0.003, 0.5, 16).round(4), seed=100 + seed,
                     distribution=k**-0.5)
        loss = runs.loss[0, 0, :, :, 0]  # (rates, starts, steps + 1)
        at = loss[..., -1].argmin(axis=0)
        assert at.min() > 0 and at.max() < len(loss) - 1
        left = np.log((loss[..., -1] / loss[..., 0]).min(axis=0))
        logs.append([*left, left[1] - left[0]])
    return np.mean(logs, axis=0), np.std(logs, axis=0, ddof=1) / math.sqrt(len(logs))


@pytest.mark.claim("obs-few-inputs")
def test_few_directions_in_put_a_random_a_ahead_the_fewer_the_more():
    means, errors = np.transpose([log_left(64, 64, m, steps=10) for m in (64, 32, 16, 8, 4)],
                                 (1, 2, 0))  # of A random, of B random, of B over A
    assert 5 < math.exp(means[2, -1]) < 7.2
    assert abs(means[2, 0]) < 2 * errors[2, 0]
    assert (means[2, 1:] > 4 * errors[2, 1:]).all()
    assert (np.diff(means[2]) > 0).all() and (np.diff(means[1]) > 0).all()


def test_many_in_and_few_out_put_a_random_b_ahead_for_a_while():
    ahead, later = (log_left(16, 256, 256, steps) for steps in (5, 20))
    assert ahead[0][2] < -3 * ahead[1][2]
    assert abs(later[0][2]) < 3 * later[1][2] and abs(later[0][2]) < -ahead[0][2] / 2


@pytest.mark.claim("thm-unseen")
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


@pytest.mark.claim("thm-unseen")
@pytest.mark.parametrize("start", STARTS[:2])
def test_inputs_orthogonal_to_training_keep_their_a_x_under_sgd_and_not_under_adam(start):
    task = narrow_inputs(12, 20, 5, 0)
    x = np.linalg.svd(task.X)[2][-1]  # orthogonal to all inputs
    A, B = initial(12, 20, 3, start, 0.2, rng=np.random.default_rng(1))
    for optimiser, keeps in ((SGD(0.05), True), (Momentum(0.02), True), (Adam(0.01), False)):
        end = train(task, Adapter(A, B, 1.0), optimiser, 40).adapter
        assert np.allclose(end.A @ x, A @ x, rtol=0, atol=1e-12) == keeps
        if keeps:
            np.testing.assert_allclose(end.delta() @ x, end.B @ A @ x, atol=1e-12)


@pytest.mark.claim("thm-unseen")
@pytest.mark.parametrize("optimiser", [
    SGD(0.05, weight_decay=0.1), Momentum(0.02, weight_decay=0.1), Adam(0.01, weight_decay=0.1),
    AdamW(0.01, weight_decay=0.5)])
def test_with_a_zero_what_is_unseen_stays_so_under_weight_decay(optimiser):
    task = narrow_inputs(12, 20, 5, 0)
    x = np.linalg.svd(task.X)[2][-1]
    if isinstance(optimiser, Adam):  # of a coordinate axis only
        task, x = Regression(task.W0, task.W_star, task.X * (np.arange(20) > 0)), np.eye(20)[0]
    for start, still in zip(STARTS[:2], (False, True), strict=True):
        A, B = initial(12, 20, 3, start, 0.2, rng=np.random.default_rng(1))
        end = train(task, Adapter(A, B, 1.0), optimiser, 40).adapter
        assert np.allclose(end.delta() @ x, 0, atol=1e-12) == still


@pytest.mark.parametrize("shape", [(16, 768), (768, 16)])
def test_the_library_s_call_takes_the_columns_as_fan_in(shape):
    torch.manual_seed(0)
    drawn = torch.nn.init.kaiming_uniform_(torch.empty(shape), a=5**0.5)
    bound = shape[1] ** -0.5
    assert 0.99 * bound < drawn.abs().max() <= bound
    assert drawn.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.02)


@pytest.mark.claim("cor-wide-draw")
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
