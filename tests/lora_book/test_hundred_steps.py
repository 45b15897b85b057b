"""The chapter The first hundred steps."""

import numpy as np
import pytest
import torch

from lora_book.shared.tasks import task_32
from lora_edu import SGD, Adam, AdamW, Adapter, Clipped, Momentum, initial, train
from tests.lora_book.oracles import apart, minibatches

TASK = task_32()
SHIFT = TASK.W_star - TASK.W0  # of rank 4


def start(seed=1, r=8, s=2.0):
    return Adapter(*initial(32, 32, r, rng=np.random.default_rng(seed)), s)


def singular_values(*run):
    return np.linalg.svd(train(TASK, *run).adapter.delta(), compute_uv=False)


@pytest.mark.claim("thm-wake")
@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.9, 0.95), (0.5, 0.999)])
@pytest.mark.parametrize("g", [1e-5, -0.3, 2e4])
def test_after_a_zero_gradient_torchs_adam_moves_by_the_same_whatever_the_second_is(betas, g):
    p = torch.full((1,), 0.7, dtype=torch.float64, requires_grad=True)
    adam = torch.optim.Adam([p], lr=0.01, betas=betas, eps=1e-30)
    for gradient in (0.0, g):
        before = p.item()
        p.grad = torch.full_like(p, gradient)
        adam.step()
    move = -np.sign(g) * 0.01 * np.sqrt(1 + betas[1]) / (1 + betas[0])
    assert before == 0.7 and p.item() - before == pytest.approx(move, rel=1e-12)


@pytest.mark.claim("cor-wake-decay")
def test_weight_decay_moves_A_in_the_first_step():
    A = start().A
    eta = 0.01
    decay = 0.1
    with_penalty = train(TASK, start(), Adam(eta, eps=1e-30, weight_decay=decay), 1).adapter
    np.testing.assert_allclose(with_penalty.A - A, -eta * np.sign(A), rtol=1e-9)
    one, two = (train(TASK, start(), AdamW(eta, eps=1e-30, weight_decay=decay), steps).adapter
                for steps in (1, 2))
    np.testing.assert_allclose(one.A, (1 - eta * decay) * A, rtol=1e-14)
    move = np.abs(two.A - (1 - eta * decay) * one.A)
    np.testing.assert_allclose(move, eta * np.sqrt(1.999) / 1.9, rtol=1e-9)


@pytest.mark.claim("thm-column-space")
@pytest.mark.parametrize("task", [TASK, minibatches(TASK, 5)], ids=["full", "batches"])
@pytest.mark.parametrize(("optimisers", "stays"), [
    ((SGD(0.1), SGD(0.05)), True), ((Momentum(0.02, nesterov=True, weight_decay=0.1),), True),
    ((Clipped(Momentum(0.02), 0.5),), True), ((Adam(0.01),), False)])
def test_from_B_zero_the_columns_stay_in_the_column_space_of_the_shift(task, optimisers, stays):
    adapter = start()
    for optimiser in optimisers:  # one after the other: a schedule
        adapter = train(task, adapter, optimiser, 40).adapter
    basis = np.linalg.svd(SHIFT)[0][:, :4]
    outside = [apart(basis @ basis.T @ M, M) for M in (adapter.B, adapter.delta())]
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
    assert early[r - 1] > 0.005 and early[4] > early[3] / 4 and late[4] < late[3] / 100
