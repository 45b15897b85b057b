"""The chapter Step zero: what each starting point can and cannot do, and how noise leaves."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lora_edu import (
    SGD,
    STARTS,
    Adam,
    AdamW,
    Adapter,
    Clipped,
    Momentum,
    Regression,
    initial,
    sweep,
    teacher_student,
    train,
)
from lora_edu.chapters.shared.norm_board import LEARNING_RATE
from lora_edu.chapters.shared.style import ZeroLogAxis
from lora_edu.chapters.shared.tasks import task_64
from lora_edu.chapters.shared.word import word
from lora_edu.chapters.shared.word_run import written
from lora_edu.chapters.step_zero.figures import saddle, step_zero, two_gradients
from lora_edu.chapters.step_zero.runs import escape_step, from_noise
from tests.chapters.figure_words import headline, reading

D, K, R = 5, 7, 4
PROBLEM = teacher_student(D, K, n=20, spectrum=1.0, rng=np.random.default_rng(0))
W0 = PROBLEM.W0
G0 = PROBLEM.gradient(W0)
ZERO = {  # what is exactly zero at each start
    "A random, B zero": {"∇A", "ΔW"}, "A zero, B random": {"∇B", "ΔW"},
    "both zero": {"∇A", "∇B", "ΔW"}, "both random": set(), "BA zero": {"ΔW"}}


@pytest.mark.claim("thm-step-zero")
@pytest.mark.parametrize("i", [None, *range(R)])  # the row of A, the column of B that is another
def test_the_other_gradient_is_zero_only_for_orthogonal_rows_or_columns(i):
    G, A, B = np.zeros((D, K)), np.zeros((R, K)), np.zeros((D, R))
    G[:3, :4] = G0[:3, :4]
    A[:, 4:] = 1.0  # orthogonal to all rows of G
    B[3:] = 1.0  # and to all its columns
    if i is not None:
        A[i, 0] = B[0, i] = 1e-3
    grad_B = Adapter(A, 0 * B, 2.0).gradients(G)[1]
    grad_A = Adapter(0 * A, B, 2.0).gradients(G)[0]
    np.testing.assert_allclose(grad_B, np.outer(2e-3 * G[:, 0], np.arange(R) == i))
    np.testing.assert_allclose(grad_A, np.outer(np.arange(R) == i, 2e-3 * G[0]))


class Noisy(SGD):
    """SGD with noise of its own on every parameter: what the theorem excludes."""

    def step(self, params, grads, state):
        rng = np.random.default_rng(0)
        return super().step(params, [g + 1e-3 * rng.normal(size=g.shape) for g in grads], state)


RULES = {"SGD": SGD(0.1), "momentum": Momentum(0.1, nesterov=True, weight_decay=0.1),
         "Adam": Adam(0.1), "Adam with L2": Adam(0.1, weight_decay=0.1), "AdamW": AdamW(0.1),
         "clipped": Clipped(Adam(0.1), 0.01), "noise of its own": Noisy(0.1)}


@pytest.mark.claim("cor-one-step")
@pytest.mark.parametrize("s", [0.25, 16.0])
@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_the_gradient_of_A_after_one_step(name, s):
    """With B₁ from the definition of the optimiser, and ∇A = s·B₁ᵀG₁."""
    A = initial(D, K, R, rng=np.random.default_rng(1))[0]
    lr = 0.01
    optimiser = SGD(lr) if name == "SGD" else Adam(lr, eps=1e-30)
    history = train(PROBLEM, Adapter(A, np.zeros((D, R)), s), optimiser, 1)
    step = s * G0 @ A.T if name == "SGD" else np.sign(G0 @ A.T)
    delta = -lr * s * step @ A
    G1 = PROBLEM.gradient(W0 + delta)
    grad_A = -lr * s * step.T @ G1
    np.testing.assert_array_equal(history.adapter.A, A)
    np.testing.assert_allclose(history.adapter.delta(), delta, rtol=1e-8)
    np.testing.assert_allclose(history.adapter.gradients(G1)[0], grad_A, rtol=1e-8)
    assert history.grad_A_norm == pytest.approx([0.0, np.linalg.norm(grad_A)], rel=1e-10)


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
    more_left = np.diff(left_over(d, k, spread, lr, tasks))  # with B random
    mean, error = more_left.mean(), more_left.std(ddof=1) / math.sqrt(tasks)
    assert low < mean < high
    if low < 0 < high:
        assert abs(mean) < 2.5 * error
    else:
        assert abs(mean) > 4 * error


@pytest.mark.claim("obs-both-zero", "thm-step-zero")
@pytest.mark.parametrize("name", RULES)
def test_from_both_zero_the_outputs_stay_the_frozen_model_s(name):
    """Also where the loss is another one at every step."""
    task = task_64()
    rng = np.random.default_rng(0)
    X = rng.normal(size=(256, 64))
    start = Adapter(*initial(64, 64, 8, "both zero", rng=np.random.default_rng(1)), 2.0)
    batches = SimpleNamespace(W0=task.W0, loss_and_gradient=lambda W: Regression(
        task.W0, task.W_star, task.X[rng.integers(len(task.X), size=3)]).loss_and_gradient(W))
    for losses in (task, batches):
        outputs = train(losses, start, RULES[name], 200).adapter.forward(X, task.W0)
        assert (outputs.tobytes() == (X @ task.W0.T).tobytes()) == (name != "noise of its own")


@pytest.mark.claim("thm-saddle", "cor-saddle-decay")
@pytest.mark.parametrize("r", [1, 3])
def test_both_zero_is_a_saddle_until_the_penalty_outweighs_the_first_singular_value(r):
    """By torch's second derivatives of a loss that is not quadratic."""
    s, W = 2.0, torch.tensor(W0, requires_grad=True)
    torch.sin(W @ torch.tensor(PROBLEM.X.T)).sum().backward()
    sigma = np.linalg.svd(W.grad.numpy(), compute_uv=False)

    def loss(p, penalty=0.0):
        A, B = p[:r * K].reshape(r, K), p[r * K:].reshape(D, r)
        outputs = (torch.tensor(W0) + s * B @ A) @ torch.tensor(PROBLEM.X.T)
        return torch.sin(outputs).sum() + penalty / 2 * (p**2).sum()

    zero = torch.zeros(r * (D + K), dtype=torch.float64)
    curvatures = np.linalg.eigvalsh(torch.autograd.functional.hessian(loss, zero))
    flat = np.zeros(r * (D + K) - 2 * r * len(sigma))
    want = np.sort(np.concatenate([*[s * sigma, -s * sigma] * r, flat]))
    np.testing.assert_allclose(curvatures, want, atol=1e-10)
    for share in (0.9, 1.1):
        penalised = torch.autograd.functional.hessian(
            lambda p, penalty=share * s * sigma[0]: loss(p, penalty), zero)
        assert (np.linalg.eigvalsh(penalised).min() < 0) == (share < 1)


