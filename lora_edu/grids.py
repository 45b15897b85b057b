"""Train a whole grid of runs at once: every rank, α, learning rate, start and seed."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from functools import partial

import numpy as np

from lora_edu import _check, _parallel, _runs, optim
from lora_edu.adapter import scaling
from lora_edu.init import initial
from lora_edu.problems import Regression
from lora_edu.records import RECORDED, Sweep


def sweep(problem: Regression, *, r, alpha, lr, start="A random, B zero", seed=0, steps: int = 100,
          optimiser: str | type = "Adam", rule: str = "lora",
          distribution: str | float = "kaiming_uniform", executor: Executor | None = None,
          progress: bool = False, **settings) -> Sweep:
    """Train every combination of r, alpha, lr, start and seed at once; a whole grid in one call.

    r, alpha, lr, start, seed: one value or a sequence each. A run draws its start as
    ``initial(d, k, r, start, distribution, rng=default_rng(seed))`` and follows the same path as
    ``train`` does, to rounding.
    optimiser: a name of ``OPTIMISERS`` or an optimiser class, which may be your own, see
    :class:`Optimiser`; settings: its other arguments (``betas=…``). rule: see :func:`scaling`.
    executor: any ``concurrent.futures.Executor``, such as a process pool or a Dask cluster's
    ``client.get_executor()``; default: a thread a core, or none where threads are unavailable. Of
    work that fails in it the error says which runs it was. progress: a bar over the runs (tqdm).

    The same call gives the same bits on the same machine, whatever the executor, the number of its
    workers and of BLAS's threads: runs of one rank that follow each other are stepped together, in
    pieces of some 2 MB, and the grid alone says where they are cut. A run's last bits depend on its
    neighbours in the piece, so another grid (more seeds, another order) may change them, by some
    4e-14 of their size; another processor, BLAS or NumPy rounds otherwise too. The memory it takes
    is that of the result and of one piece a worker.

    All settings are checked before the first run. Raises ValueError or TypeError as :func:`initial`
    and the optimisers do, and for a problem that is not a Regression (a subclass would bring a loss
    of its own). A run that diverges raises nothing: see :class:`Sweep`.

    >>> from lora_edu import teacher_student
    >>> problem = teacher_student(6, 5, rng=np.random.default_rng(0))
    >>> runs = sweep(problem, r=[1, 2], alpha=8, lr=[0.01, 0.1, 1.0], seed=range(4), steps=20)
    >>> runs.loss.shape  # r, alpha, lr, start, seed, steps
    (2, 1, 3, 1, 4, 21)
    """
    if type(problem) is not Regression:
        raise TypeError(f"problem must be a Regression, got {type(problem).__name__}")
    steps = _check.integer("steps", steps, minimum=0)
    if not (executor is None or isinstance(executor, Executor)):
        raise TypeError(f"executor must be a concurrent.futures.Executor or None, got {executor!r}")
    _check.flag("progress", progress)
    axes = {name: _axis(name, value) for name, value in
            (("r", r), ("alpha", alpha), ("lr", lr), ("start", start), ("seed", seed))}
    make = optimiser if isinstance(optimiser, type) and hasattr(optimiser, "init") else (
        optim.OPTIMISERS[_check.choice("optimiser", optimiser, optim.OPTIMISERS)])
    _check_runs(problem, axes, make, settings, rule, distribution)
    train_piece = partial(
        _train_piece, covariance=problem.covariance, shift=problem.W_star - problem.W0, rule=rule,
        distribution=distribution, make=make, settings=settings, steps=steps)
    result = np.empty((*(len(values) for values in axes.values()), len(RECORDED), steps + 1))
    with _bar(result[..., 0, 0].size if progress else 0) as bar:
        for piece, records in _parallel.outcomes(train_piece, _pieces(axes, sum(problem.shape)),
                                                 executor, _described):
            for index, record in zip(piece, records, strict=True):
                result[index] = record
            bar(len(piece))
    return Sweep(axes, *np.moveaxis(result, -2, 0))


def _check_runs(problem, axes, make, settings, rule, distribution) -> None:
    """Raise for whatever would stop a run, before any has begun."""
    for name in ("eps", "weight_decay"):  # optimisers take one per array as well; a sweep does not
        if name in settings:
            _check.number(name, settings[name], **({"above": 0.0} if name == "eps" else {}))
    for rate in axes["lr"]:
        rate = _check.number("lr", rate)
        try:
            make(lr=rate, **settings)
        except TypeError as error:
            raise TypeError(f"optimiser must be a class that can be made of lr and {settings}, "
                            f"got {make!r}: {error}") from error
    for seed in axes["seed"]:
        _check.integer("seed", seed, minimum=0)
    for rank in axes["r"]:
        _check.integer("r", rank, minimum=1)
        for alpha in axes["alpha"]:
            scaling(rank, alpha, rule)
        for start in axes["start"]:
            initial(*problem.shape, rank, start, distribution, rng=np.random.default_rng(0))


def _column(rates) -> float | np.ndarray:
    """One rate for all runs of a stack, or (R, 1, 1)."""
    lr = np.array(rates, dtype=float)[:, None, None]
    return lr if np.ptp(lr) else lr.item(0)


def _train_piece(piece: dict, covariance, shift, rule, distribution, make, settings,
                 steps: int) -> np.ndarray:
    """Some runs of one r as a stack: (R, 5, steps + 1). piece: index → (r, alpha, lr, …)."""
    ranks, alphas, rates, starts, seeds = zip(*piece.values(), strict=True)
    drawn = [initial(*shift.shape, ranks[0], start, distribution, rng=np.random.default_rng(seed))
             for start, seed in zip(starts, seeds, strict=True)]
    s = np.array([scaling(ranks[0], alpha, rule) for alpha in alphas])
    with _parallel.one_blas_thread():
        return _runs.train_runs(
            _runs.RegressionRuns(s, covariance, shift), np.array([A for A, B in drawn]),
            np.array([B.T for A, B in drawn]),
            make(lr=_column(rates), **settings), steps)


def _described(piece: dict) -> str:
    """The first and the last run of a piece, in words."""
    first, last = (piece[index] for index in (min(piece), max(piece)))
    return f"the runs (r, alpha, lr, start, seed) = {first!r} … {last!r}"


@contextmanager
def _bar(runs: int):
    """A function that counts finished runs, on a bar of tqdm's unless ``runs`` is 0."""
    if not runs:
        yield int
        return
    try:
        from tqdm import tqdm
    except ModuleNotFoundError as error:
        error.add_note('what a bar needs: pip install "lora_edu[fast]"')
        raise
    with tqdm(total=runs, desc="runs") as bar:
        yield bar.update


def _axis(name: str, value) -> tuple:
    """One value or a sequence of distinct values, as a tuple of what Python has for them."""
    several = bool(getattr(value, "ndim", 0)) or (
        isinstance(value, Sequence) and not isinstance(value, (str, bytes)))
    values = tuple(map(_check.plain, value)) if several else (_check.plain(value),)
    try:
        distinct = set(values)
    except TypeError:  # a list in a list, a set
        distinct = ()
    if not values or len(distinct) < len(values):
        raise ValueError(f"{name} must be one value or a sequence of distinct ones, got {value!r}")
    return values


def _pieces(axes: dict[str, tuple], width: int):
    """The runs in pieces of one r, whose five arrays stay in the cache (about 2 MB): a dict each,
    index → (r, alpha, lr, start, seed)."""
    shape = [len(values) for values in axes.values()]
    for i, rank in enumerate(axes["r"]):
        indices = [(i, *index) for index in np.ndindex(*shape[1:])]
        size = max(1, 2**21 // (5 * 8 * rank * width))
        for at in range(0, len(indices), size):
            yield {index: tuple(values[j] for values, j in zip(axes.values(), index, strict=True))
                   for index in indices[at:at + size]}
