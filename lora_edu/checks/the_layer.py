"""The check of the chapter The layer. Imports NumPy and the verdicts."""

from __future__ import annotations

import numpy as np

from lora_edu.checks.verdict import compare, verdict


def embedding_forward(embed) -> bool:
    """Check an adapted embedding against columns of the full matrix, one at a time.

    embed: function (ids, W0, A, B, s) → (n, d).
    """
    rng = np.random.default_rng(0)
    W0, A, B, s = rng.normal(size=(5, 9)), rng.normal(size=(2, 9)), rng.normal(size=(5, 2)), 1.5
    ids = np.array([3, 0, 3, 8])
    want = np.empty((4, 5))
    for row, i in enumerate(ids):
        for out in range(5):
            want[row, out] = W0[out, i] + s * sum(B[out, j] * A[j, i] for j in range(2))
    return verdict(compare("the output", embed(ids, W0, A, B, s), want, "is s there, once?"),
                   "each row is the embedding of its index.")
