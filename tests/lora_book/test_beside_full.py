"""The chapter Compared with full fine-tuning."""

import re

import numpy as np
import pytest

from lora_book.beside_full import runs_first_step as first
from lora_book.beside_full import runs_many_ranks as many
from lora_book.beside_full import runs_ratio as rates
from lora_book.beside_full import runs_turning as turn
from lora_book.beside_full.figures import first_steps
from lora_book.beside_full.runs_turning import LOST
from lora_book.shared.fits import exponent, geometric_mean
from lora_book.shared.tasks import task_32
from lora_book.shared.word import picture
from lora_edu import SGD, Adam, Adapter, Momentum, Regression, train
from tests.lora_book.figure_words import reading
from tests.lora_book.oracles import adam_step, apart, span

D = 5
K = 7
ALPHA = 3.0
SIGMA = 0.4


class Batches:
    """Losses that are no parabolas, Σ log cosh(x·w − y), on another minibatch at each step."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.W0 = rng.normal(size=(D, K)) / K
        self.calls = 0
        self.X = rng.normal(size=(40, K))
        self.Y = rng.normal(size=(40, D))

    def at(self, W, step):
        part = slice(8 * (step % 5), 8 * (step % 5) + 8)
        error = self.X[part] @ W.T - self.Y[part]
        return np.log(np.cosh(error)).sum() / 8, np.tanh(error).T @ self.X[part] / 8

    def loss_and_gradient(self, W):  # train asks once for W0, then at each step
        self.calls += 1
        return self.at(W, max(self.calls - 2, 0))


def lora(A, s, optimiser, steps=6, task=None):
    """ΔW after each of the steps, from B = 0, (steps, d, k)."""
    task = task or Batches()
    deltas = []
    train(task, Adapter(A, np.zeros((len(task.W0), len(A))), s), optimiser, steps,
          watch=lambda t, adapter, loss: deltas.append(adapter.delta()))
    return np.array(deltas[1:])


def normal(r, seed):
    return np.random.default_rng(seed).normal(0, SIGMA, (r, K))


# --- what can be reached

@pytest.mark.claim("thm-reach")
@pytest.mark.parametrize(("d", "k"), [(4, 6), (7, 3)])
def test_dimensions_by_differences(d, k):
    """All d·k of them at r = min(d, k): there every update is reached."""
    rng = np.random.default_rng(0)
    for r in range(1, min(d, k) + 1):
        A = rng.normal(size=(r, k))
        B = rng.normal(size=(d, r))
        moves = [(B @ E.reshape(r, k)).ravel() for E in np.eye(r * k)]
        moves += [(E.reshape(d, r) @ A).ravel() for E in np.eye(d * r)]
        assert np.linalg.matrix_rank(moves) == d * k - (d - r) * (k - r)


# --- many ranks under SGD

@pytest.mark.claim("thm-three-matrices")
@pytest.mark.parametrize("r", [1, 3, 100])
def test_runs_of_sgd_without_factors_are_those_of_train(r):
    A = many.start(r, 0)
    s = 2 / r
    deltas = lora(A, s, SGD(0.1), 30, task_32())
    np.testing.assert_allclose(many.without_factors(A, s, 0.1)[1:], deltas, atol=1e-13)


@pytest.mark.claim("cor-many-ranks-sgd")
def test_at_many_ranks_a_run_of_sgd_becomes_full_fine_tuning():
    """From a skew draw of A, on another minibatch at each step."""
    task = Batches()
    W = task.W0
    limit = []
    for t in range(6):
        W = W - 0.5 * (ALPHA * SIGMA)**2 * task.at(W, t)[1]
        limit.append(W - task.W0)

    def gap(r, seed):
        A = SIGMA * (np.random.default_rng(seed).exponential(size=(r, K)) - 1)
        return apart(lora(A, ALPHA / r**0.5, SGD(0.5)), limit)

    ranks = np.array([256, 2048, 16384])
    gaps = np.array([[gap(r, seed) for seed in range(8)] for r in ranks])
    power, error = exponent(ranks, gaps)
    assert power == pytest.approx(-0.5, abs=max(0.1, 3 * error)) and error < 0.08
    assert gaps[-1].mean() < 0.03


# --- many ranks under Adam

def adam_run(r, seed, eps_bar, lr=0.02):
    s = ALPHA / r
    return lora(normal(r, seed), s, Adam(lr, eps=eps_bar * s))


@pytest.mark.claim("thm-many-ranks-adam")
@pytest.mark.parametrize(("eps_bar", "least", "most"), [(0.3, 0, 0.9), (1e-6, 0.999, 1.001)])
def test_the_first_step_has_rows_along_g(eps_bar, least, most):
    """Against φ by quadrature, and with ε → 0 against σ√(2/π)."""
    G = Batches().at(Batches().W0, 0)[1]
    first = np.mean([adam_run(4096, seed, eps_bar)[0] for seed in range(30)], axis=0)
    z = np.linspace(-12, 12, 400_001)
    y = SIGMA * z
    lengths = np.linalg.norm(G, axis=1, keepdims=True)
    phi = np.average(lengths * y**2 / (lengths * np.abs(y) + eps_bar), axis=1,
                     weights=np.exp(-(z**2) / 2))
    assert apart(first, -0.02 * ALPHA * phi[:, None] * G / lengths) < 0.02
    shares = phi / (SIGMA * np.sqrt(2 / np.pi))
    assert least < shares.min() and shares.max() < most


@pytest.mark.claim("thm-many-ranks-adam")
@pytest.mark.parametrize("frozen", [False, True])
def test_the_limit_is_the_mean_of_components_that_do_not_meet(frozen):
    """Their gradients are given by a large run. An Adam of its own, without a rank in it."""
    lr = 0.1
    eps_bar = 0.05
    run = adam_run(16384, 0, eps_bar, (lr * LOST, lr) if frozen else lr)
    task = Batches()
    a = normal(60_000, 99)
    b = np.zeros((60_000, D))
    memory = [[0, 0], [0, 0]]
    W = task.W0
    for t, limit in enumerate(run):
        G = task.at(W, t)[1]
        step_a, step_b = adam_step(memory, (b @ G, a @ G.T), t + 1, lr, eps_bar)
        a = a if frozen else a + step_a
        b = b + step_b
        assert apart(ALPHA * b.T @ a / len(a), limit) < 0.035
        W = task.W0 + limit


@pytest.mark.claim("obs-many-ranks")
def test_one_gap_falls_and_the_other_stays():
    sgd = many.sgd_gaps()
    adam = np.array([many.adam_gaps(lr) for lr in many.ADAM_RATES])
    for t in range(len(many.STEPS)):
        assert -0.53 < exponent(many.RANKS[3:], sgd[3:, :, t])[0] < -0.49
    square = many.RANKS.index(32)  # where every update can be reached
    at_square = [gaps[square, :, -1].mean() for gaps in (sgd, *adam)]
    assert at_square == pytest.approx([0.30, 0.77, 0.63, 0.24], abs=0.006)
    near = adam[:, -1].mean(axis=1).ravel()
    assert near[-1] == pytest.approx(0.19, abs=0.01)
    assert span(near[:-1]) == pytest.approx((0.46, 0.56), abs=0.007)


@pytest.mark.claim("obs-many-ranks")
def test_with_more_steps_both_fit_and_the_distance_goes():
    """r = 32, 400 steps, means over the draws; the nearest full run has none of the end rates."""
    starts = [many.start(32, seed) for seed in many.SEEDS]
    lr = many.SGD_RATE
    limit = many.full(SGD(lr * (many.ALPHA * many.SIGMA)**2), steps=400)[-1]
    ends = [many.without_factors(A, many.ALPHA / 32**0.5, lr, 400)[-1] for A in starts]
    assert np.mean([apart(end, limit) for end in ends]) < 0.02

    full = many.full(Adam(many.FULL_RATES, eps=1e-30), steps=400)[-1]
    far = []
    for lr in many.ADAM_RATES:
        ends = [many.adam_path(A, many.ALPHA / 32, lr, steps=400)[-1] for A in starts]
        gaps = np.array([[apart(other, end) for other in full] for end in ends])
        assert set(gaps.argmin(axis=1)).isdisjoint({0, len(full) - 1})
        far.append(gaps.min(axis=1).mean())
    assert far[0] == pytest.approx(0.17, abs=0.006) and max(far[1:]) < 0.02
    task = task_32()
    end = many.adam_path(many.start(4096, 0), many.ALPHA / 4096, lr)[-1]
    left = task.loss(task.W0 + end) / task.loss(task.W0)  # after thirty steps
    assert left == pytest.approx(0.02, abs=0.005)


# --- the ratio

def two_ratios(G, C, r):
    """The theorem's, times ασ: for the same use, and for the best rates."""
    lengths = np.linalg.norm(G, axis=1)
    signs = np.sign(G)
    unit = G[lengths > 0] / lengths[lengths > 0, None]
    r_c = np.pi / 2 * np.trace(C) / np.mean(np.sum((unit @ C) * unit, axis=1))
    u = np.sqrt(2 / np.pi) * lengths.sum() / np.abs(G).sum()
    h = np.sum((signs @ C) * signs) / len(unit) / np.trace(C)
    assert np.sqrt(2 / np.pi / len(C)) <= u <= np.sqrt(2 / np.pi)
    return 1 / u, r / (1 + (r - 1) / r_c) * u * h


