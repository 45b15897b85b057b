"""Forward and backward by hand: the error of numerical gradients, and what a step costs."""

from __future__ import annotations

import numpy as np

from lora_edu.chapters.by_hand.runs import EXPONENTS, SCHEMES, errors, memory, multiplications
from lora_edu.chapters.shared.drawing import box, connect, drawing, fill, say
from lora_edu.chapters.shared.looks import BESIDE
from lora_edu.chapters.shared.style import (
    COLOURS,
    ZeroLogAxis,
    coloured,
    figure,
    layout,
    line,
    marks,
)
from lora_edu.explore.words import number, power

SCHEME_COLOURS = dict(zip(SCHEMES, (COLOURS["A"], COLOURS["B"], COLOURS["delta"]), strict=True))
PARTS = {"forward": "#808080", "weights": "#808080", "∇X": "#aa6bc0", "inputs kept": "#aa6bc0",
         "∇W": "#d55e00", "gradients": "#d55e00", "∇A and ∇B": "#3b82c4",
         "Adam's moments": "#009e73"}


def two_paths(n: int = 3, d: int = 4, k: int = 5, r: int = 1) -> dict:
    """The layer's two paths with every matrix to scale. Left: forward. Right: the gradients."""
    upper, lower, middle = d / 2 + 1, -d / 2 - 1.5, -0.25  # where the centres lie
    gap = 2.6
    path = {"A": (k, r), "U": (r, n), "B": (r, d)}  # of the adapter: (width, height)
    x, at = k + 1.6 * gap, {"X": (0, middle, k, n)}
    at["W₀"] = x, upper, k, d
    for name, (width, height) in path.items():
        at[name] = x, lower, width, height
        x += width + gap
    x += 0.6 * gap
    at["H"] = x, middle, d, n
    shapes = {"X": "n × k", "W₀": "d × k", "A": "r × k", "U": "n × r", "B": "d × r", "H": "n × d"}
    back = {"X": "∇X", "W₀": "W₀", "A": "∇A", "U": "∇U", "B": "∇B", "H": "D"}
    looks = {"A": ("A", 0.6), "B": ("B", 0.6), "U": ("loss", 0.6), "W₀": ("frozen", 0.5)}
    parts = []
    for panel, names in ((1, dict(zip(at, at, strict=True))), (2, back)):
        for name, (left, centre, width, height) in at.items():
            quantity, strength = looks.get(name, ("frozen", 0))
            parts.append(box(left, centre - height / 2, width, height,
                             fill(quantity, strength), panel=panel))
            above = 0 if min(width, height) > r else height / 2 + 0.9  # what is thin has no room
            parts.append(say({(left + width / 2, centre + above): names[name]}, panel=panel))
        parts += _wires(at, gap, panel)
        parts.append(say({(at[name][0] - 0.7, at[name][1]): "▸" if panel == 1 else "◂"
                          for name in ("W₀", "A", "H")}, panel=panel, size=15))
        if panel == 1:
            parts.append(say({(left + width / 2, centre - height / 2 - 0.9): shapes[name]
                              for name, (left, centre, width, height) in at.items()}, size=10))
    span = (-0.6, x + d + 0.6), (lower - d / 2 - 1.8, upper + d / 2 + 0.7)
    return drawing(parts, [span, span], (
        f"Forward, X goes through the frozen W₀ and, beside it, through A and B. Back, from D come "
        f"the gradients of B, U, A and X, and none of W₀. As drawn, A and B have {r * (d + k)} "
        f"numbers, W₀ has {d * k}"), titles=["forward: H = XW₀ᵀ + s·UBᵀ", "back: D = ∂L/∂H"])


