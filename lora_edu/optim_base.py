"""What all optimisers share: ``step``, and the checks of their settings."""

from collections.abc import Sequence

import numpy as np

from lora_edu import checks

Arrays = list[np.ndarray]
PerArray = float | Sequence[float] | np.ndarray


class Optimiser:
    """The base class of all optimisers: ``step`` from a class's ``init`` and ``update``.

    Your own class is a frozen dataclass with ``lr`` and two methods, which ``train`` and ``sweep``
    accept.

    - ``init(params)`` returns the state, a tuple. Each quantity that it remembers is a list of
      arrays in this tuple. If it remembers nothing, the state is ``()``.
    - ``update(params, grads, state)`` changes the params in place (``p -= …``, not ``p = p - …``)
      and returns the state. ``train`` and ``sweep`` raise a TypeError if no state is returned, and
      if nothing has moved in a whole run although there were gradients. In ``train`` the params are
      A (r, k) and B (d, r). In ``sweep`` they are stacks of runs, (R, r, k) and (R, d, r), ``lr``
      may be (R, 1, 1), and a norm or a mean must be computed for each run separately, over the last
      two axes.
    - ``powers`` says how the settings must change when an array is multiplied by c, such as
      {"lr": 1}: each is multiplied by c to this power. Only :func:`equivalent` needs it.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class SignDescent(Optimiser):
        ...     lr: float
        ...     def update(self, params, grads, state):
        ...         for p, g in zip(params, grads):
        ...             p -= self.lr * np.sign(g)
        ...         return state
        >>> SignDescent(0.1).step([np.zeros(2)], [np.array([5.0, -2.0])], ())[0]
        [array([-0.1,  0.1])]
    """

    def init(self, params: Arrays) -> tuple:
        return ()

    def step(self, params: Arrays, grads: Arrays, state: tuple) -> tuple[Arrays, tuple]:
        """One step from lists of arrays: (new params, new state).

        The new params have the dtype of the old, but float16 becomes float32 and whole numbers
        float64; gradients are taken in the dtype of the params.

        If ``update`` raises an error, for example for the state of other params, a note says what
        it received.
        """
        params = [np.array(p, dtype=floating(p)) for p in _checked_arrays("params", params)]
        grads = _checked_arrays("grads", grads)
        shapes = [p.shape for p in params]
        grad_shapes = [g.shape for g in grads]
        if shapes != grad_shapes:
            raise ValueError(f"grads must have the shapes of params {shapes}, got {grad_shapes}")
        grads = [g.astype(p.dtype, copy=False) for p, g in zip(params, grads, strict=True)]
        if not isinstance(state, (tuple, list)):
            raise TypeError(f"state must come from init(params), a tuple, got {state!r:.100}")
        try:
            state = tuple([a.copy() for a in part] if isinstance(part, list) else part
                          for part in state)
            return params, checked_state(self, "update", self.update(params, grads, state))
        except Exception as error:
            if len(state) != len(self.init(params)):
                raise ValueError("state must come from init(params) or the step before, got "
                                 f"{state!r:.200}") from error
            error.add_note(f"in {self!r}.step, params and grads of shapes {shapes}, state = "
                           f"{state!r:.200}")
            raise


def check_optimiser(name: str, value) -> None:
    """Raise a TypeError unless ``value`` is an optimiser, ready to step."""
    methods = ("init", "update", "step")
    if isinstance(value, type) or not all(hasattr(value, method) for method in methods):
        raise TypeError(f"{name} must be an optimiser such as Adam(lr=0.001), with the methods "
                        f"{', '.join(methods)}, got {value!r}")


def checked_state(optimiser, method: str, state) -> tuple:
    """Return the state that a method of an optimiser has returned; TypeError for no tuple."""
    if not isinstance(state, (tuple, list)):
        raise TypeError(f"optimiser must return its state, a tuple, from {method}, and "
                        f"{type(optimiser).__name__}.{method} returned {state!r:.100}")
    return state