def use_and_harm(task, step):
    """Twice the odd and twice the even part of the change of a loss that is a parabola."""
    ahead, start, back = (task.loss(task.W0 + t * step) for t in (1, 0, -1))
    return np.array([back - ahead, ahead + back - 2 * start])


@pytest.mark.claim("thm-first-ratio")
@pytest.mark.parametrize("r", [1, 6])
def test_the_ratio_after_one_step(r):
    """Both best rates from losses there and back, with zero rows in G."""
    rng = np.random.default_rng(3)
    W0 = rng.normal(size=(8, K))
    shift = rng.normal(size=(8, K))
    shift[::4] = 0
    task = Regression(W0, W0 + shift, rng.normal(size=(60, K)) / np.arange(1, K + 1))
    G = task.gradient(W0)
    draws = np.random.default_rng(0).normal(0, SIGMA, (6000, r, K))
    parts = [use_and_harm(task, -ALPHA / r * np.sign(G @ A.T) @ A) for A in draws]
    use, harm = np.mean(parts, axis=0) / use_and_harm(task, -np.sign(G))
    proved = two_ratios(G, task.covariance, r)
    assert np.array([1 / use, use / harm]) * ALPHA * SIGMA == pytest.approx(proved, rel=0.04)


@pytest.mark.claim("thm-first-ratio")
def test_the_ratio_that_is_drawn_is_the_theorems():
    task = rates.task("few directions", 32, 0)
    proved = two_ratios(task.gradient(task.W0), task.covariance, 4)[1] * 96**0.5 / 8
    assert rates.first_step("few directions", 32, 0, 4, 8) == pytest.approx(proved)


