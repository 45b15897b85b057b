"""What an optimiser has to do, and the parts that those of ``optim`` are made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lora_edu import _check

Arrays = list[np.ndarray]
PerArray = float | Sequence[float] | np.ndarray


class Optimiser:
    """What the optimisers share: ``step``, made from a class's own ``init`` and ``update``.

    A class of your own is a frozen dataclass with ``lr`` and two methods.

    init: called with params, a list of arrays; returns the state, a tuple. What it remembers of
    each array stands in it as a list of arrays shaped as the params; all else as it is.
    update: called with params, grads and the state; changes the params in place (``p -= …``, not
    ``p = p - …``) and returns the state. In ``train`` the params are A (r, k) and B (d, r). In
    ``sweep`` they are stacks of runs, A (R, r, k) and Bᵀ (R, r, d), ``lr`` may be (R, 1, 1), and a
    norm or a mean has to be taken of each run on its own.
    powers: how the settings follow when an array is multiplied by c, such as {"lr": 1}: each is
    multiplied by c to this power. Only :func:`equivalent` needs it.

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
        """One step: (new params, new state). ``params``, ``grads``: lists of equal shapes.

        Raises TypeError for what is not lists of real numbers, ValueError for other shapes. What
        ``update`` raises, as for a state of other params, says in a note what it was given.
        """
        params = [np.array(p, dtype=floating(p)) for p in each("params", params)]
        grads = each("grads", grads)
        shapes, grad_shapes = _shapes(params), _shapes(grads)
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


def check(name: str, value):
    """Return ``value`` if it is an optimiser, ready to step; TypeError otherwise."""
    if isinstance(value, type) or not all(hasattr(value, part) for part in ("init", "step")):
        raise TypeError(f"{name} must be an optimiser such as Adam(lr=0.001), got {value!r}")
    return value


def each(name: str, arrays) -> Arrays:
    """A list of arrays of real numbers, each in its own dtype."""
    if not isinstance(arrays, (list, tuple)):
        raise TypeError(f"{name} must be a list of arrays, got {arrays!r}")
    return [_check.numbers(f"{name}[{i}]", array) for i, array in enumerate(arrays)]


def _shapes(arrays: Arrays) -> list[tuple[int, ...]]:
    return [np.shape(array) for array in arrays]


def zeros(params: Arrays) -> Arrays:
    return [np.zeros(p.shape, floating(p)) for p in each("params", params)]


def floating(array: np.ndarray) -> np.dtype:
    """The array's own dtype, float64 for whole numbers."""
    return array.dtype if array.dtype.kind == "f" else np.dtype(float)


def settle(optimiser, name: str, **bounds) -> None:
    """Check a setting, and keep it."""
    object.__setattr__(optimiser, name, _checked(name, getattr(optimiser, name), **bounds))


def _checked(name: str, value, **bounds) -> PerArray:
    """One number as a float, several as a tuple, an array of them as it is."""
    several = isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.ndim > 0)
    if not several:
        return _check.number(name, value, **bounds)
    if not len(value):
        raise ValueError(f"{name} must be one number or one per array, got {value!r}")
    found = tuple(_checked(f"{name}[{i}]", entry, **bounds)
                  for i, entry in enumerate(getattr(value, "flat", value)))
    return value if isinstance(value, np.ndarray) else found


def settings_of(params: Arrays, **settings: PerArray) -> list[list[float]]:
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
