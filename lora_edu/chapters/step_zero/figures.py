"""The board of the five starting points, and the saddle where both matrices are zero."""

from __future__ import annotations

import numpy as np

from lora_edu import STARTS, Adapter, initial
from lora_edu.chapters.shared.board import STEPS, TITLE, norm_curves
from lora_edu.chapters.shared.drawing import box, drawing, fill, say
from lora_edu.chapters.shared.style import (
    ZeroLogAxis,
    coloured,
    curve,
    figure,
    heading,
    layout,
    level,
    line,
    marks,
    words,
)
from lora_edu.chapters.step_zero.runs import (
    NOISE_STEPS,
    SIDE,
    SIGMA,
    descend,
    escape_step,
    from_noise,
    one_step,
    problem,
)
from lora_edu.explore.words import number, short

TAUS = (0.0, 1e-16, 1e-14, 1e-12, 1e-10, 1e-8, 1e-6, 1e-4, 1e-2)
MATRICES = {"A": "A", "B": "B", "∇A": "A", "∇B": "B", "ΔW": "delta"}  # and their colours


def five_starts(answers: bool = False, rows: int = len(STARTS), title: str = "") -> dict:
    """A and B at each start, r = 2, as boxes: full, or empty where all is exactly zero.

    answers: whether the gradients and ΔW are shown too, in the first rows, or a question mark for
    each.
    """
    side, pitch = 2.4, 3.2  # of W; from row to row
    parts, said, names, questions, x = [], [], {}, {}, 0.0
    for row, start in enumerate(STARTS):
        full, x, low = filled_parts(start), 0.0, -pitch * (row + 1)
        names[0.0, low + side / 2] = start
        answered = answers and row < rows
        said.append(f"{start}: zero are " + (", ".join(
            name for name, filled in full.items() if not filled.any()) or "none"))
        for name, filled in full.items():
            height, width = (side / 2 / n if n == 2 else side for n in filled.shape)
            if name in ("A", "∇A", "ΔW"):
                x += 1.0
            x += 0.8
            whole = width * filled.shape[1]
            if answered or name in ("A", "B"):
                middle = low + (side - height * filled.shape[0]) / 2
                parts += [box(x + width * j, middle + height * (filled.shape[0] - 1 - i), width,
                              height, fill(MATRICES[name], float(filled[i, j])))
                          for i, j in np.ndindex(filled.shape)]
            else:
                questions[x + whole / 2, low + side / 2] = "?"
            if row == 0:
                parts.append(say({(x + whole / 2, 0.6): name}, colour=MATRICES[name]))
            x += whole
    parts.append({**say(names, size=11), "textposition": "middle left"})
    return drawing([*parts, *([say(questions)] if questions else [])],
                   [((-11.6, x + 0.4), (-pitch * len(STARTS) - 0.3, 2.0))],
                   " · ".join(said) if answers else
                   "Five starts, with A and B random (full) or zero (empty); in the last one each "
                   "half of A meets a half of B that is zero", titles=[title] if title else None)


def filled_parts(start: str) -> dict[str, np.ndarray]:
    """Which rows of A and ∇A, columns of B and ∇B have a number that is not zero at r = 2; ΔW."""
    A, B = initial(SIDE, SIDE, 2, start, SIGMA, rng=np.random.default_rng(1))
    adapter = Adapter(A, B, 1.0)
    grad_A, grad_B = adapter.gradients(problem().gradient(adapter.merge(problem().W0)))
    return {"A": A.any(axis=1)[:, None], "B": B.any(axis=0)[None],
            "∇A": grad_A.any(axis=1)[:, None], "∇B": grad_B.any(axis=0)[None],
            "ΔW": np.array([[adapter.delta().any()]])}


