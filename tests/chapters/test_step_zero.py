"""The chapter Step zero: what each starting point can and cannot do."""

import math
import re
from dataclasses import replace

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
from lora_edu.chapters.shared.drawing import fill
from lora_edu.chapters.shared.style import ZeroLogAxis
from lora_edu.chapters.step_zero.figures import five_starts, step_zero
from lora_edu.chapters.step_zero.runs import LEARNING_RATE, escape_step, from_noise, problem

D, K, R = 5, 7, 4
PROBLEM = teacher_student(D, K, n=20, spectrum=1.0, rng=np.random.default_rng(0))
W0, G0 = PROBLEM.W0, PROBLEM.gradient(PROBLEM.W0)
OPTIMISERS = {
    "SGD": SGD(0.1), "Momentum": Momentum(0.1),
    "Nesterov with weight decay": Momentum(0.1, nesterov=True, weight_decay=0.1),
    "Adam": Adam(0.1), "Adam with L2": Adam(0.1, weight_decay=0.1), "AdamW": AdamW(0.1),
}


def adapter_at(start, s=2.0):
    return Adapter(*initial(D, K, R, start, rng=np.random.default_rng(1)), s)


def gradients_of(adapter, problem=PROBLEM):
    return adapter.gradients(problem.gradient(adapter.merge(problem.W0)))


@pytest.mark.claim("thm-step-zero")
def test_the_gradient_of_the_zero_matrix_is_zero_only_for_orthogonal_rows_or_columns():
    G = np.zeros((D, K))
    G[:3, :4] = G0[:3, :4]
    away_A, away_B = np.zeros((R, K)), np.zeros((D, R))
    away_A[:, 4:], away_B[3:] = 1.0, 1.0  # orthogonal to every row, to every column of G
    assert (Adapter(away_A, np.zeros((D, R)), 2.0).gradients(G)[1] == 0.0).all()
    assert (Adapter(np.zeros((R, K)), away_B, 2.0).gradients(G)[0] == 0.0).all()
    for i in range(R):  # one row, one column that is not
        A, B = away_A.copy(), away_B.copy()
        A[i, 0], B[0, i] = 1e-3, 1e-3
        grad_B = Adapter(A, np.zeros((D, R)), 2.0).gradients(G)[1]
        grad_A = Adapter(np.zeros((R, K)), B, 2.0).gradients(G)[0]
        np.testing.assert_allclose(grad_B[:, i], 2e-3 * G[:, 0])
        np.testing.assert_allclose(grad_A[i], 2e-3 * G[0])
        assert not np.delete(grad_B, i, 1).any() and not np.delete(grad_A, i, 0).any()


@pytest.mark.claim("thm-step-zero")
@pytest.mark.parametrize(("start", "A_is_still", "B_is_still", "delta_is_zero"), [
    ("A random, B zero", True, False, True), ("A zero, B random", False, True, True),
    ("both zero", True, True, True), ("both random", False, False, False),
    ("BA zero", False, False, True)])
@pytest.mark.parametrize("s", [0.25, 16.0])
def test_the_five_starting_points(s, start, A_is_still, B_is_still, delta_is_zero):
    adapter = adapter_at(start, s)
    grad_A, grad_B = gradients_of(adapter)
    assert (grad_A == 0.0).all() == A_is_still
    assert (grad_B == 0.0).all() == B_is_still
    assert (adapter.delta() == 0.0).all() == delta_is_zero
    assert (PROBLEM.loss(adapter.merge(W0)) == PROBLEM.loss(W0)) == delta_is_zero


class Noisy(SGD):
    """SGD with noise of its own on every parameter: what the theorem excludes."""

    def step(self, params, grads, state):
        rng = np.random.default_rng(0)
        return super().step(params, [g + 1e-3 * rng.normal(size=g.shape) for g in grads], state)


