"""The check of the chapter Which matrix is zero. Imports NumPy and the verdicts."""

from __future__ import annotations

import numpy as np

from lora_edu.checks.verdict import agree, ask, check, parts, positive, tolerance

NAMES = ("lr_A", "lr_B", "eps_A", "eps_B")


@check
def undo_wide_draw(settings) -> str:
    """Check the settings that make a B drawn c times too wide follow the right draw.

    settings: function (lr, eps, c) → (lr_A, lr_B, eps_A, eps_B). The oracle trains both starts
    with Adam, A zero, on a small quadratic loss, and compares ΔW after each of four steps.
    """
    rng = np.random.default_rng(0)
    d, k, r, lr, eps = 5, 6, 2, 0.03, 0.02
    B, S = 0.4 * rng.normal(size=(d, r)), rng.normal(size=(d, k))
    for c in (4.0, 1.7):
        answer = list(map(positive, NAMES, parts(ask(settings, lr, eps, c), *NAMES)))
        want = _adam_path(B, S, (lr, lr), (eps, eps))
        given = _adam_path(c * B, S, answer[:2], answer[2:])
        for step, (W, right) in enumerate(zip(given, want, strict=True), start=1):
            agree({f"with c = {c:g}, ΔW after step {step}": right}, [W], tol=tolerance(*answer))
    return "ΔW is that of the right draw in every step, for two values of c."


def _adam_path(B: np.ndarray, S: np.ndarray, rates, epsilons) -> list[np.ndarray]:
    """ΔW after steps 1 … 4 of Adam on ‖BA − S‖²/2 from A = 0; one rate and one ε for A and B."""
    params = [np.zeros((B.shape[1], S.shape[1])), B]
    first, second, path = [0.0, 0.0], [0.0, 0.0], []
    for t in range(1, 5):
        G = params[1] @ params[0] - S
        for i, g in enumerate((params[1].T @ G, G @ params[0].T)):
            first[i] = 0.9 * first[i] + 0.1 * g
            second[i] = 0.999 * second[i] + 0.001 * g**2
            root = np.sqrt(second[i] / (1 - 0.999**t))
            params[i] = params[i] - rates[i] * first[i] / (1 - 0.9**t) / (root + epsilons[i])
        path.append(params[1] @ params[0])
    return path
