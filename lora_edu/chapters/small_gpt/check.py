"""The check of the chapter A small GPT."""

import numpy as np

from lora_edu.chapters.shared.verdict import NotYet, array, ask, check, close

S = 0.7
MISTAKES = {  # what it means that the answer is the oracle's under these settings
    "each character also looks at those after it.": {"mask": False},
    "the scores are not divided by √C.": {"root": False},
    "the update lacks the scale s.": {"s": 1.0},
    "k has v's update; k is not adapted, v is.": {"on": "qk"},
    "v lacks its update.": {"on": "q"},
    "q lacks its update.": {"on": "-v"},
    "neither update is there.": {"on": ""},
}


@check
def adapted_attention(attention) -> str:
    """Check causal attention of one head with adapters on q and v.

    attention: function (X, Wq, Wk, Wv, q, v, s) → (T, C), where X is (T, C), each W is (C, C), and
    q and v are pairs (A, B) of shapes (r, C) and (C, r).
    """
    for T, C, r in ((6, 8, 2), (1, 4, 1)):
        rng = np.random.default_rng(T)
        X = rng.normal(size=(T, C))
        Ws = [rng.normal(size=(C, C)) / np.sqrt(C) for _ in range(3)]
        pairs = [(rng.normal(size=(r, C)), rng.normal(size=(C, r))) for _ in range(2)]
        answer = array("The result", ask(attention, X, *Ws, *pairs, S))
        if answer.shape != (T, C):
            raise NotYet(f"The result has shape {answer.shape}, it must have {(T, C)}.")
        if not close(answer, _oracle(X, Ws, pairs)):
            mistakes = [words for words, settings in MISTAKES.items()
                        if close(answer, _oracle(X, Ws, pairs, **settings))]
            raise NotYet(f"With T = {T}: {(*mistakes, 'the result is off.')[0]}")
    return "causal, scaled, and adapted on q and v alone."


def _oracle(X, Ws, pairs, s: float = S, mask: bool = True, root: bool = True,
            on: str = "qv") -> np.ndarray:
    """One character at a time. on: the matrices that get the two updates, "-" for none."""
    T, C = X.shape
    W = dict(zip("qkv-", (*Ws, 0.0), strict=True))
    for name, (A, B) in zip(on, pairs, strict=False):
        W[name] = W[name] + s * B @ A
    out = np.zeros((T, C))
    for t in range(T):
        visible = range(t + 1 if mask else T)
        scores = np.array([(W["q"] @ X[t]) @ (W["k"] @ X[j]) for j in visible])
        weights = np.exp(scores / (np.sqrt(C) if root else 1.0))
        for weight, j in zip(weights / weights.sum(), visible, strict=True):
            out[t] += weight * (W["v"] @ X[j])
    return out
