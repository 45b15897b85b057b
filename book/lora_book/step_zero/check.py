"""The check of the chapter Step zero."""

import numpy as np

from lora_book.shared import complex_step
from lora_book.shared.verdict import agree, ask, check, parts


@check
def three_factor_gradients(gradients) -> str:
    """Check (∇A, ∇M, ∇B) of an adapter ΔW = s·B·M·A.

    gradients: function (A, M, B, G, s) → (∇A, ∇M, ∇B), shapes A (r, k), M (r, r), B (d, r),
    G (d, k) = ∂L/∂W.

    The oracle is the complex step, applied to ⟨G, s·B·M·A⟩.
    """
    rng = np.random.default_rng(0)
    d = 5
    k = 7
    r = 3
    s = 0.7
    factors = {"A": rng.normal(size=(r, k)), "M": rng.normal(size=(r, r)),
               "B": rng.normal(size=(d, r))}
    G = rng.normal(size=(d, k))
    answers = parts(ask(gradients, *factors.values(), G, s), "∇A", "∇M", "∇B")

    def promised(A, M, B):
        return np.vdot(G, s * B @ M @ A)

    want = complex_step.gradients(promised, factors)
    agree(want, answers, "is s in the right place?")
    return "all three gradients agree with numerical derivatives of the loss."
