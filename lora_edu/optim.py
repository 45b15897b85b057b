"""The optimisers that act entry by entry, as pure steps over a list of arrays; all by name.

The arithmetic is ``torch.optim``'s, in torch's order, so that the two agree to rounding, and in
the arrays' own precision: float32 stays float32 (float16 becomes it). ``step`` changes nothing in
place; ``update`` is the same in place, for many runs at once, and checks nothing.

``lr``, ``eps`` and ``weight_decay`` may each be one number, or a sequence with one number per
array (LoRA+ gives A and B different learning rates). For ``lr`` an array of several dimensions may
stand for a number, and multiplies: (R, 1, 1) gives the R runs of a stack a rate each.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lora_edu import checks
from lora_edu.optim_base import (
    Arrays,
    Optimiser,
    PerArray,
    settle,
    settle_betas,
    settle_lr,
    settle_one,
    spread,
    zeros,
)
from lora_edu.optim_matrix import Adafactor, Muon


@dataclass(frozen=True)
class SGD(Optimiser):
    """p ← p − lr·(g + weight_decay·p), with lr > 0 and weight_decay ≥ 0.

    Example:
        >>> params, state = SGD(lr=0.5).step([np.array([1.0, 2.0])], [np.array([2.0, 0.0])], ())
        >>> params
        [array([0., 2.])]
    """

    lr: PerArray
    weight_decay: PerArray = 0.0
    powers: ClassVar = {"lr": 2, "weight_decay": -2}

    def __post_init__(self):
        settle_lr(self)
        settle(self, "weight_decay", minimum=0.0)

    def update(self, params: Arrays, grads: Arrays, state: tuple) -> tuple:
        rates, decays = spread(params, lr=self.lr, weight_decay=self.weight_decay)
        for p, g, rate, decay in zip(params, grads, rates, decays, strict=True):
            p -= rate * (g + decay * p if decay else g)
        return state


@dataclass(frozen=True)
class Momentum(Optimiser):
    """v ← momentum·v + g; p ← p − lr·v (with ``nesterov``: p − lr·(g + momentum·v)).

    g includes weight_decay·p, and 0 ≤ momentum < 1. The first v is g itself, as in torch
    (dampening 0).

    Example:
        >>> optimiser, p, g = Momentum(lr=0.5), [np.array([1.0])], [np.array([1.0])]
        >>> p, state = optimiser.step(p, g, optimiser.init(p))  # v = 1
        >>> p, state = optimiser.step(p, g, state)  # v = 1.9
        >>> p[0].round(2)
        array([-0.45])
    """

    lr: PerArray
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: PerArray = 0.0
    powers: ClassVar = {"lr": 2, "weight_decay": -2}

    def __post_init__(self):
        settle_lr(self)
        settle_one(self, "momentum", minimum=0.0, below=1.0)
        settle_one(self, "nesterov", checks.flag)
        settle(self, "weight_decay", minimum=0.0)

    def init(self, params: Arrays) -> tuple:
        return (zeros(params),)  # the velocities

    def update(self, params: Arrays, grads: Arrays, state: tuple) -> tuple:
        rates, decays = spread(params, lr=self.lr, weight_decay=self.weight_decay)
        for p, g, v, rate, decay in zip(params, grads, *state, rates, decays, strict=True):
            g = g + decay * p if decay else g  # the gradient with its decay
            v *= self.momentum
            v += g
            p -= rate * (g + self.momentum * v if self.nesterov else v)
        return state


@dataclass(frozen=True)
class Adam(Optimiser):
    """Adam (Kingma & Ba 2015, algorithm 1) with an L2 penalty, as ``torch.optim.Adam``.

    Raises:
        ValueError: In ``step``, where ``eps`` is 0 in the arrays' precision and an entry's gradient
            has been exactly zero at every step so far: Adam would move it by 0/0. LoRA's default
            start has such entries in A, and both zero has nothing else.

    Example:
        >>> optimiser, p = Adam(lr=0.01), [np.array([1.0, 1.0])]
        >>> p, state = optimiser.step(p, [np.array([3.0, -1000.0])], optimiser.init(p))
        >>> p[0].round(6)  # the first step is lr · sign(g)
        array([0.99, 1.01])
    """

    lr: PerArray = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: PerArray = 1e-8
    weight_decay: PerArray = 0.0
    powers: ClassVar = {"lr": 1, "eps": -1, "weight_decay": -2}

    def __post_init__(self):
        settle_lr(self)
        settle_betas(self)
        settle(self, "eps", minimum=0.0)
        settle(self, "weight_decay", minimum=0.0)

    def init(self, params: Arrays) -> tuple:
        return 0, zeros(params), zeros(params)  # steps taken, first and second moments

    def update(self, params: Arrays, grads: Arrays, state: tuple) -> tuple:
        (decays,) = spread(params, weight_decay=self.weight_decay)
        grads = [g + decay * p if decay else g
                 for p, g, decay in zip(params, grads, decays, strict=True)]
        return self._move(params, grads, state)

    def _move(self, params: Arrays, grads: Arrays, state: tuple) -> tuple:
        """Adam's step without a decay; the state is what ``init`` returns."""
        rates, eps = spread(params, lr=self.lr, eps=self.eps)
        t = state[0] + 1
        for p, g, rate, e, *memories in zip(params, grads, rates, eps, *state[1:], strict=True):
            p -= self._stride(t, g, memories, rate, e)
        return t, *state[1:]

    def _second_moment(self, memories: list[np.ndarray]) -> np.ndarray:
        """What a stride is divided by the root of, once the moments are new.

        memories: one array's own of each list in the state, m and v first. A subclass whose
        ``init`` has one more list, as AMSGrad's largest v, renews that here, in place.
        """
        return memories[1]

    def _stride(self, t: int, g, memories: list[np.ndarray], rate, eps) -> np.ndarray:
        """What one array moves by; renews its memories in place."""
        m, v = memories[:2]
        beta1, beta2 = self.betas
        # One array holds what is between: allocating more would cost as much as the arithmetic.
        work = np.subtract(g, m, out=np.empty_like(m))
        work *= 1 - beta1
        m += work  # m + (1 − β₁)·(g − m)
        np.multiply(g, 1 - beta2, out=work)
        work *= g
        v *= beta2
        v += work  # β₂·v + (1 − β₂)·g²
        denominator = np.sqrt(self._second_moment(memories), out=work)
        denominator /= math.sqrt(1 - beta2**t)
        denominator += eps
        if eps < np.finfo(v.dtype).tiny and not denominator.all():
            raise ValueError(
                f"eps must be greater than 0 here, got {eps!r}: at step {t} "
                f"{np.sum(denominator == 0)} entries have had a zero gradient at every step, "
                "and Adam would move them by 0/0")
        stride = np.divide(m, denominator, out=work)
        stride *= rate / (1 - beta1**t)
        return stride


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay, p ← (1 − lr·weight_decay)·p before the move.

    As ``torch.optim.AdamW``. In Loshchilov & Hutter 2019, algorithm 2, the schedule multiplies the
    decay and the learning rate does not: their weight_decay is lr·weight_decay of this one, with
    lr its value before the schedule.

    Example:
        >>> AdamW(lr=(0.01, 0.16))  # LoRA+: a rate for A, another for B
        AdamW(lr=(0.01, 0.16), betas=(0.9, 0.999), eps=1e-08, weight_decay=0.01)
    """

    weight_decay: PerArray = 1e-2
    powers: ClassVar = {"lr": 1, "eps": -1, "weight_decay": -1}

    def update(self, params: Arrays, grads: Arrays, state: tuple) -> tuple:
        rates, decays = spread(params, lr=self.lr, weight_decay=self.weight_decay)
        for p, rate, decay in zip(params, rates, decays, strict=True):
            p *= 1 - rate * decay
        return self._move(params, grads, state)


@dataclass(frozen=True)
class SignSGD(Optimiser):
    """p ← p − lr·sign(g): each entry moves by lr (Bernstein et al. 2018).

    Example:
        >>> SignSGD(lr=0.1).step([np.zeros(3)], [np.array([5.0, 0.0, -2.0])], ())[0]
        [array([-0.1,  0. ,  0.1])]
    """

    lr: PerArray
    powers: ClassVar = {"lr": 1}

    def __post_init__(self):
        settle_lr(self)

    def update(self, params: Arrays, grads: Arrays, state: tuple) -> tuple:
        (rates,) = spread(params, lr=self.lr)
        for p, g, rate in zip(params, grads, rates, strict=True):
            p -= rate * np.sign(g)
        return state


@dataclass(frozen=True)
class Lion(Optimiser):
    """p ← p − lr·sign(β₁·m + (1 − β₁)·g), after (1 − lr·weight_decay)·p; m ← β₂·m + (1 − β₂)·g.

    Chen et al. 2023, with the steps of lion-pytorch 0.2.5: the decay is multiplied by lr.

    Example:
        >>> optimiser, p = Lion(lr=0.1), [np.zeros(2)]
        >>> p, state = optimiser.step(p, [np.array([1.0, -1.0])], optimiser.init(p))
        >>> optimiser.step(p, [np.array([-0.01, 0.2])], state)[0]  # only a large one turns the step
        [array([-0.2,  0. ])]
    """

    lr: PerArray = 1e-4
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: PerArray = 0.0
    powers: ClassVar = {"lr": 1, "weight_decay": -1}

    def __post_init__(self):
        settle_lr(self)
        settle_betas(self)
        settle(self, "weight_decay", minimum=0.0)

    def init(self, params: Arrays) -> tuple:
        return (zeros(params),)  # the momenta

    def update(self, params: Arrays, grads: Arrays, state: tuple) -> tuple:
        rates, decays = spread(params, lr=self.lr, weight_decay=self.weight_decay)
        beta1, beta2 = self.betas
        for p, g, m, rate, decay in zip(params, grads, *state, rates, decays, strict=True):
            p *= 1 - rate * decay
            p -= rate * np.sign(beta1 * m + (1 - beta1) * g)
            m *= beta2
            m += (1 - beta2) * g
        return state


OPTIMISERS = {"SGD": SGD, "Momentum": Momentum, "Adam": Adam, "AdamW": AdamW, "SignSGD": SignSGD,
              "Lion": Lion, "Muon": Muon, "Adafactor": Adafactor}


def optimiser(name: str, **settings):
    """An optimiser by its name, one of :data:`OPTIMISERS`, with the settings of its class.

    Capitals and small letters are the same: ``"sgd"`` is ``"SGD"``.

    Example:
        >>> optimiser("SGD", lr=0.1)
        SGD(lr=0.1, weight_decay=0.0)
    """
    return OPTIMISERS[checks.choice("optimiser", name, OPTIMISERS, any_case=True)](**settings)