@pytest.mark.claim("obs-ratio")
@pytest.mark.parametrize(("inputs", "k", "seed"), [
    ("few directions", 16, 3), ("few directions", 64, 5), ("all directions", 32, 1)])
def test_the_stored_map_is_what_a_search_finds(inputs, k, seed):
    """A search refuses a best rate at an end of its grid."""
    whole_rates, lora_rates = rates.search(inputs, k, seed)
    stored = rates.ratios()[list(rates.INPUTS).index(inputs), rates.WIDTHS.index(k), ..., seed]
    off = np.abs(np.log(lora_rates / whole_rates / stored))
    assert np.mean(off < 1e-3) > 0.95  # flat valleys may tip over


def fitted(values, over, axis):
    """The least and the largest power along one axis."""
    logs = np.log2(np.moveaxis(values, axis, 0))
    return span(np.polyfit(np.log2(over), logs.reshape(len(logs), -1), 1)[0])


@pytest.mark.claim("obs-ratio")
def test_what_the_ratio_depends_on():
    means = geometric_mean(rates.ratios())
    few, every = means  # widths, ranks, alphas, steps
    assert span(means) == pytest.approx((0.05, 103), rel=0.02)
    for ratios, over, axis, powers in (
            (few, rates.WIDTHS, 0, (0.4, 1.2)), (every, rates.WIDTHS, 0, (-0.75, 1.27)),
            (every, rates.RANKS, 1, (0.2, 1.4)), (every[..., -1], rates.ALPHAS, 2, (-0.6, -0.1)),
            (few[..., -1], rates.ALPHAS, 2, (-0.55, -0.28)),
            (means[..., 0], rates.ALPHAS, 3, (-1, -1))):
        assert fitted(ratios, over, axis) == pytest.approx(powers, abs=0.055)
    shrinks = few[..., 1] / few[..., -1]
    assert span(shrinks[:, 2:]) == pytest.approx((2.3, 6.1), abs=0.05)
    assert (np.diff(few[:, 2:, :, 1:], axis=-1) < 0).all()  # from each length to the next
    rule = np.sqrt(np.divide.outer(rates.WIDTHS, rates.ALPHAS))[:, None]
    assert (np.abs(np.log2(few[:, 1:, :, -1] / rule)) < 1).all()
    assert (means[..., -1, :] < means[..., 0, :]).all()
    assert every[:, 0, 1:, 0].max() < 1
    spread = rates.ratios().max(axis=-1) / rates.ratios().min(axis=-1)
    assert np.median(spread) == pytest.approx(1.9, abs=0.05)


