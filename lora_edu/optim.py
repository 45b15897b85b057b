"""SGD, Momentum, Adam and AdamW as pure steps over a list of arrays, and what they share.

The arithmetic is ``torch.optim``'s, in torch's order, so that the two agree to rounding, and in
the arrays' own precision: float32 stays float32. ``step`` changes nothing in place; ``update`` is
the same in place, for many runs at once, and checks nothing.

``lr``, ``eps`` and ``weight_decay`` may each be one number, or a sequence with one number per
array (LoRA+ gives A and B different learning rates). For ``lr`` an array of several dimensions may
stand for a number, and multiplies: (R, 1, 1) gives the R runs of a stack a rate each.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lora_edu import checks

Arrays = list[np.ndarray]
PerArray = float | Sequence[float] | np.ndarray


class Optimiser:
    """What the optimisers share: ``step``, made from a class's own ``init`` and ``update``.

    A class of your own is a frozen dataclass with ``lr`` and two methods, and ``train`` and
    ``sweep`` take it.

    - ``init(params)`` returns the state, a tuple. What it remembers of each array is a list in it,
      of arrays shaped as the params.
    - ``update(params, grads, state)`` changes the params in place (``p -= …``, not
      ``p = p - …``) and returns the state. In ``train`` the params are A (r, k) and B (d, r). In
      ``sweep`` they are stacks of runs, A (R, r, k) and Bᵀ (R, r, d), ``lr`` may be (R, 1, 1), and
      a norm or a mean has to be taken of each run on its own.
    - ``powers`` is how the settings follow when an array is multiplied by c, such as {"lr": 1}:
      each is multiplied by c to this power. Only :func:`equivalent` needs it.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class SignDescent(Optimiser):
        ...     lr: float
        ...     def init(self, params):
        ...         return ()
        ...     def update(self, params, grads, state):
        ...         for p, g in zip(params, grads):
        ...             p -= self.lr * np.sign(g)
        ...         return state
        >>> SignDescent(0.1).step([np.zeros(2)], [np.array([5.0, -2.0])], ())[0]
        [array([-0.1,  0.1])]
    """

    def step(self, params: Arrays, grads: Arrays, state: tuple) -> tuple[Arrays, tuple]:
        """One step from lists of arrays: (new params, new state).

        What ``update`` raises, as for a state of other params, says in a note what it was given.
        """
        params = [np.array(p, dtype=_floating(p)) for p in _checked_arrays("params", params)]
        grads = _checked_arrays("grads", grads)
        shapes, grad_shapes = [p.shape for p in params], [g.shape for g in grads]
        if shapes != grad_shapes:
            raise ValueError(f"grads must have the shapes of params {shapes}, got {grad_shapes}")
        try:
            state = tuple([a.copy() for a in part] if isinstance(part, list) else part
                          for part in state)
            return params, self.update(params, grads, state)
        except Exception as error:
            error.add_note(f"in {self!r}.step, params and grads of shapes {shapes}, state = "
                           f"{state!r:.200}")
            raise


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
        _settle(self, "lr", above=0.0)
        _settle(self, "weight_decay", minimum=0.0)

    def init(self, params: Arrays) -> tuple:
        return ()

    def update(self, params: Arrays, grads: Arrays, state: tuple) -> tuple:
        lr, decay = _spread(params, lr=self.lr, weight_decay=self.weight_decay)
        for p, g, a, w in zip(params, grads, lr, decay, strict=True):
            p -= a * (g + w * p if w else g)
        return state


@dataclass(frozen=True)
class Momentum(Optimiser):
    """v ← momentum·v + g; p ← p − lr·v (with ``nesterov``: p − lr·(g + momentum·v)).

    g includes weight_decay·p, and 0 ≤ momentum < 1. The first v is g itself, as in torch
    (dampening 0).

    Example:
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
        _settle(self, "lr", above=0.0)
        checks.number("momentum", self.momentum, minimum=0.0, below=1.0)
        checks.flag("nesterov", self.nesterov)
        _settle(self, "weight_decay", minimum=0.0)

    def init(self, params: Arrays) -> tuple:
        return (_zeros(params),)  # the velocities

    def update(self, params: Arrays, grads: Arrays, state: tuple) -> tuple:
        lr, decay = _spread(params, lr=self.lr, weight_decay=self.weight_decay)
        for p, g, v, a, w in zip(params, grads, *state, lr, decay, strict=True):
            g = g + w * p if w else g  # the gradient with its decay
            v *= self.momentum
            v += g
            p -= a * (g + self.momentum * v if self.nesterov else v)
        return state


