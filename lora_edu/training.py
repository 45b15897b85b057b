"""Train an adapter and write down what happened at every step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lora_edu import _check, _optimiser
from lora_edu.adapter import Adapter
from lora_edu.records import History


def train(problem, adapter: Adapter, optimiser, steps: int, *, allow_divergence: bool = False,
          watch: Callable[[int, Adapter, float], object] | None = None) -> History:
    """Train A and B with W0 frozen, for ``steps`` ≥ 0 steps.

    problem: has ``W0`` (d, k) and ``loss_and_gradient(W) → (L, G)``, as a
    :class:`Regression` has; any object with these two will do.
    adapter: of the same (d, k); it is not modified. optimiser: Adam(lr=…) or another, or one of
    your own class, see :class:`Optimiser`.
    watch: called at each recorded step as ``watch(step, adapter, loss)``, to write down more than
    the History does; the run ends at the step at which it returns True (NumPy's as well).

    Raises TypeError for arguments of another kind, ValueError for mismatched shapes, and
    FloatingPointError when the loss or a gradient stops being finite, unless ``allow_divergence``
    is set: then the History ends at the last finite step and says so.

    >>> from lora_edu import Adam, Regression, initial
    >>> problem = Regression(W0=np.zeros((3, 4)), W_star=np.ones((3, 4)), X=np.eye(4))
    >>> adapter = Adapter(*initial(3, 4, r=2, rng=np.random.default_rng(0)), scaling=2.0)
    >>> history = train(problem, adapter, Adam(lr=0.1), steps=50)
    >>> bool(history.loss[-1] < 0.01 * history.loss[0]), bool(history.grad_A_norm[0])
    (True, False)
    """
    if isinstance(problem, type) or not (hasattr(problem, "W0")
                                         and hasattr(problem, "loss_and_gradient")):
        raise TypeError(f"problem must have W0 and loss_and_gradient, got {problem!r}")
    _check.instance("adapter", adapter, Adapter)
    _optimiser.check("optimiser", optimiser)
    steps = _check.integer("steps", steps, minimum=0)
    _check.flag("allow_divergence", allow_divergence)
    if not (watch is None or callable(watch)):
        raise TypeError(f"watch must be a function or None, got {watch!r}")
    W0 = _check.matrix("problem.W0", problem.W0)
    if adapter.shape != W0.shape:
        raise ValueError(f"adapter must have the shape of W0 {W0.shape}, got {adapter.shape}")
    G0 = _loss_and_gradient(problem, W0.copy())[1].copy()
    A, B, s = adapter.A, adapter.B, adapter.scaling
    state = optimiser.init([A, B])
    rows, diverged = [], False
    for t in range(steps + 1):
        with np.errstate(over="ignore", invalid="ignore"):  # checked just below
            delta = s * (B @ A)  # (d, k)
            loss, G = _loss_and_gradient(problem, W0 + delta)
            grad_A, grad_B = s * (B.T @ G), s * (G @ A.T)  # (r, k), (d, r)
            row = (loss, np.linalg.norm(delta), np.linalg.norm(grad_A), np.linalg.norm(grad_B),
                   -np.vdot(delta, G0))
        if not np.isfinite(row).all():
            if not allow_divergence or not rows:
                remedy = f"lower lr (the optimiser is {optimiser!r})" if t else (
                    "lr has not acted yet: look at the problem and at the adapter's start")
                raise FloatingPointError(f"the run diverged: at step {t} loss = {loss:g}; {remedy}")
            diverged = True
            break
        rows.append(row)
        last = (A, B)
        if watch and _check.plain(watch(t, Adapter(A, B, s), loss)) is True:
            break
        if t < steps:
            (A, B), state = optimiser.step([A, B], [grad_A, grad_B], state)
    return History(*np.array(rows).T, adapter=Adapter(*last, s), diverged=diverged)


def _loss_and_gradient(problem, W: np.ndarray) -> tuple[float, np.ndarray]:
    """What a problem says of W; an error that tells what it has to say where it says another."""
    found = problem.loss_and_gradient(W)
    try:
        loss, G = found
        return float(loss), _check.matrix("G", G, W.shape, finite=False)
    except (TypeError, ValueError) as error:
        raise TypeError("problem.loss_and_gradient must return (L, G), a number and a matrix of "
                        f"shape {W.shape}, got {found!r:.200}: {error}") from error
