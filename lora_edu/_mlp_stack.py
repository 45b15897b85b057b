"""Many adapters on one frozen classifier at once: the arithmetic behind ``mlp.adapt``.

Imports NumPy and ``_stack``. The runs of a stack share the frozen network and the rank r; they
differ in start, s, learning rate and batches. No weight of shape (d, k) is formed for a run: a
layer's output is H·Wᵀ + s·(H·Aᵀ)·Bᵀ, and with D = ∂L/∂Z

    ∇B = s·Dᵀ·(H·Aᵀ),   ∇A = s·(D·B)ᵀ·H,   ∂L/∂H = D·W + s·(D·B)·A.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from lora_edu._stack import shared


class Stack:
    """R runs; the optimisers of ``_stack`` step them.

    All parameters lie in one array, (R, P), a run a row. A[i], (R, r, k), and Bt[i] = Bᵀ,
    (R, r, d), are views of it. ``grads`` has the same form.
    """

    def __init__(self, weights: tuple, biases: tuple, starts: list, s: np.ndarray):
        """weights, biases: of the frozen layers. starts: a run's list of (A, B). s: (R,)."""
        self.weights, self.biases, self.s = weights, biases, s[:, None, None]
        self.params = np.array([np.concatenate([part.ravel() for A, B in run for part in (A, B.T)])
                                for run in starts]).astype(s.dtype)
        self.grads, self.work = np.empty_like(self.params), np.empty_like(self.params)
        shapes = [part.shape for A, B in starts[0] for part in (A, B.T)]
        self.A, self.Bt = _views(self.params, shapes)
        self.grad_A, self.grad_B = _views(self.grads, shapes)

    def scale_work(self, factor: np.ndarray) -> None:
        """Multiply ``work`` by one number a run, ``factor`` (R,)."""
        self.work *= factor[:, None]

    def gradients(self, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Fill ``grads``; return the losses, (R,). X: (R, n, k). y: (R, n)."""
        H, low, last = [X], [], len(self.A) - 1
        for i, (W, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            low.append(self.s * (H[i] @ self.A[i].transpose(0, 2, 1)))  # (R, n, r)
            Z = shared(H[i], W.T)
            Z += low[i] @ self.Bt[i]
            Z += b  # (R, n, d)
            H.append(np.maximum(Z, 0, out=Z) if i < last else Z)
        losses, D = cross_entropy(H[-1], y)  # (R,), (R, n, d)
        for i in range(last, -1, -1):
            np.matmul(low[i].transpose(0, 2, 1), D, out=self.grad_B[i])
            E = self.s * (D @ self.Bt[i].transpose(0, 2, 1))  # (R, n, r)
            np.matmul(E.transpose(0, 2, 1), H[i], out=self.grad_A[i])
            if i:
                D = shared(D, self.weights[i])
                D += E @ self.A[i]
                D *= H[i] > 0
        return losses

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


def _views(flat: np.ndarray, shapes: list) -> tuple[list, list]:
    """The parts of (R, P) as (R, *shape), those of even and those of odd number apart."""
    ends = itertools.accumulate((math.prod(shape) for shape in shapes), initial=0)
    parts = [flat[:, a:b].reshape(len(flat), *shape)
             for (a, b), shape in zip(itertools.pairwise(ends), shapes, strict=True)]
    return parts[::2], parts[1::2]
