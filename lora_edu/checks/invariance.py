"""The check of the chapter The Adam invariance. Imports NumPy and the verdicts."""

from __future__ import annotations

import numpy as np

from lora_edu.checks.verdict import several, verdict

NAMES = ("sigma", "lr", "eps", "weight_decay")


def equivalent_adamw(partner) -> bool:
    """Check the settings of an equivalent AdamW run by training both, on random matrices.

    partner: function (alpha, sigma, lr, eps, weight_decay, new_alpha) → (sigma, lr, eps,
    weight_decay) of the run that has the same W at every step.
    """
    for alpha, new_alpha in ((16.0, 4.0), (2.0, 6.0)):
        settings = (0.3, 0.02, 1e-2, 0.4)
        answer = partner(alpha, *settings, new_alpha)
        if not several(answer, "four numbers: sigma, lr, eps, weight_decay", 4):
            return False
        wanted = _run(alpha, *settings)
        if not np.allclose(_run(new_alpha, *answer), wanted, rtol=1e-8, atol=1e-10):
            c = np.sqrt(alpha / new_alpha)
            right = np.array([0.3 * c, 0.02 * c, 1e-2 / c, 0.4 / c])
            wrong = [f"{name} is {given / want:.3g} times what it must be" for name, given, want in
                     zip(NAMES, answer, right, strict=True) if not np.isclose(given, want)]
            return verdict([f"α from {alpha:g} to {new_alpha:g}: the runs part. "
                            f"{'; '.join(wrong)}."], "")
    return verdict([], "both runs have the same W after twenty steps of AdamW.")


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