def step_zero(r: int = 8, alpha: float = 16, start: str = STARTS[0], optimiser: str = "SGD"
              ) -> dict:
    """The board: ‖∇A‖, ‖∇B‖, ‖ΔW‖ and the loss at step zero and after one step."""
    frozen = problem().loss(problem().W0)
    scale = ZeroLogAxis(-5, 3)
    top = 2 * frozen

    def board(traces: list[dict], reading: str) -> dict:
        return figure(traces, layout(
            [TITLE, heading("loss")], [STEPS, STEPS], [scale.axis(), {"range": [0, 1.08 * top]}],
            f"r = {r}, α = {alpha:g}, {start}, {optimiser}: {reading}"))

    unchanged = level(frozen, [-0.22, 1.22], panel=2, name="frozen model",
                      hovertemplate="frozen model = %{y:.3g}<extra></extra>")
    if start == "BA zero" and r == 1:
        return board([words([0.5], [-1], "needs r ≥ 2"), unchanged],
                     "not possible. The product of two vectors is zero only if one of them is "
                     "zero.")
    history = one_step(r, alpha, start, optimiser)
    loss = history.loss
    off = loss > top
    traces = norm_curves(history.grad_A_norm, history.grad_B_norm, history.delta_norm, scale)
    traces.append(unchanged)
    traces.append(curve(
        "loss", [0, 1], np.minimum(loss, top), panel=2, values=loss, mode="lines+markers+text",
        text=[f"▲ {number(v)}" if out else number(v) for v, out in zip(loss, off, strict=True)],
        textposition=["bottom center" if out or value < frozen else "top center"
                      for out, value in zip(off, loss, strict=True)]))
    return board(traces, f"‖∇A‖ {_pair(history.grad_A_norm)} · ‖∇B‖ {_pair(history.grad_B_norm)} "
                         f"· ‖ΔW‖ {_pair(history.delta_norm)} · loss {_pair(loss)}")


def _pair(values) -> str:
    return f"{number(values[0])} → {number(values[-1])}"


def saddle(tau: float = 1e-8, optimiser: str = "SGD") -> dict:
    """Both matrices start as noise of size τ: the loss and ‖ΔW‖ over the steps."""
    history = from_noise(tau, optimiser)
    escaped = escape_step(history)
    steps = np.arange(NOISE_STEPS + 1)
    scale = ZeroLogAxis(-34, 1, every=4)
    traces = [
        curve("loss", steps, history.loss, mode="lines",
              hovertemplate="step %{x}: %{y:.3g}<extra></extra>"),
        curve("delta", steps, scale.place(history.delta_norm), panel=2, values=history.delta_norm,
              mode="lines", hovertemplate="step %{x}: %{customdata:.3g}<extra></extra>")]
    what = ("never leaves: loss and weights stay at the frozen model’s to the last bit"
            if escaped is None else f"leaves the plateau at step {escaped} (loss below 90 %)")
    xaxis = {"range": [-4, NOISE_STEPS], "title": {"text": "step"}}
    return figure(traces, layout(
        [heading("loss"), heading("delta")], [xaxis, xaxis],
        [{"range": [0, 1.15 * problem().loss(problem().W0)]}, scale.axis()],
        f"{optimiser}, noise τ = {short(tau)}: {what} · ‖ΔW‖ {_pair(history.delta_norm)}"))


PLANE_STARTS = {  # (a, b) → the name of the start and where its label goes
    (0.9, 0.0): ("A random", "bottom center"),
    (0.0, 0.9): ("B random", "top left"),
    (-1.3, 0.4): ("both random", "middle right"),
    (0.03, -0.05): ("", "bottom center"),
}


def plane(lr: float = 0.05, steps: int = 400) -> dict:
    """One number for A and one for B: gradient descent on (1 − ab)²/2, seen from above."""
    t = np.geomspace(0.2, 8, 60)
    levels = [(c, "frozen", 0.8) for c in (-2, -1, -0.4, 0.4, 2, 3)] + [(1, "loss", 3)]
    traces = [line(side, c / side, colour, width=width)  # where ab = c
              for c, colour, width in levels for side in (t, -t)]
    for (a, b), (name, side) in PLANE_STARTS.items():
        path = descend(a, b, lr, steps)
        traces.append(line(path[:, 0], path[:, 1], "delta", name=name))
        traces.append(marks([a], [b], "delta", "circle", 9, mode="markers+text", name=name,
                            text=[name], textposition=side, hoverinfo="name"))
    traces.append(marks([0], [0], "B", "x", 12, name="both zero", hoverinfo="name"))
    traces.append(words([-0.5], [-0.55], ["  from noise"], textposition="middle right"))
    axis = {"dtick": 1, "constrain": "domain"}
    return figure(traces, layout(
        ["   ".join((coloured("━ loss 0", "loss"), coloured("━ descent", "delta"),
                     coloured("✕ both zero", "B")))],
        [{**axis, "range": [-1.8, 1.8], "title": {"text": "a (for A)"}}],
        [{**axis, "range": [-1.6, 1.6], "title": {"text": "b (for B)"}, "scaleanchor": "x"}],
        ""))
