"""SGD, Momentum, Adam and AdamW as pure steps over a list of arrays, and clipping around them.

Imports NumPy only. The arithmetic is ``torch.optim``'s, in the order torch does it, so that the
two agree to rounding. ``step`` changes nothing in place: parameters, gradients and state go in,
new parameters and new state come out.

``lr``, ``eps`` and ``weight_decay`` may each be one number, or a sequence with one number per
array (LoRA+ gives A and B different learning rates). In ``lr`` an array of several dimensions may
stand for a number, and multiplies: (R, 1, 1) gives the R runs of a stack a rate each.

An optimiser is a frozen dataclass with ``lr``, ``init`` and ``step`` as those below; ``train`` and
``sweep`` take any such class. ``powers``, where it is known, says how its settings follow when an
array is multiplied by a factor: ``equivalent`` needs it (see invariance.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lora_edu import _check

Arrays = list[np.ndarray]
PerArray = float | Sequence[float] | np.ndarray


@dataclass(frozen=True)
class SGD:
    """p ← p − lr·(g + weight_decay·p). Raises ValueError unless lr > 0, weight_decay ≥ 0."""

    lr: PerArray
    weight_decay: PerArray = 0.0
    powers: ClassVar = {"lr": 2, "weight_decay": -2}

    def __post_init__(self):
        _check_each("lr", self.lr, above=0.0)
        _check_each("weight_decay", self.weight_decay, minimum=0.0)

    def init(self, params: Arrays) -> tuple:
        """The state before the first step: SGD has none."""
        return ()

    def step(self, params: Arrays, grads: Arrays, state: tuple) -> tuple[Arrays, tuple]:
        """One step. ``params`` and ``grads``: lists of arrays of equal shapes."""
        lr, decay = _settings(params, grads, lr=self.lr, weight_decay=self.weight_decay)
        return [p - a * (g + w * p)
                for p, g, a, w in zip(params, grads, lr, decay, strict=True)], state


@dataclass(frozen=True)
class Momentum:
    """v ← momentum·v + g; p ← p − lr·v (with ``nesterov``: p − lr·(g + momentum·v)).

    g includes weight_decay·p. The first v is g itself, as in torch (dampening 0).
    Raises ValueError unless lr > 0, 0 ≤ momentum < 1, weight_decay ≥ 0.
    """

    lr: PerArray
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: PerArray = 0.0
    powers: ClassVar = {"lr": 2, "weight_decay": -2}

    def __post_init__(self):
        _check_each("lr", self.lr, above=0.0)
        _check.number("momentum", self.momentum, minimum=0.0, below=1.0)
        _check_each("weight_decay", self.weight_decay, minimum=0.0)

    def init(self, params: Arrays) -> tuple:
        """The state before the first step: a zero velocity for each array."""
        return (_zeros(params),)

    def step(self, params: Arrays, grads: Arrays, state: tuple) -> tuple[Arrays, tuple]:
        """One step. ``params`` and ``grads``: lists of arrays of equal shapes."""
        lr, decay = _settings(params, grads, lr=self.lr, weight_decay=self.weight_decay)
        grads = [g + w * p for p, g, w in zip(params, grads, decay, strict=True)]
        velocity = [self.momentum * v + g for v, g in zip(state[0], grads, strict=True)]
        moves = velocity if not self.nesterov else [
            g + self.momentum * v for g, v in zip(grads, velocity, strict=True)]
        return [p - a * m for p, m, a in zip(params, moves, lr, strict=True)], (velocity,)


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma & Ba 2015, algorithm 1) with an L2 penalty, as ``torch.optim.Adam``.

    Raises ValueError unless lr > 0, 0 ≤ betas < 1, eps ≥ 0, weight_decay ≥ 0. With ``eps=0``, an
    entry whose gradient has been exactly zero at every step so far would be moved by 0/0: ``step``
    raises ValueError instead. LoRA's default start has such entries in A, and both zero has
    nothing else.
    """

    lr: PerArray = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: PerArray = 1e-8
    weight_decay: PerArray = 0.0
    powers: ClassVar = {"lr": 1, "eps": -1, "weight_decay": -2}

    def __post_init__(self):
        _check_each("lr", self.lr, above=0.0)
        if np.shape(self.betas) != (2,):
            raise ValueError(f"betas must be two numbers, got {self.betas!r}")
        for i, beta in enumerate(self.betas):
            _check.number(f"betas[{i}]", beta, minimum=0.0, below=1.0)
        _check_each("eps", self.eps, minimum=0.0)
        _check_each("weight_decay", self.weight_decay, minimum=0.0)

    def init(self, params: Arrays) -> tuple:
        """The state before the first step: (steps taken, first moments, second moments)."""
        return 0, _zeros(params), _zeros(params)

    def step(self, params: Arrays, grads: Arrays, state: tuple) -> tuple[Arrays, tuple]:
        """One step. ``params`` and ``grads``: lists of arrays of equal shapes."""
        (decay,) = _settings(params, grads, weight_decay=self.weight_decay)
        grads = [g + w * p if w else g for p, g, w in zip(params, grads, decay, strict=True)]
        return self._move(params, grads, state)

    def _move(self, params: Arrays, grads: Arrays, state: tuple) -> tuple[Arrays, tuple]:
        lr, eps = _settings(params, grads, lr=self.lr, eps=self.eps)
        beta1, beta2 = self.betas
        t = state[0] + 1
        correct1, correct2 = 1 - beta1**t, math.sqrt(1 - beta2**t)
        moved, first, second = [], [], []
        for p, g, m, v, a, e in zip(params, grads, *state[1:], lr, eps, strict=True):
            m, v = _mean(m, g, beta1), _mean_square(v, g, beta2)
            denominator = np.sqrt(v)
            denominator /= correct2
            denominator += e
            if np.ndim(e) == 0 and e == 0 and not denominator.all():
                raise ValueError(
                    f"eps must be greater than 0 here, got {e!r}: at step {t} "
                    f"{np.sum(denominator == 0)} entries have had a zero gradient at every step, "
                    "and Adam would move them by 0/0")
            move = m / denominator
            move *= a / correct1
            moved.append(p - move)
            first.append(m)
            second.append(v)
        return moved, (t, first, second)


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay, p ← (1 − lr·weight_decay)·p before the move.

    As ``torch.optim.AdamW``. In Loshchilov & Hutter 2019, algorithm 2, the schedule multiplies the
    decay and the learning rate does not: their weight_decay is lr·weight_decay of this one, with
    lr its value before the schedule. Raises as :class:`Adam`.
    """

    weight_decay: PerArray = 1e-2
    powers: ClassVar = {"lr": 1, "eps": -1, "weight_decay": -1}

    def step(self, params: Arrays, grads: Arrays, state: tuple) -> tuple[Arrays, tuple]:
        """One step. ``params`` and ``grads``: lists of arrays of equal shapes."""
        lr, decay = _settings(params, grads, lr=self.lr, weight_decay=self.weight_decay)
        params = [p * (1 - a * w) for p, a, w in zip(params, lr, decay, strict=True)]
        return self._move(params, grads, state)


@dataclass(frozen=True)
class Clipped:
    """An optimiser whose gradients are clipped first, by the norm of all of them together.

    g ← g · min(1, max_norm / (N + eps)) with N² = Σ‖g‖² over all arrays, as
    ``torch.nn.utils.clip_grad_norm_`` (whose eps is fixed at 1e-6).
    Raises TypeError unless ``optimiser`` is an optimiser and not clipped itself; ValueError unless
    max_norm > 0 and eps ≥ 0.
    """

    optimiser: SGD | Momentum | Adam | AdamW
    max_norm: float
    eps: float = 1e-6

    def __post_init__(self):
        check("optimiser", self.optimiser)
        if isinstance(self.optimiser, Clipped):
            raise TypeError(f"optimiser must not be Clipped itself, got {self.optimiser!r}")
        _check.number("max_norm", self.max_norm, above=0.0)
        _check.number("eps", self.eps, minimum=0.0)

    def init(self, params: Arrays) -> tuple:
        """The optimiser's own state."""
        return self.optimiser.init(params)

    def step(self, params: Arrays, grads: Arrays, state: tuple) -> tuple[Arrays, tuple]:
        """One step. ``params`` and ``grads``: lists of arrays of equal shapes."""
        norm = np.sqrt(sum(float(np.vdot(g, g)) for g in grads)) + self.eps
        if norm > self.max_norm:
            grads = [g * (self.max_norm / norm) for g in grads]
        return self.optimiser.step(params, grads, state)


