"""Train a whole grid of runs at once: every rank, α, learning rate, start and seed.

Imports NumPy and the core only; tqdm for a bar.
"""

from __future__ import annotations

from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np

from lora_edu import _check, _parallel, _runs, optim
from lora_edu.adapter import scaling
from lora_edu.init import initial
from lora_edu.problems import Regression


@dataclass(frozen=True, eq=False)
class Sweep:
    """What :func:`sweep` recorded: one array a quantity, one axis a setting, steps last.

    axes: {"r": (…), "alpha": (…), "lr": (…), "start": (…), "seed": (…)}, the values on each axis.
    loss, delta_norm, grad_A_norm, grad_B_norm, useful: as in ``training.History``, of shape
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
        arrays = {name: getattr(self, name)[tuple(index)] for name in _runs.RECORDED}
        return Sweep({n: v for n, v in self.axes.items() if n not in fixed}, **arrays)

    def rows(self, step: int = -1) -> list[dict]:
        """One dict a run, its settings and its five quantities at ``step``: a tidy table."""
        table = []
        for index in np.ndindex(*(len(values) for values in self.axes.values())):
            row = {name: values[i] for (name, values), i in
                   zip(self.axes.items(), index, strict=True)}
            row.update({name: float(getattr(self, name)[index][step]) for name in _runs.RECORDED})
            table.append(row)
        return table


def sweep(problem: Regression, *, r, alpha, lr, start="A random, B zero", seed=0, steps: int = 100,
          optimiser: str | type = "Adam", rule: str = "lora",
          distribution: str | float = "kaiming_uniform", executor: Executor | None = None,
          progress: bool = False, **settings) -> Sweep:
    """Train every combination of r, alpha, lr, start and seed at once; a whole grid in one call.

    r, alpha, lr, start, seed: one value or a sequence each. A run draws its start as
    ``initial(d, k, r, start, distribution, rng=default_rng(seed))`` and follows the same path as
    ``training.train`` does, to rounding.
    optimiser: a name of ``optim.OPTIMISERS`` or an optimiser class; settings: its other arguments
    (``betas=…``). rule: see :func:`scaling`.
    executor: any ``concurrent.futures.Executor``, such as a process pool or a Dask cluster's
    ``client.get_executor()``; default: a thread a core, or none where threads cannot be had. Work
    that fails in it is done once more in the calling process. progress: a bar over the runs (tqdm).

    The same call gives the same bits on the same machine, whatever the executor: the runs are cut
    into the same pieces. Another grid cuts them otherwise, and another processor or BLAS rounds
    otherwise. The memory it takes is that of the result and of one piece (2 MB) a worker.

    All settings are checked before the first run. Raises ValueError or TypeError as :func:`initial`
    and the optimisers do, and for a problem that is not a Regression (a subclass
    would bring a loss of its own). A run that diverges raises nothing: see :class:`Sweep`.
    """
    if type(problem) is not Regression:
        raise TypeError(f"problem must be a Regression, got {type(problem).__name__}")
    steps = _check.integer("steps", steps, minimum=0)
    axes = {name: _axis(name, value) for name, value in
            (("r", r), ("alpha", alpha), ("lr", lr), ("start", start), ("seed", seed))}
    make = optimiser if isinstance(optimiser, type) else optim.OPTIMISERS[
        _check.choice("optimiser", optimiser, optim.OPTIMISERS)]
    _check_runs(problem, axes, make, settings, rule, distribution)
    train_piece = partial(
        _train_piece, covariance=problem.covariance, shift=problem.W_star - problem.W0, rule=rule,
        distribution=distribution, make=make, settings=settings, steps=steps)
    result = np.empty((*(len(values) for values in axes.values()), len(_runs.RECORDED), steps + 1))
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
        make(lr=_check.number("lr", rate), **settings)
    for seed in axes["seed"]:
        _check.integer("seed", seed, minimum=0)
    for rank in axes["r"]:
        _check.integer("r", rank, minimum=1)
        for alpha in axes["alpha"]:
            scaling(rank, alpha, rule)
        for start in axes["start"]:
            initial(*problem.shape, rank, start, distribution, rng=np.random.default_rng(0))


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
            make(lr=np.array(rates, dtype=float)[:, None, None], **settings), steps)


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
    from tqdm import tqdm

    with tqdm(total=runs, desc="runs") as bar:
        yield bar.update


def _axis(name: str, value) -> tuple:
    """One value or a sequence of distinct values, as a tuple."""
    values = (value,) if isinstance(value, str) or np.ndim(value) == 0 else tuple(value)
    if not values or len(set(values)) < len(values):
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
