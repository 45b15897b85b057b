"""The chapter A low-rank update."""

import numpy as np
import pytest

from lora_book.low_rank_update.figures import low_rank
from lora_book.low_rank_update.runs import terms
from lora_book.shared.word import picture
from tests.lora_book.figure_words import reading

SQUARES = np.linalg.eigvalsh(picture() @ picture().T)[::-1].clip(0)  # of the singular values


@pytest.mark.claim("thm-products", "thm-same-set")
@pytest.mark.parametrize("s", (1e-3, 1.0, 64.0))
@pytest.mark.parametrize("r", (1, 3, 9))  # 9 is more than the sides
def test_products_are_the_matrices_of_rank_r_at_most_at_every_scale(r, s):
    rng = np.random.default_rng(0)
    A = rng.normal(size=(r, 5))
    B = rng.normal(size=(7, r))
    Q = np.eye(r) + 1
    assert np.linalg.matrix_rank(s * B @ A) <= r
    np.testing.assert_allclose(B @ np.linalg.inv(Q) @ (Q @ A), B @ A, atol=1e-12)
    for rank in range(min(r, 5) + 1):
        M = rng.normal(size=(7, rank)) @ rng.normal(size=(rank, 5))
        columns = np.linalg.svd(M)[0][:, :r]  # that span M's
        np.testing.assert_allclose(s * (columns / s) @ (columns.T @ M), M, atol=1e-12)


def alternating(M, r, rng, rounds=300):
    """A product of rank r made by solving for B and A in turn: no singular values."""
    A = rng.normal(size=(r, M.shape[1]))
    for _ in range(rounds):
        B = np.linalg.lstsq(A.T, M.T, rcond=None)[0].T
        A = np.linalg.lstsq(B, M, rcond=None)[0]
    return B @ A


@pytest.mark.claim("thm-eckart-young")
@pytest.mark.parametrize("shape", [(5, 7), (7, 5)])
def test_no_matrix_of_the_rank_is_nearer_than_the_first_terms(shape):
    rng = np.random.default_rng(0)
    M = rng.normal(size=shape)
    B, A = terms(M)
    squares = np.linalg.eigvalsh(M @ M.T)[::-1]  # the largest first
    for r in range(1, min(shape) + 1):
        best = B[:, :r] @ A[:r]
        error = ((M - best) ** 2).sum()
        assert np.linalg.matrix_rank(best, tol=1e-9) == r
        assert error == pytest.approx(squares[r:].clip(0).sum(), abs=1e-12)
        least = min(((M - alternating(M, r, rng)) ** 2).sum() for _ in range(5))
        assert least >= error - 1e-12
        assert least == pytest.approx(error, rel=1e-3, abs=1e-12)


@pytest.mark.parametrize("r", [1, 7, 16])
def test_what_is_shown_is_made_of_what_is_stored(r):
    shown, B, A = (np.array(part["z"]) for part in low_rank(r)["data"][:3])  # units of their own
    assert B.size + A.size == r * (16 + 48)
    product = B @ A * np.abs(shown).max() / np.abs(B @ A).max()
    np.testing.assert_allclose(product, shown, atol=4)  # of 100: B and A are rounded
    left = np.sqrt(SQUARES[r:].sum() / SQUARES.sum())
    assert f"the error is {100 * left:.2f} %" in reading(low_rank(r))