OPTIMISERS = {"SGD": SGD, "Momentum": Momentum, "Adam": Adam, "AdamW": AdamW}


def optimiser(name: str, **settings):
    """An optimiser by its name: ``optimiser("Adam", lr=1e-3)``. ValueError for unknown names."""
    return OPTIMISERS[_check.choice("optimiser", name, OPTIMISERS)](**settings)


def check(name: str, value):
    """Return ``value`` if it is an optimiser, ready to step; TypeError otherwise."""
    if isinstance(value, type) or not all(hasattr(value, part) for part in ("init", "step")):
        raise TypeError(f"{name} must be an optimiser such as Adam(lr=0.001), got {value!r}")
    return value


# Sums in torch's order that reuse their own temporary arrays: for stacks of runs that is a third
# of the time.

def _mean(m: np.ndarray, g: np.ndarray, beta: float) -> np.ndarray:
    """m + (1 − beta)·(g − m)."""
    new = g - m
    new *= 1 - beta
    new += m
    return new


def _mean_square(v: np.ndarray, g: np.ndarray, beta: float) -> np.ndarray:
    """beta·v + ((1 − beta)·g)·g."""
    new = (1 - beta) * g
    new *= g
    new += beta * v
    return new


def _zeros(params: Arrays) -> Arrays:
    return [np.zeros_like(p) for p in params]


def _check_each(name: str, value: PerArray, **bounds) -> None:
    """Check one number, or each number of a sequence."""
    if np.ndim(value) == 0:
        _check.number(name, value, **bounds)
    else:
        for i, entry in enumerate(np.ravel(value)):
            _check.number(f"{name}[{i}]", entry, **bounds)


def _settings(params: Arrays, grads: Arrays, **settings: PerArray) -> list[list[float]]:
    """Spread each setting over the arrays, after checking that params and grads match."""
    shapes, grad_shapes = [np.shape(p) for p in params], [np.shape(g) for g in grads]
    if shapes != grad_shapes:
        raise ValueError(f"grads must have the shapes of params {shapes}, got {grad_shapes}")
    spread = []
    for name, value in settings.items():
        each = np.ndim(value) == 1 or isinstance(value, (tuple, list))
        values = list(value) if each else [value] * len(params)
        if len(values) != len(params):
            raise ValueError(f"{name} must be one number or one per array ({len(params)}), "
                             f"got {len(values)} numbers")
        spread.append(values)
    return spread
