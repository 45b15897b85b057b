"""The check of the chapter The first hundred steps."""

import numpy as np

from lora_book.shared.verdict import agree, array, ask, check, parts


@check
def adamw_step(step) -> str:
    """Check one AdamW step, three times in a row.

    step: function (p, g, m, v, t, lr, beta1, beta2, eps, weight_decay) → (p, m, v), where t counts
    from 1. The oracle writes the moments as sums over all gradients so far, without recursion.
    """
    names = ("p", "m", "v")
    rng = np.random.default_rng(0)
    lr = 0.1
    beta1 = 0.9
    beta2 = 0.99
    eps = 1e-3
    decay = 0.2
    p = rng.normal(size=4)
    want = p
    gradients = rng.normal(size=(3, 4))
    m = np.zeros(4)
    v = np.zeros(4)
    for t in range(1, 4):
        answer = ask(step, p, gradients[t - 1], m, v, t, lr, beta1, beta2, eps, decay)
        p, m, v = map(array, names, parts(answer, *names))
        ages = np.arange(t)[::-1]  # how many steps ago
        first = _average(gradients[:t], beta1**ages)
        second = _average(gradients[:t] ** 2, beta2**ages)
        want = want - lr * decay * want - lr * first / (np.sqrt(second) + eps)
        agree({f"p after step {t}": want}, [p])
    return "three AdamW steps agree with the moments written out as sums."


def _average(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weighted mean over the first axis: what bias correction makes of a moment."""
    return (weights[:, None] * values).sum(axis=0) / weights.sum()
