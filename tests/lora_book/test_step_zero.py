"""The chapter Step zero: what each starting point can and cannot do, and how noise leaves."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import sem

from lora_book.shared.norm_board import NAMES
from lora_book.shared.tasks import task_64
from lora_book.step_zero.figures import step_zero
from lora_book.step_zero.runs import escape_step, from_noise
from lora_edu import (
    SGD,
    STARTS,
    Adam,
    AdamW,
    Adapter,
    Clipped,
    Momentum,
    initial,
    sweep,
    teacher_student,
    train,
)
from tests.lora_book.figure_words import headline
from tests.lora_book.oracles import minibatches, span

D, K, R = 5, 7, 4
PROBLEM = teacher_student(D, K, n=20, spectrum=1.0, rng=np.random.default_rng(0))
W0 = PROBLEM.W0
G0 = PROBLEM.gradient(W0)


@pytest.mark.claim("thm-step-zero")
@pytest.mark.parametrize("i", [None, *range(R)])  # the row of A, the column of B that is another
def test_the_other_gradient_is_zero_only_for_orthogonal_rows_or_columns(i):
    G = np.zeros((D, K))
    A = np.zeros((R, K))
    B = np.zeros((D, R))
    G[:3, :4] = G0[:3, :4]
    A[:, 4:] = 1.0  # orthogonal to all rows of G
    B[3:] = 1.0  # and to all its columns
    if i is not None:
        A[i, 0] = B[0, i] = 1e-3
    grad_B = Adapter(A, 0 * B, 2.0).gradients(G)[1]
    grad_A = Adapter(0 * A, B, 2.0).gradients(G)[0]
    np.testing.assert_allclose(grad_B, np.outer(2e-3 * G[:, 0], np.arange(R) == i))
    np.testing.assert_allclose(grad_A, np.outer(np.arange(R) == i, 2e-3 * G[0]))


@pytest.mark.claim("cor-one-step")
@pytest.mark.parametrize("s", [0.25, 16.0])
@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_the_gradient_of_A_after_one_step(name, s):
    A = initial(D, K, R, rng=np.random.default_rng(1))[0]
    lr = 0.01
    optimiser = SGD(lr) if name == "SGD" else Adam(lr, eps=1e-30)
    adapter = train(PROBLEM, Adapter(A, np.zeros((D, R)), s), optimiser, 1).adapter
    G1 = PROBLEM.gradient(W0 + adapter.delta())
    step = s * G0 @ A.T if name == "SGD" else np.sign(G0 @ A.T)
    np.testing.assert_allclose(adapter.gradients(G1)[0], -lr * s * step.T @ G1, rtol=1e-8)


def left_over(d, k, spread, lr, tasks):
    """The share of the loss left after 20 Adam steps: (tasks, A random and B random)."""
    shares = []
    for seed in range(tasks):
        task = teacher_student(d, k, shift_rank=4, spectrum=0.0, rng=np.random.default_rng(seed))
        runs = sweep(task, r=8, alpha=16, lr=lr, start=STARTS[:2], seed=100 + seed,
                     distribution=spread, steps=20)
        shares.append((runs.loss[..., -1] / runs.loss[..., 0]).ravel())
    return np.array(shares)


@pytest.mark.claim("obs-swap")
@pytest.mark.parametrize(("d", "k", "spread", "lr", "tasks", "low", "high"), [
    (64, 64, 1 / math.sqrt(192), 0.003, 64, -0.02, 0.02),
    (64, 64, 1 / math.sqrt(192), 0.03, 32, 0.004, 0.02),
    (16, 256, 1 / math.sqrt(768), 0.003, 8, -0.1, -0.03),
    (256, 16, 1 / math.sqrt(48), 0.003, 16, 0.4, 0.55),
    (64, 64, "kaiming_uniform", 0.0003, 16, -0.05, -0.01),
    (64, 64, "kaiming_uniform", 0.003, 16, 0.25, 0.45),
    (64, 64, "kaiming_uniform", 0.01, 16, 0.1, 0.3)])
def test_what_the_swap_does_on_one_task(d, k, spread, lr, tasks, low, high):
    more_left = np.diff(left_over(d, k, spread, lr, tasks)).ravel()  # with B random
    assert low < more_left.mean() < high
    stands_out = abs(more_left.mean()) > 3.5 * sem(more_left)
    assert stands_out == (low * high > 0)


TASK = task_64()


@pytest.mark.claim("obs-both-zero", "thm-step-zero")
@pytest.mark.parametrize("task", [TASK, minibatches(TASK, 3)], ids=["full", "batches"])
@pytest.mark.parametrize("rule", [
    SGD(0.1), Momentum(0.1, nesterov=True, weight_decay=0.1), Adam(0.1),
    Adam(0.1, weight_decay=0.1), AdamW(0.1), Clipped(Adam(0.1), 0.01)])
def test_from_both_zero_the_outputs_stay_the_frozen_model_s(task, rule):
    X = np.random.default_rng(0).normal(size=(256, 64))
    start = Adapter(np.zeros((8, 64)), np.zeros((64, 8)), 2.0)
    outputs = train(task, start, rule, 200).adapter.forward(X, task.W0)
    assert outputs.tobytes() == (X @ task.W0.T).tobytes()


@pytest.mark.claim("thm-saddle", "cor-saddle-decay")
@pytest.mark.parametrize("r", [1, 3])
def test_both_zero_is_a_saddle_until_the_penalty_outweighs_the_first_singular_value(r):
    """By torch's second derivatives of a loss that is not quadratic."""
    s = 2.0
    X = torch.tensor(PROBLEM.X.T)
    frozen = torch.tensor(W0)
    G = torch.func.grad(lambda W: torch.sin(W @ X).sum())(frozen)
    sigma = torch.linalg.svdvals(G).numpy()

    def curvatures(penalty):
        def loss(p):
            A = p[:r * K].reshape(r, K)
            B = p[r * K:].reshape(D, r)
            return torch.sin((frozen + s * B @ A) @ X).sum() + penalty / 2 * (p**2).sum()

        zero = torch.zeros(r * (D + K), dtype=torch.float64)
        return np.linalg.eigvalsh(torch.autograd.functional.hessian(loss, zero))

    flat = np.zeros(r * (D + K) - 2 * r * len(sigma))
    want = np.sort(np.concatenate([*[s * sigma, -s * sigma] * r, flat]))
    np.testing.assert_allclose(curvatures(0.0), want, atol=1e-10)
    assert curvatures(0.9 * s * sigma[0])[0] < 0 < curvatures(1.1 * s * sigma[0])[0]


