"""Many runs of one problem at once: the arithmetic behind ``grids.sweep``.

The runs of a stack share the problem and the rank r;
they differ in start, scaling and learning rate. A is (R, r, k) and Bt = Bᵀ is (R, r, d); the
optimisers of ``optim`` step them as they step two matrices, with a learning rate of shape
(R, 1, 1).
"""

from __future__ import annotations

import numpy as np

from lora_edu.records import RECORDED


class RegressionRuns:
    """R runs of one regression. With C = XᵀX/n and S = W_star − W0, ∂L/∂W = (s·B·A − S)·C.

    For small r nothing of shape (d, k) is formed for a run: ∇A = s·(s·BᵀB·AC − BᵀSC) and
    ∇B = s·(s·B·(AC·Aᵀ) − SC·Aᵀ), where AC, BᵀSC and SC·Aᵀ are three products for the whole stack
    and the rest is r × r. For large r the gradient itself takes fewer multiplications.
    """

    def __init__(self, s: np.ndarray, covariance: np.ndarray, shift: np.ndarray):
        """s: (R,). covariance: (k, k). shift = W_star − W0: (d, k)."""
        self.s, self.covariance, self.shift = s[:, None, None], covariance, shift
        self.target = shift @ covariance  # (d, k): −G at W0
        self.start_loss = 0.5 * np.vdot(shift, self.target)
        self.grads = None  # the same two arrays at each step: they stay in the cache

    def measure(self, A: np.ndarray, Bt: np.ndarray) -> tuple:
        """(∇A, ∇B), shaped as A and Bt, and (loss, ‖ΔW‖², −⟨ΔW, G0⟩), each (R,).

        The next call overwrites the gradients.
        """
        self.grads = self.grads or (np.empty_like(A), np.empty_like(Bt))
        r, k, d = A.shape[1], A.shape[2], Bt.shape[2]
        factored = r * (k * k + 2 * d * k) + 4 * r * r * (d + k)
        direct = d * k * k + 3 * d * r * k
        way = self._factored if factored < direct else self._direct
        return self.grads, way(A, Bt, *self.grads)

    def _factored(self, A, Bt, grad_A, grad_B) -> tuple:
        s = self.s[:, 0, 0]
        AC = shared(A, self.covariance)  # (R, r, k)
        BS = shared(Bt, self.target)  # (R, r, k)
        BB = Bt @ Bt.transpose(0, 2, 1)  # (R, r, r), symmetric
        ACA = AC @ A.transpose(0, 2, 1)  # (R, r, r), symmetric
        useful = s * inner(BS, A)
        loss = 0.5 * s**2 * inner(BB, ACA) - useful + self.start_loss
        square = s**2 * inner(BB, A @ A.transpose(0, 2, 1))
        np.matmul(self.s * BB, AC, out=grad_A)
        np.matmul(self.s * ACA, Bt, out=grad_B)
        grad_A -= BS
        grad_B -= shared(A, self.target.T)
        grad_A *= self.s
        grad_B *= self.s
        return loss, square, useful

    def _direct(self, A, Bt, grad_A, grad_B) -> tuple:
        delta = Bt.transpose(0, 2, 1) @ A  # (R, d, k)
        delta *= self.s
        square, useful = inner(delta, delta), _flat(delta) @ self.target.ravel()
        delta -= self.shift
        G = shared(delta, self.covariance)  # (R, d, k)
        loss = 0.5 * inner(delta, G)
        G *= self.s
        np.matmul(Bt, G, out=grad_A)
        np.matmul(A, G.transpose(0, 2, 1), out=grad_B)
        return loss, square, useful


def train_runs(runs, A: np.ndarray, Bt: np.ndarray, optimiser, steps: int) -> np.ndarray:
    """Run a stack; (R, 5, steps + 1). A run that is no longer finite is inf from there on.

    runs: has ``measure`` as :class:`RegressionRuns`. optimiser: of ``optim``. A and Bt are not
    modified.
    """
    A, Bt = A.copy(), Bt.copy()
    records = np.empty((steps + 1, len(A), len(RECORDED)))
    state = optimiser.init([A, Bt])
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(steps + 1):
            (grad_A, grad_B), (loss, square, useful) = runs.measure(A, Bt)
            records[t] = np.stack([
                np.maximum(loss, 0.0), np.sqrt(np.maximum(square, 0.0)),
                np.sqrt(inner(grad_A, grad_A)), np.sqrt(inner(grad_B, grad_B)), useful], axis=1)
            if t < steps:
                state = optimiser.update([A, Bt], [grad_A, grad_B], state)
    lost = np.logical_or.accumulate(~np.isfinite(records).all(axis=2), axis=0)  # (steps + 1, R)
    records[lost] = np.inf
    return records.transpose(1, 2, 0)


def shared(stacked: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """``stacked`` (R, m, k) times one (k, n), as a single product."""
    runs, rows, _ = stacked.shape
    return (stacked.reshape(runs * rows, -1) @ matrix).reshape(runs, rows, -1)


def inner(P: np.ndarray, Q: np.ndarray) -> np.ndarray:
    """⟨P, Q⟩ for each run, (R,)."""
    return (_flat(P)[:, None, :] @ _flat(Q)[:, :, None])[:, 0, 0]


def _flat(stacked: np.ndarray) -> np.ndarray:
    """(R, m, n) as (R, m·n)."""
    return stacked.reshape(len(stacked), -1)
