"""Rotated digits: the explorer over the shipped runs.

Imports the NumPy core, plotly and the style. The runs lie in ``runs.npz``, as counts of
pictures; ``python -m lora_edu.chapters.rotated_digits.runs`` makes that file.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import plotly.graph_objects as go

from lora_edu import _check, scaling
from lora_edu.chapters.shared.digits import TRAIN
from lora_edu.chapters.shared.style import COLOURS, curve, layout
from lora_edu.explore.words import number, short

DATA = Path(__file__).with_name("runs.npz")
TASKS = ("rotated", "new classes", "inverted", "inverted, centred")
PLACES = ("first layer", "all layers")  # where the adapters are
METHODS = ("head", "full", "first W")  # what else is trained; the last: all of W there, no bias
RULES = {"LoRA": "lora", "rsLoRA": "rslora", "unscaled": "none"}
FORMULAS = {"LoRA": "α/r", "rsLoRA": "α/√r", "unscaled": "α"}
ALPHAS = {"LoRA": 8.0, "rsLoRA": 8.0**0.5, "unscaled": 1.0}  # s = 1 at r = 8 under each rule
RANKS = (1, 2, 4, 8, 16, 64)
RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3)
SEEDS = 5
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the mean picture, taken off the inputs
TRAINED = {"r = 1": 1, "r = 4": 4, "r = 16": 16, "r = 64": 64, "all of W": None}
SHOWN, SHOWN_RATE, UNITS = tuple(range(0, 201, 10)), 0.03, 128
# LoRA of rank 16 in the first layer, on inverted digits, with biases trained along …
BIASES = {"none": (), "the first": ("0",), "all three": ("0", "2", "4")}
BIAS_RATES, BIAS_SEEDS = (0.01, 0.03, 0.05, 0.1, 0.2), 30
# … or in another way: rule, η, steps …
ATTEMPTS = (("Adam", 1e-3, 2000), ("Adam", 3e-4, 6000), ("Adam", 1e-4, 6000),
            *(("Adam, warm-up", lr, 1000) for lr in (1e-3, 3e-3, 1e-2, 3e-2)),
            ("SGD", 3e-5, 10000), ("SGD", 1e-4, 10000), ("SGD", 1e-3, 1000), ("SGD", 1e-2, 1000))
# … or on other bases: seed of the base, seed of the split
BASES, BASES_SEEDS = ((0, 0), (1, 0), (2, 0), (3, 0), (0, 1), (0, 2)), 3

OLD = {"new classes": "digits 0–4"}  # what the base was trained on, where not "upright digits"
DASHES = {"full": "solid", "head": "dash", "frozen": "dot"}
SHARE = {"range": [-0.02, 1.04], "tickformat": ".0%", "dtick": 0.2}


@cache
def runs() -> dict[str, np.ndarray]:
    """Accuracies of all runs on "val", "test" and "old" (last axis), with the adapter on.

    "lora": (tasks, places, rules, ranks, rates, seeds, 3). "others": (tasks, methods, rates,
    seeds, 3). "frozen": (tasks, 3), the base.

    Of inverted digits, a *state* being accuracy on "test", the share of silent units, and the
    share of (unit, picture) pairs that pass: "paths" (shares, trained, seeds, steps) and "attempts"
    (attempts, seeds), states; "biases" (biases, their rates, their seeds), accuracy on "test".
    "bases" (bases, "rotated" and "inverted", mean left in and taken off, rates, seeds, 4), accuracy
    on "val" and the state.
    """
    with np.load(DATA) as data:
        sizes = data["sizes"].astype(float)  # (tasks, 3)
        lora, others = (data[name] / sizes.reshape(len(TASKS), *(1,) * (data[name].ndim - 2), 3)
                        for name in ("lora", "others"))
        val, test, _ = sizes[TASKS.index("inverted")]
        state = np.array([test, UNITS, UNITS * TRAIN])
        return {"lora": lora, "others": others, "frozen": data["frozen"] / sizes,
                "paths": data["paths"] / state, "attempts": data["attempts"] / state,
                "biases": data["biases"] / test,
                "bases": data["bases"] / np.array([val, *state])}


def tried(task: str, method: str, r: int = 8, rule: str = "LoRA") -> np.ndarray:
    """All runs of one method, (rates, seeds, 3).

    method: one of METHODS, or of PLACES for LoRA there with rank ``r``.
    """
    _check.choice("method", method, (*METHODS, *PLACES))
    t = TASKS.index(task)
    if method in METHODS:
        return runs()["others"][t, METHODS.index(method)]
    return runs()["lora"][t, PLACES.index(method), list(RULES).index(rule), RANKS.index(r)]


def chosen(task: str, method: str, r: int = 8, rule: str = "LoRA") -> tuple[float, np.ndarray]:
    """The η with the best median accuracy on the validation part, and the runs at it, (seeds, 3).

    Of equal rates the least.
    """
    found = tried(task, method, r, rule)
    best = int(np.median(found[..., 0], axis=1).argmax())
    return RATES[best], found[best]


def rotated_digits(task: str = "rotated", place: str = "first layer", rule: str = "LoRA",
                   r: int = 4, lr: float = 0.03) -> go.Figure:
    """Test accuracy against r at this η (left), and against η at this r (right)."""
    t = TASKS.index(task)
    values = runs()["lora"][t, PLACES.index(place), list(RULES).index(rule)]  # (r, η, seeds, 3)
    at_rank, at_rate = RANKS.index(r), RATES.index(lr)
    traces = [_level(t, "frozen", runs()["frozen"][t, 1])]
    traces += [_level(t, method, np.median(chosen(task, method)[1][:, 1]))
               for method in METHODS if method in DASHES]
    traces += _curve("delta", "new task", RANKS, values[:, at_rate, :, 1], at_rank, 1)
    traces += _curve("loss", "old task", RATES, values[at_rank, :, :, 2], at_rate, 2)
    traces += _curve("delta", "new task", RATES, values[at_rank, :, :, 1], at_rate, 2)
    return go.Figure(traces, layout(
        ["new task:  ━ full  ┅ head  ┈ frozen",
         f'<span style="color:{COLOURS["delta"]}">◆ new task</span>   '
         f'<span style="color:{COLOURS["loss"]}">● old task</span>'],
        [_ticks(RANKS, f"r   (at η = {short(lr)})"), _ticks(RATES, f"η   (at r = {r})", 0.2)],
        [SHARE, SHARE], _reading(task, place, rule, r, lr, values[at_rank, at_rate])))


def _level(t: int, name: str, height: float) -> go.Scatter:
    """A level line across the left panel, in grey."""
    return curve("delta", [RANKS[0] * 0.8, RANKS[-1] * 1.25], [height] * 2, mode="lines",
                 name=name, line={"color": COLOURS["frozen"], "width": 2, "dash": DASHES[name]})


def _curve(quantity: str, name: str, x, values: np.ndarray, here: int, panel: int) -> list:
    """All seeds as dots, their median as a line, and a ring around the chosen place."""
    middle = np.median(values, axis=1)
    colour = COLOURS[quantity]
    dots = curve(quantity, np.repeat(x, values.shape[1]), values.ravel(), panel=panel,
                 mode="markers", name="each seed", hoverinfo="skip", hovertemplate=None,
                 marker={"symbol": "circle", "size": 4, "color": colour})
    line = curve(quantity, x, middle, panel=panel, name=name)
    if name == "old task":
        return [dots, line]
    ring = curve(quantity, [x[here]], [middle[here]], panel=panel, mode="markers", name="here",
                 marker={"size": 18, "color": COLOURS["B"], "symbol": "circle-open",
                         "line": {"width": 3}})
    return [dots, line, ring]


def _ticks(values, title: str, crowded: float | None = None) -> dict:
    """A log axis with a tick at each value, named but for the one that is too near the next."""
    ends = np.log10([values[0], values[-1]])
    return {"type": "log", "tickvals": list(values),
            "ticktext": ["" if v == crowded else short(v) for v in values],
            "range": [float(ends[0] - 0.1), float(ends[1] + 0.1)], "title": {"text": title}}


def _reading(task: str, place: str, rule: str, r: int, lr: float, seeds: np.ndarray) -> str:
    s = scaling(r, ALPHAS[rule], RULES[rule])
    _, new, old = np.median(seeds, axis=0)
    base = runs()["frozen"][TASKS.index(task), 2]
    return (f"{task}, LoRA on {'the first layer' if place == PLACES[0] else place}, r = {r}, "
            f"s = {FORMULAS[rule]} = {number(s)}, η = {short(lr)}: {new:.0%} of the test pictures "
            f"right ({seeds[:, 1].min():.0%} to {seeds[:, 1].max():.0%} over the seeds). On "
            f"{OLD.get(task, 'upright digits')}: {old:.0%} with the adapter, {base:.0%} without")


def moving_zero(share: float = 0.0, trained: str = "r = 16") -> go.Figure:
    """Inverted digits: test accuracy (left); silent units and pairs that pass (right)."""
    values = runs()["paths"][SHARES.index(share), list(TRAINED).index(trained)]  # (seeds, n, 3)
    middle = np.median(values, axis=0)  # (n, 3)
    looks = ((1, "delta", "test accuracy", "solid"), (2, "loss", "silent units", "solid"),
             (2, "A", "pairs that pass", "dot"))
    traces = []
    for i, (panel, quantity, name, dash) in enumerate(looks):
        traces += [curve(quantity, SHOWN, seed, panel=panel, mode="lines", name="each seed",
                         hoverinfo="skip", hovertemplate=None, opacity=0.4,
                         line={"color": COLOURS[quantity], "width": 1.5, "dash": dash})
                   for seed in values[..., i]]
        traces.append(curve(quantity, SHOWN, middle[:, i], panel=panel, mode="lines", name=name,
                            line={"color": COLOURS[quantity], "width": 3.5, "dash": dash}))
    steps = {"range": [-4, 204], "title": {"text": "step"}}
    accuracy, silent, passing = middle[-1]
    what = f"LoRA, {trained}" if TRAINED[trained] else "all of the first W trained"
    return go.Figure(traces, layout(
        ["test accuracy", f'<span style="color:{COLOURS["loss"]}">━ silent units</span>   '
         f'<span style="color:{COLOURS["A"]}">┅ pairs that pass</span>'],
        [steps, steps], [SHARE, SHARE],
        f"{what}, {share:.0%} of the mean picture taken off: after {SHOWN[-1]} steps "
        f"{accuracy:.0%} of the test pictures right, {silent:.0%} of the units silent, "
        f"{passing:.0%} of the pairs of unit and picture pass (medians)"))
