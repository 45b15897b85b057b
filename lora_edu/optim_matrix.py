"""The optimisers that look at a matrix as a whole: Muon and Adafactor.

The arithmetic is ``torch.optim``'s of torch 2.13, in the arrays' own precision. Of a stack of runs
each matrix, the last two axes, is stepped on its own.
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
    check_lr,
    check_per_array,
    check_setting,
    per_array,
    zeros,
)

SHAPE_RULES = ("original", "match_rms_adamw")  # Muon's adjust_lr_fn
NEWTON_SCHULZ = 3.4445, -4.7750, 2.0315  # of the quintic that pulls singular values towards 1


@dataclass(frozen=True)
class Muon(Optimiser):
    """Momentum whose singular values are all set to about 1, as in ``torch.optim.Muon``.

    v ← momentum·v + (1 − momentum)·g, and u is v, or with ``nesterov`` momentum·v +
    (1 − momentum)·g. Five Newton–Schulz steps turn u/‖u‖ = USVᵀ into about UVᵀ (Jordan et al.
    2024), and p ← (1 − lr·weight_decay)·p − lr·f·UVᵀ. For a matrix of m rows and n columns f is
    √max(1, m/n) ("original") or 0.2·√max(m, n) ("match_rms_adamw", Liu et al. 2025), so the steps
    of A and B have different norms. torch rounds the five steps to bfloat16; this class does not.

    Args:
        eps: The smallest number by which u is divided.
        adjust_lr_fn: One of the two names of f.

    Example:
        >>> optimiser, p = Muon(lr=0.1, weight_decay=0.0), [np.zeros((2, 2))]
        >>> p, _ = optimiser.step(p, [np.diag([3.0, -4.0])], optimiser.init(p))  # about lr·sign
        >>> p[0].round(3) + 0.0
        array([[-0.072,  0.   ],
               [ 0.   ,  0.112]])
    """

    lr: PerArray = 1e-3
    weight_decay: PerArray = 0.1
    momentum: float = 0.95
    nesterov: bool = True
    eps: PerArray = 1e-7
    adjust_lr_fn: str = "original"
    powers: ClassVar = {"lr": 1, "weight_decay": -1, "eps": -1}

    def __post_init__(self):
        check_lr(self)
        check_per_array(self, "weight_decay", minimum=0.0)
        check_setting(self, "momentum", minimum=0.0, below=1.0)
        check_setting(self, "nesterov", checks.flag)
        check_per_array(self, "eps", above=0.0)
        checks.choice("adjust_lr_fn", self.adjust_lr_fn, SHAPE_RULES)

    def init(self, params: Arrays) -> tuple:
        return (zeros(_matrices(params)),)  # the momenta

    def update(self, params: Arrays, grads: Arrays, state: tuple) -> tuple:
        settings = per_array(self, params, "lr", "weight_decay", "eps")
        for p, g, v, lr, decay, eps in zip(params, grads, *state, *settings, strict=True):
            v += (1 - self.momentum) * (g - v)
            u = g + self.momentum * (v - g) if self.nesterov else v
            p *= 1 - lr * decay
            p -= lr * self._shape_factor(*p.shape[-2:]) * _orthogonal(u, eps)
        return state

    def _shape_factor(self, rows: int, columns: int) -> float:
        if self.adjust_lr_fn == "original":
            return math.sqrt(max(1, rows / columns))
        return 0.2 * math.sqrt(max(rows, columns))


@dataclass(frozen=True)
class Adafactor(Optimiser):
    """Steps of size about lr from means of squared gradients over rows and columns.

    As ``torch.optim.Adafactor`` (Shazeer & Stern 2018, without momentum). With t counted from 1 and
    w = t^beta2_decay, R ← R + w·(row means of g² − R) and C likewise for columns; V = RC over the
    mean of R, and u = g/√V, divided by max(1, rms(u)/d). Then
    p ← (1 − lr·weight_decay)·p − ρ·u.

    Args:
        lr: ρ is min(lr, 1/√t)·max(eps2, rms(p)), a share of the parameter's own size. So B = 0
            begins with steps of lr·eps2.
        eps1: What V's parts are at least, the dtype's machine epsilon if None. torch holds it
            against a mean square in one place and against its root in another, so it has no power.
        eps2: The minimum size assumed for a parameter.
        d: The largest rms of u, at least 1.
        scale_parameter: False makes ρ = lr, as transformers' Adafactor with
            ``scale_parameter=False, relative_step=False``. torch has no such switch.

    Example:
        >>> p, g = [np.array([[3.0, 4.0]]), np.zeros((2, 1))], [np.ones((1, 2)), np.ones((2, 1))]
        >>> for optimiser in Adafactor(lr=0.01), Adafactor(lr=0.01, scale_parameter=False):
        ...     moved, _ = optimiser.step(p, g, optimiser.init(p))
        ...     print([q.ravel().round(5).tolist() for q in moved])
        [[2.96464, 3.96464], [-1e-05, -1e-05]]
        [[2.99, 3.99], [-0.01, -0.01]]
    """

    lr: PerArray = 1e-2
    beta2_decay: float = -0.8
    eps1: float | None = None
    eps2: PerArray = 1e-3
    d: float = 1.0
    weight_decay: PerArray = 0.0
    scale_parameter: bool = True

    def __post_init__(self):
        check_lr(self)
        check_setting(self, "beta2_decay", below=0.0)
        if self.eps1 is not None:
            check_setting(self, "eps1", above=0.0)
        check_per_array(self, "eps2", minimum=0.0)
        check_setting(self, "d", minimum=1.0)
        check_per_array(self, "weight_decay", minimum=0.0)
        check_setting(self, "scale_parameter", checks.flag)

    @property
    def powers(self) -> dict:
        return {"lr": 0, "eps2": 1} if self.scale_parameter else {"lr": 1, "weight_decay": -1}

    def init(self, params: Arrays) -> tuple:
        rows = zeros([p[..., :1] for p in _matrices(params)])
        columns = zeros([p[..., :1, :] for p in _matrices(params)])
        return 0, rows, columns  # steps taken, the means R (…, m, 1) and C (…, 1, n)

    def update(self, params: Arrays, grads: Arrays, state: tuple) -> tuple:
        t, *means = state
        t += 1
        weight = t**self.beta2_decay
        settings = per_array(self, params, "lr", "weight_decay", "eps2")
        for p, g, R, C, lr, decay, eps2 in zip(params, grads, *means, *settings, strict=True):
            eps1 = self.eps1 or float(np.finfo(p.dtype).eps)
            size = _rms(p)  # before the decay, as in torch
            R += weight * (np.mean(g * g, axis=-1, keepdims=True) - R)
            C += weight * (np.mean(g * g, axis=-2, keepdims=True) - C)
            V = R * C / np.maximum(np.mean(R, axis=-2, keepdims=True), eps1)
            least_V = max(eps1 * eps1, float(np.finfo(p.dtype).tiny))  # float32 makes 1e-60 a 0
            u = g / np.sqrt(np.maximum(V, least_V))
            u /= np.maximum(1, _rms(u) / self.d)
            reach = lr
            if self.scale_parameter:
                reach = np.minimum(lr, 1 / math.sqrt(t)).astype(p.dtype) * np.maximum(size, eps2)
            p *= 1 - lr * decay
            p -= reach * u
        return t, *means


def _matrices(params: Arrays) -> Arrays:
    for i, p in enumerate(params):
        if np.ndim(p) < 2:
            raise ValueError(f"params[{i}] must be a matrix or a stack of them, got {p!r}")
    return [np.asarray(p) for p in params]


def _orthogonal(u: np.ndarray, eps: float) -> np.ndarray:
    """About UVᵀ, where u = USVᵀ, by five Newton–Schulz steps; 0 where u is 0."""
    a, b, c = NEWTON_SCHULZ
    tall = u.shape[-2] > u.shape[-1]
    X = u.swapaxes(-1, -2) if tall else u
    X = X / np.maximum(np.sqrt(np.sum(X * X, axis=(-2, -1), keepdims=True)), eps)
    for _ in range(5):
        gram = X @ X.swapaxes(-1, -2)
        X = a * X + (b * gram + c * (gram @ gram)) @ X
    return X.swapaxes(-1, -2) if tall else X


def _rms(array: np.ndarray) -> np.ndarray:
    """The root mean square of each matrix, (…, 1, 1)."""
    return np.sqrt(np.mean(array * array, axis=(-2, -1), keepdims=True))
