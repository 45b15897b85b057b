"""The check of the chapter The first hundred steps. Imports NumPy and the verdicts."""

from __future__ import annotations

import numpy as np

from lora_edu.checks.verdict import compare, several, verdict


def adamw_step(step) -> bool:
    """Check one AdamW step, three times in a row.

    step: function (p, g, m, v, t, lr, beta1, beta2, eps, weight_decay) → (p, m, v), where t counts
    from 1. The oracle writes the moments as sums over all gradients so far, without recursion.
    """
    rng = np.random.default_rng(0)
    lr, beta1, beta2, eps, decay = 0.1, 0.9, 0.99, 1e-3, 0.2
    start, gradients = rng.normal(size=4), rng.normal(size=(3, 4))
    p, m, v, want = start, np.zeros(4), np.zeros(4), start
    for t in range(1, 4):
        answer = step(p, gradients[t - 1], m, v, t, lr, beta1, beta2, eps, decay)
        if not several(answer, "three arrays: p, m, v", 3):
            return False
        p, m, v = answer
        ages = np.arange(t)[::-1]  # how many steps ago
        first = _average(gradients[:t], beta1**ages)
        second = _average(gradients[:t] ** 2, beta2**ages)
        want = want - lr * decay * want - lr * first / (np.sqrt(second) + eps)
        problems = compare(f"p after step {t}", p, want)
        if problems:
            return verdict(problems, "")
    return verdict([], "three AdamW steps agree with the moments written out as sums.")


def _average(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weighted mean over the first axis: what bias correction makes of a moment."""
    return (weights[:, None] * values).sum(axis=0) / weights.sum()
