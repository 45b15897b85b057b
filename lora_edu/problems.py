"""Problems to adapt to: a loss and its gradient with respect to the full weight W."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lora_edu import _check


@dataclass(frozen=True, eq=False)
class Regression:
    """Linear regression on a teacher: L(W) = ‖(W − W_star)·Xᵀ‖²_F / (2n).

    W0: (d, k), the frozen weight a student starts from. W_star: (d, k), the teacher's weight.
    X: (n, k), inputs, one a row. The targets are X·W_starᵀ, so the smallest loss is zero.
    covariance: XᵀX/n, (k, k), computed from X. All four are copies and cannot be written to, so
    that they keep belonging together.
    Raises TypeError for what is not real numbers, ValueError for shapes that do not match, and
    entries that are not finite.

    >>> problem = Regression(W0=np.zeros((1, 2)), W_star=[[1.0, 0.0]], X=np.eye(2))
    >>> problem.loss(problem.W0), problem.gradient(problem.W0)
    (0.25, array([[-0.5,  0. ]]))
    """

    W0: np.ndarray
    W_star: np.ndarray
    X: np.ndarray

    def __post_init__(self):
        W0 = _check.matrix("W0", self.W0)
        X = _check.matrix("X", self.X, (None, W0.shape[1]))
        if X.shape[0] == 0:
            raise ValueError(f"X must have at least one row, got shape {X.shape}")
        W_star = _check.matrix("W_star", self.W_star, W0.shape)
        covariance = X.T @ X / X.shape[0]  # (k, k)
        for name, array in (("W0", W0), ("W_star", W_star), ("X", X), ("covariance", covariance)):
            object.__setattr__(self, name, _check.own(array))

    @property
    def shape(self) -> tuple[int, int]:
        """(d, k), the shape of the weight."""
        return self.W0.shape

    def loss_and_gradient(self, W) -> tuple[float, np.ndarray]:
        """(L, G) at ``W`` (d, k), with G = ∂L/∂W = (W − W_star)·XᵀX/n, shape (d, k).

        Both come from the input covariance, so the cost does not depend on n. A W that is not
        finite, as a run that diverges has it, has a loss that is not finite either.
        """
        error = _check.matrix("W", W, self.shape, finite=False) - self.W_star  # (d, k)
        G = error @ self.covariance  # (d, k)
        return 0.5 * float(np.vdot(error, G)), G

    def loss(self, W) -> float:
        """L at ``W`` (d, k)."""
        return self.loss_and_gradient(W)[0]

    def gradient(self, W) -> np.ndarray:
        """G = ∂L/∂W at ``W``, shape (d, k)."""
        return self.loss_and_gradient(W)[1]


def teacher_student(d: int, k: int, *, rng: np.random.Generator, n: int = 256,
                    shift_rank: int | None = None,
                    spectrum: float | np.ndarray = 0.0) -> Regression:
    """A random :class:`Regression` whose teacher is W0 plus a shift of chosen rank.

    d, k: the weight is (d, k); W0's entries are N(0, 1/k).
    n: number of inputs. shift_rank: rank of W_star − W0, whose Frobenius norm is 1 (default: full).
    spectrum: a number p ≥ 0 for population covariance eigenvalues ∝ i^−p (0: white inputs), or the
    k positive eigenvalues themselves; they are scaled to mean 1.

    Raises TypeError or ValueError for sides, n or shift_rank below 1, shift_rank above min(d, k),
    a negative p, and eigenvalues that are not k positive numbers.

    >>> problem = teacher_student(d=8, k=6, shift_rank=2, rng=np.random.default_rng(0))
    >>> problem.shape, int(np.linalg.matrix_rank(problem.W_star - problem.W0))
    ((8, 6), 2)
    """
    d, k, n = (_check.integer(name, value, minimum=1)
               for name, value in (("d", d), ("k", k), ("n", n)))
    _check.generator("rng", rng)
    rank = _check.integer("shift_rank", min(d, k) if shift_rank is None else shift_rank, minimum=1)
    if rank > min(d, k):
        raise ValueError(f"shift_rank must be at most min(d, k) = {min(d, k)}, got {rank}")
    W0 = rng.normal(0.0, 1 / math.sqrt(k), (d, k))
    shift = rng.normal(size=(d, rank)) @ rng.normal(size=(rank, k))
    basis, _ = np.linalg.qr(rng.normal(size=(k, k)))  # directions of the input's eigenvectors
    X = rng.normal(size=(n, k)) * np.sqrt(_eigenvalues(spectrum, k)) @ basis.T  # (n, k)
    return Regression(W0, W0 + shift / np.linalg.norm(shift), X)


def effective_rank(X) -> float:
    """(Σλ)² / Σλ² over the eigenvalues λ of XᵀX: between 1 and k. ``X``: (n, k).

    >>> effective_rank([[1.0, 0.0], [0.0, 1.0]]), effective_rank([[1.0, 1.0], [2.0, 2.0]])
    (2.0, 1.0)
    """
    X = _check.matrix("X", X)
    if not X.any():
        raise ValueError("X must not be all zero")
    values = np.linalg.svd(X, compute_uv=False)
    eigenvalues = (values / values[0]) ** 2  # the largest is 1: neither overflow nor underflow
    return float(eigenvalues.sum() ** 2 / (eigenvalues**2).sum())


def _eigenvalues(spectrum: float | np.ndarray, k: int) -> np.ndarray:
    """k eigenvalues of mean 1 from an exponent or from their own values."""
    if np.ndim(spectrum) == 0:
        values = np.arange(1, k + 1) ** -_check.number("spectrum", spectrum, minimum=0.0)
    else:
        values = _check.numbers("spectrum", spectrum, "one number or an array of them")
        values = values.astype(float)
        if values.shape != (k,) or not np.isfinite(values).all() or (values <= 0).any():
            raise ValueError(f"spectrum must be one number or {k} positive eigenvalues, "
                             f"got {spectrum!r}")
    return values / values.mean()
