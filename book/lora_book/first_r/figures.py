"""The figures of the chapter The first r you try: rotated digits, and what a carried η costs."""

import math

import numpy as np

from lora_book.shared import digits, digits_map
from lora_book.shared.fits import geometric_mean
from lora_book.shared.style import PALE, figure, heat, power_ticks
from lora_book.shared.valleys import Valley, valley_rows

# for α
CHOICES = dict(zip(("fixed", "rsLoRA", "= r", "= 2r"), digits_map.ALPHA_RULES, strict=True))
ANGLES = (0, 45, 90)  # of the pictures
UPWARDS = (8, 16, 32, 64)  # the ranks of the first figure
HIGHEST = 10.0  # where a wall is cut, as a multiple of the lowest loss


def pictures() -> dict:
    """The first training picture of each digit, a row an angle, darker where there is more ink."""
    labels = digits.load().y_train
    first = [int(np.flatnonzero(labels == digit)[0]) for digit in range(digits.CLASSES)]
    side = digits.SIDE
    step = side + 2  # with a gap between two pictures
    sheet = np.zeros((step * len(ANGLES) - 2, step * digits.CLASSES - 2))
    for i, angle in enumerate(ANGLES):
        for j, picture in enumerate(digits.load(angle).X_train[first]):
            sheet[step * i:step * i + side, step * j:step * j + side] = picture.reshape(side, side)
    names = [f"{angle}°" for angle in ANGLES]
    still = {"ticks": "", "showgrid": False, "constrain": "domain"}
    return figure(
        [heat(100 * sheet, 0, 100, [PALE, "ink"], name="ink")],
        "", [{**still, "range": [-0.5, sheet.shape[1] - 0.5], "showticklabels": False}],
        [{**still, "range": [sheet.shape[0] - 0.5, -0.5], "scaleanchor": "x",
          "scaleratio": 1, "ticktext": names,
          "tickvals": [step * i + (side - 1) / 2 for i in range(len(ANGLES))]}],
        f"The digits 0 to 9, one row for each angle: {', '.join(names)}",
        margin={"l": 34, "r": 4, "t": 6, "b": 6})


def dropped(alpha: str = "fixed", task: str = "45°, Adam", r1: int = 8,
            ranks: tuple[int, ...] = digits_map.RANKS) -> dict:
    """Valleys of the loss on rotated digits, one a rank, and what an η costs there that was tuned
    at r1.

    alpha: one of CHOICES. task: one of ``digits_map.TASKS``.
    """
    rule = CHOICES[alpha]
    scale = digits_map.ALPHA_RULES[rule]
    rates = np.array(digits_map.TASKS[task].rates)
    at = digits_map.tuned(task, r1, scale(r1, r1))
    seeds_costs = digits_map.regrets(task, scale, r1, ranks)
    costs = geometric_mean(seeds_costs)
    rows = {}
    for r, cost, of_seeds in zip(ranks, costs, seeds_costs, strict=True):
        losses = geometric_mean(digits_map.losses(task, r, scale(r, r1)))
        heights = np.log(losses / losses.min()) / np.log(HIGHEST)
        bound = "≥ " if digits_map.at_an_end(task, r, scale(r, r1)) else ""
        words = bound + _cost(cost, np.isinf(of_seeds).sum())
        rows[f"r = {r}"] = Valley(rates, losses, heights, heights[at], words)

    name = rule if rule == "rsLoRA" else f"α {alpha}"
    headline = f"With {name}, the η tuned at r = {r1} {_found(rows)}"
    first, last = np.log10(rates[[0, -1]])
    ticks = power_ticks(math.ceil(first), math.floor(last))
    return valley_rows(rows, rates[at], f"r = {r1}", headline, ticks)


def _cost(factor: float, lost: int) -> str:
    """The loss at a carried rate over the lowest. lost: of the seeds, how many diverged."""
    if lost:
        return f"{lost}/{len(digits_map.SEEDS)} diverge"
    return f"× {factor:.3g}"


def _found(rows: dict[str, Valley]) -> str:
    """Where the η of the first rank is best, and where it costs most, in words."""
    is_best = [row.cost == "× 1" for row in rows.values()]
    ranks = [row.removeprefix("r = ") for row, best in zip(rows, is_best, strict=True) if best]
    *most, last = ranks
    where = f"stays best at r = {', '.join(most)} and {last}"
    if not most:
        return f"is best only there: {_worst(rows)}"
    if len(most) > 1 and all(is_best[is_best.index(True):][:len(ranks)]):
        where = f"stays best from r = {most[0]} to {last}"
    return where if all(is_best) else f"{where}, but {_worst(rows)}"


def _worst(rows: dict[str, Valley]) -> str:
    """Where the η of the first rank costs most, in words."""
    name = max(rows, key=lambda row: rows[row].carried)
    cost = rows[name].cost
    if "diverge" in cost:
        runs = cost.replace("/", " of ").replace("diverge", "runs")
        return f"training diverges in {runs} at {name}"
    factor = cost.replace("× ", "").replace("≥", "at least")
    return f"the loss at {name} is {factor} times its minimum"
