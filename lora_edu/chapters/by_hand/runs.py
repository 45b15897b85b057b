"""Forward and backward by hand: the error of numerical gradients, and what a step costs."""

from functools import cache

import numpy as np

from lora_edu import Adapter, initial
from lora_edu.chapters.shared.word import word

SCHEMES = ("forward difference", "central difference", "complex step")
EXPONENTS = tuple(range(-16, 0))


@cache
def small_layer():
    """(adapter, W0, X, Y) with d = 5, k = 6, r = 2, n = 20; both matrices random."""
    rng = np.random.default_rng(0)
    A, B = initial(5, 6, 2, "both random", 0.5, rng=rng)
    return (Adapter(A, B, 2.0), rng.normal(size=(5, 6)) / 2, rng.normal(size=(20, 6)),
            rng.normal(size=(20, 5)))


def loss(A: np.ndarray, B: np.ndarray) -> float:
    """Mean over the batch of Σ log cosh(H − Y); A and B may be complex."""
    adapter, W0, X, Y = small_layer()
    H = X @ W0.T + adapter.scaling * (X @ A.T) @ B.T
    return np.log(np.cosh(H - Y)).sum() / len(X)


def exact_gradient() -> np.ndarray:
    """∇A of :func:`loss` by the chain rule, (r, k)."""
    adapter, W0, X, Y = small_layer()
    D = np.tanh(adapter.forward(X, W0) - Y) / len(X)  # ∂L/∂H, (n, d)
    return adapter.gradients(D.T @ X)[0]


def numerical_gradient(scheme: str, h: float) -> np.ndarray:
    """∇A entry by entry from values of the loss, (r, k)."""
    A = small_layer()[0].A
    B = small_layer()[0].B
    result = np.empty_like(A)
    for index in np.ndindex(A.shape):
        step = np.zeros_like(A)
        step[index] = h
        result[index] = {
            SCHEMES[0]: lambda step=step: (loss(A + step, B) - loss(A, B)) / h,
            SCHEMES[1]: lambda step=step: (loss(A + step, B) - loss(A - step, B)) / (2 * h),
            SCHEMES[2]: lambda step=step: loss(A + 1j * step, B).imag / h,
        }[scheme]()
    return result


@cache
def errors(scheme: str) -> np.ndarray:
    """Largest error of ∇A relative to its largest entry, for h = 10^EXPONENTS."""
    exact = exact_gradient()
    return np.array([np.abs(numerical_gradient(scheme, 10.0**e) - exact).max()
                     / np.abs(exact).max() for e in EXPONENTS])


def word_gradients(r: int) -> tuple[np.ndarray, ...]:
    """(G, ∇B, ∇A) where the wanted ΔW is the word LoRA: the loss is ‖BA − word‖²/2, and s is 1.

    Both matrices are random and small.
    """
    d, k = word().shape
    A, B = initial(d, k, r, "both random", 0.1, rng=np.random.default_rng(0))
    G = B @ A - word()
    grad_A, grad_B = Adapter(A, B, 1.0).gradients(G)
    return G, grad_B, grad_A


def multiplications(d: int, k: int, n: int, r: int) -> dict[str, dict[str, int]]:
    """Multiplications of one layer and one step: {"full": {part: count}, "LoRA": {…}}."""
    adapter = n * r * (d + k)
    return {"full": {"forward": n * d * k, "∇X": n * d * k, "∇W": n * d * k},
            "LoRA": {"forward": n * d * k + adapter, "∇X": n * d * k + adapter,
                     "∇A and ∇B": adapter}}


def memory(d: int, k: int, n: int, r: int) -> dict[str, dict[str, int]]:
    """Numbers kept for one layer and one Adam step: {"full": {part: count}, "LoRA": {…}}."""
    small = r * (d + k)
    return {"full": {"weights": d * k, "gradients": d * k, "Adam's moments": 2 * d * k,
                     "inputs kept": n * k},
            "LoRA": {"weights": d * k + small, "gradients": small, "Adam's moments": 2 * small,
                     "inputs kept": n * (k + r)}}
