"""The check of the chapter Rotated digits. Imports NumPy and the verdicts."""

from __future__ import annotations

import numpy as np

from lora_edu.checks.verdict import several, verdict


def undo_change(undo) -> bool:
    """Check the change of a layer that undoes a change of its inputs, picture by picture.

    undo: function (W0, b0, M, t) → (ΔW, Δb), for inputs that come as M·x + t.
    """
    rng = np.random.default_rng(0)
    W0, b0, X = rng.normal(size=(5, 4)), rng.normal(size=5), rng.normal(size=(20, 4))
    changes = {"an inversion": (-np.eye(4), np.ones(4)),
               "a permutation": (np.eye(4)[[1, 2, 3, 0]], np.zeros(4)),
               "a general change": (np.eye(4) + 0.3 * rng.normal(size=(4, 4)), rng.normal(size=4))}
    for name, (M, t) in changes.items():
        answer = undo(W0.copy(), b0.copy(), M.copy(), t.copy())
        if not several(answer, "two arrays, (delta_W, delta_b)", 2):
            return False
        if (np.shape(answer[0]), np.shape(answer[1])) != (W0.shape, b0.shape):
            return verdict([f"{name}: ΔW must have shape {W0.shape} and Δb {b0.shape}, they have "
                            f"{np.shape(answer[0])} and {np.shape(answer[1])}."], "")
        W, b = W0 + np.asarray(answer[0], float), b0 + np.asarray(answer[1], float)
        for x in X:
            error = np.abs(W @ (M @ x + t) + b - (W0 @ x + b0)).max()
            if not error < 1e-8:
                return verdict([f"{name}: the outputs differ from the old ones by up to "
                                f"{error:.2g}."], "")
    return verdict([], "the layer computes from the changed inputs what it computed before.")
