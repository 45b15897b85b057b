"""A published sweep on 35 language models, and what it says of a learning rate that is carried
from rank to rank. Losses are test losses, in nats per token; they suggest α/r throughout."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from scipy.interpolate import CubicHermiteSpline

FOLDER = Path(__file__).parent / "data"
LOST = 1.0  # a loss above this counts as diverged: the others are below 0.9
SMALL_RATES = 4e-5, 1e-4  # at the first of them the loss hardly knows the rank


@dataclass(frozen=True, eq=False)
class Model:
    """One model of the sweep.

    losses: (ranks, rates), means over repeated runs; inf where runs diverged, nan where none is
    reported. repeats: (rate, loss, loss) of each setting that was run twice.
    """

    name: str
    billions: float
    ranks: tuple[int, ...]
    rates: tuple[float, ...]
    losses: np.ndarray
    repeats: tuple[tuple[float, float, float], ...]

    @property
    def short_name(self) -> str:
        """The name without what all of its family have in common."""
        name = self.name.removeprefix("NVIDIA-").removesuffix("-BF16").removesuffix("-2507")
        return name.replace("-Instruct", " Instruct").replace("-Base", " Base")

    @property
    def ranks_with_curves(self) -> list[int]:
        """The ranks with at least two finite losses."""
        return [r for r in self.ranks if len(self.at(r)[0]) >= 2]

    def at(self, r: int) -> tuple[np.ndarray, np.ndarray]:
        """The rates with a finite loss at a rank, and their losses."""
        losses = self.losses[self.ranks.index(r)]
        finite = np.isfinite(losses)
        return np.array(self.rates)[finite], losses[finite]

    def loss(self, r: int, rate: float) -> float:
        """The loss at a rate of the grid."""
        return self.losses[self.ranks.index(r), self.rates.index(rate)]

    def best(self, r: int) -> float:
        """The rate of the grid with the least loss."""
        rates, losses = self.at(r)
        return float(rates[losses.argmin()])

    def least(self, r: int) -> float:
        """The least loss of the grid at a rank."""
        return self.at(r)[1].min()


@cache
def models() -> tuple[Model, ...]:
    """All models, from the smallest to the largest."""
    stored = json.loads((FOLDER / "sweep.json").read_text("utf-8"))
    return tuple(_model(**model) for model in stored)


def _model(name, billions, ranks, rates, runs, lost) -> Model:
    by_setting = {}
    for r, rate, loss in runs:
        by_setting.setdefault((r, rate), []).append(loss if loss < LOST else np.inf)
    losses = np.full((len(ranks), len(rates)), np.nan)
    for r, rate in lost:
        losses[ranks.index(r), rates.index(rate)] = np.inf
    for (r, rate), values in by_setting.items():  # inf where one of two runs diverged
        losses[ranks.index(r), rates.index(rate)] = np.mean(values)
    repeats = tuple((rate, *values) for (_, rate), values in by_setting.items()
                    if len(values) == 2)
    return Model(name, billions, tuple(ranks), tuple(rates), losses, repeats)


def having(*ranks: int) -> list[Model]:
    """The models that have a curve at each of these ranks."""
    return [model for model in models() if set(ranks) <= set(model.ranks_with_curves)]


def noise() -> float:
    """The standard deviation of a run, from settings that were run twice."""
    # At 3e-3, near where runs diverge, two runs differ far more.
    pairs = np.array([pair for model in models() for rate, *pair in model.repeats if rate < 3e-3])
    return float(np.sqrt(np.mean(np.diff(pairs) ** 2) / 2))  # a difference varies twice as much


@cache
def valley(model: Model, r: int) -> CubicHermiteSpline:
    """The loss at a rank as a smooth function of log η, through all finite losses.

    Its slope at each rate is that of the parabola through the rate and its two neighbours.
    """
    rates, losses = model.at(r)
    x = np.log(rates)
    order = min(2, len(x) - 1)  # two rates have a line, and no parabola
    slopes = np.gradient(losses, x, edge_order=order)
    return CubicHermiteSpline(x, losses, slopes, extrapolate=False)


@cache
def bottom(model: Model, r: int) -> tuple[float, float]:
    """The rate at the bottom of the valley and the loss there; nan for the rate where the bottom is
    an end of the finite rates, so that the best may lie beyond."""
    curve = valley(model, r)
    inside = [x for x in curve.derivative().roots() if curve.x[0] < x < curve.x[-1]]
    places = np.array([curve.x[0], curve.x[-1], *inside])  # the ends come first
    losses = curve(places)
    lowest = int(losses.argmin())
    rate = np.exp(places[lowest]) if lowest > 1 else np.nan
    return float(rate), float(losses[lowest])


def regret(model: Model, r1: int, r: int, power: float = 0.0) -> float:
    """What the rate at the bottom for r1, times (r/r1)^power, loses at r.

    nan where that bottom is at an end, or the rate lies outside the finite rates of r.
    """
    rate = bottom(model, r1)[0] * (r / r1) ** power
    return float(valley(model, r)(np.log(rate))) - bottom(model, r)[1]


def carried_costs(r1: int) -> np.ndarray:
    """What the grid's best rate at r1 costs at each larger rank of a model, where it was run."""
    costs = []
    for model in models():
        ranks = [r for r in model.ranks if np.isfinite(tried(model, r)[1]).sum() > 1]
        if r1 in ranks:
            carried = model.best(r1)
            costs += [model.loss(r, carried) - model.least(r) for r in ranks
                      if r > r1 and not np.isnan(model.loss(r, carried))]
    return np.array(costs)


