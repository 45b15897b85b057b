"""Two runs that should be one, and what a larger α is worth where A's start stays."""

from __future__ import annotations

import numpy as np

from lora_edu import OPTIMISERS, equivalent, optimiser
from lora_edu.chapters.invariance.runs import (
    SETTINGS,
    STEPS,
    first_path,
    followed,
    path,
    relative_gap,
    with_scale,
)
from lora_edu.chapters.invariance.runs_slide import worth
from lora_edu.chapters.shared.style import (
    COLOURS,
    ZeroLogAxis,
    coloured,
    curve,
    figure,
    layout,
    level,
    line,
    marks,
    power_ticks,
)
from lora_edu.explore.words import number

C = (0.125, 0.25, 0.3, 0.5, 2, 3, 4, 5, 8)
STEP_AXIS = {"range": [-1.5, STEPS + 1], "title": {"text": "step"}}


def three_runs(c: float = 4) -> dict:
    """Losses of a run of Adam, of α × c² alone, and of α × c² with the settings that undo it."""
    rule, usual, times = optimiser("Adam", lr=SETTINGS["Adam"]["lr"]), with_scale(1), f"{c * c:g}"
    one, wide, third = (path(*run)[0] for run in (
        (usual, rule), (with_scale(c * c), rule), equivalent(usual, rule, 1 / c)))
    steps, hover = np.arange(STEPS + 1), "{} = %{{y:.3g}}<extra></extra>"
    names = "α", f"α × {times}", f"α × {times}, others too"
    traces = [
        line(steps, one, "loss", width=4, name=names[0], hovertemplate=hover.format(names[0])),
        line(steps, wide, "loss", width=3, dash="dot", name=names[1],
             hovertemplate=hover.format(names[1])),
        marks(steps[::4], third[::4], "frozen", "circle", 9, name=names[2],
              hovertemplate=hover.format(names[2]))]
    title = "   ".join(coloured(f"{mark} {name}", colour) for mark, name, colour in
                       zip("━┈●", names, ("loss", "loss", "frozen"), strict=True))
    return figure(traces, layout(
        ["loss:  " + title], [STEP_AXIS], [{"range": [0, 1.05 * one[0]]}],
        f"Adam: the loss ends at {number(one[-1])}; with α × {times} alone at {number(wide[-1])}; "
        f"with the other settings changed as well at {number(third[-1])}"))


def invariance(optimiser: str = "Adam", c: float = 4, lr: bool = True, start: bool = True,
               eps: bool = True, decay: bool = True) -> dict:
    """Left: the losses of the two runs. Right: the gap between their updates."""
    losses, deltas = first_path(optimiser, c)
    losses2, deltas2 = path(*followed(optimiser, c, lr, start, eps, decay))
    n = min(len(losses), len(losses2))
    gap = relative_gap(deltas[:n], deltas2[:n])
    top = 2 * losses[0]
    scale = ZeroLogAxis(-20, 2, every=4)
    traces = [
        curve("loss", np.arange(len(losses)), np.minimum(losses, top), mode="lines",
              values=losses, name="α times c²", line={"color": COLOURS["loss"], "width": 6}),
        curve("loss", np.arange(len(losses2)), np.minimum(losses2, top), mode="lines",
              values=losses2, name="the settings that follow",
              line={"color": COLOURS["frozen"], "width": 2.5, "dash": "dash"}),
        curve("delta", np.arange(n), scale.place(gap), panel=2, values=gap,
              name="gap", sizes=[7 if value == 0 else 0 for value in gap])]
    made = layout(
        [coloured("━ loss, α × c²", "loss") + "   " + coloured("┅ settings that follow", "frozen"),
         coloured("◆ ‖ΔW − ΔW′‖ / ‖ΔW‖", "delta") + "   (log scale)"],
        [STEP_AXIS, STEP_AXIS], [{"range": [0, 1.025 * top]}, scale.axis()],
        _reading(optimiser, c, lr, start, eps, decay, gap, max(len(losses), len(losses2))))
    if not gap.any():
        made["annotations"].append({
            "text": "exactly 0: the same bits", "x": STEPS / 2,
            "y": (scale.low + scale.high) / 2, "xref": "x2", "yref": "y2", "xanchor": "center",
            "yanchor": "middle", "showarrow": False,
            "font": {"color": COLOURS["delta"]}})
    return figure(traces, made)


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


def slide(factor: int = 16) -> dict:
    """μ against how far A has moved from its start; dashed, the two ends."""
    moved, m = worth(factor)
    ends = {f"f = {factor}": np.log2(factor), f"√f = {factor**0.5:g}": np.log2(factor**0.5)}
    traces = [line(moved, np.log2(m), "A", width=4, name="μ", customdata=m,
                   hovertemplate="A moved by %{x:.2g} of its start: μ = %{customdata:.3g}"
                                 "<extra></extra>"),
              *(level(end, [1e-4, 1e3]) for end in ends.values())]
    at = {where: float(np.exp(np.interp(np.log(where), np.log(moved), np.log(m))))
          for where in (0.01, 0.1, 1, 10)}
    said = " · ".join(f"A moved by {where:g} of its start: η × {value:.3g}"
                      for where, value in at.items())
    made = layout(
        [coloured(f"━ μ: α × {factor} acts like η × μ", "A")],
        [{**power_ticks(-3, 2), "range": [-3.2, 2.2],
          "title": {"text": "how far A has moved: ‖A − A₀‖ / ‖A₀‖"}}],
        [{"range": [-0.3, 6.4], "tickvals": list(range(7)),
          "ticktext": [str(2**e) for e in range(7)]}],
        f"α × {factor}: {said}")
    for text, end in ends.items():
        made["annotations"].append({
            "text": text, "x": 1, "xref": "x domain", "y": end, "yref": "y",
            "xanchor": "right", "yanchor": "bottom", "showarrow": False,
            "font": {"color": COLOURS["frozen"]}})
    return figure(traces, made)
