"""What a run, or a grid of runs, recorded at every step."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from lora_edu import checks
from lora_edu.adapter import Adapter

RECORDED = ("loss", "delta_norm", "grad_A_norm", "grad_B_norm", "useful")
SPELLED_OUT = 4  # values of an axis that a Sweep's repr has room for


@dataclass(frozen=True, eq=False, repr=False)
class History:
    """What :func:`train` recorded at steps 0 … T: arrays of length T + 1.

    Args:
        loss: L(W0 + ΔW).
        delta_norm: ‖ΔW‖_F.
        grad_A_norm, grad_B_norm: ‖∇A‖_F, ‖∇B‖_F.
        useful: −⟨ΔW, G⟩ with G = ∂L/∂W at W0, the first-order decrease of the loss through ΔW.
        adapter: The adapter after the last recorded step.
        diverged: True when the run stopped early because a value was no longer finite; then the
            arrays end at the last finite step.

    Example:
        >>> history = History(*np.ones((5, 3)), adapter=Adapter([[1.0]], [[0.0]], 1.0))
        >>> history
        <History: steps 0 to 2, loss 1 → 1, adapter: r = 1, scaling = 1>
        >>> history.steps
        2
    """

    loss: np.ndarray
    delta_norm: np.ndarray
    grad_A_norm: np.ndarray
    grad_B_norm: np.ndarray
    useful: np.ndarray
    adapter: Adapter
    diverged: bool = False

    def __repr__(self) -> str:
        diverged = ", then diverged" if self.diverged else ""
        return (f"<History: steps 0 to {self.steps}, loss {self.loss[0]:.4g} → {self.loss[-1]:.4g}"
                f"{diverged}, adapter: r = {self.adapter.r}, scaling = {self.adapter.scaling:g}>")

    @property
    def steps(self) -> int:
        """Number of optimiser steps recorded."""
        return len(self.loss) - 1


@dataclass(frozen=True, eq=False, repr=False)
class Sweep:
    """What :func:`sweep` recorded: one array per quantity, with one axis per setting, steps last.

    Args:
        axes: {"r": (…), "alpha": (…), "lr": (…), "start": (…), "seed": (…)}, the values on each.
        loss, delta_norm, grad_A_norm, grad_B_norm, useful: As in :class:`History`, of shape
            (len(r), len(alpha), len(lr), len(start), len(seed), steps + 1). From the step at which
            a run stopped being finite, all five are inf.

    Example:
        >>> one_run = np.zeros((1, 1, 1, 1, 1, 2))
        >>> runs = Sweep({"r": (2,), "alpha": (4,), "lr": (0.1,), "start": ("both zero",),
        ...               "seed": (0,)}, *[one_run] * 5)
        >>> runs.select(r=2, start="both zero")
        <Sweep: alpha = 4; lr = 0.1; seed = 0; steps 0 to 1, lowest loss 0 → 0>
        >>> runs.select(r=2, start="both zero").loss.shape
        (1, 1, 1, 2)
        >>> runs.rows()[0]["r"]
        2
    """

    axes: dict[str, tuple]
    loss: np.ndarray
    delta_norm: np.ndarray
    grad_A_norm: np.ndarray
    grad_B_norm: np.ndarray
    useful: np.ndarray

    def __repr__(self) -> str:
        axes = [f"{name} = {_spelled(values)}" for name, values in self.axes.items()]
        first = self.loss[..., 0].min()
        last = self.loss[..., -1].min()
        runs = f"steps 0 to {self.loss.shape[-1] - 1}, lowest loss {first:.4g} → {last:.4g}"
        if self.diverged.any():
            runs += f", {self.diverged.sum()} of {self.diverged.size} diverged"
        return f"<Sweep: {'; '.join([*axes, runs])}>"

    @property
    def diverged(self) -> np.ndarray:
        """Which runs stopped being finite; the shape of the axes."""
        return ~np.isfinite(self.loss[..., -1])

    def select(self, **fixed) -> Sweep:
        """The part with the given settings, ``select(r=8, lr=0.01)``; those axes are dropped.

        Raises ValueError for a name that is no axis or a value that is not on it.
        """
        index = dict.fromkeys(self.axes, slice(None))
        for name, value in fixed.items():
            values = self.axes[checks.choice("setting", name, self.axes)]
            index[name] = values.index(checks.choice(name, value, values))
        arrays = {name: getattr(self, name)[tuple(index.values())] for name in RECORDED}
        return Sweep({n: v for n, v in self.axes.items() if n not in fixed}, **arrays)

    def rows(self, step: int = -1) -> list[dict]:
        """A table with one dict per run: its settings and its five quantities at ``step``.

        ``step`` counts from 0, or from the end if it is negative. Raises ValueError for a step that
        was not recorded.
        """
        recorded_steps = self.loss.shape[-1]
        step = checks.integer("step", step, minimum=-recorded_steps, maximum=recorded_steps - 1)
        recorded = {name: getattr(self, name)[..., step].ravel() for name in RECORDED}
        return [dict(zip(self.axes, settings, strict=True))
                | {name: float(values[i]) for name, values in recorded.items()}
                for i, settings in enumerate(product(*self.axes.values()))]


def _spelled(values: tuple) -> str:
    if len(values) <= SPELLED_OUT:
        return ", ".join(map(repr, values))
    return f"{values[0]!r} … {values[-1]!r} ({len(values)})"