def wrong_rate_costs(smaller: bool = True) -> np.ndarray:
    """What a step of the grid, a factor of 2.5, 3 or 3.33, away from the best rate costs, one
    number for each model and rank; inf where the larger rate diverges."""
    costs = []
    for model in models():
        for r in model.ranks:
            rates, losses = tried(model, r)
            best = int(losses.argmin())
            other = best - 1 if smaller else best + 1
            if 0 <= other < len(rates):
                ratio = rates[other] / rates[best]
                if 2.4 < max(ratio, 1 / ratio) < 3.4:
                    costs.append(losses[other] - losses[best])
    return np.array(costs)


def tried(model: Model, r: int) -> tuple[np.ndarray, np.ndarray]:
    """The rates that were run at a rank and their losses, inf where they diverged."""
    losses = model.losses[model.ranks.index(r)]
    run = ~np.isnan(losses)
    return np.array(model.rates)[run], losses[run]


def strides(model: Model) -> dict[int, float]:
    """The factor on η that would change the loss at the smallest rate as the rank does, by rank.

    The first rank has 1. A loss that is lower by as much as a larger η would lower it counts as
    that larger η. Empty for a model without the two small rates at two ranks.
    """
    small, next_rate = SMALL_RATES
    if not {small, next_rate} <= set(model.rates):
        return {}
    losses = {r: (model.loss(r, small), model.loss(r, next_rate)) for r in model.ranks}
    losses = {r: pair for r, pair in losses.items() if np.isfinite(pair).all()}
    first = min(losses, default=None)
    factors = {}
    for r, (at_small, _) in losses.items():
        drops = [losses[rank][0] - losses[rank][1] for rank in (first, r)]
        slope = np.mean(drops) / np.log(next_rate / small)  # by how much log η lowers the loss
        factors[r] = float(np.exp((losses[first][0] - at_small) / slope))
    return factors if len(factors) > 1 else {}


def peft_runs() -> list[dict]:
    """Three runs of PEFT's own comparison: r, alpha, use_rslora, lr, losses by step, and s."""
    compared = json.loads((FOLDER / "peft.json").read_text("utf-8"))
    for run in compared:
        divisor = run["r"] ** 0.5 if run["use_rslora"] else run["r"]
        run["s"] = run["alpha"] / divisor
        run["losses"] = {int(step): loss for step, loss in run["losses"].items()}
    return compared
