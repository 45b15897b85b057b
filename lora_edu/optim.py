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
    check_betas,
    check_lr,
    check_per_array,
    check_setting,
    per_array,
    with_decay,
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
        check_lr(self)
        check_per_array(self, "weight_decay", minimum=0.0)

    def update(self, params: Arrays, grads: Arrays, state: tuple) -> tuple:
        settings = per_array(self, params, "lr", "weight_decay")
        for p, g, lr, decay in zip(params, grads, *settings, strict=True):
            p -= lr * with_decay(g, p, decay)
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
        check_lr(self)
        check_setting(self, "momentum", minimum=0.0, below=1.0)
        check_setting(self, "nesterov", checks.flag)
        check_per_array(self, "weight_decay", minimum=0.0)

    def init(self, params: Arrays) -> tuple:
        return (zeros(params),)  # the velocities

    def update(self, params: Arrays, grads: Arrays, state: tuple) -> tuple:
        settings = per_array(self, params, "lr", "weight_decay")
        for p, g, v, lr, decay in zip(params, grads, *state, *settings, strict=True):
            g = with_decay(g, p, decay)
            v *= self.momentum
            v += g
            p -= lr * (g + self.momentum * v if self.nesterov else v)
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
        check_lr(self)
        check_betas(self)
        check_per_array(self, "eps", minimum=0.0)
        check_per_array(self, "weight_decay", minimum=0.0)

    def init(self, params: Arrays) -> tuple:
        return 0, zeros(params), zeros(params)  # steps taken, first and second moments

    def update(self, params: Arrays, grads: Arrays, state: tuple) -> tuple:
        t, *memories = state
        t += 1
        settings = per_array(self, params, "lr", "eps", "weight_decay")
        for p, g, lr, eps, decay, *memory in zip(
                params, grads, *settings, *memories, strict=True):
            g = self._decayed(g, p, lr, decay)
            p -= self._step(t, g, memory, lr, eps)
        return t, *memories

    def _step(self, t: int, g: np.ndarray, memory: list[np.ndarray], lr, eps) -> np.ndarray:
        """lr·m̂/(√v̂ + eps) of one array, whose m and v are renewed in place."""
        m, v = memory[:2]
        beta1, beta2 = self.betas
        # One array holds what is in between: new ones would cost as much as the arithmetic.
        work = np.subtract(g, m, out=np.empty_like(m))
        work *= 1 - beta1
        m += work  # β₁·m + (1 − β₁)·g
        np.multiply(g, 1 - beta2, out=work)
        work *= g
        v *= beta2
        v += work  # β₂·v + (1 − β₂)·g²
        root = np.sqrt(self._second_moment(memory), out=work)
        root /= math.sqrt(1 - beta2**t)
        root += eps  # √v̂ + eps, where v̂ = v/(1 − β₂ᵗ)
        if eps < np.finfo(v.dtype).tiny:
            _refuse_zeros(root, eps, t)
        step = np.divide(m, root, out=work)
        step *= lr / (1 - beta1**t)  # m̂ = m/(1 − β₁ᵗ)
        return step

    def _decayed(self, g: np.ndarray, p: np.ndarray, lr, decay) -> np.ndarray:
        """The gradient, once the decay has acted: here it is a part of it."""
        return with_decay(g, p, decay)

    def _second_moment(self, memory: list[np.ndarray]) -> np.ndarray:
        """What the step is divided by the root of, once m and v are new.

        memory: one array's own of each list in the state, m and v first. A subclass whose
        ``init`` has one more list, as AMSGrad's largest v, renews that here, in place.
        """
        return memory[1]


def _refuse_zeros(root: np.ndarray, eps: float, t: int) -> None:
    """Raise a ValueError where a step would be 0/0."""
    if not root.all():
        raise ValueError(
            f"eps must be greater than 0 here, got {eps!r}: at step {t}, {np.sum(root == 0)} "
            "entries have had a zero gradient at every step, and Adam would move them by 0/0")


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

    def _decayed(self, g: np.ndarray, p: np.ndarray, lr, decay) -> np.ndarray:
        """The gradient, once the decay has acted: on p itself."""
        p *= 1 - lr * decay
        return g


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
        check_lr(self)

    def update(self, params: Arrays, grads: Arrays, state: tuple) -> tuple:
        [rates] = per_array(self, params, "lr")
        for p, g, lr in zip(params, grads, rates, strict=True):
            p -= lr * np.sign(g)
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
        check_lr(self)
        check_betas(self)
        check_per_array(self, "weight_decay", minimum=0.0)

    def init(self, params: Arrays) -> tuple:
        return (zeros(params),)  # the momenta

    def update(self, params: Arrays, grads: Arrays, state: tuple) -> tuple:
        beta1, beta2 = self.betas
        settings = per_array(self, params, "lr", "weight_decay")
        for p, g, m, lr, decay in zip(params, grads, *state, *settings, strict=True):
            p *= 1 - lr * decay
            p -= lr * np.sign(beta1 * m + (1 - beta1) * g)
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
