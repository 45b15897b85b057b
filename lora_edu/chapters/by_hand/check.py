"""The check of the chapter Forward and backward by hand."""

import numpy as np

from lora_edu.chapters.shared.verdict import agree, ask, check, parts


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

    want = {}
    matrices = {"A": A, "B": B, "X": X}
    step = 1e-20  # nothing is subtracted, so no step is too small
    for name, matrix in matrices.items():
        gradient = np.empty_like(matrix)
        for index in np.ndindex(matrix.shape):
            moved = matrix.astype(complex)
            moved[index] += step * 1j
            gradient[index] = loss(**{**matrices, name: moved}).imag / step
        want[f"∇{name}"] = gradient
    agree(want, answer, "has s its place?")
    return "all three gradients agree with the complex step."
