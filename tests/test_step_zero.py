"""The first steps: what each starting point can and cannot do."""

import math

import numpy as np
import pytest

from lora_edu import (
    SGD,
    STARTS,
    Adam,
    AdamW,
    Adapter,
    Momentum,
    Regression,
    initial,
    teacher_student,
    train,
)

D, K, R = 5, 7, 4
PROBLEM = teacher_student(D, K, n=20, spectrum=1.0, rng=np.random.default_rng(0))
W0, G0 = PROBLEM.W0, PROBLEM.gradient(PROBLEM.W0)
SCALINGS = [0.25, 1.0, 2.0, 16.0]
OPTIMISERS = {
    "SGD": SGD(0.1), "Momentum": Momentum(0.1),
    "Nesterov with weight decay": Momentum(0.1, nesterov=True, weight_decay=0.1),
    "Adam": Adam(0.1), "Adam with L2": Adam(0.1, weight_decay=0.1), "AdamW": AdamW(0.1),
}


def adapter_at(start, s=2.0):
    return Adapter(*initial(D, K, R, start, rng=np.random.default_rng(1)), s)


def gradients_of(adapter, problem=PROBLEM):
    return adapter.gradients(problem.gradient(adapter.merge(problem.W0)))


@pytest.mark.parametrize("start, A_is_still, B_is_still, delta_is_zero", [
    ("A random, B zero", True, False, True),
    ("A zero, B random", False, True, True),
    ("both zero", True, True, True),
    ("both random", False, False, False),
    ("BA zero", False, False, True),
])
@pytest.mark.parametrize("s", SCALINGS)
def test_the_five_starting_points(s, start, A_is_still, B_is_still, delta_is_zero):
    adapter = adapter_at(start, s)
    grad_A, grad_B = gradients_of(adapter)
    assert (grad_A == 0.0).all() == A_is_still
    assert (grad_B == 0.0).all() == B_is_still
    assert (adapter.delta() == 0.0).all() == delta_is_zero
    assert (PROBLEM.loss(adapter.merge(W0)) == PROBLEM.loss(W0)) == delta_is_zero