TASK = task_64()
U, SINGULAR, VT = np.linalg.svd(TASK.gradient(TASK.W0))
PULL = 2.0 * SINGULAR[0]  # s·σ₁ on the board


@pytest.mark.claim("obs-escape")
def test_noise_leaves_at_the_rate_of_the_first_singular_value():
    for sign, factor in ((-1, 1 + 0.1 * PULL), (1, 1 - 0.1 * PULL)):  # downhill and uphill
        A, B = np.zeros((8, 64)), np.zeros((64, 8))
        A[0], B[:, 0] = 1e-6 * VT[0], sign * 1e-6 * U[:, 0]
        after = train(TASK, Adapter(A, B, 2.0), SGD(LEARNING_RATE["SGD"]), 1).adapter
        np.testing.assert_allclose(after.A, factor * A, atol=1e-15)
        np.testing.assert_allclose(after.B, factor * B, atol=1e-15)
    taus = [1e-4, 1e-6, 1e-8, 1e-10, 1e-12]
    steps = [[escape_step(from_noise(tau, "SGD", seed=seed)) for tau in taus] for seed in range(8)]
    rates = -np.polyfit(np.log10(taus), np.transpose(steps), 1)[0]
    assert rates == pytest.approx(math.log(10) / math.log(1 + 0.1 * PULL), rel=0.01)
    assert (rates > 6.55).all() and (rates < 6.75).all()
    for optimiser in ("SGD", "Momentum", "Adam"):
        assert escape_step(from_noise(0.0, optimiser)) is None
        figure = saddle(1e-8, optimiser)
        loss = figure["data"][0]["y"]
        left = np.flatnonzero(loss < 0.9 * loss[0])[0]
        assert reading(figure) == f"noise of size 10⁻⁸ leaves the saddle at step {left}"


# --- the figures

@pytest.mark.claim("thm-step-zero")
@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("t", range(4))
def test_each_gradient_is_the_others_product_with_the_picture(start, t):
    figure = two_gradients(start, t)
    now = written(start)[t]
    G = now.B @ now.A - word()
    cells = {trace["name"]: trace["z"] for trace in figure["data"] if "z" in trace}
    shown = {"A": now.A, "B": now.B, "∇A": now.B.T @ G, "∇B": G @ now.A.T, "−G": -G}
    for name, matrix in shown.items():
        np.testing.assert_array_equal(np.sign(cells[name]), np.sign(matrix.round(12)))
    moves = {letter for letter in "AB" if cells[f"∇{letter}"].any()}
    for letter in "AB":
        assert (f"{letter} gets no gradient" in headline(figure)) == (moves == set("AB") - {letter})
    assert ("nothing moves, ever" in headline(figure)) == (start == "both zero")


@pytest.mark.parametrize("optimiser", ["SGD", "Adam"])
@pytest.mark.parametrize("start", STARTS)
def test_the_board_puts_exactly_the_zero_marks_at_zero(start, optimiser):
    figure = step_zero(8, 16, start, optimiser)
    norms = {trace["name"].strip("‖"): trace for trace in figure["data"]
             if trace["name"].startswith("‖")}
    at_zero = {name for name, trace in norms.items() if trace["y"][0] == ZeroLogAxis(-5, 3).zero}
    zero_words = figure["layout"]["annotations"][0]["text"].partition("not 0")[0]
    assert at_zero == ZERO[start] == {name for name in norms if name in zero_words}
    assert at_zero == {name for name, trace in norms.items() if trace["customdata"][0] == 0}
