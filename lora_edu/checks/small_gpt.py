"""The check of the chapter A small GPT. Imports NumPy and the verdicts."""

from __future__ import annotations

import numpy as np

from lora_edu.checks.verdict import NotYet, array, ask, check, close, tolerance

MISTAKES = {  # what the answer equals, and what that means
    "no mask": "each character also looks at those after it.",
    "no root": "the scores are not divided by √C.",
    "no scale": "the update lacks the scale s.",
    "on k": "k has v's update; k is not adapted, v is.",
    "q alone": "v lacks its update.",
    "v alone": "q lacks its update.",
    "none": "neither update is there.",
}


@check
def adapted_attention(attention) -> str:
    """Check causal attention of one head with adapters on q and v.

    attention: function (X, Wq, Wk, Wv, q, v, s) → (T, C), where X is (T, C), each W is (C, C),
    and q and v are pairs (A, B) of shapes (r, C) and (C, r).
    """
    for T, C, r in ((6, 8, 2), (1, 4, 1)):
        rng = np.random.default_rng(T)
        X = rng.normal(size=(T, C))
        Ws = [rng.normal(size=(C, C)) / np.sqrt(C) for _ in range(3)]
        pairs = [(rng.normal(size=(r, C)), rng.normal(size=(C, r))) for _ in range(2)]
        given = array("The result", ask(attention, X, *Ws, *pairs, 0.7))
        if given.shape != (T, C):
            raise NotYet(f"The result has shape {given.shape}, it must have {(T, C)}.")
        found = [words for mistake, words in {"": "", **MISTAKES}.items()
                 if close(given, _oracle(X, Ws, pairs, 0.7, mistake), tolerance(given))]
        if "" not in found:
            raise NotYet(f"With T = {T}: {(*found, 'the result is off.')[0]}")
    return "causal, scaled, and adapted on q and v alone."


def _oracle(X, Ws, pairs, s: float, mistake: str = "") -> np.ndarray:
    """One character at a time; ``mistake``: one of MISTAKES."""
    (T, C), (Wq, Wk, Wv) = X.shape, Ws
    delta_q, delta_v = ((1.0 if mistake == "no scale" else s) * B @ A for A, B in pairs)
    if mistake not in ("v alone", "none"):
        Wq = Wq + delta_q
    if mistake == "on k":
        Wk = Wk + delta_v
    elif mistake not in ("q alone", "none"):
        Wv = Wv + delta_v
    out = np.zeros((T, C))
    for t in range(T):
        seen = range(T if mistake == "no mask" else t + 1)
        scores = np.array([(Wq @ X[t]) @ (Wk @ X[j]) for j in seen])
        weights = np.exp(scores if mistake == "no root" else scores / np.sqrt(C))
        for weight, j in zip(weights / weights.sum(), seen, strict=True):
            out[t] += weight * (Wv @ X[j])
    return out
