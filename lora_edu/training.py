"""Train an adapter and write down what happened at every step."""

from collections.abc import Callable

import numpy as np

from lora_edu import checks, optim
from lora_edu.adapter import Adapter
from lora_edu.optim_base import check_optimiser, checked_state, differ, refuse_standstill
from lora_edu.records import RECORDED, History


def train(problem, adapter: Adapter, optimiser, steps: int = 100, *,
          allow_divergence: bool = False,
          watch: Callable[[int, Adapter, float], object] | None = None, **settings) -> History:
    """Train A and B with W0 frozen.

    Args:
        problem: Has ``W0`` (d, k) and ``loss_and_gradient(W) → (L, G)``, as a :class:`Regression`
            has; any object with these two works.
        adapter: The initial adapter, of the same shape (d, k); it is not modified.
        optimiser: Adam(lr=…) or another, or one of your own class, see :class:`Optimiser`; or a
            name of ``OPTIMISERS``, in capitals or small letters.
        steps: The number of steps, 0 or more.
        allow_divergence: Whether a run that stops being finite is kept up to its last finite step.
        watch: Called at each recorded step as ``watch(step, adapter, loss)``, to record more than
            the History does; the run ends at the step at which it returns True.
        **settings: The settings of an optimiser given by its name, including ``lr=…``. Without lr,
            the class's default applies, such as Adam's 0.001; SGD, Momentum and SignSGD have none.

    Raises:
        FloatingPointError: When the loss or a gradient stops being finite, unless
            ``allow_divergence`` is set.
        TypeError: For a problem without these two, and for an optimiser that returns no state, or
            moves nothing in the whole run although there are gradients.

    Example:
        >>> from lora_edu import Adam, Regression, initial
        >>> problem = Regression(W0=np.zeros((3, 4)), W_star=np.ones((3, 4)), X=np.eye(4))
        >>> adapter = Adapter(*initial(3, 4, r=2, rng=0), scaling=2.0)
        >>> history = train(problem, adapter, Adam(lr=0.1), steps=50)
        >>> bool(history.loss[-1] < 0.01 * history.loss[0]), bool(history.grad_A_norm[0])
        (True, False)
    """
    checks.instance("adapter", adapter, Adapter)
    if isinstance(optimiser, str):
        optimiser = optim.optimiser(optimiser, **settings)
    elif settings:
        raise TypeError(f"{', '.join(settings)} must be left out if the optimiser is not a name, "
                        f"got {optimiser!r:.100}")
    check_optimiser("optimiser", optimiser)
    steps = checks.integer("steps", steps, minimum=0)
    allow_divergence = checks.flag("allow_divergence", allow_divergence)
    if not (watch is None or callable(watch)):
        raise TypeError(f"watch must be a function of step, adapter and loss, got {watch!r:.100}")
    if not all(hasattr(problem, part) for part in ("W0", "loss_and_gradient")):
        raise TypeError("problem must have W0 and loss_and_gradient, as a Regression has, got "
                        f"{problem!r:.100}")
    W0 = checks.matrix("problem.W0", problem.W0)
    if adapter.shape != W0.shape:
        raise ValueError(f"adapter must have the shape of W0 {W0.shape}, got {adapter.shape}")
    _, G0 = _loss_and_gradient(problem, W0.copy())
    G0 = G0.copy()  # a problem may use its arrays again
    A = adapter.A
    B = adapter.B
    s = adapter.scaling
    state = checked_state(optimiser, "init", optimiser.init([A, B]))
    rows = []
    moved = False
    diverged = False
    for t in range(steps + 1):
        with np.errstate(over="ignore", invalid="ignore"):  # checked just below
            delta = s * (B @ A)  # (d, k)
            loss, G = _loss_and_gradient(problem, W0 + delta)
            grad_A = s * (B.T @ G)  # (r, k)
            grad_B = s * (G @ A.T)  # (d, r)
            row = (loss, np.linalg.norm(delta), np.linalg.norm(grad_A), np.linalg.norm(grad_B),
                   -np.vdot(delta, G0))
        if not np.isfinite(row).all():
            if not allow_divergence or not rows:
                remedy = f"lower lr (the optimiser is {optimiser!r})" if t else (
                    "lr has had no effect yet: check the problem and the adapter's start")
                raise FloatingPointError(f"the run diverged: at step {t} loss = {loss:g}; {remedy}")
            diverged = True
            break
        rows.append(row)
        last = A, B
        stop = watch and watch(t, Adapter(A, B, s), loss)
        if isinstance(stop, (bool, np.bool_)) and stop:  # a lambda may return anything else
            break
        if t < steps:
            (A, B), state = optimiser.step([A, B], [grad_A, grad_B], state)
            moved = moved or differ([adapter.A, adapter.B], [A, B])
    records = np.array(rows)  # (steps + 1, 5)
    if not moved:
        refuse_standstill(optimiser, records[:-1, 2:4])  # the norms of ∇A and ∇B, stepped by
    recorded = dict(zip(RECORDED, records.T, strict=True))
    return History(**recorded, adapter=Adapter(*last, s), diverged=diverged)


def _loss_and_gradient(problem, W: np.ndarray) -> tuple[float, np.ndarray]:
    """(L, G) at W, both checked, but for being finite."""
    result = problem.loss_and_gradient(W)
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        raise TypeError("problem.loss_and_gradient must return the loss and its gradient, got "
                        f"{result!r:.100}")
    loss, G = result
    try:
        loss = float(loss)
    except (TypeError, ValueError) as error:
        raise TypeError(f"loss must be a number, got {loss!r:.100}: {error}") from None
    return loss, checks.matrix("G", G, W.shape, finite=False)