@pytest.mark.parametrize(("start", "zero"), [
    ("A random, B zero", ["A", "delta"]), ("both zero", ["A", "B", "delta"]), ("both random", [])])
def test_the_board_says_what_is_exactly_zero(start, zero):
    before, says_so, _ = headline(step_zero(8, 16, start, "Adam")).partition(" exactly 0")
    assert [NAMES[name] in before and bool(says_so) for name in NAMES] == [
        name in zero for name in NAMES]


@pytest.mark.claim("obs-escape")
def test_noise_leaves_at_the_rate_of_the_first_singular_value():
    growth = 1 + 0.1 * 2.0 * np.linalg.norm(TASK.gradient(TASK.W0), 2)  # of a step, η = 0.1, s = 2
    taus = [1e-4, 1e-6, 1e-8, 1e-10, 1e-12]
    steps = [[escape_step(from_noise(tau, "SGD", seed=seed)) for tau in taus] for seed in range(8)]
    rates = -np.polyfit(np.log10(taus), np.transpose(steps), 1)[0]
    assert rates == pytest.approx(math.log(10) / math.log(growth), rel=0.01)
    assert span(rates) == pytest.approx((6.6, 6.7), abs=0.05)
    for optimiser in ("SGD", "Momentum", "Adam"):
        assert escape_step(from_noise(0.0, optimiser)) is None


# --- the figures
