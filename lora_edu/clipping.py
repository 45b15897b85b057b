"""Gradients clipped by their common norm, before an optimiser's step."""

from dataclasses import dataclass

import numpy as np

from lora_edu.optim_base import Arrays, Optimiser, check_optimiser, check_setting


@dataclass(frozen=True)
class Clipped(Optimiser):
    """An optimiser that first clips its gradients by their common norm.

    g ← g · min(1, max_norm / (N + eps)) with N² = Σ‖g‖² over all arrays, as
    ``torch.nn.utils.clip_grad_norm_`` (whose eps is fixed at 1e-6). One NaN makes all gradients
    NaN. In a stack of runs, each run has its own norm; :func:`sweep` takes
    ``optimiser=lambda lr: Clipped(Adam(lr), 1.0)``.

    Example:
        >>> from lora_edu import SGD
        >>> rule = Clipped(SGD(lr=1.0), max_norm=1.0)
        >>> params, _ = rule.step([np.zeros(2)], [np.array([3.0, 4.0])], ())
        >>> params[0].round(3)
        array([-0.6, -0.8])
    """

    optimiser: Optimiser
    max_norm: float
    eps: float = 1e-6

    def __post_init__(self):
        check_optimiser("optimiser", self.optimiser)
        if isinstance(self.optimiser, Clipped):
            raise TypeError(f"optimiser must not be Clipped itself, got {self.optimiser!r}")
        check_setting(self, "max_norm", above=0.0)
        check_setting(self, "eps", minimum=0.0)

    def init(self, params: Arrays) -> tuple:
        return self.optimiser.init(params)

    def update(self, params: Arrays, grads: Arrays, state: tuple) -> tuple:
        norm = np.sqrt(sum(_square(g) for g in grads))
        factor = self.max_norm / np.maximum(norm + self.eps, self.max_norm)
        grads = [(g * factor).astype(g.dtype) for g in grads]
        return self.optimiser.update(params, grads, state)


def _square(gradient: np.ndarray) -> np.ndarray:
    """The sum of the squares, in float64: of all entries, or (R, 1, 1), of each run of a stack."""
    axes = (-2, -1) if gradient.ndim > 2 else None
    return np.sum(np.square(gradient, dtype=np.float64), axis=axes, keepdims=axes is not None)
