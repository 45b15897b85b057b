"""Training: what a History holds, against a loop written in torch with its own gradients."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lora_edu import SGD, STARTS, Adam, Adapter, initial, teacher_student, train
from lora_edu.records import RECORDED

PROBLEM = teacher_student(5, 7, n=12, shift_rank=2, spectrum=1.0, rng=np.random.default_rng(0))


def adapter_at(start, s=1.5, r=3):
    return Adapter(*initial(5, 7, r, start, rng=np.random.default_rng(1)), s)


def torch_history(adapter, make_optimiser, steps):
    """The recorded quantities, the loss as a sum over samples and every gradient by autograd."""
    W0, W_star, X = (torch.tensor(a) for a in (PROBLEM.W0, PROBLEM.W_star, PROBLEM.X))
    A, B = (torch.tensor(a, requires_grad=True) for a in (adapter.A, adapter.B))

    def loss_at(W):
        return (X @ W.T - X @ W_star.T).square().sum(1).mean() / 2

    frozen = W0.clone().requires_grad_()
    loss_at(frozen).backward()
    optimiser = make_optimiser(A, B)
    rows = []
    for _ in range(steps + 1):
        optimiser.zero_grad()
        delta = adapter.scaling * B @ A
        loss = loss_at(W0 + delta)
        loss.backward()
        useful = -(delta * frozen.grad).sum()
        rows.append([v.item() for v in (loss, delta.norm(), A.grad.norm(), B.grad.norm(), useful)])
        ended = A.detach().clone().numpy(), B.detach().clone().numpy()
        optimiser.step()
    return np.array(rows).T, ended


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("ours, theirs", [
    (SGD(0.2), lambda A, B: torch.optim.SGD([A, B], lr=0.2)),
    (Adam((0.01, 0.08)),
     lambda A, B: torch.optim.Adam([{"params": [A], "lr": 0.01}, {"params": [B], "lr": 0.08}])),
], ids=["SGD", "Adam, faster B"])
def test_history_is_a_torch_loops(start, ours, theirs):
    adapter = adapter_at(start)
    history = train(PROBLEM, adapter, ours, 30)
    want, (A, B) = torch_history(adapter, theirs, 30)
    assert history.steps == 30
    assert not history.diverged
    for name, row in zip(RECORDED, want, strict=True):
        np.testing.assert_allclose(getattr(history, name), row, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(history.adapter.A, A, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(history.adapter.B, B, rtol=1e-10, atol=1e-12)
    assert history.adapter.scaling == adapter.scaling
    at_rest = train(PROBLEM, adapter, ours, 0)
    assert at_rest.steps == 0 and at_rest.loss == history.loss[:1]
    np.testing.assert_array_equal(at_rest.adapter.A, adapter.A)


def test_an_optimiser_may_be_named():
    start = adapter_at("both random")
    named = train(PROBLEM, start, "adam", 5, lr=0.1, eps=1e-4)
    np.testing.assert_array_equal(
        named.loss, train(PROBLEM, start, Adam(0.1, eps=1e-4), 5).loss)


def test_a_diverging_run_can_be_kept_up_to_its_last_finite_step():
    setting = PROBLEM, adapter_at("both random"), SGD(30.0)
    history = train(*setting, 500, allow_divergence=True)
    assert history.diverged and "then diverged" in repr(history)
    with pytest.raises(FloatingPointError, match=(
            rf"step {history.steps + 1} loss = .*lr=30\.0")):
        train(*setting, 500)
    shorter = train(*setting, history.steps)
    assert not shorter.diverged
    for name in RECORDED:
        assert np.isfinite(getattr(history, name)).all()
        np.testing.assert_array_equal(getattr(history, name), getattr(shorter, name))
    np.testing.assert_array_equal(history.adapter.delta(), shorter.adapter.delta())


def test_a_watcher_sees_every_recorded_step_and_can_end_the_run():
    calls = []

    def watch(step, adapter, loss):
        calls.append((step, np.linalg.norm(adapter.delta()), loss))
        return "stay" if step < 4 else True  # only True ends it

    history = train(PROBLEM, adapter_at("A random, B zero"), SGD(0.1), 9, watch=watch)
    assert history.steps == 4 and not history.diverged
    np.testing.assert_array_equal(np.array(calls).T, [range(5), history.delta_norm, history.loss])
    assert np.linalg.norm(history.adapter.delta()) == calls[-1][1]


def test_a_problem_may_use_its_arrays_again():
    G = np.empty((5, 7))

    def careless(W):
        loss, G[:] = PROBLEM.loss_and_gradient(W)
        W[:] = math.nan
        return loss, G

    setting = adapter_at("both random"), SGD(0.1), 5
    problem = SimpleNamespace(W0=PROBLEM.W0.copy(), loss_and_gradient=careless)
    np.testing.assert_array_equal(
        train(problem, *setting).useful, train(PROBLEM, *setting).useful)


def test_a_loss_that_is_nan_before_any_step_is_always_an_error():
    problem = SimpleNamespace(W0=PROBLEM.W0, loss_and_gradient=lambda W: (math.nan, W))
    with pytest.raises(FloatingPointError, match="step 0 loss = nan"):
        train(problem, adapter_at("both random"), SGD(0.1), 3, allow_divergence=True)
