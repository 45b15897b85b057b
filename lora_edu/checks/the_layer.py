"""The check of the chapter The layer. Imports NumPy and the verdicts; torch, where it is."""

from __future__ import annotations

import sys
from contextlib import nullcontext, suppress

import numpy as np

from lora_edu.checks.verdict import NotYet, agree, ask, check

S = 1.5  # the scale; exact in every precision
PRODUCTS = ("mul", "mm", "einsum", "linear", "outer", "dot")  # parts of the names of torch's


@check
def embedding_forward(embed) -> str:
    """Check an adapted embedding against columns of the full matrix, one at a time, and that it
    does not form B·A: of A it needs only the columns that are looked up.

    embed: function (ids, W0, A, B, s) → (n, d).
    """
    rng = np.random.default_rng(0)
    W0, A, B = rng.normal(size=(5, 9)), rng.normal(size=(2, 9)), rng.normal(size=(5, 2))
    ids = np.array([3, 0, 3, 8])
    want = np.empty((4, 5))
    for row, i in enumerate(ids):
        for out in range(5):
            want[row, out] = W0[out, i] + S * sum(B[out, j] * A[j, i] for j in range(2))
    formed = []
    with _tensors_watched(W0.size, formed):
        agree({"The output": want}, [ask(embed, ids, W0, A, B, S)], "is s there, once?")
    not_asked = _watched(formed)
    spied = [[x if i in ids else not_asked(x) for i, x in enumerate(row)] for row in A]
    with suppress(NotYet):  # tensors hold no such entries; they were watched above
        ask(embed, ids, W0, np.array(spied, dtype=object), B.astype(object), S)
    if formed:
        raise NotYet("The values are right, but BA is formed, which the exercise forbids: B meets "
                     "columns of A that no index asks for.")
    return "each row is the embedding of its index, and BA is not formed."


def _watched(formed: list):
    """The class of an entry of A that no index asks for. It may be scaled by s, and by the 0 or 1
    of a mask; a product with another number is noted in ``formed``. (It is not refused at once:
    NumPy may crash where an object raises.)"""
    class Watched(float):
        def __mul__(self, other):
            if not isinstance(other, (int, float, np.number)):
                return NotImplemented  # an array's business
            if other not in (0, 1, S):
                formed.append(other)
            return Watched(float(self) * float(other))

        __rmul__ = __mul__

    return Watched


def _tensors_watched(size: int, formed: list):
    """A context which notes in ``formed`` each product of tensors that has ``size`` entries."""
    if "torch" not in sys.modules:
        return nullcontext()
    from torch.overrides import TorchFunctionMode

    class Watch(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            result = function(*args, **(kwargs or {}))
            name = getattr(function, "__name__", "")
            if any(word in name for word in PRODUCTS) and result.numel() == size:
                formed.append(name)
            return result

    return Watch()
