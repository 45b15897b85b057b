"""The check of the chapter Which matrix is zero."""

import numpy as np

from lora_book.shared.verdict import agree, ask, check, parts, positive
from lora_edu import Adam, Adapter, Regression, train

NAMES = ("lr_A", "lr_B", "eps_A", "eps_B")


@check
def undo_wide_draw(settings) -> str:
    """Check the settings that make a B drawn c times too wide follow the right draw.

    settings: function (lr, eps, c) → (lr_A, lr_B, eps_A, eps_B). The oracle trains both starts
    with Adam, A zero, on a small quadratic loss, and compares ΔW after each of four steps.
    """
    rng = np.random.default_rng(0)
    d = 5
    k = 6
    r = 2
    lr = 0.03
    eps = 0.02
    B = 0.4 * rng.normal(size=(d, r))
    W_star = rng.normal(size=(d, k))
    task = Regression(np.zeros((d, k)), W_star, k**0.5 * np.eye(k))
    for c in (4.0, 1.7):
        answer = list(map(positive, NAMES, parts(ask(settings, lr, eps, c), *NAMES)))
        want = _path(task, B, lr, eps)
        deltas = _path(task, c * B, answer[:2], answer[2:])
        for step, (W, right) in enumerate(zip(deltas, want, strict=True), start=1):
            agree({f"with c = {c:g}, ΔW after step {step}": right}, [W])
    return "for two values of c, every ΔW is the one that the right B gives."


def _path(task, B: np.ndarray, lr, eps) -> list[np.ndarray]:
    """ΔW after steps 1 … 4 of Adam from A = 0; lr and eps may be pairs, for A and for B."""
    start = Adapter(np.zeros((B.shape[1], task.shape[1])), B, 1.0)
    return [train(task, start, Adam(lr, eps=eps), steps, allow_divergence=True).adapter.delta()
            for steps in range(1, 5)]
