"""The check of the chapter The Adam invariance. Imports NumPy and the verdicts."""

from __future__ import annotations

import numpy as np

from lora_edu.checks.verdict import NotYet, ask, check, close, parts, positive, tolerance

NAMES = ("sigma", "lr", "eps", "weight_decay")


@check
def equivalent_adamw(partner) -> str:
    """Check the settings of an equivalent AdamW run by training both, on random matrices.

    partner: function (alpha, sigma, lr, eps, weight_decay, new_alpha) → (sigma, lr, eps,
    weight_decay) of the run that has the same W at every step.
    """
    for alpha, new_alpha in ((16.0, 4.0), (2.0, 6.0)):
        settings = (0.3, 0.02, 1e-2, 0.4)
        answer = list(map(positive, NAMES, parts(ask(partner, alpha, *settings, new_alpha),
                                                 *NAMES)))
        if not close(_run(new_alpha, *answer), _run(alpha, *settings), tolerance(*answer)):
            c = np.sqrt(alpha / new_alpha)
            factors = np.array(answer) / settings / (c, c, 1 / c, 1 / c)
            wrong = "; ".join(f"{name} is {factor:.3g} times what it must be" for name, factor in
                              zip(NAMES, factors, strict=True) if not np.isclose(factor, 1))
            raise NotYet(f"α from {alpha:g} to {new_alpha:g}: the runs part. {wrong}.")
    return "both runs have the same W after twenty steps of AdamW."


def _run(alpha, sigma, lr, eps, weight_decay):
    """ΔW after twenty steps of AdamW on ‖sBA − M‖²/2 for a fixed random M."""
    rng = np.random.default_rng(0)
    A, B, M = sigma * rng.normal(size=(2, 5)), np.zeros((4, 2)), rng.normal(size=(4, 5))
    s, moments = alpha / 2, [[0.0, 0.0], [0.0, 0.0]]
    for t in range(1, 21):
        E = s * B @ A - M
        params = []
        for p, g, mv in zip((A, B), (s * B.T @ E, s * E @ A.T), moments, strict=True):
            mv[0] = 0.9 * mv[0] + 0.1 * g
            mv[1] = 0.99 * mv[1] + 0.01 * g * g
            ratio = mv[0] / (1 - 0.9**t) / (np.sqrt(mv[1] / (1 - 0.99**t)) + eps)
            params.append(p * (1 - lr * weight_decay) - lr * ratio)
        A, B = params
    return s * B @ A
