"""Forward and backward by hand: the error of numerical gradients, and what a step costs."""

from __future__ import annotations

import numpy as np

from lora_edu.chapters.by_hand.runs import (
    EXPONENTS,
    SCHEMES,
    errors,
    memory,
    multiplications,
    word_gradients,
)
from lora_edu.chapters.low_rank_update.figures import STILL, beside
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
    words,
)
from lora_edu.explore.words import number, power

SCHEME_COLOURS = dict(zip(SCHEMES, (COLOURS["A"], COLOURS["B"], COLOURS["delta"]), strict=True))
PARTS = {"forward": "#808080", "weights": "#808080", "∇X": "#aa6bc0", "inputs kept": "#aa6bc0",
         "∇W": "#d55e00", "gradients": "#d55e00", "∇A and ∇B": "#3b82c4",
         "Adam's moments": "#009e73"}
GAP = 2.6  # between the matrices that are drawn
LINES = [  # the headline, what the line reads, what it makes, and what the drawing shows
    ("forward: U = X·Aᵀ,  H = X·W₀ᵀ + s·U·Bᵀ", ("X", "W₀", "A", "U", "B", "H"), "",
     "Forward, X goes through the frozen W₀ and, beside it, through A and B."),
    ("line 1: ∇B = s·Dᵀ·U", ("H", "U"), "B", "The gradient of B needs D and U."),
    ("line 2: ∇U = s·D·B", ("H", "B"), "U", "The gradient of U needs D and B."),
    ("line 3: ∇A = (∇U)ᵀ·X", ("U", "X"), "A", "The gradient of A needs that of U, and X."),
    ("line 4: ∇X = D·W₀ + ∇U·A", ("H", "W₀", "U", "A"), "X",
     "The gradient of X comes back on both paths. W₀ is read, and has no gradient."),
]


def two_paths(line: int = 0, n: int = 3, d: int = 4, k: int = 5, r: int = 1) -> dict:
    """The layer's two paths, every matrix to scale, and what one line of the pass needs and makes.

    Args:
        line: 0 for the forward pass, 1 to 4 for the lines of the backward pass.
        n, d, k, r: the sizes that are drawn.
    """
    at, shapes = _places(n, d, k, r)
    headline, uses, makes, text = LINES[line]
    back = line > 0
    names = dict(zip(at, at, strict=True)) | ({"H": "D"} if back else {})
    names |= {"U": "∇U"} if line > 1 else {}
    looks = {"A": "A", "B": "B", "U": "loss", "H": "loss" if back else "frozen"}
    parts, said, below = _wires(at), {}, {}
    for name, (left, centre, width, height) in at.items():
        lit = name in uses or name == makes
        block = box(left, centre - height / 2, width, height,
                    fill(looks.get(name, "frozen"), 0.7 if lit else 0))
        if back and name == makes:
            block["line"] = {"color": COLOURS["delta"], "width": 4}
        parts.append(block)
        above = 0 if min(width, height) > r else height / 2 + 0.9  # what is thin has no room
        said[left + width / 2, centre + above] = f"∇{name}" if name == makes else names[name]
        below[left + width / 2, centre - height / 2 - 0.9] = shapes[name]
    left, centre, width, height = at["W₀"]
    if back:
        below[left + width / 2, centre - height / 2 - 0.9] = "no ∇W₀"
    parts.append(say(said, size=15))
    parts.append(say(below, size=12))
    parts.append(say({(at[name][0] - 0.7, at[name][1]): "◂" if back else "▸"
                      for name in ("W₀", "A", "H")}, size=15))
    right, (_, low, _, thick) = at["H"][0] + d, at["B"]
    span = (-0.6, right + 0.6), (low - thick / 2 - 1.8, centre + height / 2 + 0.7)
    return drawing(parts, [span], text, titles=[headline])


def _places(n: int, d: int, k: int, r: int) -> tuple[dict, dict]:
    """Where each matrix lies, (left, centre, width, height), and its shape in words."""
    upper, lower, middle = d / 2 + 1, -d / 2 - 1.5, -0.25  # where the centres lie
    x, at = k + 1.6 * GAP, {"X": (0, middle, k, n)}
    at["W₀"] = x, upper, k, d
    for name, (width, height) in {"A": (k, r), "U": (r, n), "B": (r, d)}.items():
        at[name] = x, lower, width, height
        x += width + GAP
    at["H"] = x + 0.6 * GAP, middle, d, n
    return at, {"X": "n × k", "W₀": "d × k", "A": "r × k", "U": "n × r", "B": "d × r",
                "H": "n × d"}


