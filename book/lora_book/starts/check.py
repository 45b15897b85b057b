"""The checks of the chapter Starts and traps."""

import numpy as np

from lora_book.shared.verdict import NotYet, agree, array, ask, check, parts, positive


@check
def converted_adapter(convert) -> str:
    """Check an adapter on W0 that equals one trained on W0 − s·B0·A0.

    convert: function (A, B, A0, B0, alpha) → (A1, B1, alpha1), to be scaled by alpha1 / its rank.
    The oracle is the difference of each entry's two products.
    """
    rng = np.random.default_rng(0)
    for d, k, r, alpha in ((5, 7, 2, 3.0), (6, 4, 3, 8.0)):
        A = rng.normal(size=(r, k))
        B = rng.normal(size=(d, r))
        A0 = rng.normal(size=(r, k))
        B0 = rng.normal(size=(d, r))
        A1, B1, alpha1 = parts(ask(convert, A, B, A0, B0, alpha), "A1", "B1", "alpha1")
        A1 = array("A1", A1)
        B1 = array("B1", B1)
        alpha1 = positive("alpha1", alpha1)
        r1 = len(A1) if A1.ndim == 2 else 0
        if r1 == 0 or A1.shape != (r1, k) or B1.shape != (d, r1):
            raise NotYet(f"A1 must be (r1, {k}) and B1 ({d}, r1), with the same r1; they are "
                         f"{A1.shape} and {B1.shape}.")
        if r1 > 2 * r:
            raise NotYet(f"The rank is {r1}, but {2 * r} is enough.")
        want = np.array([[alpha / r * (B[i] @ A[:, j] - B0[i] @ A0[:, j]) for j in range(k)]
                         for i in range(d)])
        agree({"ΔW on the original weight": want}, [alpha1 / r1 * (B1 @ A1)],
              "which number is alpha1 divided by?")
    return "on the original weight, it gives the trained model. Tested for two shapes."
