"""Train a whole grid of runs at once: every rank, α, learning rate, start and seed."""

import math
from collections.abc import Callable, Iterator, Sequence, Set
from concurrent.futures import Executor
from functools import partial
from itertools import product
from typing import NamedTuple

import numpy as np

from lora_edu import checks, optim, parallel, stacked_runs
from lora_edu.adapter import scaling
from lora_edu.clipping import Clipped
from lora_edu.init import initial
from lora_edu.optim_base import Optimiser, check_optimiser
from lora_edu.problems import Regression
from lora_edu.records import RECORDED, Sweep


class Run(NamedTuple):
    """The settings of one run of a grid."""

    r: int
    alpha: float
    lr: float
    start: str
    seed: int


def sweep(problem: Regression, *, r, alpha, lr, start="A random, B zero", seed=0, steps: int = 100,
          optimiser: str | Callable = "Adam", rule: str = "lora",
          distribution: str | float = "kaiming_uniform", executor: Executor | None = None,
          progress: bool = False, **settings) -> Sweep:
    """Train every combination of r, alpha, lr, start and seed in one call.

    The same call gives the same bits on the same machine, whatever the executor and the number of
    its workers and of BLAS's threads. Runs of the same rank are stepped together, in pieces of
    about 2 MB that depend only on the grid, and a run's last bits depend on the other runs in its
    piece. A different grid may therefore change a result by about 4e-14 of its size, or by 1e-6
    where Muon or Adafactor oscillate about a minimum. A different processor, BLAS or NumPy also
    rounds differently. Memory holds the result and one piece per worker. A run that diverges raises
    no error, see :class:`Sweep`.

    Args:
        problem: A Regression, not a subclass, which could have a different loss.
        r, alpha, lr, start, seed: One value or a sequence each. A run draws its start as
            ``initial(d, k, r, start, distribution, rng=seed)`` and follows the same path as
            ``train`` does, to rounding.
        steps: The number of steps, 0 or more.
        optimiser: A name of ``OPTIMISERS``, in capitals or small letters; an optimiser class, which
            may be your own, see :class:`Optimiser`; or a function of lr that returns one, such as
            ``lambda lr: Clipped(Adam(lr), max_norm=1.0)``, or for LoRA+
            ``lambda lr: AdamW((lr, 16 * lr))``.
        rule: See :func:`scaling`.
        distribution: See :func:`initial`.
        executor: Any ``concurrent.futures.Executor``, such as a process pool, which cannot be sent
            a lambda as the optimiser; or a Dask ``Client``. Default: a thread for each core that
            the process may use, or none where threads are unavailable. An error in a worker names
            the runs that the worker had.
        progress: Whether a bar counts the runs (tqdm).
        **settings: Other arguments (``betas=…``) of the optimiser or of that function.

    Raises:
        TypeError, ValueError: As :func:`initial` and the optimisers do, before the first run.

    Example:
        >>> from lora_edu import teacher_student
        >>> problem = teacher_student(6, 5, rng=0)
        >>> runs = sweep(problem, r=[1, 2], alpha=8, lr=[0.01, 0.1, 1.0], seed=range(4), steps=20)
        >>> runs.loss.shape  # r, alpha, lr, start, seed, steps
        (2, 1, 3, 1, 4, 21)
    """
    if type(problem) is not Regression:
        raise TypeError(f"problem must be a Regression, got {type(problem).__name__}")
    executor = parallel.as_executor(executor)
    parallel.require_sendable("optimiser", optimiser, executor)
    progress = checks.flag("progress", progress)
    steps = checks.integer("steps", steps, minimum=0)
    axes = {name: _axis(name, value) for name, value in
            zip(Run._fields, (r, alpha, lr, start, seed), strict=True)}
    make = partial(_maker(optimiser), **settings)
    _check_runs(axes, make, rule, distribution)
    train_piece = partial(
        _train_piece, covariance=problem.covariance, shift=problem.W_star - problem.W0, rule=rule,
        distribution=distribution, make=make, steps=steps)
    shape = [len(values) for values in axes.values()]
    runs = math.prod(shape)
    result = np.empty((runs, len(RECORDED), steps + 1))
    finished = parallel.outcomes(train_piece, _pieces(axes, sum(problem.shape)), executor)
    if progress:
        finished = _with_bar(finished, runs)
    for (first, piece), records in finished:
        result[first:first + len(piece)] = records
    result = result.reshape(*shape, len(RECORDED), steps + 1)
    return Sweep(axes, **{name: result[..., i, :] for i, name in enumerate(RECORDED)})


