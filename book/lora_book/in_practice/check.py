"""The check of the chapter In practice."""

import numpy as np

from lora_book.shared.verdict import NotYet, agree, array, ask, check, parts, positive


@check
def enlarged_adapter(enlarge) -> str:
    """Check an adapter of a larger rank with the update of a smaller one.

    enlarge: function (A, B, alpha, r1) → (A1, B1, alpha1), to be scaled by alpha1 / r1. The oracle
    adds up each entry's product. Every component must be able to train independently.
    """
    rng = np.random.default_rng(0)
    for d, k, r, r1, alpha in ((5, 7, 2, 5, 3.0), (6, 4, 1, 3, 8.0)):
        A = rng.normal(size=(r, k))
        B = rng.normal(size=(d, r))
        A1, B1, alpha1 = parts(ask(enlarge, A, B, alpha, r1), "A1", "B1", "alpha1")
        A1 = array("A1", A1)
        B1 = array("B1", B1)
        alpha1 = positive("alpha1", alpha1)
        if A1.shape != (r1, k) or B1.shape != (d, r1):
            raise NotYet(f"A1 and B1 must be ({r1}, {k}) and ({d}, {r1}); they are {A1.shape} and "
                         f"{B1.shape}.")
        want = np.array([[alpha / r * (B[i] @ A[:, j]) for j in range(k)] for i in range(d)])
        agree({"ΔW": want}, [alpha1 / r1 * (B1 @ A1)], "what is alpha1 divided by?")
        components = np.hstack([A1, B1.T])  # (r1, k + d)
        dead = [j for j, one in enumerate(components) if not one.any()]
        if dead:
            raise NotYet(f"ΔW is right. But row {dead[0]} of A1 and column {dead[0]} of B1 are "
                         "zero, so both gradients stay zero: this component never trains.")
        if np.linalg.matrix_rank(components, tol=1e-6 * np.abs(components).max()) < r1:
            raise NotYet("ΔW is right. But some components are copies of others: they get the same "
                         "gradients and stay copies, and the rank does not grow.")
    return "the same update, and every component can train, for two shapes."
