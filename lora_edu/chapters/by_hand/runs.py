"""Forward and backward by hand: two paths, two gradients, and what a step costs."""


import numpy as np

from lora_edu import Adapter, initial
from lora_edu.chapters.shared.word import word


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
