"""Forward and backward by hand: the two gradients."""

import numpy as np

from lora_book.shared.word import word
from lora_edu import Adapter, initial


def word_gradients(r: int) -> tuple[np.ndarray, ...]:
    """(G, ∇B, ∇A) where the wanted ΔW is the word LoRA: the loss is ‖BA − word‖²/2, and s is 1.

    Both matrices are random and small.
    """
    d, k = word().shape
    A, B = initial(d, k, r, "both random", 0.1, rng=np.random.default_rng(0))
    G = B @ A - word()
    grad_A, grad_B = Adapter(A, B, 1.0).gradients(G)
    return G, grad_B, grad_A
