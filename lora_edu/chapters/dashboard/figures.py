"""The dashboard for teaching: one run's settings, seen over its steps and against the rank."""

import numpy as np

from lora_edu import STARTS, scaling
from lora_edu.chapters.dashboard import runs
from lora_edu.chapters.shared.axes import labelled
from lora_edu.chapters.shared.looks import BESIDE
from lora_edu.chapters.shared.scale_rules import FORMULAS, SCALE_LOOKS, SCALE_RULES, scale_legend
from lora_edu.chapters.shared.style import (
    ZeroLogAxis,
    coloured,
    curve,
    figure,
    heading,
    line,
    marks,
)
from lora_edu.explore.words import number, short

SHOWN = (0, 1, 2, 3, 5, 10, 20, 35, 60, 100)
VIEWS = ("over the steps", "one step, against r")
QUANTITIES = {"A": "grad_A_norm", "B": "grad_B_norm", "delta": "delta_norm"}
TICKS = (0, 1, 5, 20, 50, 100)
DRAWN = 1e30  # steps with a larger norm or loss, of a run that flies apart, are left out
SIZES = {"A": 12, "B": 15, "delta": 22}  # px of the marks: at one place each shows its rim
FAR = 1e3  # what lies further off is drawn at this distance, outside the axes
LARGE = 16  # px of the panels' titles


def dashboard(r: int = 4, alpha: float = 16, start: str = STARTS[0], optimiser: str = "Adam",
              rule: str = "LoRA", lr: float = 0.003, view: str = VIEWS[0]) -> dict:
    """Two panels of the run with these settings: norms, and the loss beside the useful part."""
    if view == VIEWS[0]:
        return _over_steps(r, alpha, start, optimiser, rule, lr)
    return _against_rank(r, alpha, start, optimiser, rule, lr)


def _over_steps(*settings) -> dict:
    """Left: the three norms, log scale. Right: the loss, and the useful part of ΔW."""
    run = runs.one_run(*settings)
    scale = ZeroLogAxis(-6, 3, every=3)
    shown = [step for step in SHOWN if run.delta_norm[step] < DRAWN and run.loss[step] < DRAWN]
    x = np.sqrt(shown)  # gives the first steps room
    texts = [str(step) for step in shown]
    traces = []
    for quantity, name in QUANTITIES.items():
        values = getattr(run, name)[shown]
        sizes = [SIZES[quantity] if step < 2 or value == 0 else 0  # later steps are lines alone
                 for step, value in zip(shown, values, strict=True)]
        traces.append(curve(quantity, x, scale.place(values), values=values, text=texts,
                            sizes=sizes,
                            symbols="diamond-open" if quantity == "delta" else None,
                            hovertemplate="step %{text}: %{customdata:.3g}<extra></extra>"))
    for quantity, values, dash in (("loss", run.loss, "solid"), ("delta", run.useful, "dash")):
        values = np.clip(values[shown] / runs.frozen_loss(), -FAR, FAR)
        traces.append(line(x, values, quantity, panel=2, width=4, dash=dash, text=texts,
                           name="loss" if quantity == "loss" else "useful part",
                           hovertemplate="step %{text}: %{y:.3g}<extra></extra>"))
    traces.append(line([0, runs.STEPS**0.5], [1, 1], "frozen", panel=2, width=2, dash="dot",
                       name="frozen model"))
    xaxis = labelled("step", -0.5, runs.STEPS**0.5 + 0.4, tickvals=np.sqrt(TICKS).round(4).tolist(),
                     ticktext=[str(tick) for tick in TICKS])
    end = _end(settings[0], run.loss)
    first_step = ", ".join(
        f"‖{label}‖ {number(values[0])} → {number(values[1])}" for label, values in
        (("∇A", run.grad_A_norm), ("∇B", run.grad_B_norm), ("ΔW", run.delta_norm)))
    return _figure(traces, [heading(*QUANTITIES),
                            heading("loss", text="   " + coloured("┅ useful part", "delta"))],
                   [xaxis, xaxis], [scale.axis(), {"range": [-0.15, 2.3]}],
                   f"‖ΔW‖ is {number(run.delta_norm[1])} after one step, and {end}",
                   f"{_set_up(*settings)}. In one step {first_step}; {end}.")


def _against_rank(r, *others) -> dict:
    """‖ΔW‖ (left) and its useful part (right) after one step; the chosen rule in front."""
    alpha, start, optimiser, rule, lr = others
    scale = ZeroLogAxis(-3, 3, every=2)
    traces = []
    changes = []  # of the chosen rule, from the first rank to the last
    factors = []  # the same, at every rank
    for panel, (quantity, label) in enumerate(
            (("delta_norm", "‖ΔW‖"), ("useful", "useful part")), start=1):
        for name in [other for other in SCALE_RULES if other != rule] + [rule]:
            values = runs.ranks_of(quantity, alpha, start, optimiser, name, lr)
            traces.append(SCALE_LOOKS[name].curve(
                np.log2(runs.RANKS), scale.place(np.maximum(values, 0)), name, width=4, size=12,
                panel=panel, values=values, opacity=1.0 if name == rule else BESIDE))
        # ``values`` are now the chosen rule's, which was drawn last.
        changes.append(f"from {number(values[0])} to {number(values[-1])}")
        factors.append(f"{label} × {', '.join(map(number, values))}")
        value = values[runs.RANKS.index(r)]
        traces.append(marks([np.log2(r)], scale.place(max(value, 0)), "B", "square-open", 26,
                            panel=panel, stroke=3, name="this run"))
    xaxis = labelled("r", -0.4, 6.4, tickvals=np.log2(runs.RANKS).tolist(),
                     ticktext=[str(rank) for rank in runs.RANKS])
    yaxis = scale.axis()
    useful_axis = {**yaxis, "ticktext": ["≤ 0", *yaxis["ticktext"][1:]]}  # for "exactly 0"
    return _figure(traces, ["‖ΔW‖,  " + scale_legend(), "useful part"], [xaxis, xaxis],
                   [yaxis, useful_axis],
                   f"From r = {runs.RANKS[0]} to {runs.RANKS[-1]} ‖ΔW‖ goes {changes[0]}, and its "
                   f"useful part {changes[1]}",
                   f"{_set_up(r, *others)}. After one step, for r = "
                   f"{', '.join(map(str, runs.RANKS))}: {'; '.join(factors)} (of the paper's "
                   "start at r = 1).")


def _figure(traces, headings, xaxes, yaxes, title: str, reading: str) -> dict:
    """The two panels with large headings."""
    drawn = figure(traces, title, xaxes, yaxes, reading, headings=headings)
    for note in drawn["layout"]["annotations"]:
        note["font"] = {"size": LARGE}
    return drawn


def _set_up(r, alpha, start, optimiser, rule, lr) -> str:
    s = scaling(r, alpha, SCALE_RULES[rule])
    return f"{optimiser}, η = {short(lr)}, r = {r}, s = {FORMULAS[rule]} = {short(s)}, {start}"


def _end(r, loss) -> str:
    if not np.isfinite(loss[-1]):
        return "the run flies apart"
    if loss[-1] >= loss[0]:
        return "the loss does not fall"
    left = loss[-1] / runs.frozen_loss()
    least = runs.least_loss(r)
    end = f"in {runs.STEPS} steps the loss falls to {number(left)} of the frozen model's"
    return end + (f" (rank {r} can leave {number(least)}, not less)" if least > 1e-6 else "")
