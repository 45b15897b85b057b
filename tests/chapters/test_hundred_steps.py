"""The chapter The first hundred steps."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lora_edu import (
    SGD,
    Adam,
    AdamW,
    Adapter,
    Clipped,
    Momentum,
    Regression,
    initial,
    sweep,
    train,
)
from lora_edu.chapters.hundred_steps.figures import drawn, spectrum
from lora_edu.chapters.hundred_steps.runs import WORD_RATES, spectrum_path
from lora_edu.chapters.shared.style import COLOURS
from lora_edu.chapters.shared.tasks import task_32
from lora_edu.chapters.shared.word import word
from lora_edu.chapters.shared.word_run import STEPS as WORD_STEPS
from tests.chapters.figure_words import headline, reading
from tests.chapters.test_thirty_minutes import by_hand, started

TASK = task_32()
SHIFT = TASK.W_star - TASK.W0  # of rank 4


def start(seed=1, r=8, s=2.0):
    return Adapter(*initial(32, 32, r, rng=np.random.default_rng(seed)), s)


def singular_values(adapter, optimiser, steps):
    return np.linalg.svd(train(TASK, adapter, optimiser, steps).adapter.delta(), compute_uv=False)


@pytest.mark.claim("thm-wake")
@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.9, 0.95), (0.5, 0.999)])
@pytest.mark.parametrize("g", [1e-5, -0.3, 2e4])
def test_after_a_zero_gradient_torchs_adam_moves_by_the_same_whatever_the_second_is(betas, g):
    want = -np.sign(g) * 0.01 * np.sqrt(1 + betas[1]) / (1 + betas[0])
    for eps, exact in ((1e-8, 2e-3), (1e-30, 1e-12)):
        p = torch.full((1,), 0.7, dtype=torch.float64, requires_grad=True)
        adam = torch.optim.Adam([p], lr=0.01, betas=betas, eps=eps)
        places = []
        for gradient in (0.0, g):
            p.grad = torch.full_like(p, gradient)
            adam.step()
            places.append(p.item())
        assert places[0] == 0.7 and places[1] - 0.7 == pytest.approx(want, rel=exact)


@pytest.mark.claim("cor-wake-decay")
@pytest.mark.parametrize("decay", [1e-3, 0.1])
def test_weight_decay_moves_A_in_the_first_step(decay):
    A = start().A
    eta = 0.01
    first = train(TASK, start(), Adam(eta, eps=1e-30, weight_decay=decay), 1).adapter
    np.testing.assert_allclose(first.A - A, -eta * np.sign(A), rtol=1e-9)
    one, two = (train(TASK, start(), AdamW(eta, eps=1e-30, weight_decay=decay), steps).adapter
                for steps in (1, 2))
    np.testing.assert_allclose(one.A, (1 - eta * decay) * A, rtol=1e-14)
    move = np.abs(two.A - (1 - eta * decay) * one.A)
    np.testing.assert_allclose(move, eta * np.sqrt(1.999) / 1.9, rtol=1e-9)


def minibatches():
    """The task with another minibatch at each call, and so another C."""
    rng = np.random.default_rng(0)

    def loss_and_gradient(W):
        X = TASK.X[rng.integers(len(TASK.X), size=5)]
        return Regression(TASK.W0, TASK.W_star, X).loss_and_gradient(W)

    return SimpleNamespace(W0=TASK.W0, loss_and_gradient=loss_and_gradient)


class ByEntry(SGD):
    """SGD with each entry of a gradient clipped by itself: what the theorem leaves out."""

    def update(self, params, grads, state):
        return super().update(params, [g.clip(-0.005, 0.005) for g in grads], state)


@pytest.mark.claim("thm-column-space")
@pytest.mark.parametrize("task", [TASK, minibatches()], ids=["full", "batches"])
@pytest.mark.parametrize(("optimiser", "stays"), [
    (SGD(0.1), True), (Momentum(0.02, nesterov=True, weight_decay=0.1), True),
    (Clipped(Momentum(0.02), 0.5), True), (Adam(0.01), False), (ByEntry(0.1), False)])
def test_from_B_zero_the_columns_stay_in_the_column_space_of_the_shift(task, optimiser, stays):
    adapter = start()
    for t in range(2):  # SGD with a schedule
        if type(optimiser) is SGD:
            optimiser = replace(optimiser, lr=optimiser.lr / (1 + t))
        adapter = train(task, adapter, optimiser, 20).adapter
    basis = np.linalg.svd(SHIFT)[0][:, :4]
    outside = [np.linalg.norm(M - basis @ basis.T @ M) / np.linalg.norm(M)
               for M in (adapter.B, adapter.delta())]
    values = np.linalg.svd(adapter.delta(), compute_uv=False)
    if stays:
        assert max(outside) < 1e-13 and values[4] < 1e-14 < 0.02 < values[3]
    else:
        assert min(outside) > 0.02 and values[4] > 1e-3


@pytest.mark.claim("obs-adam-rank")
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("r", [8, 16])
def test_under_adam_all_directions_grow_first_and_those_too_many_die_out(seed, r):
    early, late = (singular_values(start(seed, r), Adam(0.01), steps) for steps in (5, 200))
    assert early[r - 1] > 0.005 and early[4] > early[3] / 4
    assert late[4] < late[3] / 100


@pytest.mark.claim("obs-alpha-eta")
def test_four_times_the_alpha_asks_for_half_the_learning_rate_where_the_page_says_so():
    rates = np.round(np.logspace(-3.3, -0.7, 33), 6)
    grid = sweep(TASK, r=[1, 2, 4, 8, 16, 32], alpha=[4, 16], lr=rates, seed=range(8))
    ratios = {}
    for steps in (20, 100):
        at = grid.loss[:, :, :, 0, :, steps].argmin(axis=2)  # (ranks, two α, seeds)
        assert at.min() > 0 and at.max() < len(rates) - 1
        logs = np.log(rates[at[:, 0]] / rates[at[:, 1]])
        ratios[steps] = np.exp(logs.mean(1)), np.exp(logs.std(1, ddof=1) / np.sqrt(logs.shape[1]))
    mean, error = ratios[20]
    assert ((mean > 1.95) & (mean < 2.45) & (error > 1.05) & (error < 1.12)).all()
    mean, error = ratios[100]
    assert (np.abs(np.log(mean[4:] / 2)) < 0.15).all() and (error[4:] < 1.1).all()
    assert ((error[:4] > 1.2) & (error[:4] < 1.35)).all()
    assert 0.8 < mean[:4].min() == mean[1] < 1 and 2.8 < mean[:4].max() == mean[3] < 3.2


# --- the figures

@pytest.mark.parametrize("t", WORD_STEPS)
def test_the_bars_are_the_singular_values_of_a_run_by_hand(t):
    figure = drawn(t)
    bars = [bar["x1"] - bar["x0"] for bar in figure["layout"]["shapes"]
            if bar.get("fillcolor") == COLOURS["delta"]]
    maps = {trace["name"]: trace["z"] for trace in figure["data"] if "name" in trace}
    for name, values in (("SGD", bars[:7]), ("Adam", bars[7:])):
        delta = by_hand(*started(), 1.0, WORD_RATES[name], name == "Adam")[t][2]
        np.testing.assert_allclose(
            values, np.linalg.svd(delta, compute_uv=False)[:7], rtol=1e-5, atol=1e-5)
        assert (maps[name] > 0).sum() == (delta > 0).sum()
        left = 100 * np.sum((delta - word())**2) / np.sum(word()**2)
        assert f"{name} {left:.0f} %" in reading(figure)
        share = values / np.linalg.svd(word(), compute_uv=False)[:7]
        if name == "SGD" and t == 8:  # the long ones fill up first
            assert share[0] > 0.99 > share[1] > 2 * share[-1]


@pytest.mark.claim("thm-column-space")
@pytest.mark.parametrize(("name", "grown"), [("SGD", 4), ("Momentum", 4), ("Adam", 8)])
def test_the_spectrum_counts_what_grows(name, grown):
    path = spectrum_path(name, 8)
    figure = spectrum(8, name)
    assert f"{grown} grow" in headline(figure)
    assert (path.max(axis=0) > 1e-14).sum() == grown and path[-1, 3] > 0.1
