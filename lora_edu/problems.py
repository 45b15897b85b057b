"""Problems to adapt to: a loss and its gradient with respect to the full weight W."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lora_edu import checks


@dataclass(frozen=True, eq=False, repr=False)
class Regression(checks.ReadOnly):
    """Linear regression on a teacher: L(W) = ‖(W − W_star)·Xᵀ‖²_F / (2n).

    The targets are X·W_starᵀ, so the smallest loss is zero. The arrays, and ``covariance`` = XᵀX/n
    (k, k), are read-only copies, so they stay consistent.

    Args:
        W0: (d, k), the frozen weight a student starts from.
        W_star: (d, k), the teacher's weight.
        X: (n, k), inputs, one a row.

    Example:
        >>> problem = Regression(W0=np.zeros((1, 2)), W_star=[[1.0, 0.0]], X=np.eye(2))
        >>> problem
        <Regression of a (1, 2) weight on 2 inputs>
        >>> problem.loss(problem.W0), problem.gradient(problem.W0)
        (0.25, array([[-0.5,  0. ]]))
    """

    W0: np.ndarray
    W_star: np.ndarray
    X: np.ndarray

    def __post_init__(self):
        W0 = checks.matrix("W0", self.W0)
        X = checks.matrix("X", self.X, (None, W0.shape[1]))
        if X.shape[0] == 0:
            raise ValueError(f"X must have at least one row, got shape {X.shape}")
        W_star = checks.matrix("W_star", self.W_star, W0.shape)
        covariance = X.T @ X / X.shape[0]  # (k, k)
        for name, array in (("W0", W0), ("W_star", W_star), ("X", X), ("covariance", covariance)):
            object.__setattr__(self, name, checks.read_only(array))

    def __repr__(self) -> str:
        return f"<Regression of a {self.shape} weight on {len(self.X)} inputs>"

    @property
    def shape(self) -> tuple[int, int]:
        """(d, k), the shape of the weight."""
        return self.W0.shape

    def loss_and_gradient(self, W) -> tuple[float, np.ndarray]:
        """(L, G) at ``W`` (d, k), with G = ∂L/∂W = (W − W_star)·XᵀX/n, shape (d, k).

        Both come from the input covariance, so the cost does not depend on n. If W is not finite,
        as in a run that diverges, the loss is not finite either.
        """
        error = checks.matrix("W", W, self.shape, finite=False) - self.W_star  # (d, k)
        G = error @ self.covariance  # (d, k)
        return 0.5 * float(np.vdot(error, G)), G

    def loss(self, W) -> float:
        """L at ``W`` (d, k)."""
        return self.loss_and_gradient(W)[0]

    def gradient(self, W) -> np.ndarray:
        """G = ∂L/∂W at ``W``, shape (d, k)."""
        return self.loss_and_gradient(W)[1]


def teacher_student(d: int, k: int, shift_rank: int | None = None, *,
                    rng: np.random.Generator | int | None = None, n: int = 256,
                    spectrum: float = 0.0) -> Regression:
    """A random :class:`Regression` whose teacher is W0 plus a shift of chosen rank.

    Args:
        d, k: The weight is (d, k); W0's entries are N(0, 1/k).
        shift_rank: Rank of W_star − W0, at most min(d, k), which is the default. Its Frobenius
            norm is 1.
        rng: A ``numpy.random.Generator``, a seed or None, as for :func:`initial`. With one seed for
            both, W0 and a Gaussian A begin with the same numbers: take two, or one generator.
        n: Number of inputs.
        spectrum: p ≥ 0. The inputs' population covariance has eigenvalues ∝ i^−p of mean 1
            (0: white inputs).

    Example:
        >>> problem = teacher_student(8, 6, 2, rng=0)
        >>> problem.shape, int(np.linalg.matrix_rank(problem.W_star - problem.W0))
        ((8, 6), 2)
    """
    d = checks.integer("d", d, minimum=1)
    k = checks.integer("k", k, minimum=1)
    n = checks.integer("n", n, minimum=1)
    rng = checks.generator("rng", rng)
    rank = checks.integer("shift_rank", min(d, k) if shift_rank is None else shift_rank, minimum=1,
                          maximum=min(d, k))
    eigenvalues = np.arange(1, k + 1) ** -checks.number("spectrum", spectrum, minimum=0.0)
    W0 = rng.normal(0.0, 1 / math.sqrt(k), (d, k))
    shift = rng.normal(size=(d, rank)) @ rng.normal(size=(rank, k))
    basis, _ = np.linalg.qr(rng.normal(size=(k, k)))  # directions of the input's eigenvectors
    X = rng.normal(size=(n, k)) * np.sqrt(eigenvalues / eigenvalues.mean()) @ basis.T  # (n, k)
    return Regression(W0, W0 + shift / np.linalg.norm(shift), X)


def effective_rank(X) -> float:
    """(Σλ)² / Σλ² over the eigenvalues λ of XᵀX, X (n, k): between 1 and k.

    Example:
        >>> effective_rank([[1.0, 0.0], [0.0, 1.0]]), effective_rank([[1.0, 1.0], [2.0, 2.0]])
        (2.0, 1.0)
    """
    X = checks.matrix("X", X)
    if not X.any():
        raise ValueError("X must not be all zero")
    values = np.linalg.svd(X, compute_uv=False)
    eigenvalues = (values / values[0]) ** 2  # the largest is 1: neither overflow nor underflow
    return float(eigenvalues.sum() ** 2 / (eigenvalues**2).sum())