# --- what A does

@pytest.mark.claim("cor-frozen-knob")
@pytest.mark.parametrize(("make", "power"), [
    (lambda lr, s: SGD(lr), 2), (lambda lr, s: Momentum(lr), 2),
    (lambda lr, s: Adam(lr, eps=0.02 * s), 1)], ids=["SGD", "momentum", "Adam"])
def test_with_a_frozen_scale_and_rate_are_one_knob(make, power):
    A = normal(3, 0)

    def path(s):
        lr = 0.05 / s**power
        return lora(A, s, make((lr * 1e-30, lr), s), 12)

    np.testing.assert_allclose(path(0.5), path(4.0), rtol=1e-9, atol=1e-12)


FEW, ALL = rates.INPUTS


@pytest.mark.claim("obs-frozen")
def test_a_trained_beside_a_frozen():
    def gain(name, inputs, r, steps=turn.STEPS):
        return (turn.tuned(name, inputs, r, True, steps)
                / turn.tuned(name, inputs, r, False, steps))

    for name in turn.RATES:
        for r, least, most in ((1, 1.08, 1.25), (16, 10, 14)):
            low, high = span(gain(name, ALL, r))
            assert least < low < high < most
    few = {(name, r): span(gain(name, FEW, r)) for name in turn.RATES for r in turn.RANKS}
    assert few.pop(("SGD", 16)) == pytest.approx((0.93, 1.19), abs=0.006)
    low, high = span(list(few.values()))
    assert 1.04 < low < high < 4.35
    assert gain("SGD", FEW, 16, 10).max() < 0.95


# --- the explorers

@pytest.mark.parametrize("r", (1, 64))
def test_the_first_steps_are_those_of_train(r):
    S = picture()
    task = Regression(0 * S, S, np.sqrt(48) * np.eye(48))
    A = np.random.default_rng(31).normal(0, 144**-0.5, (r, 48))
    [step] = lora(A, 8 / r, Adam(1, eps=1e-30), 1, task)
    np.testing.assert_allclose(first.lora_step(r), step, atol=1e-9)
    use, harm = use_and_harm(task, 8 * step) / use_and_harm(task, np.sign(S))
    shown = re.findall(r"([\d.]+) times (?:the|its)", reading(first_steps(r, 8)))
    assert shown == [f"{use:.2g}", f"{harm:.2g}"]