def _wires(at: dict, gap: float, panel: int) -> list[dict]:
    """The lines of both paths, from X on the left to H on the right."""
    def side(name, right):
        left, centre, width, _ = at[name]
        return (left + width if right else left), centre

    start, end = side("X", True), side("H", False)
    fork, join = start[0] + 0.5 * gap, end[0] - 0.6 * gap
    chain = []
    for first, last in (("W₀", "W₀"), ("A", "B")):
        into, out = side(first, False), side(last, True)
        chain += connect(start, (fork, start[1]), (fork, into[1]), into, panel=panel)
        chain += connect(out, (join, out[1]), (join, end[1]), end, panel=panel)
    for one, other in (("A", "U"), ("U", "B")):
        chain += connect(side(one, True), side(other, False), panel=panel)
    return chain


def v_curve(scheme: str = SCHEMES[1], h: float = 1e-5) -> dict:
    """The error of a numerical gradient against its step size, all schemes, one of them marked."""
    axis = ZeroLogAxis(-18, 1, every=3)
    traces = [line(EXPONENTS, axis.place(errors(name)), colour, width=3 if name == scheme else 2,
                   mode="lines+markers", marker={"size": 6}, name=name, customdata=errors(name),
                   opacity=1.0 if name == scheme else BESIDE,
                   hovertemplate=f"{name}: %{{customdata:.1e}}<extra></extra>")
              for name, colour in SCHEME_COLOURS.items()]
    at = EXPONENTS.index(round(np.log10(h)))
    error = errors(scheme)[at]
    traces.append(marks([EXPONENTS[at]], axis.place(error), SCHEME_COLOURS[scheme], "diamond", 15,
                        name="chosen", customdata=[error],
                        hovertemplate="%{customdata:.1e}<extra></extra>"))
    ticks = list(range(-16, 0, 3))
    return figure(traces, layout(
        ["   ".join(coloured(f"● {name.split()[0]}", colour)
                    for name, colour in SCHEME_COLOURS.items())],
        [{"range": [-16.5, -0.5], "tickvals": ticks, "ticktext": [power(t) for t in ticks],
          "title": {"text": "step size h"}}],
        [axis.axis("relative error of ∇A")],
        f"{scheme}, h = {power(EXPONENTS[at])}: largest error {number(error)}, relative to the "
        f"largest entry of ∇A · best of this scheme: {number(errors(scheme).min())}"))


def costs(d: int = 1024, n: int = 1024, r: int = 8) -> dict:
    """Stacked bars for a d × d layer: multiplications (left) and numbers kept (right)."""
    counted = {"": multiplications(d, d, n, r), "2": memory(d, d, n, r)}
    totals = [sum(counts["LoRA"].values()) / sum(counts["full"].values())
              for counts in counted.values()]
    top = max(1.35, 1.05 * max(totals))
    traces = []
    for panel, counts in counted.items():
        whole = sum(counts["full"].values())
        for part in dict.fromkeys([*counts["full"], *counts["LoRA"]]):
            values = [counts[way].get(part, 0) for way in ("full", "LoRA")]
            traces.append({
                "type": "bar", "x": ["full", "LoRA"], "y": [value / whole for value in values],
                "customdata": values, "name": part, "xaxis": f"x{panel}", "yaxis": f"y{panel}",
                "marker": {"color": PARTS[part]},
                "text": [part.removeprefix("Adam's ") if value > 0.052 * top * whole else ""
                         for value in values],
                "textposition": "inside", "insidetextanchor": "middle", "constraintext": "none",
                "textfont": {"size": 11, "color": "white"},
                "hovertemplate": f"{part}: %{{customdata:,}}<extra></extra>"})
    share = {"range": [0, top], "tickformat": ".0%", "dtick": 0.25 if top < 2 else None}
    made = layout(
        ["multiplications", "numbers in memory"], [{}, {}], [share, share],
        f"d = k = {d}, {n} tokens, r = {r}: LoRA needs {totals[0]:.0%} of the multiplications "
        f"and {totals[1]:.0%} of the memory of full fine-tuning with Adam")
    return figure(traces, {**made, "barmode": "stack"})
