"""Many adapters on one frozen classifier at once: the arithmetic behind ``mlp.adapt``. The runs of
a stack share the frozen network and the rank r; they differ in start, s, learning rate and batches.
No weight of shape (d, k) is formed for a run: a layer's output is H·Wᵀ + s·(H·Aᵀ)·Bᵀ, and with D =
∂L/∂Z

    ∇B = s·Dᵀ·(H·Aᵀ),   ∇A = s·(D·B)ᵀ·H,   ∂L/∂H = D·W + s·(D·B)·A.
"""

from __future__ import annotations

import numpy as np

from lora_edu._runs import shared


class MLPRuns:
    """R runs of one rank. A[i], (R, r, k), and Bt[i] = Bᵀ, (R, r, d), belong to layer i."""

    def __init__(self, weights: tuple, biases: tuple, starts: list, s: np.ndarray):
        """weights, biases: of the frozen layers. starts: a run's list of (A, B). s: (R,)."""
        self.weights, self.biases, self.s = weights, biases, s[:, None, None]
        layers = list(zip(*starts, strict=True))  # of each layer every run's (A, B)
        self.A = [np.array([A for A, _ in runs], dtype=s.dtype) for runs in layers]
        self.Bt = [np.array([B.T for _, B in runs], dtype=s.dtype) for runs in layers]

    @property
    def params(self) -> list[np.ndarray]:
        """Every A, then every Bt: what an optimiser updates."""
        return [*self.A, *self.Bt]

    def gradients(self, X: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
        """The gradients of ``params``. X: (R, n, k). y: (R, n)."""
        H, low, last = [X], [], len(self.A) - 1
        for i, (W, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            low.append(self.s * (H[i] @ self.A[i].transpose(0, 2, 1)))  # (R, n, r)
            Z = shared(H[i], W.T)
            Z += low[i] @ self.Bt[i]
            Z += b  # (R, n, d)
            H.append(np.maximum(Z, 0, out=Z) if i < last else Z)
        D = cross_entropy(H[-1], y)[1]  # (R, n, d)
        grad_A, grad_Bt = [], []
        for i in range(last, -1, -1):
            grad_Bt.append(low[i].transpose(0, 2, 1) @ D)
            E = self.s * (D @ self.Bt[i].transpose(0, 2, 1))  # (R, n, r)
            grad_A.append(E.transpose(0, 2, 1) @ H[i])
            if i:
                D = shared(D, self.weights[i])
                D += E @ self.A[i]
                D *= H[i] > 0
        return [*reversed(grad_A), *reversed(grad_Bt)]

    def merged(self, run: int) -> tuple[np.ndarray, ...]:
        """The weights of one run, W + s·B·A."""
        s = float(self.s[run, 0, 0])
        return tuple(W + s * Bt[run].T @ A[run]
                     for W, A, Bt in zip(self.weights, self.A, self.Bt, strict=True))


def cross_entropy(Z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(mean loss, its gradient ∂/∂Z) of logits Z (…, n, classes) and classes y (…, n)."""
    Z = Z - Z.max(axis=-1, keepdims=True)
    P = np.exp(Z)
    total = P.sum(axis=-1, keepdims=True)
    right = y[..., None]
    loss = np.log(total) - np.take_along_axis(Z, right, axis=-1)
    P /= total
    np.put_along_axis(P, right, np.take_along_axis(P, right, axis=-1) - 1, axis=-1)
    return loss.mean(axis=(-2, -1)), P / Z.shape[-2]