@dataclass(frozen=True)
class Adam(Optimiser):
    """Adam (Kingma & Ba 2015, algorithm 1) with an L2 penalty, as ``torch.optim.Adam``.

    Raises:
        ValueError: In ``step``, where ``eps=0`` and an entry's gradient has been exactly zero at
            every step so far: Adam would move it by 0/0. LoRA's default start has such entries in
            A, and both zero has nothing else.

    Example:
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
        _settle(self, "lr", above=0.0)
        if np.shape(self.betas) != (2,):
            raise ValueError(f"betas must be two numbers, got {self.betas!r}")
        _settle(self, "betas", minimum=0.0, below=1.0)
        _settle(self, "eps", minimum=0.0)
        _settle(self, "weight_decay", minimum=0.0)

    def init(self, params: Arrays) -> tuple:
        return 0, _zeros(params), _zeros(params)  # steps taken, first and second moments

    def update(self, params: Arrays, grads: Arrays, state: tuple) -> tuple:
        (decay,) = _spread(params, weight_decay=self.weight_decay)
        grads = [g + w * p if w else g for p, g, w in zip(params, grads, decay, strict=True)]
        return self._move(params, grads, state)

    def _move(self, params: Arrays, grads: Arrays, state: tuple) -> tuple:
        lr, eps = _spread(params, lr=self.lr, eps=self.eps)
        (beta1, beta2), t = self.betas, state[0] + 1
        correct1, correct2 = 1 - beta1**t, math.sqrt(1 - beta2**t)
        for p, g, m, v, a, e in zip(params, grads, *state[1:], lr, eps, strict=True):
            m += (1 - beta1) * (g - m)
            v *= beta2
            v += (1 - beta2) * g * g
            denominator = np.sqrt(v) / correct2 + e
            if e == 0 and not denominator.all():
                raise ValueError(
                    f"eps must be greater than 0 here, got {e!r}: at step {t} "
                    f"{np.sum(denominator == 0)} entries have had a zero gradient at every step, "
                    "and Adam would move them by 0/0")
            p -= a / correct1 * (m / denominator)
        return t, *state[1:]


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
        lr, decay = _spread(params, lr=self.lr, weight_decay=self.weight_decay)
        for p, a, w in zip(params, lr, decay, strict=True):
            p *= 1 - a * w
        return self._move(params, grads, state)


OPTIMISERS = {"SGD": SGD, "Momentum": Momentum, "Adam": Adam, "AdamW": AdamW}


def optimiser(name: str, **settings):
    """An optimiser by its name, one of :data:`OPTIMISERS`, with the settings of its class.

    Example:
        >>> optimiser("SGD", lr=0.1)
        SGD(lr=0.1, weight_decay=0.0)
    """
    return OPTIMISERS[checks.choice("optimiser", name, OPTIMISERS)](**settings)


def check_optimiser(name: str, value) -> None:
    """Raise a TypeError unless ``value`` is an optimiser, ready to step."""
    if isinstance(value, type) or not all(hasattr(value, part) for part in ("init", "step")):
        raise TypeError(f"{name} must be an optimiser such as Adam(lr=0.001), got {value!r}")


def _checked_arrays(name: str, arrays) -> Arrays:
    if not isinstance(arrays, (list, tuple)):
        raise TypeError(f"{name} must be a list of arrays, got {arrays!r}")
    return [checks.numbers(f"{name}[{i}]", array) for i, array in enumerate(arrays)]


def _zeros(params: Arrays) -> Arrays:
    return [np.zeros(p.shape, _floating(p)) for p in _checked_arrays("params", params)]


def _floating(array: np.ndarray) -> np.dtype:
    """The array's own dtype, float64 for whole numbers."""
    return array.dtype if array.dtype.kind == "f" else np.dtype(float)


def _settle(optimiser, name: str, **bounds) -> None:
    """Check a setting, and keep it: one number, or a tuple with one per array."""
    object.__setattr__(optimiser, name, _setting(name, getattr(optimiser, name), **bounds))


def _setting(name: str, value, **bounds):
    if isinstance(value, (list, tuple)) or getattr(value, "ndim", 0) == 1:
        return tuple(_setting(f"{name}[{i}]", one, **bounds) for i, one in enumerate(value))
    stacked = getattr(value, "ndim", 0) > 1  # a number for each run of a stack
    return value if stacked else checks.number(name, value, **bounds)


def _spread(params: Arrays, **settings: PerArray) -> list[tuple]:
    """Each setting as a tuple, one value per array."""
    spread = []
    for name, value in settings.items():
        values = value if isinstance(value, tuple) else (value,) * len(params)
        if len(values) != len(params):
            raise ValueError(f"{name} must be one number or one per array ({len(params)}), "
                             f"got {len(values)} numbers")
        spread.append(values)
    return spread
