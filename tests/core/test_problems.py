"""The regression problem, the random teacher, and the effective rank of inputs."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lora_edu import Regression, effective_rank, teacher_student

torch.set_num_threads(1)


@st.composite
def cases(draw):
    """(problem, W): a random problem of sides 1 to 6, and a weight to evaluate it at."""
    d, k, n = (draw(st.integers(1, 6)) for _ in range(3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    problem = teacher_student(d, k, n=n, spectrum=draw(st.floats(0, 3)), rng=rng)
    return problem, rng.normal(size=(d, k))


def made(seed=0, d=5, k=8, **settings):
    return teacher_student(d, k, rng=np.random.default_rng(seed), **settings)


@given(cases())
def test_loss_is_half_the_mean_squared_error_over_samples(case):
    problem, W = case
    errors = [W @ x - problem.W_star @ x for x in problem.X]
    want = sum(e @ e for e in errors) / (2 * len(errors))
    assert problem.loss(W) == pytest.approx(want, rel=1e-10)


@given(cases())
def test_gradient_is_torchs(case):
    problem, W = case
    weight = torch.tensor(W, requires_grad=True)
    error = torch.tensor(problem.X) @ (weight - torch.tensor(problem.W_star)).T
    loss = error.square().sum(1).mean() / 2
    loss.backward()
    have_loss, have = problem.loss_and_gradient(W)
    assert have_loss == pytest.approx(loss.item(), rel=1e-10)
    np.testing.assert_allclose(have, weight.grad.numpy(), rtol=1e-10, atol=1e-12)


@given(cases())
def test_gradient_is_the_central_difference_of_the_loss(case):
    problem, W = case
    want = np.empty_like(W)
    for index in np.ndindex(W.shape):
        step = np.zeros_like(W)
        step[index] = 0.5
        want[index] = problem.loss(W + step) - problem.loss(W - step)
    np.testing.assert_allclose(problem.gradient(W), want, rtol=1e-10,
                               atol=1e-12 * (1 + problem.loss(W)))


@given(cases())
def test_the_teacher_has_no_loss_and_no_gradient(case):
    problem, _ = case
    loss, gradient = problem.loss_and_gradient(problem.W_star)
    assert loss == 0.0
    assert (gradient == 0.0).all()
    assert problem.loss(problem.W0) > 0.0


@pytest.mark.parametrize("d, k", [(5, 8), (8, 5), (6, 6)])
@pytest.mark.parametrize("rank", [1, 3, 5, None])
def test_the_shift_has_the_rank_asked_for_and_norm_one(d, k, rank):
    problem = made(d=d, k=k, shift_rank=rank)
    shift = problem.W_star - problem.W0
    assert np.linalg.matrix_rank(shift, tol=1e-10) == (rank or min(d, k))
    assert np.linalg.norm(shift) == pytest.approx(1.0, rel=1e-12)


def test_the_frozen_weight_keeps_the_scale_of_its_input():
    assert made(d=200, k=400).W0.std() == pytest.approx(1 / math.sqrt(400), rel=0.01)


@pytest.mark.parametrize("spectrum, want", [
    (0, np.ones(6)),
    (1.0, 1 / np.arange(1, 7)),
    (2.5, np.arange(1, 7) ** -2.5),
    ([5.0, 1.0, 1.0, 0.5, 0.2, 0.1], [5.0, 1.0, 1.0, 0.5, 0.2, 0.1]),
])
def test_inputs_have_the_spectrum_asked_for_at_mean_one(spectrum, want):
    X = made(k=6, n=200_000, spectrum=spectrum).X
    eigenvalues = np.linalg.eigvalsh(X.T @ X / len(X))[::-1]
    np.testing.assert_allclose(eigenvalues, want / np.mean(want), rtol=0.02)


@pytest.mark.parametrize("form, same", [
    (0.0, np.ones(8)), (1, 1 / np.arange(1, 9)), (2.0, [7 / i**2 for i in range(1, 9)]),
])
def test_an_exponent_is_short_for_its_eigenvalues(form, same):
    np.testing.assert_allclose(made(spectrum=form).X, made(spectrum=same).X, atol=1e-13)


def test_only_the_seed_decides_the_problem():
    first, again, other = made(1), made(1), made(2)
    for name in ("W0", "W_star", "X"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
        assert (getattr(first, name) != getattr(other, name)).all()


def test_effective_rank_of_white_inputs_is_nearly_every_direction():
    assert 15.9 < effective_rank(made(k=16, n=20_000).X) <= 16


def test_effective_rank_of_one_direction_is_one():
    X = np.outer(np.arange(1.0, 9.0), [1.0, -2.0, 0.5])
    assert effective_rank(X) == pytest.approx(1.0, rel=1e-12)


def test_effective_rank_counts_equal_directions():
    assert effective_rank(np.eye(7)[:, :5]) == pytest.approx(5.0, rel=1e-12)


@given(cases(), st.integers(-120, 120))
def test_effective_rank_is_a_ratio_of_traces_whatever_the_unit(case, exponent):
    X = case[0].X
    C = X.T @ X
    want = np.trace(C) ** 2 / np.trace(C @ C)
    assert effective_rank(X * 10.0**exponent) == pytest.approx(want, rel=1e-10)


GOOD = {"d": 4, "k": 5, "rng": np.random.default_rng(0)}


@pytest.mark.parametrize("name, value, error", [
    *((name, 0, ValueError) for name in ("d", "k", "n", "shift_rank")),
    ("shift_rank", 5, ValueError), ("spectrum", "white", TypeError), ("spectrum", True, TypeError),
    *(("spectrum", value, ValueError) for value in (-1, math.nan, math.inf, [1.0] * 4, [[1.0] * 5],
                                                    [1.0, 1.0, 1.0, 1.0, 0.0], [math.nan] * 5)),
    ("rng", 0, TypeError),
])
def test_a_bad_argument_is_named_with_its_value(name, value, error):
    with pytest.raises(error) as caught:
        teacher_student(**GOOD | {name: value})
    assert str(caught.value).startswith(f"{name} must be")
    assert repr(value) in str(caught.value)


ONES = np.ones((2, 3))


@pytest.mark.parametrize("call, words", [
    (lambda: Regression(np.ones(3), ONES, ONES), ["W0", "(3,)"]),
    (lambda: Regression(ONES, np.ones((3, 2)), ONES), ["W_star", "(2, 3)", "(3, 2)"]),
    (lambda: Regression(ONES, ONES, np.ones((4, 2))), ["X ", "(any, 3)", "(4, 2)"]),
    (lambda: Regression(ONES, ONES, np.ones((0, 3))), ["X ", "(0, 3)"]),
    (lambda: Regression(ONES, ONES * math.nan, ONES), ["W_star", "6 non-finite"]),
    *((lambda W=W: Regression(ONES, ONES, ONES).loss_and_gradient(W), ["W ", "(2, 3)", shape])
      for W, shape in [(1.0, "()"), (np.ones(3), "(3,)"), (np.ones((1, 3)), "(1, 3)"),
                       (np.ones((3, 2)), "(3, 2)")]),
    (lambda: effective_rank(np.ones(3)), ["X ", "(3,)"]),
    (lambda: effective_rank(np.zeros((4, 3))), ["X ", "zero"]),
    (lambda: effective_rank(np.ones((0, 3))), ["X ", "zero"]),
    (lambda: effective_rank([[math.inf]]), ["X ", "1 non-finite"]),
])
def test_a_matrix_that_does_not_fit_is_named(call, words):
    with pytest.raises(ValueError) as caught:
        call()
    assert [word for word in words if word not in str(caught.value)] == []