@pytest.mark.parametrize("s", SCALINGS)
def test_at_ba_zero_each_component_moves_the_matrix_that_is_zero(s):
    grad_A, grad_B = gradients_of(adapter_at("BA zero", s))
    assert (grad_A[:R // 2] == 0.0).all() and (grad_A[R // 2:] != 0.0).all()
    assert (grad_B[:, :R // 2] != 0.0).all() and (grad_B[:, R // 2:] == 0.0).all()


@pytest.mark.parametrize("name", OPTIMISERS)
def test_both_zero_never_moves(name):
    history = train(PROBLEM, adapter_at("both zero"), OPTIMISERS[name], 200)
    assert history.adapter.merge(W0).tobytes() == W0.tobytes()
    assert (history.loss == PROBLEM.loss(W0)).all()
    frozen = PROBLEM.X @ W0.T
    np.testing.assert_array_equal(history.adapter.forward(PROBLEM.X, W0), frozen)
    assert frozen.all()  # it predicts what the frozen model predicts, which is not zero


@pytest.mark.parametrize("start", [start for start in STARTS if start != "both zero"])
@pytest.mark.parametrize("name", OPTIMISERS)
def test_every_other_start_learns(name, start):
    history = train(PROBLEM, adapter_at(start), OPTIMISERS[name], 200)
    assert history.loss[-1] < 0.2 * PROBLEM.loss(W0)


@pytest.mark.parametrize("s", SCALINGS)
@pytest.mark.parametrize("lr", [1e-3, 0.1])
def test_after_one_step_of_sgd_the_gradient_of_A_is_lr_s_squared(lr, s):
    start = adapter_at("A random, B zero", s)
    history = train(PROBLEM, start, SGD(lr), 1)
    after = history.adapter
    G1 = PROBLEM.gradient(W0 - lr * s**2 * G0 @ start.A.T @ start.A)
    np.testing.assert_array_equal(after.A, start.A)
    want = lr * s**2 * np.linalg.norm(start.A @ G0.T @ G1)
    assert history.grad_A_norm[0] == 0.0
    assert history.grad_A_norm[1] == pytest.approx(want, rel=1e-10)
    np.testing.assert_allclose(gradients_of(after)[0], -lr * s**2 * start.A @ G0.T @ G1, rtol=1e-8)


@pytest.mark.parametrize("s", SCALINGS)
@pytest.mark.parametrize("lr", [1e-3, 0.1])
def test_after_one_step_of_adam_the_gradient_of_A_is_lr_s(lr, s):
    start = adapter_at("A random, B zero", s)
    history = train(PROBLEM, start, Adam(lr, eps=1e-30), 1)
    signs = np.sign(G0 @ start.A.T)
    G1 = PROBLEM.gradient(W0 - lr * s * signs @ start.A)
    np.testing.assert_array_equal(history.adapter.A, start.A)
    np.testing.assert_allclose(history.adapter.B, -lr * signs, rtol=1e-12)
    want = lr * s * np.linalg.norm(signs.T @ G1)
    assert history.grad_A_norm[0] == 0.0
    assert history.grad_A_norm[1] == pytest.approx(want, rel=1e-10)


@pytest.mark.parametrize("s", SCALINGS)
@pytest.mark.parametrize("beta1, beta2", [(0.9, 0.999), (0.9, 0.95), (0.5, 0.999)])
def test_adams_first_move_of_A_is_short_of_lr_whatever_s(beta1, beta2, s):
    # Zero at step one, g at step two: m̂ = (1−β₁)·g/(1−β₁²) and v̂ = (1−β₂)·g²/(1−β₂²).
    factor = (1 - beta1) / (1 - beta1**2) / math.sqrt((1 - beta2) / (1 - beta2**2))
    assert factor == pytest.approx(math.sqrt(1 + beta2) / (1 + beta1), rel=1e-12)
    start, lr = adapter_at("A random, B zero", s), 0.01
    after_one, after_two = (
        train(PROBLEM, start, Adam(lr, betas=(beta1, beta2), eps=1e-30), steps).adapter
        for steps in (1, 2))
    moves = after_two.A - after_one.A
    np.testing.assert_allclose(np.abs(moves), factor * lr, rtol=1e-10)
    np.testing.assert_array_equal(np.sign(moves), -np.sign(gradients_of(after_one)[0]))
    if (beta1, beta2) == (0.9, 0.999):
        assert factor == pytest.approx(0.744, abs=5e-4)


@pytest.mark.parametrize("start", STARTS)
def test_transposing_the_problem_swaps_the_gradients(start):
    adapter = adapter_at(start)
    G = PROBLEM.gradient(adapter.merge(W0))
    mirror = Adapter(A=adapter.B.T, B=adapter.A.T, scaling=adapter.scaling)
    (grad_A, grad_B), (mirror_A, mirror_B) = adapter.gradients(G), mirror.gradients(G.T)
    np.testing.assert_allclose(mirror_A, grad_B.T, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(mirror_B, grad_A.T, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", OPTIMISERS)
@pytest.mark.parametrize("start", ["A random, B zero", "A zero, B random"])
def test_the_two_one_zero_starts_are_mirror_images(name, start):
    # With white inputs the gradient is W − W_star, so transposing the weights transposes it.
    white = Regression(W0, PROBLEM.W_star, math.sqrt(K) * np.eye(K))
    mirror = Regression(W0.T, PROBLEM.W_star.T, math.sqrt(D) * np.eye(D))
    adapter = adapter_at(start)
    swapped = Adapter(A=adapter.B.T, B=adapter.A.T, scaling=adapter.scaling)
    one, other = (train(problem, each, OPTIMISERS[name], 20)
                  for problem, each in ((white, adapter), (mirror, swapped)))
    np.testing.assert_allclose(other.loss, one.loss, rtol=1e-8)
    np.testing.assert_allclose(other.grad_A_norm, one.grad_B_norm, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(other.grad_B_norm, one.grad_A_norm, rtol=1e-8, atol=1e-12)
