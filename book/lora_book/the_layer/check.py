"""The check of the chapter The layer."""

import sys
from contextlib import suppress

import numpy as np

from lora_book.shared.verdict import NotYet, agree, ask, check


@check
def embedding_forward(embed) -> str:
    """Check an adapted embedding against columns of the full matrix, one at a time, and that it
    does not form B·A, which takes d·r·k products: to look up one index takes far fewer.

    embed: function (ids, W0, A, B, s) → (n, d).
    """
    rng = np.random.default_rng(0)
    d = 12
    r = 6
    k = 20
    s = 1.5
    W0 = rng.normal(size=(d, k))
    A = rng.normal(size=(r, k))
    B = rng.normal(size=(d, r))
    ids = np.array([3, 0, 3, 8])
    want = [W0[:, i] + s * sum(B[:, j] * A[j, i] for j in range(r)) for i in ids]
    agree({"The output": want}, [ask(embed, ids, W0, A, B, s)], "does s appear exactly once?")
    if _products(embed, ids[:1], W0, A, B, s) >= d * r * k:
        raise NotYet("The values are right, but the exercise forbids forming BA: B is multiplied "
                     "by columns of A that no index needs.")
    return "each row is the embedding of its index, and BA was never formed."


def _products(embed, ids, W0, A, B, s) -> int:
    """How many products with entries of A a call takes; or, of tensors, products at all."""
    count = 0

    class Counted(float):
        def __mul__(self, other):
            nonlocal count
            if isinstance(other, np.ndarray):
                return NotImplemented  # NumPy comes back for each entry
            count += 1
            return Counted(float(self) * float(other))

        __rmul__ = __mul__

    counted_A = np.vectorize(Counted, otypes=[object])(A)
    with suppress(NotYet):  # a tensor cannot hold such entries
        ask(embed, ids, W0, counted_A, B.astype(object), s)
    if "torch" in sys.modules:
        from torch.utils.flop_counter import FlopCounterMode

        with FlopCounterMode(display=False) as flops:
            ask(embed, ids, W0, A, B, s)
        count += flops.get_total_flops() // 2  # a product and a sum
    return count