def differ(before: Arrays, after: Arrays) -> bool:
    """Whether any entry has changed."""
    return any((p != q).any() for p, q in zip(before, after, strict=True))


def refuse_standstill(optimiser, gradient_norms: np.ndarray) -> None:
    """Raise a TypeError if runs in which nothing ever moved had gradients."""
    if gradient_norms.any():
        raise TypeError(f"optimiser must change the params in place (p -= …, not p = p - …), got "
                        f"{optimiser!r:.100}: nothing has changed, although there were gradients")


def _checked_arrays(name: str, arrays) -> Arrays:
    if not isinstance(arrays, (list, tuple)):
        raise TypeError(f"{name} must be a list of arrays, got {arrays!r}")
    return [checks.numbers(f"{name}[{i}]", array) for i, array in enumerate(arrays)]


def zeros(params: Arrays) -> Arrays:
    """Zeros in the shape, the precision and the order in memory of each array."""
    return [np.zeros_like(p, floating(p)) for p in _checked_arrays("params", params)]


def floating(array: np.ndarray) -> np.dtype:
    """The array's own dtype; float32 for float16, whose squares end at 65504, and float64 for whole
    numbers."""
    return np.result_type(array.dtype, np.float32 if array.dtype.kind == "f" else np.float64)


def check_per_array(optimiser, name: str, check=checks.number, **bounds) -> None:
    """Check a setting, and keep it: one number, or a tuple with one per array."""
    value = getattr(optimiser, name)
    if isinstance(value, (list, tuple)) or np.ndim(value) == 1:
        if len(value) == 0:
            raise ValueError(f"{name} must be one number or one per array, got {value!r}")
        checked = tuple(check(f"{name}[{i}]", one, **bounds) for i, one in enumerate(value))
    else:
        checked = check(name, value, **bounds)
    object.__setattr__(optimiser, name, checked)


def check_setting(optimiser, name: str, check=checks.number, **allowed) -> None:
    """Check a setting that is the same for all arrays, and keep it as Python's own."""
    value = check(name, getattr(optimiser, name), **allowed)
    object.__setattr__(optimiser, name, value)


def check_lr(optimiser) -> None:
    """Check and keep the learning rates; for a stack, an array may hold one for each run."""
    check_per_array(optimiser, "lr", check=_rates, above=0.0)


def check_betas(optimiser) -> None:
    """Check and keep the two shares that Adam's and Lion's memories keep at each step."""
    if np.shape(optimiser.betas) != (2,):
        raise ValueError(f"betas must be two numbers, got {optimiser.betas!r}")
    check_per_array(optimiser, "betas", minimum=0.0, below=1.0)


def _rates(name: str, value, **bounds) -> float | np.ndarray:
    """A number, or the rates of a stack's runs, (R, 1, 1)."""
    if getattr(value, "ndim", 0) < 2:
        return checks.number(name, value, **bounds)
    rates = checks.numbers(name, value)
    if rates.size == 0:
        raise ValueError(f"{name} must hold a number for each run, got shape {rates.shape}")
    for extreme in (rates.min(), rates.max()):  # NaN is both
        checks.number(name, extreme.item(), **bounds)
    return checks.read_only(rates)


def per_array(optimiser, params: Arrays, *names: str) -> list[tuple]:
    """Each of these settings as a tuple, one value per array."""
    settings = []
    for name in names:
        value = getattr(optimiser, name)
        values = value if isinstance(value, tuple) else (value,) * len(params)
        if len(values) != len(params):
            raise ValueError(f"{name} must be one number or one per array ({len(params)}), "
                             f"got {len(values)} numbers")
        settings.append(values)
    return settings


def with_decay(g: np.ndarray, p: np.ndarray, decay: float) -> np.ndarray:
    """The gradient of the loss with an L2 penalty: g + decay·p."""
    return g + decay * p if decay else g
