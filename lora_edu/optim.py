"""SGD, Momentum, Adam and AdamW as pure steps over a list of arrays, and clipping around them.

Imports NumPy only. The arithmetic is ``torch.optim``'s, in the order torch does it, so that the
two agree to rounding. ``step`` changes nothing in place: parameters, gradients and state go in,
new parameters and new state come out. ``update`` is the same in place, for many runs at once.

``lr``, ``eps`` and ``weight_decay`` may each be one number, or a sequence with one number per
array (LoRA+ gives A and B different learning rates). In ``lr`` an array of several dimensions may
stand for a number, and multiplies: (R, 1, 1) gives the R runs of a stack a rate each.

An optimiser is a frozen dataclass with ``lr``, ``init`` and ``update`` as those below, made from
:class:`Optimiser`; ``train`` and ``sweep`` take any such class. ``powers``, where it is known, says
how its settings follow when an array is multiplied by a factor: ``equivalent`` needs it.
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


class Optimiser:
    """What the optimisers share: ``step``, made from a class's own ``init`` and ``update``."""

    def step(self, params: Arrays, grads: Arrays, state: tuple) -> tuple[Arrays, tuple]:
        """One step: (new params, new state). ``params``, ``grads``: lists of equal shapes."""
        shapes, grad_shapes = [np.shape(p) for p in params], [np.shape(g) for g in grads]
        if shapes != grad_shapes:
            raise ValueError(f"grads must have the shapes of params {shapes}, got {grad_shapes}")
        params = [np.array(p, dtype=_floating(p)) for p in params]
        state = tuple([a.copy() for a in part] if isinstance(part, list) else part
                      for part in state)
        return params, self.update(params, [np.asarray(g) for g in grads], state)


@dataclass(frozen=True)
class SGD(Optimiser):
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

    def update(self, params: Arrays, grads: Arrays, state: tuple) -> tuple:
        """One step, in place in params; returns the state."""
        lr, decay = _settings(params, lr=self.lr, weight_decay=self.weight_decay)
        for p, g, a, w in zip(params, grads, lr, decay, strict=True):
            move = w * p
            move += g
            move *= a
            p -= move
        return state


@dataclass(frozen=True)
class Momentum(Optimiser):
    """v ← momentum·v + g; p ← p − lr·v (with ``nesterov``: p − lr·(g + momentum·v)).

    g includes weight_decay·p. The first v is g itself, as in torch (dampening 0).
    Raises ValueError unless lr > 0, 0 ≤ momentum < 1, weight_decay ≥ 0, TypeError unless
    ``nesterov`` is True or False.
    """

    lr: PerArray
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: PerArray = 0.0
    powers: ClassVar = {"lr": 2, "weight_decay": -2}

    def __post_init__(self):
        _check_each("lr", self.lr, above=0.0)
        _check.number("momentum", self.momentum, minimum=0.0, below=1.0)
        _check.instance("nesterov", self.nesterov, bool)
        _check_each("weight_decay", self.weight_decay, minimum=0.0)

    def init(self, params: Arrays) -> tuple:
        """The state before the first step: a zero velocity for each array."""
        return (_zeros(params),)

    def update(self, params: Arrays, grads: Arrays, state: tuple) -> tuple:
        """One step, in place in params and state; returns the state."""
        lr, decay = _settings(params, lr=self.lr, weight_decay=self.weight_decay)
        for p, g, v, a, w in zip(params, grads, *state, lr, decay, strict=True):
            move = w * p
            move += g  # the gradient with its decay
            v *= self.momentum
            v += move
            if self.nesterov:
                move += self.momentum * v
                move *= a
            else:
                np.multiply(v, a, out=move)
            p -= move
        return state


