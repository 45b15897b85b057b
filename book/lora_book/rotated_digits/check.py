"""The check of the chapter Rotated digits."""

import numpy as np

from lora_book.shared.verdict import NotYet, array, ask, check, close, parts


@check
def undo_change(undo) -> str:
    """Check the change of a layer that undoes a change in its inputs, picture by picture.

    undo: function (W0, b0, M, t) → (ΔW, Δb), for inputs that come as M·x + t.
    """
    rng = np.random.default_rng(0)
    W0 = rng.normal(size=(5, 4))
    b0 = rng.normal(size=5)
    X = rng.normal(size=(20, 4))
    changes = {"an inversion": (-np.eye(4), np.ones(4)),
               "a permutation": (np.eye(4)[[1, 2, 3, 0]], np.zeros(4)),
               "a general change": (np.eye(4) + 0.3 * rng.normal(size=(4, 4)), rng.normal(size=4))}
    for name, (M, t) in changes.items():
        dW, db = map(array, ("ΔW", "Δb"), parts(ask(undo, W0, b0, M, t), "ΔW", "Δb"))
        if (dW.shape, db.shape) != (W0.shape, b0.shape):
            raise NotYet(f"{name}: ΔW must have shape {W0.shape} and Δb {b0.shape}, they have "
                         f"{dW.shape} and {db.shape}.")
        want = np.array([W0 @ x + b0 for x in X])
        outputs = np.array([(W0 + dW) @ (M @ x + t) + b0 + db for x in X])
        if not close(outputs, want):
            raise NotYet(f"{name}: the outputs differ from the old outputs by up to "
                         f"{np.abs(outputs - want).max():.2g}.")
    return "from the changed inputs, the layer computes what it computed before."
