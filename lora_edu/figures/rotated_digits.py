"""Rotated digits: the explorer over the shipped runs.

Imports the NumPy core, plotly and the style. The runs lie in ``rotated_digits.npz``, as counts of
pictures; ``python -m lora_edu.figures.rotated_map`` makes that file.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import plotly.graph_objects as go

from lora_edu import _check, scaling
from lora_edu.figures.style import COLOURS, curve, layout
from lora_edu.figures.text import number, short

DATA = Path(__file__).with_name("rotated_digits.npz")
TASKS = ("rotated", "new classes", "inverted", "inverted, centred")
PLACES = ("first layer", "all layers")  # where the adapters are
METHODS = ("head", "full")  # what else is trained
RULES = {"LoRA": "lora", "rsLoRA": "rslora", "unscaled": "none"}
FORMULAS = {"LoRA": "α/r", "rsLoRA": "α/√r", "unscaled": "α"}
ALPHAS = {"LoRA": 8.0, "rsLoRA": 8.0**0.5, "unscaled": 1.0}  # s = 1 at r = 8 under each rule
RANKS = (1, 2, 4, 8, 16, 64)
RATES = (0.001, 0.003, 0.01, 0.03, 0.1)
SEEDS = 3
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the mean picture, taken off the inputs
TRAINED = {"r = 1": 1, "r = 4": 4, "r = 16": 16, "r = 64": 64, "all of W": None}
SHOWN, SHOWN_RATE, UNITS = tuple(range(0, 201, 10)), 0.03, 128

OLD = {"new classes": "digits 0–4"}  # what the base was trained on, where not "upright digits"
DASHES = {"full": "solid", "head": "dash", "frozen": "dot"}
SHARE = {"range": [-0.02, 1.04], "tickformat": ".0%", "dtick": 0.2}


@cache
def runs() -> dict[str, np.ndarray]:
    """Accuracies of all runs on "val", "test" and "old" (last axis), with the adapter on.

    "lora": (tasks, places, rules, ranks, rates, seeds, 3). "others": (tasks, methods, rates,
    seeds, 3). "frozen": (tasks, 3), the base. "paths": (shares, trained, seeds, steps, 2),
    accuracy on "test" and the share of silent units.
    """
    with np.load(DATA) as data:
        sizes = data["sizes"].astype(float)  # (tasks, 3)
        lora, others = (data[name] / sizes.reshape(len(TASKS), *(1,) * (data[name].ndim - 2), 3)
                        for name in ("lora", "others"))
        tests = sizes[TASKS.index("inverted"), 1]
        return {"lora": lora, "others": others, "frozen": data["frozen"] / sizes,
                "paths": data["paths"] / np.array([tests, UNITS])}


def chosen(task: str, method: str, r: int = 8, rule: str = "LoRA") -> tuple[float, np.ndarray]:
    """The η with the best mean accuracy on the validation part, and the runs at it, (seeds, 3).

    method: one of METHODS, or of PLACES for LoRA there with rank ``r``. Of equal rates the least.
    """
    _check.choice("method", method, (*METHODS, *PLACES))
    t = TASKS.index(task)
    if method in METHODS:
        values = runs()["others"][t, METHODS.index(method)]
    else:
        values = runs()["lora"][t, PLACES.index(method), list(RULES).index(rule), RANKS.index(r)]
    best = int(values[..., 0].mean(axis=1).argmax())
    return RATES[best], values[best]


def rotated_digits(task: str = "rotated", place: str = "first layer", rule: str = "LoRA",
                   r: int = 4, lr: float = 0.03) -> go.Figure:
    """Test accuracy against r at this η (left), and against η at this r (right)."""
    t = TASKS.index(task)
    values = runs()["lora"][t, PLACES.index(place), list(RULES).index(rule)]  # (r, η, seeds, 3)
    at_rank, at_rate = RANKS.index(r), RATES.index(lr)
    traces = [_level(t, "frozen", runs()["frozen"][t, 1])]
    traces += [_level(t, method, chosen(task, method)[1][:, 1].mean()) for method in METHODS]
    traces += _curve("delta", "new task", RANKS, values[:, at_rate, :, 1], at_rank, 1)
    traces += _curve("loss", "old task", RATES, values[at_rank, :, :, 2], at_rate, 2)
    traces += _curve("delta", "new task", RATES, values[at_rank, :, :, 1], at_rate, 2)
    return go.Figure(traces, layout(
        ["new task:  ━ full  ┅ head  ┈ frozen",
         f'<span style="color:{COLOURS["delta"]}">◆ new task</span>   '
         f'<span style="color:{COLOURS["loss"]}">● old task</span>'],
        [_ticks(RANKS, f"r   (at η = {short(lr)})"), _ticks(RATES, f"η   (at r = {r})")],
        [SHARE, SHARE], _reading(task, place, rule, r, lr, values[at_rank, at_rate])))


def _level(t: int, name: str, height: float) -> go.Scatter:
    """A level line across the left panel, in grey."""
    return curve("delta", [RANKS[0] * 0.8, RANKS[-1] * 1.25], [height] * 2, mode="lines",
                 name=name, line={"color": COLOURS["frozen"], "width": 2, "dash": DASHES[name]})


def _curve(quantity: str, name: str, x, values: np.ndarray, here: int, panel: int) -> list:
    """All seeds as dots, their mean as a line, and a ring around the chosen place."""
    mean = values.mean(axis=1)
    colour = COLOURS[quantity]
    dots = curve(quantity, np.repeat(x, values.shape[1]), values.ravel(), panel=panel,
                 mode="markers", name="each seed", hoverinfo="skip", hovertemplate=None,
                 marker={"symbol": "circle", "size": 4, "color": colour})
    line = curve(quantity, x, mean, panel=panel, name=name)
    if name == "old task":
        return [dots, line]
    ring = curve(quantity, [x[here]], [mean[here]], panel=panel, mode="markers", name="here",
                 marker={"size": 18, "color": COLOURS["B"], "symbol": "circle-open",
                         "line": {"width": 3}})
    return [dots, line, ring]


def _ticks(values, title: str) -> dict:
    ends = np.log10([values[0], values[-1]])
    return {"type": "log", "tickvals": list(values), "ticktext": [short(v) for v in values],
            "range": [float(ends[0] - 0.1), float(ends[1] + 0.1)], "title": {"text": title}}


def _reading(task: str, place: str, rule: str, r: int, lr: float, seeds: np.ndarray) -> str:
    s = scaling(r, ALPHAS[rule], RULES[rule])
    _, new, old = seeds.mean(axis=0)
    base = runs()["frozen"][TASKS.index(task), 2]
    return (f"{task}, LoRA on {'the first layer' if place == PLACES[0] else place}, r = {r}, "
            f"s = {FORMULAS[rule]} = {number(s)}, η = {short(lr)}: {new:.0%} of the test pictures "
            f"right ({seeds[:, 1].min():.0%} to {seeds[:, 1].max():.0%} over the seeds). On "
            f"{OLD.get(task, 'upright digits')}: {old:.0%} with the adapter, {base:.0%} without")


def moving_zero(share: float = 0.0, trained: str = "r = 16") -> go.Figure:
    """Inverted digits: test accuracy (left) and silent units (right) over the steps."""
    values = runs()["paths"][SHARES.index(share), list(TRAINED).index(trained)]  # (seeds, n, 2)
    traces = []
    for panel, quantity in ((1, "delta"), (2, "loss")):
        traces += [curve(quantity, SHOWN, seed, panel=panel, mode="lines", name="each seed",
                         hoverinfo="skip", hovertemplate=None, opacity=0.4,
                         line={"color": COLOURS[quantity], "width": 1.5})
                   for seed in values[..., panel - 1]]
        traces.append(curve(quantity, SHOWN, values[..., panel - 1].mean(axis=0), panel=panel,
                            mode="lines", name=("test accuracy", "silent units")[panel - 1],
                            line={"color": COLOURS[quantity], "width": 3.5}))
    steps = {"range": [-4, 204], "title": {"text": "step"}}
    accuracy, silent = values[:, -1].mean(axis=0)
    what = f"LoRA, {trained}" if TRAINED[trained] else "all of the first W trained"
    return go.Figure(traces, layout(
        ["test accuracy", "silent units of the first layer"], [steps, steps], [SHARE, SHARE],
        f"{what}, {share:.0%} of the mean picture taken off: after {SHOWN[-1]} steps "
        f"{accuracy:.0%} of the test pictures right, {silent:.0%} of the units silent"))