@dataclass(frozen=True)
class Adam(Optimiser):
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

    def update(self, params: Arrays, grads: Arrays, state: tuple) -> tuple:
        """One step, in place in params and state; returns the state."""
        (decay,) = _settings(params, weight_decay=self.weight_decay)
        grads = [g + w * p if w else g for p, g, w in zip(params, grads, decay, strict=True)]
        return self._move(params, grads, state)

    def _move(self, params: Arrays, grads: Arrays, state: tuple) -> tuple:
        lr, eps = _settings(params, lr=self.lr, eps=self.eps)
        (beta1, beta2), t = self.betas, state[0] + 1
        correct1, correct2 = 1 - beta1**t, math.sqrt(1 - beta2**t)
        for p, g, m, v, a, e in zip(params, grads, *state[1:], lr, eps, strict=True):
            work = g - m
            work *= 1 - beta1
            m += work  # m + (1 − β1)·(g − m)
            np.multiply(g, 1 - beta2, out=work)
            work *= g
            v *= beta2
            v += work  # β2·v + (1 − β2)·g·g
            np.sqrt(v, out=work)
            work /= correct2
            work += e  # the denominator
            if e == 0 and not work.all():
                raise ValueError(
                    f"eps must be greater than 0 here, got {e!r}: at step {t} "
                    f"{np.sum(work == 0)} entries have had a zero gradient at every step, "
                    "and Adam would move them by 0/0")
            np.divide(m, work, out=work)
            work *= a / correct1
            p -= work
        return t, *state[1:]


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay, p ← (1 − lr·weight_decay)·p before the move.

    As ``torch.optim.AdamW``. In Loshchilov & Hutter 2019, algorithm 2, the schedule multiplies the
    decay and the learning rate does not: their weight_decay is lr·weight_decay of this one, with
    lr its value before the schedule. Raises as :class:`Adam`.
    """

    weight_decay: PerArray = 1e-2
    powers: ClassVar = {"lr": 1, "eps": -1, "weight_decay": -1}

    def update(self, params: Arrays, grads: Arrays, state: tuple) -> tuple:
        """One step, in place in params and state; returns the state."""
        lr, decay = _settings(params, lr=self.lr, weight_decay=self.weight_decay)
        for p, a, w in zip(params, lr, decay, strict=True):
            p *= 1 - a * w
        return self._move(params, grads, state)


@dataclass(frozen=True)
class Clipped(Optimiser):
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

    def update(self, params: Arrays, grads: Arrays, state: tuple) -> tuple:
        """One step, in place in params and state; returns the state."""
        norm = np.sqrt(sum(float(np.vdot(g, g)) for g in grads)) + self.eps
        if norm > self.max_norm:
            grads = [g * (self.max_norm / norm) for g in grads]
        return self.optimiser.update(params, grads, state)


OPTIMISERS = {"SGD": SGD, "Momentum": Momentum, "Adam": Adam, "AdamW": AdamW}


def optimiser(name: str, **settings):
    """An optimiser by its name: ``optimiser("Adam", lr=1e-3)``. ValueError for unknown names."""
    return OPTIMISERS[_check.choice("optimiser", name, OPTIMISERS)](**settings)


def check(name: str, value):
    """Return ``value`` if it is an optimiser, ready to step; TypeError otherwise."""
    if isinstance(value, type) or not all(hasattr(value, part) for part in ("init", "step")):
        raise TypeError(f"{name} must be an optimiser such as Adam(lr=0.001), got {value!r}")
    return value


def _zeros(params: Arrays) -> Arrays:
    return [np.zeros(np.shape(p), _floating(p)) for p in params]


def _floating(array) -> np.dtype:
    """The array's own dtype, float64 for whole numbers."""
    return np.result_type(array, 1.0)


def _check_each(name: str, value: PerArray, **bounds) -> None:
    """Check one number, or each number of a sequence."""
    if np.ndim(value) == 0:
        _check.number(name, value, **bounds)
    else:
        for i, entry in enumerate(np.ravel(value)):
            _check.number(f"{name}[{i}]", entry, **bounds)


def _settings(params: Arrays, **settings: PerArray) -> list[list[float]]:
    """Each setting, one value per array."""
    spread = []
    for name, value in settings.items():
        each = np.ndim(value) == 1 or isinstance(value, (tuple, list))
        values = list(value) if each else [value] * len(params)
        if len(values) != len(params):
            raise ValueError(f"{name} must be one number or one per array ({len(params)}), "
                             f"got {len(values)} numbers")
        spread.append(values)
    return spread
