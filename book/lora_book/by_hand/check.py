"""The check of the chapter Forward and backward by hand."""

import numpy as np

from lora_book.shared.complex_step import gradients
from lora_book.shared.verdict import agree, ask, check, parts


@check
def dropout_backward(backward) -> str:
    """Check (∇A, ∇B, ∇X) of H = X·W0ᵀ + s·(mask∘X)·Aᵀ·Bᵀ.

    backward: function (D, X, mask, W0, A, B, s) → (∇A, ∇B, ∇X), with D = ∂L/∂H, (n, d). The
    oracle is the complex step, applied to the forward pass.
    """
    rng = np.random.default_rng(0)
    n = 4
    d = 5
    k = 6
    r = 2
    s = 0.7
    X = rng.normal(size=(n, k))
    W0 = rng.normal(size=(d, k))
    D = rng.normal(size=(n, d))
    A = rng.normal(size=(r, k))
    B = rng.normal(size=(d, r))
    kept = 0.7  # the share of the inputs that dropout keeps
    mask = (rng.random((n, k)) < kept) / kept
    answer = parts(ask(backward, D, X, mask, W0, A, B, s), "∇A", "∇B", "∇X")

    def loss(A, B, X):
        return (D * (X @ W0.T + s * (mask * X) @ A.T @ B.T)).sum()

    want = gradients(loss, {"A": A, "B": B, "X": X})
    agree(want, answer, "is s in the right place?")
    return "all three gradients agree with numerical derivatives of the loss."
