"""Rotated digits: the pictures, and the explorers over the shipped runs."""

from __future__ import annotations

import numpy as np

from lora_edu import scaling
from lora_edu.chapters.rotated_digits import runs
from lora_edu.chapters.shared import digits
from lora_edu.chapters.shared.digit_rows import digit_rows
from lora_edu.chapters.shared.looks import named_ticks, said, seeds
from lora_edu.chapters.shared.scale_rules import FORMULAS, SCALE_RULES
from lora_edu.chapters.shared.style import coloured, curve, figure, layout, line, marks
from lora_edu.explore.words import number, short

OLD = {"new classes": "digits 0–4"}  # what the base was trained on, where not "upright digits"
DASHES = {"full": "solid", "head": "dash", "frozen": "dot"}
SHARE = {"range": [-0.06, 1.04], "tickformat": ".0%", "dtick": 0.2}
CROWDED = 0.2  # an η whose name has no place beside the next


def three_tasks() -> dict:
    """The first training picture of each digit, upright, rotated by 90° and inverted."""
    shown = digits.load()
    first = shown.X_train[[int(np.argmax(shown.y_train == digit))
                           for digit in range(digits.CLASSES)]]
    rows = {"upright": first, "rotated": digits.rotate(first, 90), "inverted": 1 - first}
    return digit_rows(rows, "The digits 0 to 9, upright, rotated by 90 degrees, and inverted")


def rotated_digits(task: str = "rotated", place: str = "first layer", rule: str = "LoRA",
                   r: int = 4, lr: float = 0.03) -> dict:
    """Test accuracy against r at this η (left), and against η at this r (right)."""
    t = runs.TASKS.index(task)
    at = t, runs.PLACES.index(place), list(runs.ALPHAS).index(rule)
    values = runs.shipped()["lora"][at]  # (r, η, seeds, 3)
    at_rank, at_rate = runs.RANKS.index(r), runs.RATES.index(lr)
    traces = [_level("frozen", runs.shipped()["frozen"][t, 1])]
    traces += [_level(method, np.median(runs.chosen(task, method)[1][:, 1]))
               for method in runs.METHODS if method in DASHES]
    traces += _curve("delta", "new task", runs.RANKS, values[:, at_rate, :, 1], at_rank, 1)
    traces += _curve("loss", "old task", runs.RATES, values[at_rank, :, :, 2], at_rate, 2)
    traces += _curve("delta", "new task", runs.RATES, values[at_rank, :, :, 1], at_rate, 2)
    return figure(traces, layout(
        ["new task:  ━ full  ┅ head  ┈ frozen",
         f"{coloured('◆ new task', 'delta')}   {coloured('● old task', 'loss')}"],
        [named_ticks(runs.RANKS, f"r   (at η = {short(lr)})"),
         named_ticks(runs.RATES, f"η   (at r = {r})",
                     names=lambda rate: "" if rate == CROWDED else short(rate))],
        [SHARE, SHARE], _reading(task, place, rule, r, lr, values[at_rank, at_rate])))


def _level(name: str, height: float) -> dict:
    """A level line across the left panel, in grey."""
    return line([runs.RANKS[0] * 0.8, runs.RANKS[-1] * 1.25], [height] * 2, "frozen", width=2,
                dash=DASHES[name], **said(name))


def _curve(quantity: str, name: str, x, values: np.ndarray, here: int, panel: int) -> list[dict]:
    """All seeds as dots, their median as a line, and a ring around the chosen place."""
    middle = np.median(values, axis=1)
    ring = marks([x[here]], [middle[here]], "B", "circle-open", 18, panel=panel, stroke=3,
                 **said("here"))
    return [seeds(x, values, quantity, panel=panel),
            curve(quantity, x, middle, panel=panel, name=name), *[ring] * (name != "old task")]


def _reading(task: str, place: str, rule: str, r: int, lr: float, found: np.ndarray) -> str:
    s = scaling(r, runs.ALPHAS[rule], SCALE_RULES[rule])
    _, new, old = np.median(found, axis=0)
    base = runs.shipped()["frozen"][runs.TASKS.index(task), 2]
    return (f"{task}, LoRA on {'the first layer' if place == runs.PLACES[0] else place}, r = {r}, "
            f"s = {FORMULAS[rule]} = {number(s)}, η = {short(lr)}: {new:.0%} of the test pictures "
            f"right ({found[:, 1].min():.0%} to {found[:, 1].max():.0%} over the seeds). On "
            f"{OLD.get(task, 'upright digits')}: {old:.0%} with the adapter, {base:.0%} without")


def moving_zero(share: float = 0.0, trained: str = "r = 16") -> dict:
    """Inverted digits: test accuracy (left); silent units and pairs that pass (right)."""
    at = runs.SHARES.index(share), list(runs.TRAINED).index(trained)
    values = runs.shipped()["paths"][at]  # (seeds, n, 3)
    middle = np.median(values, axis=0)  # (n, 3)
    looks = ((1, "delta", "test accuracy", "solid"), (2, "loss", "silent units", "solid"),
             (2, "A", "pairs that pass", "dot"))
    traces = []
    for i, (panel, quantity, name, dash) in enumerate(looks):
        traces += [line(runs.SHOWN, seed, quantity, panel=panel, width=1.5, dash=dash, opacity=0.4,
                        name="each seed") for seed in values[..., i]]
        traces.append(line(runs.SHOWN, middle[:, i], quantity, panel=panel, width=3.5, dash=dash,
                           **said(name)))
    steps = {"range": [-4, 204], "title": {"text": "step"}}
    accuracy, silent, passing = middle[-1]
    what = f"LoRA, {trained}" if runs.TRAINED[trained] else "all of the first W trained"
    return figure(traces, layout(
        ["test accuracy",
         f"{coloured('━ silent units', 'loss')}   {coloured('┅ pairs that pass', 'A')}"],
        [steps, steps], [SHARE, SHARE],
        f"{what}, {share:.0%} of the mean picture taken off: after {runs.SHOWN[-1]} steps "
        f"{accuracy:.0%} of the test pictures right, {silent:.0%} of the units silent, "
        f"{passing:.0%} of the pairs of unit and picture pass (medians)"))
