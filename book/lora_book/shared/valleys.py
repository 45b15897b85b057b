"""Valleys of loss against η, one below the other, into which a carried rate is dropped."""

from typing import NamedTuple

import numpy as np

from lora_book.shared.drawing import fill, say
from lora_book.shared.looks import named
from lora_book.shared.style import BLANK_AXIS, coloured, figure, line, marks

BALL = "teal"
HIGH = 0.66  # of a row, where a wall is cut
DEEP = 0.1  # of a row, below a valley's bottom


class Valley(NamedTuple):
    """A row of the drawing.

    rates: (n,). losses: (n,). heights: (n,), 0 at the bottom and 1 where the wall is cut. carried:
    the height of the carried rate, None where it was not run. cost: what it loses, in words.
    """

    rates: np.ndarray
    losses: np.ndarray
    heights: np.ndarray
    carried: float | None
    cost: str


def valley_rows(rows: dict[str, Valley], rate: float, tuned_at: str, headline: str,
                ticks: dict) -> dict:
    """The valleys, by name from above, and the carried rate as a line that is dropped on them.

    A ball lies where it hits a wall, and a tick marks each bottom. tuned_at: where the rate is
    from. ticks: of the axis of η.
    """
    low = 0.5 - len(rows)
    traces = [line([rate, rate], [1, low], "frozen", width=1.5, dash="dot", name="the carried η")]
    names = {}
    costs = {}
    balls = []
    for row, (name, valley) in enumerate(rows.items()):
        walls = np.minimum(valley.heights, 1) * HIGH - row
        ends = [valley.rates[-1], valley.rates[0]]
        traces.append(line([*valley.rates, *ends], [*walls, -row - DEEP, -row - DEEP], "frozen",
                           width=0, fill="toself", fillcolor=fill("frozen", 0.3)))
        traces.append(line(valley.rates, walls, "ink", **named(f"{name}: loss", valley.losses)))
        best = valley.rates[valley.heights.argmin()]
        traces.append(marks([best], [-row - DEEP], "ink", "line-ns-open", 9, stroke=2))
        names[valley.rates[0], -row + 0.2] = f"{name} "
        if valley.carried is not None:
            balls.append((rate, min(valley.carried, 1) * HIGH - row + 0.09))
        costs[valley.rates[-1], -row + 0.2] = f"   {valley.cost}"
    traces += [marks(*zip(*balls, strict=True), BALL, "circle", 13, name="balls"),
               say(names, "middle left"), say(costs, "middle right", colour=BALL)]
    first = np.log10(min(valley.rates[0] for valley in rows.values()))
    last = np.log10(max(valley.rates[-1] for valley in rows.values()))
    span = last - first
    ends = [first - 0.27 * span, last + 0.42 * span]  # with room for names and costs
    xaxis = {"type": "log", **ticks, "range": ends, "title": {"text": "learning rate η"}}
    yaxis = {**BLANK_AXIS, "range": [low, 1.05], "title": {"text": "loss (higher is worse)"}}
    key = f"{coloured(f'● η tuned at {tuned_at}', BALL)}   │ this rank’s best η"
    return figure(traces, headline, [xaxis], [yaxis], headline, headings=[key],
                  margin={"l": 28, "r": 18, "t": 34, "b": 46})
