"""SGD, Momentum, Adam and AdamW as pure steps over a list of arrays.

The arithmetic is ``torch.optim``'s, in the order torch does
it, so that the two agree to rounding, and in the arrays' own precision: float32 stays float32.
``step`` changes nothing in place: parameters, gradients and state go in, new parameters and new
state come out. ``update`` is the same in place, for many runs at once, and checks nothing.

``lr``, ``eps`` and ``weight_decay`` may each be one number, or a sequence with one number per
array (LoRA+ gives A and B different learning rates). In ``lr`` an array of several dimensions may
stand for a number, and multiplies: (R, 1, 1) gives the R runs of a stack a rate each.

An optimiser is a frozen dataclass with ``lr``, ``init`` and ``update`` as those below, made from
:class:`Optimiser`, which says what they have to do; ``train`` and ``sweep`` take any such class.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lora_edu import _check
from lora_edu._optimiser import Arrays, Optimiser, PerArray, each, settings_of, settle, zeros


@dataclass(frozen=True)
class SGD(Optimiser):
    """p ← p − lr·(g + weight_decay·p). Raises ValueError unless lr > 0, weight_decay ≥ 0.

    >>> params, state = SGD(lr=0.5).step([np.array([1.0, 2.0])], [np.array([2.0, 0.0])], ())
    >>> params
    [array([0., 2.])]
    """

    lr: PerArray
    weight_decay: PerArray = 0.0
    powers: ClassVar = {"lr": 2, "weight_decay": -2}

    def __post_init__(self):
        settle(self, "lr", above=0.0)
        settle(self, "weight_decay", minimum=0.0)

    def init(self, params: Arrays) -> tuple:
        """The state before the first step: SGD has none."""
        each("params", params)
        return ()

    def update(self, params: Arrays, grads: Arrays, state: tuple) -> tuple:
        """One step, in place in params; returns the state."""
        lr, decay = settings_of(params, lr=self.lr, weight_decay=self.weight_decay)
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

    >>> rule, p, g = Momentum(lr=0.5), [np.array([1.0])], [np.array([1.0])]
    >>> p, state = rule.step(p, g, rule.init(p))  # v = 1
    >>> p, state = rule.step(p, g, state)  # v = 1.9
    >>> p[0].round(2)
    array([-0.45])
    """

    lr: PerArray
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: PerArray = 0.0
    powers: ClassVar = {"lr": 2, "weight_decay": -2}

    def __post_init__(self):
        settle(self, "lr", above=0.0)
        _check.number("momentum", self.momentum, minimum=0.0, below=1.0)
        _check.flag("nesterov", self.nesterov)
        settle(self, "weight_decay", minimum=0.0)

    def init(self, params: Arrays) -> tuple:
        """The state before the first step: a zero velocity for each array."""
        return (zeros(params),)

    def update(self, params: Arrays, grads: Arrays, state: tuple) -> tuple:
        """One step, in place in params and state; returns the state."""
        lr, decay = settings_of(params, lr=self.lr, weight_decay=self.weight_decay)
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

    >>> rule, p = Adam(lr=0.01), [np.array([1.0, 1.0])]
    >>> p, state = rule.step(p, [np.array([3.0, -1000.0])], rule.init(p))
    >>> p[0].round(6)  # the first step is lr · sign(g)
    array([0.99, 1.01])
    """

    lr: PerArray = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: PerArray = 1e-8
    weight_decay: PerArray = 0.0
    powers: ClassVar = {"lr": 1, "eps": -1, "weight_decay": -2}

    def __post_init__(self):
        settle(self, "lr", above=0.0)
        if not isinstance(self.betas, (list, tuple, np.ndarray)) or len(self.betas) != 2:
            raise ValueError(f"betas must be two numbers, got {self.betas!r}")
        for i, beta in enumerate(self.betas):
            _check.number(f"betas[{i}]", beta, minimum=0.0, below=1.0)
        settle(self, "eps", minimum=0.0)
        settle(self, "weight_decay", minimum=0.0)

    def init(self, params: Arrays) -> tuple:
        """The state before the first step: (steps taken, first moments, second moments)."""
        return 0, zeros(params), zeros(params)

    def update(self, params: Arrays, grads: Arrays, state: tuple) -> tuple:
        """One step, in place in params and state; returns the state."""
        (decay,) = settings_of(params, weight_decay=self.weight_decay)
        grads = [g + w * p if w else g for p, g, w in zip(params, grads, decay, strict=True)]
        return self._move(params, grads, state)

    def _move(self, params: Arrays, grads: Arrays, state: tuple) -> tuple:
        lr, eps = settings_of(params, lr=self.lr, eps=self.eps)
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
            del work  # its memory is the next array's
        return t, *state[1:]


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay, p ← (1 − lr·weight_decay)·p before the move.

    As ``torch.optim.AdamW``. In Loshchilov & Hutter 2019, algorithm 2, the schedule multiplies the
    decay and the learning rate does not: their weight_decay is lr·weight_decay of this one, with
    lr its value before the schedule. Raises as :class:`Adam`.

    >>> AdamW(lr=(0.01, 0.16))  # LoRA+: a rate for A, another for B
    AdamW(lr=(0.01, 0.16), betas=(0.9, 0.999), eps=1e-08, weight_decay=0.01)
    """

    weight_decay: PerArray = 1e-2
    powers: ClassVar = {"lr": 1, "eps": -1, "weight_decay": -1}

    def update(self, params: Arrays, grads: Arrays, state: tuple) -> tuple:
        """One step, in place in params and state; returns the state."""
        lr, decay = settings_of(params, lr=self.lr, weight_decay=self.weight_decay)
        for p, a, w in zip(params, lr, decay, strict=True):
            p *= 1 - a * w
        return self._move(params, grads, state)


OPTIMISERS = {"SGD": SGD, "Momentum": Momentum, "Adam": Adam, "AdamW": AdamW}


def optimiser(name: str, **settings):
    """An optimiser by its name: ``optimiser("Adam", lr=1e-3)``. ValueError for unknown names.

    >>> optimiser("SGD", lr=0.1)
    SGD(lr=0.1, weight_decay=0.0)
    """
    return OPTIMISERS[_check.choice("optimiser", name, OPTIMISERS)](**settings)