def _wires(at: dict) -> list[dict]:
    """The lines of both paths, from X on the left to H on the right."""
    def side(name, right):
        left, centre, width, _ = at[name]
        return (left + width if right else left), centre

    start, end = side("X", True), side("H", False)
    fork, join = start[0] + 0.5 * GAP, end[0] - 0.6 * GAP
    chain = []
    for first, last in (("W₀", "W₀"), ("A", "B")):
        into, out = side(first, False), side(last, True)
        chain += connect(start, (fork, start[1]), (fork, into[1]), into)
        chain += connect(out, (join, out[1]), (join, end[1]), end)
    for one, other in (("A", "U"), ("U", "B")):
        chain += connect(side(one, True), side(other, False))
    return chain


def two_gradients(r: int = 4) -> dict:
    """∇B's columns and ∇A's rows beside the gradient G that they are mixtures of.

    Args:
        r: the rank, 1 to 14.
    """
    G, grad_B, grad_A = word_gradients(r)
    d, k = G.shape
    drawn = beside(grad_B / abs(grad_B).max(), grad_A / abs(grad_A).max(), -G, ("∇B", "∇A"))
    drawn.append(words([k / 2], [d + 1.1], [coloured("minus G, which no line forms", "delta")],
                       textfont={"size": 14}))
    made = layout([f"{r * (d + k)} numbers of gradient. G would have {d * k}"],
                  [{**STILL, "range": [-2 - d, k + 0.5]}], [{**STILL, "range": [d + 2.5, -4 - d]}],
                  f"r = {r}: ∇B has {d * r} numbers, ∇A has {r * k}, and G would have {d * k}")
    return figure(drawn, {**made, "margin": {"l": 4, "r": 4, "t": 30, "b": 4}})


def v_curve(scheme: str = SCHEMES[1], h: float = 1e-5) -> dict:
    """The error of a numerical gradient against its step size, all schemes, one of them marked.

    Args:
        scheme: one of ``SCHEMES``.
        h: the step size, a power of ten.
    """
    axis = ZeroLogAxis(-18, 1, every=3)
    traces = [line(EXPONENTS, axis.place(errors(name)), colour, width=4 if name == scheme else 2,
                   mode="lines+markers", marker={"size": 6}, name=name, customdata=errors(name),
                   opacity=1.0 if name == scheme else BESIDE,
                   hovertemplate=f"{name}: %{{customdata:.1e}}<extra></extra>")
              for name, colour in SCHEME_COLOURS.items()]
    at = EXPONENTS.index(round(np.log10(h)))
    error = errors(scheme)[at]
    traces.append(words([-6, -11.5, -12], [-1.7, -8, -13.7], [
        coloured(name.removesuffix(" difference"), colour)
        for name, colour in SCHEME_COLOURS.items()], textfont={"size": 14}))
    traces.append(marks([EXPONENTS[at]], axis.place(error), SCHEME_COLOURS[scheme], "diamond", 15,
                        name="chosen", customdata=[error],
                        hovertemplate="%{customdata:.1e}<extra></extra>"))
    ticks = list(range(-16, 0, 3))
    return figure(traces, layout(
        [f"h = {power(EXPONENTS[at])}: error {number(error)} of the gradient"],
        [{"range": [-16.5, -0.5], "tickvals": ticks, "ticktext": [power(t) for t in ticks],
          "title": {"text": "step size h"}}],
        [axis.axis("relative error of ∇A")],
        f"{scheme}: largest error {number(error)} of the largest entry of ∇A, and "
        f"{number(errors(scheme).min())} at the best step size"))


def costs(d: int = 1024, n: int = 1024, r: int = 8) -> dict:
    """Stacked bars for a d × d layer: multiplications (left) and numbers kept (right).

    Args:
        d: the layer's width.
        n: the tokens of a step.
        r: the rank.
    """
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
    axis = {"range": [0, top], "tickformat": ".0%", "dtick": 0.25 if top < 2 else None}
    made = layout(
        [f"{share:.0%} of the {what}" for share, what in
         zip(totals, ("multiplications", "memory"), strict=True)], [{}, {}], [axis, axis],
        f"LoRA needs {totals[0]:.0%} of the multiplications and {totals[1]:.0%} of the memory "
        "of full fine-tuning with Adam")
    return figure(traces, {**made, "barmode": "stack"})
