"""The chapter A low-rank update."""

import numpy as np
import pytest
import sympy

from lora_edu import effective_rank, teacher_student
from lora_edu.chapters.low_rank_update.figures import (
    TWO_TERMS,
    low_rank,
    outer_products,
    parameters,
)
from lora_edu.chapters.low_rank_update.runs import best_rank, picture
from lora_edu.chapters.shared.models import SIZES

SHAPES = [(5, 7), (7, 5), (6, 6)]


def whole(rng, *shape):
    """A matrix of small whole numbers, for exact arithmetic."""
    return sympy.Matrix(rng.integers(-3, 4, shape).tolist())


@pytest.mark.claim("thm-products")
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("r", [1, 2, 4, 9])
def test_products_are_exactly_the_matrices_of_rank_r_at_most(shape, r):
    rng, (d, k) = np.random.default_rng(r), shape
    A, B = whole(rng, r, k), whole(rng, d, r)
    assert (B * A).rank() <= r  # so no matrix of a higher rank is a product
    for rank in range(1, min(r, d, k) + 1):
        M = whole(rng, d, rank) * whole(rng, rank, k)
        columns, rows = M.rank_decomposition()  # (d, its rank), (its rank, k)
        rest = r - columns.shape[1]  # filled up with zeros they have the shapes of B and A
        assert (columns.row_join(sympy.zeros(d, rest))
                * rows.col_join(sympy.zeros(rest, k))) == M


@pytest.mark.claim("thm-products")
def test_the_factors_are_not_unique():
    rng = np.random.default_rng(0)
    A, B, Q = whole(rng, 3, 7), whole(rng, 5, 3), sympy.Matrix([[2, 1, 0], [0, 1, 3], [1, 0, 1]])
    assert (B * Q.inv()) * (Q * A) == B * A and Q * A != A


def alternating(M, r, rng, rounds=300):
    """A product of rank r made by solving for B and A in turn: no singular values."""
    A = rng.normal(size=(r, M.shape[1]))
    for _ in range(rounds):
        B = np.linalg.lstsq(A.T, M.T, rcond=None)[0].T
        A = np.linalg.lstsq(B, M, rcond=None)[0]
    return B @ A


@pytest.mark.claim("thm-eckart-young")
@pytest.mark.parametrize("shape", SHAPES)
def test_no_matrix_of_the_rank_is_nearer_than_the_first_terms(shape):
    rng = np.random.default_rng(0)
    M = rng.normal(size=shape)
    squares = np.sort(np.linalg.eigvalsh(M @ M.T))[::-1]
    for r in range(1, min(shape) + 1):
        best = best_rank(M, r)
        error = ((M - best) ** 2).sum()
        assert np.linalg.matrix_rank(best, tol=1e-9) == r
        assert error == pytest.approx(squares[r:].clip(0).sum(), abs=1e-12)
        found = [((M - alternating(M, r, rng)) ** 2).sum() for _ in range(5)]
        assert min(found) >= error - 1e-12
        assert min(found) == pytest.approx(error, rel=1e-3, abs=1e-12)
        for size in (1e-3, 0.1, 1.0):  # other matrices of this rank, near and far
            moved = best_rank(best + size * rng.normal(size=shape), r)
            assert ((M - moved) ** 2).sum() >= error


def rank_on_the_way(task, steps, lr=0.02):
    """Effective rank of ΔW after each of ``steps``, by gradient descent on the whole weight."""
    W, found = task.W0.copy(), {}
    for step in range(1, max(steps) + 1):
        W -= lr * task.gradient(W)
        if step in steps:
            found[step] = effective_rank(W - task.W0)
    return found


@pytest.mark.claim("obs-low-rank-update")
@pytest.mark.parametrize("seed", range(5))
def test_only_an_early_stop_and_few_directions_together_keep_the_update_low_rank(seed):
    few, white = (teacher_student(64, 64, spectrum=spectrum, n=2000,
                                  rng=np.random.default_rng(seed)) for spectrum in (2.0, 0.0))
    for task in (few, white):
        assert np.linalg.matrix_rank(task.W_star - task.W0) == 64
        values, vectors = np.linalg.eigh(task.covariance)
        learned = (task.W_star - task.W0) @ vectors * (1 - (1 - 0.02 * values) ** 10_000)
        ideal = effective_rank(task.W_star - task.W0)
        assert effective_rank(learned) == pytest.approx(ideal, rel=0.01)
        assert np.linalg.matrix_rank(task.gradient(task.W0)) == 64  # of the first step
    stopped = rank_on_the_way(few, (1, 50))
    assert stopped[1] < 1.5 and stopped[50] < 8
    for rank in rank_on_the_way(white, (1, 50, 1000)).values():
        assert rank == pytest.approx(ideal, rel=0.1)


# --- the figures

@pytest.mark.parametrize("r", [1, 2, 5, 14])
def test_the_error_of_the_picture_is_the_tail_of_its_singular_values(r):
    M = picture()
    tail = np.sqrt(np.sort(np.linalg.eigvalsh(M @ M.T))[:len(M) - r].clip(0).sum())
    assert np.linalg.norm(M - best_rank(M, r)) == pytest.approx(tail, abs=1e-6)
    assert np.linalg.matrix_rank(best_rank(M, r), tol=1e-9) == r
    shown = np.array(low_rank(r)["data"][0]["z"])
    np.testing.assert_allclose(shown / 100, best_rank(M, r), atol=0.0051)


@pytest.mark.parametrize(("model", "r", "count"), [
    ("GPT-3", 1, 4_718_592), ("GPT-3", 4, 18_874_368), ("GPT-3", 8, 37_748_736),
    ("GPT-2 medium", 4, 393_216)])
def test_parameter_counts_are_those_of_the_paper_s_formula(model, r, count):
    assert SIZES[model].trainable("q, v", r) == count
    assert f"{count:,}" in parameters(model, "q, v", r)["layout"]["meta"]["reading"]


def test_the_terms_are_outer_products_and_add_up():
    figure, (B, A) = outer_products(), map(np.array, TWO_TERMS)
    numbers = [int(word) for word in figure["data"][-1]["text"] if word.isdigit()]
    parts = [B[:, :1], A[:1], B[:, :1] * A[:1], B[:, 1:], A[1:], B[:, 1:] * A[1:], B, A, B @ A]
    assert numbers == [number for part in parts for number in part.ravel()]
    assert "of rank 1 and 1; their sum, BA, has rank 2" in figure["layout"]["meta"]["reading"]
