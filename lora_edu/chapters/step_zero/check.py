"""The check of the chapter Step zero."""

import numpy as np

from lora_edu.chapters.shared.verdict import agree, ask, check, parts


@check
def three_factor_gradients(gradients) -> str:
    """Check (∇A, ∇M, ∇B) of an adapter ΔW = s·B·M·A.

    gradients: function (A, M, B, G, s) → (∇A, ∇M, ∇B), shapes A (r, k), M (r, r), B (d, r),
    G (d, k) = ∂L/∂W.

    The oracle: ⟨G, s·B·M·A⟩ is linear in each matrix, so its value where one entry is 1 and the
    others of that matrix are 0 is that entry of the gradient.
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
    want = {}
    for name, matrix in factors.items():
        gradient = want[f"∇{name}"] = np.empty_like(matrix)
        for index in np.ndindex(matrix.shape):
            unit = np.zeros_like(matrix)
            unit[index] = 1.0
            use = {**factors, name: unit}
            gradient[index] = np.vdot(G, s * use["B"] @ use["M"] @ use["A"])
    agree(want, answers, "has s its place?")
    return "all three gradients agree with the differences of the loss."
