"""The figures of the chapter On language models: the valleys of 35 models, and what a carried
learning rate costs."""

from functools import cache

import numpy as np

from lora_book.language_models import runs
from lora_book.shared.axes import labelled, log_labelled
from lora_book.shared.drawing import fill
from lora_book.shared.factors import times
from lora_book.shared.looks import named
from lora_book.shared.style import figure, line, marks
from lora_book.shared.valleys import BALL, Valley, valley_rows

TUNED_AT = ("the smallest rank", "the largest rank")
HIGHEST = 0.03  # loss above a valley's lowest, in nats, where a wall is cut
RATE_TICKS = {"tickvals": [1e-4, 1e-3], "ticktext": ["0.0001", "0.001"]}

PAIRS = {"1 → 4": (1, 4), "1 → 16": (1, 16), "1 → 64": (1, 64), "4 → 16": (4, 16),
         "4 → 64": (4, 64), "4 → 128": (4, 128), "16 → 64": (16, 64), "64 → 4": (64, 4),
         "64 → 1": (64, 1)}
# what η is multiplied by when r is multiplied by 4: the power of r
POWERS = {"÷ 2": -0.5, "÷ 1.41": -0.25, "fixed": 0.0, "× 1.23": 0.15}
ENDS = (1 / 12, 6)  # of the axis, in best η
TOP = 0.0125  # nats; what lies above is drawn here
BELOW = -0.001  # nats; where the ground ends

MODELS = {model.short_name: model for model in runs.models()}


def valleys(model: str = "Qwen3-30B-A3B", tuned: str = TUNED_AT[0]) -> dict:
    """Valleys of a model's test loss, one per rank, and what a carried rate costs there.

    model: by its short name. tuned: at which of its ranks the carried η was found.
    """
    this = MODELS[model]
    ranks = this.ranks_with_curves
    r1, other = (ranks[0], ranks[-1]) if tuned == TUNED_AT[0] else (ranks[-1], ranks[0])
    carried = this.best(r1)
    rows = {}
    for r in ranks:
        rates, losses = this.at(r)
        lost = this.loss(r, carried) - this.least(r)  # nan where it was not run
        height = lost / HIGHEST if np.isfinite(lost) else None
        cost = f"+{lost:.4f}".replace("+0.0000", "0") if np.isfinite(lost) else "not run"
        rows[f"r = {r}"] = Valley(rates, losses, (losses - this.least(r)) / HIGHEST, height, cost)

    cost = this.loss(other, carried) - this.least(other)
    outcome = f"was not run at r = {other}"
    if np.isfinite(cost):
        outcome = f"raises the loss by {_nats(cost)} at r = {other}"
    headline = f"{model}: η tuned at r = {r1} {outcome}"
    return valley_rows(rows, carried, f"r = {r1}", headline, RATE_TICKS)


def _nats(value: float) -> str:
    return "0 nats" if abs(value) < 5e-5 else f"{value:.4f} nats"


def costs(pair: str = "16 → 64", power: float = 0.0) -> dict:
    """Where a carried η, times (r/r₁)^power, lies in the valley of the new rank: a ball per model.

    The valley is the median of all models and ranks. Triangle: η lies outside the rates that
    trained.
    """
    r1, r = PAIRS[pair]
    # Without those whose best rate at r1 may lie beyond the rates tried.
    tuned = [model for model in runs.having(r1, r) if np.isfinite(runs.bottom(model, r1)[0])]
    carried = np.array([runs.bottom(model, r1)[0] for model in tuned]) * (r / r1)**power
    best = np.array([_best(model, r) for model in tuned])
    ratios = carried / best
    losses = np.array([runs.regret(model, r1, r, power) for model in tuned])
    outside = np.isnan(losses)
    names = np.array([model.short_name for model in tuned])

    at, wall = _wall()
    hover = [f"{name}: {loss:.4f} nats" for name, loss in zip(names, losses, strict=True)]
    traces = [
        line([*at, at[-1], at[0]], [*wall.clip(max=TOP), BELOW, BELOW], "frozen", width=0,
             fill="toself", fillcolor=fill("frozen", 0.3)),
        line(at, wall.clip(max=TOP), "ink", **named("the median", wall)),
        marks(ratios[~outside], losses[~outside].clip(max=TOP), BALL, "circle", 11, name="a model",
              text=list(np.array(hover)[~outside]), hovertemplate="%{text}<extra></extra>"),
        marks(ratios[outside].clip(*ENDS), np.full(outside.sum(), TOP), "rose",
              "triangle-up", 10, text=list(names[outside]), name="outside the rates",
              hovertemplate="%{text}: outside the rates with finite loss<extra></extra>")]

    moved = "η fixed" if power == 0 else f"η {times((r / r1)**power)}"
    lost = f"{outside.sum()} of {len(tuned)} carried rates fell outside those with finite loss"
    if outside.mean() > 0.5:
        outcome = lost
    else:
        outcome = f"the median cost is {np.median(losses[~outside]):.4f} nats"
        if outside.any():
            outcome += f"; {lost}"
    headline = f"From r = {r1} to {r} with {moved}, {outcome}"
    return figure(
        traces, headline,
        [log_labelled("too small ← carried η → too large", *np.log10(ENDS), [0.1, 1 / 3, 1, 3],
                      texts=["÷ 10", "÷ 3", "best", "× 3"])],
        [labelled("cost in nats", BELOW, 1.06 * TOP, tickvals=[0, 0.005, 0.01])], headline)


@cache
def _wall() -> tuple[np.ndarray, np.ndarray]:
    """Multiples of the best η and their cost: the median of all models and ranks, where more than
    half of them trained."""
    shares = np.geomspace(*ENDS, 41)
    walls = []
    for model in runs.models():
        for r in model.ranks_with_curves:
            rate, least = runs.bottom(model, r)
            if np.isfinite(rate):
                walls.append(runs.valley(model, r)(np.log(rate * shares)) - least)
    known = np.isfinite(walls).mean(axis=0) > 0.5
    return shares[known], np.nanmedian(np.array(walls)[:, known], axis=0)


def _best(model: runs.Model, r: int) -> float:
    """The rate at the bottom of the valley, or the end of the rates that is lowest."""
    rate = runs.bottom(model, r)[0]
    return rate if np.isfinite(rate) else model.best(r)