def _maker(optimiser) -> Callable:
    """What makes an optimiser of its lr and its other settings."""
    if isinstance(optimiser, Optimiser) or optimiser is Clipped:
        raise TypeError("optimiser must be a name or a function of lr that returns an optimiser, "
                        f"such as Adam or lambda lr: Clipped(Adam(lr), 1.0), got {optimiser!r}")
    if callable(optimiser):
        return optimiser
    return partial(optim.optimiser, optimiser)


def _check_runs(axes, make, rule, distribution) -> None:
    """Raise for whatever would stop a run, before any has begun."""
    for rate in axes["lr"]:
        check_optimiser("optimiser", make(lr=checks.number("lr", rate)))
    for seed in axes["seed"]:
        checks.integer("seed", seed, minimum=0, maximum=math.inf)
    for rank in axes["r"]:
        for alpha in axes["alpha"]:
            scaling(rank, alpha, rule)
        # A layer of one row and one column is enough to refuse a wrong start.
        for start in axes["start"]:
            initial(1, 1, rank, start, distribution)
    for name, values in axes.items():
        if not 0 < len(values) == len(set(values)):
            raise ValueError(f"{name} must be one value or a sequence of distinct ones, "
                             f"got {values!r}")


def _pieces(axes: dict[str, tuple], width: int):
    """Cut the grid into the pieces that are trained as one stack, all of one r: the place of the
    first run in the grid, and the runs."""
    first = 0
    other_axes = [values for name, values in axes.items() if name != "r"]
    for rank in axes["r"]:
        runs = [Run(rank, *settings) for settings in product(*other_axes)]
        size = stacked_runs.runs_per_stack(rank * width)
        for at in range(0, len(runs), size):
            yield first + at, runs[at:at + size]
        first += len(runs)


def _train_piece(piece: tuple[int, list[Run]], covariance, shift, rule, distribution, make,
                 steps: int) -> np.ndarray:
    """What the runs of a piece (see :func:`_pieces`) record, (R, 5, steps + 1)."""
    _, runs = piece
    rank = runs[0].r
    starts = [initial(*shift.shape, rank, run.start, distribution, rng=run.seed)
              for run in runs]
    A = np.array([A for A, _ in starts])
    Bt = np.array([B.T for _, B in starts])
    s = np.array([scaling(rank, run.alpha, rule) for run in runs])
    lr = np.array([run.lr for run in runs], dtype=float)[:, None, None]
    if np.ptp(lr) == 0:
        lr = lr.item(0)  # a number multiplies faster than an array of equal ones
    with parallel.one_blas_thread():
        return stacked_runs.train_runs(
            stacked_runs.RegressionRuns(s, covariance, shift), A, Bt, make(lr=lr), steps)


def _with_bar(finished, runs: int):
    """Pass on what has finished, and count its runs on a bar of tqdm's."""
    try:
        from tqdm import tqdm
    except ModuleNotFoundError as error:
        error.add_note('what a bar needs: pip install "lora_edu[fast]"')
        raise
    with tqdm(total=runs, desc="runs") as bar:
        for piece, records in finished:
            yield piece, records
            bar.update(len(records))


def _axis(name: str, value) -> tuple:
    """One value or a sequence of them, as a tuple of plain Python values."""
    if isinstance(value, (Iterator, Set)):
        raise TypeError(f"{name} must be one value or a sequence, such as a list, got {value!r}")
    several = getattr(value, "ndim", 0) == 1 or (
        isinstance(value, Sequence) and not isinstance(value, (str, bytes)))
    return tuple(one.item() if getattr(one, "ndim", None) == 0 else one
                 for one in (value if several else [value]))
