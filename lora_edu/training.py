"""Train an adapter and write down what happened at every step.

Imports NumPy and the core only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lora_edu import _check, optim
from lora_edu.adapter import Adapter


@dataclass(frozen=True, eq=False)
class History:
    """What :func:`train` recorded at steps 0 … T: arrays of length T + 1.

    loss: L(W0 + ΔW). delta_norm: ‖ΔW‖_F. grad_A_norm, grad_B_norm: ‖∇A‖_F, ‖∇B‖_F.
    useful: −⟨ΔW, G⟩ with G = ∂L/∂W at W0, the drop in loss that ΔW promises to first order.
    adapter: the adapter after the last recorded step.
    diverged: True when the run stopped early because a value was no longer finite; then the
    arrays end at the last finite step.
    """

    loss: np.ndarray
    delta_norm: np.ndarray
    grad_A_norm: np.ndarray
    grad_B_norm: np.ndarray
    useful: np.ndarray
    adapter: Adapter
    diverged: bool = False

    @property
    def steps(self) -> int:
        """Number of optimiser steps recorded."""
        return len(self.loss) - 1


def train(problem, adapter: Adapter, optimiser, steps: int, *, allow_divergence: bool = False,
          watch: Callable[[int, Adapter, float], object] | None = None) -> History:
    """Train A and B with W0 frozen, for ``steps`` ≥ 0 steps.

    problem: has ``W0`` (d, k) and ``loss_and_gradient(W) → (L, G)`` (see problems.py).
    adapter: of the same (d, k); it is not modified. optimiser: see optim.py.
    watch: called at each recorded step as ``watch(step, adapter, loss)``, to write down more than
    the History does; the run ends at the step at which it returns True.

    Raises TypeError for arguments of another kind, ValueError for mismatched shapes, and
    FloatingPointError when the loss or a gradient stops being finite, unless ``allow_divergence``
    is set: then the History ends at the last finite step and says so.
    """
    if not (hasattr(problem, "W0") and hasattr(problem, "loss_and_gradient")):
        raise TypeError(f"problem must have W0 and loss_and_gradient, got {problem!r}")
    _check.instance("adapter", adapter, Adapter)
    optim.check("optimiser", optimiser)
    steps = _check.integer("steps", steps, minimum=0)
    W0 = problem.W0
    if adapter.shape != W0.shape:
        raise ValueError(f"adapter must have the shape of W0 {W0.shape}, got {adapter.shape}")
    G0 = problem.loss_and_gradient(W0)[1]
    A, B, s = adapter.A, adapter.B, adapter.scaling
    state = optimiser.init([A, B])
    rows, diverged = [], False
    for t in range(steps + 1):
        with np.errstate(over="ignore", invalid="ignore"):  # checked just below
            delta = s * (B @ A)  # (d, k)
            loss, G = problem.loss_and_gradient(W0 + delta)
            grad_A, grad_B = s * (B.T @ G), s * (G @ A.T)  # (r, k), (d, r)
            row = (loss, np.linalg.norm(delta), np.linalg.norm(grad_A), np.linalg.norm(grad_B),
                   -np.vdot(delta, G0))
        if not np.isfinite(row).all():
            if not allow_divergence or not rows:
                raise FloatingPointError(f"the run diverged: at step {t} loss = {loss:g}; "
                                         f"lower lr (the optimiser is {optimiser!r})")
            diverged = True
            break
        rows.append(row)
        last = (A, B)
        if watch and watch(t, Adapter(A, B, s), loss) is True:
            break
        if t < steps:
            (A, B), state = optimiser.step([A, B], [grad_A, grad_B], state)
    return History(*np.array(rows).T, adapter=Adapter(*last, s), diverged=diverged)
