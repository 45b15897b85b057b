"""What a run, or a grid of runs, has recorded at every step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lora_edu import _check
from lora_edu.adapter import Adapter

RECORDED = ("loss", "delta_norm", "grad_A_norm", "grad_B_norm", "useful")


@dataclass(frozen=True, eq=False)
class History:
    """What :func:`train` recorded at steps 0 … T: arrays of length T + 1.

    loss: L(W0 + ΔW). delta_norm: ‖ΔW‖_F. grad_A_norm, grad_B_norm: ‖∇A‖_F, ‖∇B‖_F.
    useful: −⟨ΔW, G⟩ with G = ∂L/∂W at W0, the drop in loss that ΔW promises to first order.
    adapter: the adapter after the last recorded step.
    diverged: True when the run stopped early because a value was no longer finite; then the
    arrays end at the last finite step.

    >>> history = History(*np.ones((5, 3)), adapter=Adapter([[1.0]], [[0.0]], 1.0))
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

    @property
    def steps(self) -> int:
        """Number of optimiser steps recorded."""
        return len(self.loss) - 1


@dataclass(frozen=True, eq=False)
class Sweep:
    """What :func:`sweep` recorded: one array a quantity, one axis a setting, steps last.

    axes: {"r": (…), "alpha": (…), "lr": (…), "start": (…), "seed": (…)}, the values on each axis.
    loss, delta_norm, grad_A_norm, grad_B_norm, useful: as in :class:`History`, of shape
    (len(r), len(alpha), len(lr), len(start), len(seed), steps + 1). From the step at which a run
    stopped being finite, all five are inf.

    >>> one_run = np.zeros((1, 1, 1, 1, 1, 2))
    >>> runs = Sweep({"r": (2,), "alpha": (4,), "lr": (0.1,), "start": ("both zero",),
    ...               "seed": (0,)}, *[one_run] * 5)
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

    @property
    def diverged(self) -> np.ndarray:
        """Which runs stopped being finite; the shape of the axes."""
        return ~np.isfinite(self.loss[..., -1])

    def select(self, **fixed) -> Sweep:
        """The part with the given settings, ``select(r=8, lr=0.01)``; those axes are dropped.

        Raises ValueError for a name that is no axis or a value that is not on it.
        """
        index = []
        for name, values in self.axes.items():
            index.append(values.index(_check.choice(name, fixed[name], values))
                         if name in fixed else slice(None))
        for name in fixed:
            _check.choice("setting", name, self.axes)
        arrays = {name: getattr(self, name)[tuple(index)] for name in RECORDED}
        return Sweep({n: v for n, v in self.axes.items() if n not in fixed}, **arrays)

    def rows(self, step: int = -1) -> list[dict]:
        """One dict a run, its settings and its five quantities at ``step``: a tidy table.

        step: from 0 to the number of steps, or from the end, -1 being the last; ValueError for
        others.
        """
        last = self.loss.shape[-1] - 1
        step = _check.integer("step", step, minimum=-1 - last, maximum=last)
        table = []
        for index in np.ndindex(*(len(values) for values in self.axes.values())):
            row = {name: values[i] for (name, values), i in
                   zip(self.axes.items(), index, strict=True)}
            row.update({name: float(getattr(self, name)[index][step]) for name in RECORDED})
            table.append(row)
        return table
