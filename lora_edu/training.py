"""Train an adapter and write down what happened at every step; one run, or a whole grid of runs.

Imports NumPy and the core only.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np

from lora_edu import _check, _stack, optim
from lora_edu.adapter import Adapter, scaling
from lora_edu.init import initial
from lora_edu.problems import Regression


@dataclass(frozen=True, eq=False)
class History:
    """What :func:`train` recorded at steps 0 … T: arrays of length T + 1.

    loss: L(W0 + ΔW). delta_norm: ‖ΔW‖_F. grad_A_norm, grad_B_norm: ‖∇A‖_F, ‖∇B‖_F.
    useful: −⟨ΔW, G⟩ with G = ∂L/∂W at W0, the drop in loss that ΔW promises to first order.
    adapter: the adapter after the last recorded step.
    diverged: True when the run stopped early because a value was no longer finite; then the
    arrays end at the last finite step.
    """

    loss: np.ndarray
    delta_norm: np.ndarray
    grad_A_norm: np.ndarray
    grad_B_norm: np.ndarray
    useful: np.ndarray
    adapter: Adapter
    diverged: bool = False

    @property
    def steps(self) -> int:
        """Number of optimiser steps recorded."""
        return len(self.loss) - 1


def train(problem, adapter: Adapter, optimiser, steps: int, *,
          allow_divergence: bool = False) -> History:
    """Train A and B with W0 frozen, for ``steps`` ≥ 0 steps.

    problem: has ``W0`` (d, k) and ``loss_and_gradient(W) → (L, G)`` (see problems.py).
    adapter: of the same (d, k); it is not modified. optimiser: see optim.py.

    Raises ValueError for mismatched shapes, and FloatingPointError when the loss or a gradient
    stops being finite, unless ``allow_divergence`` is set: then the History ends at the last
    finite step and says so.
    """
    steps = _check.integer("steps", steps, minimum=0)
    W0 = problem.W0
    if adapter.shape != W0.shape:
        raise ValueError(f"adapter must have the shape of W0 {W0.shape}, got {adapter.shape}")
    G0 = problem.loss_and_gradient(W0)[1]
    A, B, s = adapter.A, adapter.B, adapter.scaling
    state = optimiser.init([A, B])
    rows, diverged = [], False
    for t in range(steps + 1):
        with np.errstate(over="ignore", invalid="ignore"):  # checked just below
            delta = s * (B @ A)  # (d, k)
            loss, G = problem.loss_and_gradient(W0 + delta)
            grad_A, grad_B = s * (B.T @ G), s * (G @ A.T)  # (r, k), (d, r)
            row = (loss, np.linalg.norm(delta), np.linalg.norm(grad_A), np.linalg.norm(grad_B),
                   -np.vdot(delta, G0))
        if not np.isfinite(row).all():
            if not allow_divergence or not rows:
                raise FloatingPointError(f"the run diverged: at step {t} loss = {loss:g}; "
                                         f"lower lr (the optimiser is {optimiser!r})")
            diverged = True
            break
        rows.append(row)
        last = (A, B)
        if t < steps:
            (A, B), state = optimiser.step([A, B], [grad_A, grad_B], state)
    return History(*np.array(rows).T, adapter=Adapter(*last, s), diverged=diverged)


@dataclass(frozen=True, eq=False)
class Sweep:
    """What :func:`sweep` recorded: one array a quantity, one axis a setting, steps last.

    axes: {"r": (…), "alpha": (…), "lr": (…), "start": (…), "seed": (…)}, the values on each axis.
    loss, delta_norm, grad_A_norm, grad_B_norm, useful: as in :class:`History`, of shape
    (len(r), len(alpha), len(lr), len(start), len(seed), steps + 1). From the step at which a run
    stopped being finite, all five are inf.
    """

    axes: dict[str, tuple]
    loss: np.ndarray
    delta_norm: np.ndarray
    grad_A_norm: np.ndarray
    grad_B_norm: np.ndarray
    useful: np.ndarray

    @property
    def diverged(self) -> np.ndarray:
        """Which runs stopped being finite; the shape of the axes."""
        return ~np.isfinite(self.loss[..., -1])

    def select(self, **fixed) -> Sweep:
        """The part with the given settings, ``select(r=8, lr=0.01)``; those axes are dropped.

        Raises ValueError for a name that is no axis or a value that is not on it.
        """
        index = []
        for name, values in self.axes.items():
            index.append(values.index(_check.choice(name, fixed[name], values))
                         if name in fixed else slice(None))
        for name in fixed:
            _check.choice("setting", name, self.axes)
        arrays = {name: getattr(self, name)[tuple(index)] for name in _stack.RECORDED}
        return Sweep({n: v for n, v in self.axes.items() if n not in fixed}, **arrays)

    def rows(self, step: int = -1) -> list[dict]:
        """One dict a run, its settings and its five quantities at ``step``: a tidy table."""
        table = []
        for index in np.ndindex(*(len(values) for values in self.axes.values())):
            row = {name: values[i] for (name, values), i in
                   zip(self.axes.items(), index, strict=True)}
            row.update({name: float(getattr(self, name)[index][step]) for name in _stack.RECORDED})
            table.append(row)
        return table


def sweep(problem: Regression, *, r, alpha, lr, start="A random, B zero", seed=0, steps: int = 100,
          optimiser: str = "Adam", rule: str = "lora",
          distribution: str | float = "kaiming_uniform", progress: bool = False,
          **settings) -> Sweep:
    """Train every combination of r, alpha, lr, start and seed at once; a whole grid in one call.

    r, alpha, lr, start, seed: one value or a sequence each. A run draws its start as
    ``initial(d, k, r, start, distribution, rng=default_rng(seed))`` and follows the same path as
    :func:`train` does, to rounding. The same call gives the same bits.
    optimiser: a name of ``optim.OPTIMISERS``; settings: its other arguments (``betas=…``).
    rule: see :func:`scaling`. progress: show a bar over the runs (needs tqdm).

    Raises ValueError or TypeError as :func:`train`, :func:`initial` and the optimisers do, and for
    a problem that is not a Regression. A run that diverges raises nothing: see :class:`Sweep`.
    """
    if not isinstance(problem, Regression):
        raise TypeError(f"problem must be a Regression, got {type(problem).__name__}")
    steps = _check.integer("steps", steps, minimum=0)
    axes = {name: _axis(name, value) for name, value in
            (("r", r), ("alpha", alpha), ("lr", lr), ("start", start), ("seed", seed))}
    for rank in axes["r"]:
        _check.integer("r", rank, minimum=1)
    for rate in axes["lr"]:
        optim.optimiser(optimiser, lr=rate, **settings)  # raises for settings that are not right
    for name in ("eps", "weight_decay"):  # optimisers take one per array as well; a sweep does not
        if name in settings:
            _check.number(name, settings[name], **({"above": 0.0} if name == "eps" else {}))
    result = np.empty((*(len(values) for values in axes.values()), len(_stack.RECORDED), steps + 1))
    jobs = [(i, chunk) for i, rank in enumerate(axes["r"])
            for chunk in _chunks(list(np.ndindex(result.shape[1:5])), rank, sum(problem.shape))]

    def work(job):
        i, chunk = job
        rank = axes["r"][i]
        picks = [{name: axes[name][j] for name, j in
                  zip(("alpha", "lr", "start", "seed"), index, strict=True)} for index in chunk]
        starts = [initial(*problem.shape, rank, p["start"], distribution,
                          rng=np.random.default_rng(p["seed"])) for p in picks]
        stack = _stack.Stack(np.array([A for A, B in starts]), np.array([B.T for A, B in starts]),
                             np.array([scaling(rank, p["alpha"], rule) for p in picks]),
                             problem.covariance, problem.W_star - problem.W0)
        rates = np.array([float(p["lr"]) for p in picks])
        step = _stack.STEPPERS[optimiser](stack, rates, **settings)
        for index, record in zip(chunk, _stack.train_stack(stack, step, steps), strict=True):
            result[(i, *index)] = record
        return len(chunk)

    with _single_threaded_blas(), ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        done = pool.map(work, jobs)
        if progress:
            from tqdm import tqdm

            with tqdm(total=result[..., 0, 0].size, desc="runs") as bar:
                for count in done:
                    bar.update(count)
        else:
            list(done)
    return Sweep(axes, *np.moveaxis(result, -2, 0))


def _axis(name: str, value) -> tuple:
    """One value or a sequence of distinct values, as a tuple."""
    values = (value,) if isinstance(value, str) or np.ndim(value) == 0 else tuple(value)
    if not values or len(set(values)) < len(values):
        raise ValueError(f"{name} must be one value or a sequence of distinct ones, got {value!r}")
    return values


def _single_threaded_blas():
    """One BLAS thread a worker, where threadpoolctl is installed: chunks run side by side."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return nullcontext()
    return threadpool_limits(1, user_api="blas")


def _chunks(runs: list, rank: int, width: int) -> list[list]:
    """Split the runs so that the five arrays of a chunk stay in the cache (about 2 MB)."""
    size = max(1, 2**21 // (5 * 8 * rank * width))
    return [runs[i:i + size] for i in range(0, len(runs), size)]
