"""Two runs that should be one: loss curves, and the gap between their updates.

Imports the NumPy core, plotly and the style.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import plotly.graph_objects as go

from lora_edu import OPTIMISERS, Adapter, equivalent, initial, optimiser, teacher_student
from lora_edu.chapters.shared.style import COLOURS, ZeroLogAxis, curve, layout
from lora_edu.explore.words import number

SIDE, R, STEPS, SCALING = 16, 4, 60, 0.5
SETTINGS = {"SGD": {"lr": 0.1, "weight_decay": 0.01},
            "Momentum": {"lr": 0.02, "weight_decay": 0.01},
            "Adam": {"lr": 0.01, "weight_decay": 0.01}, "AdamW": {"lr": 0.01, "weight_decay": 0.5}}
C = (0.125, 0.25, 0.3, 0.5, 2, 3, 4, 5, 8)
FAR = 1e3  # a run whose loss is this many times its first is drawn no further


@cache
def problem():
    """A 16 × 16 regression whose target shift has rank 4."""
    return teacher_student(SIDE, SIDE, n=64, shift_rank=4, rng=np.random.default_rng(0))


def path(adapter: Adapter, rule, steps: int = STEPS) -> tuple[np.ndarray, np.ndarray]:
    """(losses, ΔW at every step), shapes (n,) and (n, d, k); it ends where the run goes astray."""
    task, losses, deltas = problem(), [], []
    A, B, s = adapter.A, adapter.B, adapter.scaling
    state = rule.init([A, B])
    for _ in range(steps + 1):
        deltas.append(s * (B @ A))
        loss, G = task.loss_and_gradient(task.W0 + deltas[-1])
        losses.append(loss)
        if not loss < FAR * losses[0]:
            break
        (A, B), state = rule.step([A, B], [s * (B.T @ G), s * (G @ A.T)], state)
    return np.array(losses), np.array(deltas)


def settings(optimiser_name: str, c: float):
    """(adapter, optimiser) of the run whose α is c² times the usual one."""
    A, B = initial(SIDE, SIDE, R, rng=np.random.default_rng(1))
    return Adapter(A, B, SCALING * c * c), optimiser(optimiser_name, **SETTINGS[optimiser_name])


@cache
def first_path(optimiser_name: str, c: float):
    """The path of :func:`settings`, made once."""
    return path(*settings(optimiser_name, c))


def followed(optimiser_name: str, c: float, lr: bool, start: bool, eps: bool, decay: bool):
    """(adapter, optimiser) of the run with the usual α, in which the chosen settings follow."""
    adapter, rule = settings(optimiser_name, c)
    new, changed = equivalent(adapter, rule, c)
    if not start:
        new = Adapter(adapter.A, adapter.B, new.scaling)
    back = {"lr": not lr, "eps": not eps, "weight_decay": not decay}
    return new, replace(changed, **{name: getattr(rule, name) for name, undo in back.items()
                                    if undo and hasattr(rule, name)})


def relative_gap(deltas: np.ndarray, others: np.ndarray) -> np.ndarray:
    """‖ΔW − ΔW′‖ / ‖ΔW‖ at every step, (n,); 0 where the two are equal."""
    gap = np.linalg.norm(deltas - others, axis=(1, 2))
    return np.divide(gap, np.linalg.norm(deltas, axis=(1, 2)), out=gap, where=gap > 0)


def three_runs(c: float = 4) -> go.Figure:
    """Losses of a run of Adam, of α × c² alone, and of α × c² with the settings that undo it."""
    A, B = initial(SIDE, SIDE, R, rng=np.random.default_rng(1))
    rule, usual = optimiser("Adam", lr=SETTINGS["Adam"]["lr"]), Adapter(A, B, SCALING)
    losses = {"α": path(usual, rule)[0],
              f"α × {c * c:g}": path(Adapter(A, B, SCALING * c * c), rule)[0],
              "and more": path(*equivalent(usual, rule, 1 / c))[0]}
    looks = ({"mode": "lines", "line": {"color": COLOURS["loss"], "width": 4}},
             {"mode": "lines", "line": {"color": COLOURS["loss"], "width": 3, "dash": "dot"}},
             {"mode": "markers", "marker": {"color": COLOURS["frozen"], "size": 9}})
    ends = [number(run[-1]) for run in losses.values()]
    same = np.array_equal(losses["α"], losses["and more"])
    return go.Figure(
        [curve("loss", np.arange(STEPS + 1)[::step], run[::step], name=name, **look)
         for (name, run), look, step in zip(losses.items(), looks, (1, 1, 4), strict=True)],
        layout(
            ["loss:  " + "   ".join(
                f'<span style="color:{colour}">{mark} {name}</span>' for colour, mark, name in zip(
                    [COLOURS["loss"], COLOURS["loss"], COLOURS["frozen"]], "━┈●", losses,
                    strict=True))],
            [{"range": [-1.5, STEPS + 1], "title": {"text": "step"}}],
            [{"range": [0, 1.05 * losses["α"][0]]}],
            f"Adam: the loss ends at {ends[0]}; with α × {c * c:g} alone at {ends[1]}; with the "
            f"other settings changed as well at {ends[2]}"
            + (", and is the same at every step, bit for bit" if same else "")))


def invariance(optimiser: str = "Adam", c: float = 4, lr: bool = True, start: bool = True,
               eps: bool = True, decay: bool = True) -> go.Figure:
    """Left: the losses of the two runs. Right: the gap between their updates."""
    losses, deltas = first_path(optimiser, c)
    losses2, deltas2 = path(*followed(optimiser, c, lr, start, eps, decay))
    n = min(len(losses), len(losses2))
    gap = relative_gap(deltas[:n], deltas2[:n])
    frozen = losses[0]
    scale = ZeroLogAxis(-20, 2, every=4)
    grey, purple, green = COLOURS["frozen"], COLOURS["loss"], COLOURS["delta"]
    traces = [
        curve("loss", np.arange(len(losses)), np.minimum(losses, 2 * frozen), mode="lines",
              values=losses, name="α times c²", line={"color": purple, "width": 6}),
        curve("loss", np.arange(len(losses2)), np.minimum(losses2, 2 * frozen), mode="lines",
              values=losses2, name="the settings that follow",
              line={"color": grey, "width": 2.5, "dash": "dash"}),
        curve("delta", np.arange(n), scale.place(gap), panel=2, values=gap,
              name="gap", sizes=[7 if value == 0 else 0 for value in gap])]
    xaxis = {"range": [-1.5, STEPS + 1], "title": {"text": "step"}}
    made = layout(
        [f'<span style="color:{purple}">━ loss, α × c²</span>   '
         f'<span style="color:{grey}">┅ settings that follow</span>',
         f'<span style="color:{green}">◆ ‖ΔW − ΔW′‖ / ‖ΔW‖</span>   (log scale)'],
        [xaxis, xaxis], [{"range": [0, 2.05 * frozen]}, scale.axis()],
        _reading(optimiser, c, lr, start, eps, decay, gap, max(len(losses), len(losses2))))
    if not gap.any():
        made["annotations"].append({
            "text": "exactly 0: the same bits", "x": STEPS / 2,
            "y": (scale.low + scale.high) / 2, "xref": "x2", "yref": "y2", "xanchor": "center",
            "yanchor": "middle", "showarrow": False,
            "font": {"color": green, "size": 15}})
    return go.Figure(traces, made)


def _reading(optimiser_name, c, lr, start, eps, decay, gap, length) -> str:
    powers = OPTIMISERS[optimiser_name].powers
    follows = [f"{name} {_times(c**power)}" for name, power, on in (
        ("η", powers["lr"], lr), ("A and B", 1, start), ("ε", powers.get("eps"), eps),
        (_decay(optimiser_name), powers["weight_decay"], decay)) if on and power is not None]
    if not gap.any():
        end = "the two runs are the same, bit for bit"
    else:
        end = f"the updates differ by up to {number(gap.max())} of their size"
    astray = " (drawn until the loss is a thousand times its start)" if length <= STEPS else ""
    return (f"{optimiser_name}: α {_times(c * c)}, against {', '.join(follows) or 'no change'}: "
            f"{end}{astray}")


def _decay(optimiser_name: str) -> str:
    return "decoupled decay" if optimiser_name == "AdamW" else "L2 decay"


def _times(factor: float) -> str:
    """``4`` → "× 4", ``0.25`` → "÷ 4"."""
    return f"× {factor:.3g}" if factor >= 1 else f"÷ {1 / factor:.3g}"
