"""Many runs of one problem at once: the arithmetic behind ``grids.sweep``.

The runs of a stack share the problem and the rank r; they differ in start, scaling and learning
rate. A is (R, r, k) and Bt = Bᵀ is (R, r, d), so that products run along rows; the optimisers of
``optim`` see A and B, (R, d, r), and a learning rate of shape (R, 1, 1).
"""

import numpy as np

from lora_edu.optim_base import checked_state, differ, refuse_standstill
from lora_edu.records import RECORDED


class RegressionRuns:
    """R runs of one regression. With C = XᵀX/n and S = W_star − W0, ∂L/∂W = (s·B·A − S)·C.

    For small r nothing of shape (d, k) is formed for a run: ∇A = s·(s·BᵀB·AC − BᵀSC) and
    ∇B = s·(s·B·(AC·Aᵀ) − SC·Aᵀ), where AC, BᵀSC and SC·Aᵀ are three products for the whole stack
    and the rest is r × r. For large r the gradient itself takes fewer multiplications.
    """

    def __init__(self, s: np.ndarray, covariance: np.ndarray, shift: np.ndarray):
        """s: (R,). covariance: (k, k). shift = W_star − W0: (d, k)."""
        self.s = s[:, None, None]
        self.covariance = covariance
        self.shift = shift
        self.target = shift @ covariance  # (d, k): −G at W0
        self.start_loss = 0.5 * np.vdot(shift, self.target)
        self.grads = None  # the same two arrays at every step, so that they stay in the cache

    def measure(self, A: np.ndarray, Bt: np.ndarray) -> tuple:
        """(∇A, ∇B), shaped as A and Bt, to step by, and (loss, ‖ΔW‖², −⟨ΔW, G0⟩), each (R,).

        The next call overwrites the gradients.
        """
        if self.grads is None:
            self.grads = np.empty_like(A), np.empty_like(Bt)
        _, r, k = A.shape
        d = Bt.shape[2]
        # The multiplications that each of the two ways takes for a run.
        factored = r * (k * k + 2 * d * k) + 4 * r * r * (d + k)
        direct = d * k * k + 3 * d * r * k
        measured = self._factored if factored < direct else self._direct
        return self.grads, measured(A, Bt, *self.grads)

    def _factored(self, A, Bt, grad_A, grad_B) -> tuple:
        """(loss, ‖ΔW‖², −⟨ΔW, G0⟩); writes the two gradients."""
        s = self.s[:, 0, 0]
        AC = times_shared(A, self.covariance)  # (R, r, k)
        BS = times_shared(Bt, self.target)  # (R, r, k)
        BB = Bt @ Bt.transpose(0, 2, 1)  # (R, r, r), symmetric
        ACA = AC @ A.transpose(0, 2, 1)  # (R, r, r), symmetric
        np.matmul(self.s * BB, AC, out=grad_A)
        np.matmul(self.s * ACA, Bt, out=grad_B)
        grad_A -= BS
        grad_B -= times_shared(A, self.target.T)
        grad_A *= self.s
        grad_B *= self.s
        useful = s * inner(BS, A)
        loss = 0.5 * s**2 * inner(BB, ACA) - useful + self.start_loss
        square = s**2 * inner(BB, A @ A.transpose(0, 2, 1))
        return loss, square, useful

    def _direct(self, A, Bt, grad_A, grad_B) -> tuple:
        """As :meth:`_factored`, by way of the gradient of W itself."""
        delta = Bt.transpose(0, 2, 1) @ A  # (R, d, k)
        delta *= self.s
        square = inner(delta, delta)
        useful = _flat(delta) @ self.target.ravel()
        error = np.subtract(delta, self.shift, out=delta)
        G = times_shared(error, self.covariance)  # (R, d, k)
        loss = 0.5 * inner(error, G)
        G *= self.s
        np.matmul(Bt, G, out=grad_A)
        np.matmul(A, G.transpose(0, 2, 1), out=grad_B)
        return loss, square, useful


def train_runs(runs, A: np.ndarray, Bt: np.ndarray, optimiser, steps: int) -> np.ndarray:
    """Train a stack: (R, 5, steps + 1). A run that is no longer finite is inf from there on.

    ``runs`` has ``measure`` as :class:`RegressionRuns`. A and Bt are not modified.
    """
    start = A, Bt
    A = A.copy()
    Bt = Bt.copy()
    moved = False
    params = [A, Bt.transpose(0, 2, 1)]  # views: what the optimiser moves is A and Bt
    records = np.empty((steps + 1, len(A), len(RECORDED)))
    state = checked_state(optimiser, "init", optimiser.init(params))
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(steps + 1):
            (grad_A, grad_B), (loss, square, useful) = runs.measure(A, Bt)
            # Rounding can make a loss or a square that should be 0 slightly negative.
            records[t] = np.stack([
                np.maximum(loss, 0.0), np.sqrt(np.maximum(square, 0.0)),
                np.sqrt(inner(grad_A, grad_A)), np.sqrt(inner(grad_B, grad_B)), useful], axis=1)
            if t < steps:
                grads = [grad_A, grad_B.transpose(0, 2, 1)]
                state = checked_state(optimiser, "update", optimiser.update(params, grads, state))
                moved = moved or differ(start, [A, Bt])
    if not moved:
        refuse_standstill(optimiser, records[:-1, :, 2:4])  # the norms of ∇A and ∇B, stepped by
    lost = np.logical_or.accumulate(~np.isfinite(records).all(axis=2), axis=0)  # (steps + 1, R)
    records[lost] = np.inf
    return records.transpose(1, 2, 0)


def runs_per_stack(numbers: int) -> int:
    """How many runs of so many parameters to stack, so that they stay in a cache of 2 MB: there are
    five arrays of float64, parameters, gradients and an optimiser's memory."""
    return max(1, 2**21 // (5 * 8 * numbers))


def times_shared(stacked: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """``stacked`` (R, m, k) times a matrix (k, n) that all runs share, in one product."""
    runs, rows, _ = stacked.shape
    return (stacked.reshape(runs * rows, -1) @ matrix).reshape(runs, rows, -1)


def inner(P: np.ndarray, Q: np.ndarray) -> np.ndarray:
    """⟨P, Q⟩ for each run, (R,)."""
    return (_flat(P)[:, None, :] @ _flat(Q)[:, :, None])[:, 0, 0]


def _flat(stacked: np.ndarray) -> np.ndarray:
    """(R, m, n) as (R, m·n)."""
    return stacked.reshape(len(stacked), -1)