@pytest.mark.claim("thm-step-zero")
@pytest.mark.parametrize("name", [*OPTIMISERS, "clipped", "noise of its own"])
def test_both_zero_stays_under_other_losses_other_rates_and_clipping(name):
    rule = {"clipped": Clipped(Adam(0.1), 0.01), "noise of its own": Noisy(0.1),
            **OPTIMISERS}[name]
    A, B, rng = np.zeros((R, K)), np.zeros((D, R)), np.random.default_rng(0)
    state = rule.init([A, B])
    for t in range(20):
        rows = rng.integers(20, size=3)  # a minibatch
        batch = Regression(W0, PROBLEM.W_star, PROBLEM.X[rows])
        G = batch.gradient(W0 + 2.0 * B @ A)
        assert G.all()
        if name != "clipped":  # a schedule
            rule = replace(rule, lr=0.1 / (1 + t))
        (A, B), state = rule.step([A, B], Adapter(A, B, 2.0).gradients(G), state)
    assert (A.any() or B.any()) == (name == "noise of its own")


class Transposed:
    """The loss of the problem as a function of the transposed weight."""

    W0 = W0.T

    def loss_and_gradient(self, W):
        loss, G = PROBLEM.loss_and_gradient(W.T)
        return loss, G.T


@pytest.mark.claim("thm-mirror")
@pytest.mark.parametrize("name", OPTIMISERS)
@pytest.mark.parametrize("start", ["A zero, B random", "both random"])
def test_the_mirror_image_needs_no_symmetric_loss(name, start):
    adapter = adapter_at(start)
    mirror = Adapter(A=adapter.B.T, B=adapter.A.T, scaling=adapter.scaling)
    one = train(PROBLEM, adapter, OPTIMISERS[name], 20)
    other = train(Transposed(), mirror, OPTIMISERS[name], 20)
    np.testing.assert_allclose(other.loss, one.loss, rtol=1e-8)
    np.testing.assert_allclose(other.adapter.A, one.adapter.B.T, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(other.adapter.B, one.adapter.A.T, rtol=1e-6, atol=1e-9)


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


@pytest.mark.claim("obs-both-zero")
@pytest.mark.parametrize("rule", [SGD(0.1), Momentum(0.1, nesterov=True, weight_decay=0.1),
                                  Adam(0.01), AdamW(0.01)], ids=lambda rule: type(rule).__name__)
def test_from_both_zero_the_outputs_stay_the_frozen_model_s(rule):
    task, X = problem(), np.random.default_rng(0).normal(size=(256, 64))
    start = Adapter(*initial(64, 64, 8, "both zero", rng=np.random.default_rng(1)), 2.0)
    outputs = train(task, start, rule, 200).adapter.forward(X, task.W0)
    assert outputs.tobytes() == (X @ task.W0.T).tobytes() and outputs.all()


def second_order(G, s, r):
    """The matrix of second derivatives of s⟨G, BA⟩ in the entries of A and B, by differences."""
    (d, k), n = G.shape, r * sum(G.shape)

    def form(p):
        A, B = p[:r * k].reshape(r, k), p[r * k:].reshape(d, r)
        return s * np.vdot(G, B @ A)

    unit = np.eye(n)
    return np.array([[form(unit[i] + unit[j]) - form(unit[i]) - form(unit[j]) for j in range(n)]
                     for i in range(n)])  # exact for a form of second order


@pytest.mark.claim("thm-saddle", "cor-saddle-decay")
@pytest.mark.parametrize("r", [1, 3])
def test_the_curvatures_at_both_zero_are_the_singular_values_of_G(r):
    s, sigma = 2.0, np.linalg.svd(G0, compute_uv=False)
    found = np.linalg.eigvalsh(second_order(G0, s, r))
    zeros = np.zeros(r * (D + K) - 2 * r * len(sigma))
    want = np.sort(np.concatenate([*[s * sigma, -s * sigma] * r, zeros]))
    np.testing.assert_allclose(found, want, atol=1e-12)


def bent(W):
    """A loss that is not quadratic."""
    W = W if torch.is_tensor(W) else torch.tensor(W)
    return torch.sin(W @ torch.tensor(PROBLEM.X.T)).sum() + (W**4).sum() / 7


@pytest.mark.claim("thm-saddle", "cor-saddle-decay")
def test_both_zero_is_a_saddle_until_the_penalty_outweighs_the_first_singular_value():
    W = torch.tensor(W0, requires_grad=True)
    bent(W).backward()
    s, r = 2.0, 3
    U, sigma, Vt = np.linalg.svd(W.grad.numpy())

    def change(A, B, penalty=0.0):
        return float(bent(W0 + s * B @ A) - bent(W0)) + penalty / 2 * ((A**2).sum() + (B**2).sum())

    def pair(t, sign):
        A, B = np.zeros((r, K)), np.zeros((D, r))
        A[0], B[:, 0] = t * Vt[0], sign * t * U[:, 0]
        return A, B

    rng = np.random.default_rng(0)
    for t in (1e-2, 1e-3):  # in every neighbourhood
        assert change(*pair(t, -1)) < 0 < change(*pair(t, 1))
        less, more = 0.9 * s * sigma[0], 1.1 * s * sigma[0]
        assert change(*pair(t, -1), less) < 0 < change(*pair(t, 1), less)
        assert change(*pair(t, -1), more) > 0
        for _ in range(50):
            A, B = t * rng.normal(size=(r, K)), t * rng.normal(size=(D, r))
            assert change(A, B, more) > 0


TASK = problem()
G_BOARD = TASK.gradient(TASK.W0)
PULL = 2.0 * np.linalg.svd(G_BOARD, compute_uv=False)[0]  # s·σ₁ on the board


@pytest.mark.claim("obs-escape")
@pytest.mark.parametrize(("sign", "factor"), [(-1, 1 + 0.1 * PULL), (1, 1 - 0.1 * PULL)])
def test_a_step_multiplies_the_downhill_and_the_uphill_pair(sign, factor):
    U, _, Vt = np.linalg.svd(G_BOARD)
    A, B = np.zeros((8, 64)), np.zeros((64, 8))
    A[0], B[:, 0] = 1e-6 * Vt[0], sign * 1e-6 * U[:, 0]
    after = train(TASK, Adapter(A, B, 2.0), SGD(0.1), 1).adapter
    np.testing.assert_allclose(after.A, factor * A, atol=1e-15)
    np.testing.assert_allclose(after.B, factor * B, atol=1e-15)
    assert abs(factor) * (1 + 0.1 * PULL) < 1 or sign < 0  # shrinks faster than the other grows


@pytest.mark.claim("obs-escape")
def test_noise_leaves_at_the_rate_of_the_first_singular_value():
    predicted = math.log(10) / math.log(1 + LEARNING_RATE["SGD"] * PULL)
    taus = [1e-4, 1e-6, 1e-8, 1e-10, 1e-12]
    for seed in range(8):
        steps = [escape_step(from_noise(tau, "SGD", seed=seed)) for tau in taus]
        rate = -np.polyfit(np.log10(taus), steps, 1)[0]
        assert rate == pytest.approx(predicted, rel=0.01) and 6.55 < rate < 6.75


def steps_to_leave(name, steps=400, **settings):
    """For eight noises of four sizes, (8, 4); nan where one never leaves."""
    found = [[escape_step(from_noise(tau, name, steps=steps, seed=seed, **settings))
              for tau in (1e-4, 1e-8, 1e-12, 1e-16)] for seed in range(8)]
    return np.array(found, dtype=float)


@pytest.mark.claim("obs-escape-adam")
def test_what_eps_and_weight_decay_do_to_the_escape():
    for found in (steps_to_leave("Adam", 20), steps_to_leave("AdamW", 20, weight_decay=1.0)):
        assert found.max() == 8 and found[1].max() == 6  # the second stands in the table
    slow = np.diff(steps_to_leave("Adam", 120, eps=0.01)) / 4  # per decade
    assert (slow > 6).all() and (slow < 8).all()
    plain, held = steps_to_leave("SGD", 120), steps_to_leave("SGD", 200, weight_decay=2.0)
    assert (held > 1.5 * plain).all()
    per_decade = (held[:, -1] - held[:, 0]) / 12
    assert per_decade == pytest.approx(math.log(10) / math.log(1 + 0.1 * (PULL - 2)), rel=0.02)
    assert PULL < 5
    for name in ("SGD", "Adam"):
        assert np.isnan(steps_to_leave(name, weight_decay=5.0)).all()


@pytest.mark.claim("cor-one-step")
@pytest.mark.parametrize("s", [0.25, 16.0])
@pytest.mark.parametrize("lr", [1e-3, 0.1])
@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_the_gradient_of_A_after_one_step(name, lr, s):
    """With B₁ from the definition of the optimiser, and ∇A = s·B₁ᵀG₁."""
    start = adapter_at("A random, B zero", s)
    history = train(PROBLEM, start, SGD(lr) if name == "SGD" else Adam(lr, eps=1e-30), 1)
    step = s * G0 @ start.A.T if name == "SGD" else np.sign(G0 @ start.A.T)
    G1 = PROBLEM.gradient(W0 - lr * s * step @ start.A)
    np.testing.assert_array_equal(history.adapter.A, start.A)
    want = (-lr * s**2 * start.A @ G0.T @ G1 if name == "SGD"
            else -lr * s * np.sign(G0 @ start.A.T).T @ G1)
    np.testing.assert_allclose(gradients_of(history.adapter)[0], want, rtol=1e-8)
    assert history.grad_A_norm == pytest.approx([0.0, np.linalg.norm(want)], rel=1e-10)


# --- the figures

def said(figure):
    return figure["layout"]["meta"]["reading"]


@pytest.mark.parametrize("optimiser", ["SGD", "Adam"])
@pytest.mark.parametrize(("start", "zeros"), [
    ("A random, B zero", {"‖∇A‖", "‖ΔW‖"}), ("A zero, B random", {"‖∇B‖", "‖ΔW‖"}),
    ("both zero", {"‖∇A‖", "‖∇B‖", "‖ΔW‖"}), ("both random", set()), ("BA zero", {"‖ΔW‖"})])
def test_the_board_puts_exactly_the_zero_marks_at_zero(start, zeros, optimiser):
    at_zero, zero = set(), ZeroLogAxis(-5, 3).zero
    for trace in step_zero(8, 16, start, optimiser)["data"]:
        if trace["name"] in ("‖∇A‖", "‖∇B‖", "‖ΔW‖") and trace["y"][0] == zero:
            assert trace["customdata"][0] == 0
            at_zero.add(trace["name"])
    assert at_zero == zeros
    assert "not possible" in said(step_zero(1, 16, "BA zero", "SGD"))


@pytest.mark.claim("obs-escape")
@pytest.mark.parametrize("optimiser", ["SGD", "Momentum", "Adam"])
def test_only_exact_zero_never_leaves(optimiser):
    assert escape_step(from_noise(0.0, optimiser)) is None
    assert all(escape_step(from_noise(tau, optimiser)) for tau in (1e-16, 1e-8, 1e-2))


@pytest.mark.claim("thm-step-zero")
def test_the_boxes_are_full_where_there_is_a_number():
    """By rows of A and columns of B at r = 2; each gradient is full where the other matrix is."""
    figure = five_starts(answers=True)
    full = np.reshape([box["fillcolor"] != fill("A", 0) for box in figure["layout"]["shapes"]],
                      (len(STARTS), 9))
    A, B, grad_A, grad_B, delta = np.split(full, [2, 4, 6, 8], axis=1)
    np.testing.assert_array_equal(grad_A, B)
    np.testing.assert_array_equal(grad_B, A)
    assert A.tolist() == [[1, 1], [0, 0], [0, 0], [1, 1], [1, 0]]
    assert B.tolist() == [[0, 0], [1, 1], [0, 0], [1, 1], [0, 1]]
    assert delta.ravel().tolist() == [0, 0, 0, 1, 0]
    for start, row in zip(STARTS, full, strict=True):
        (zero,) = re.findall(rf"{start}: zero are ([^·]*)", said(figure))
        assert ("ΔW" in zero, "∇A" in zero) == (not row[8], not row[4:6].any())
    assert len(five_starts()["layout"]["shapes"]) == 4 * len(STARTS)  # before the prediction
