"""Gradients clipped by their common norm, before an optimiser's step."""

import math
from dataclasses import dataclass

import numpy as np

from lora_edu import checks
from lora_edu.optim_base import Arrays, Optimiser, check_optimiser


@dataclass(frozen=True)
class Clipped(Optimiser):
    """An optimiser whose gradients are clipped first, by the norm of all of them together.

    g ← g · min(1, max_norm / (N + eps)) with N² = Σ‖g‖² over all arrays, as
    ``torch.nn.utils.clip_grad_norm_`` (whose eps is fixed at 1e-6).

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
        checks.number("max_norm", self.max_norm, above=0.0)
        checks.number("eps", self.eps, minimum=0.0)

    def init(self, params: Arrays) -> tuple:
        return self.optimiser.init(params)

    def update(self, params: Arrays, grads: Arrays, state: tuple) -> tuple:
        norm = math.sqrt(sum(float(np.vdot(g, g)) for g in grads)) + self.eps
        if norm > self.max_norm:
            factor = float(self.max_norm / norm)  # Python's, so that float32 stays float32
            grads = [g * factor for g in grads]
        return self.optimiser.update(params, grads, state)
