"""The first hundred steps: a word being written, one run, and the singular values of ΔW."""

import numpy as np

from lora_edu import STARTS
from lora_edu.chapters.hundred_steps import runs
from lora_edu.chapters.low_rank_update.runs_word import loss_left, written
from lora_edu.chapters.low_rank_update.runs_word import task as word_task
from lora_edu.chapters.shared.drawing import box, cell_map, frame, map_drawing, say
from lora_edu.chapters.shared.style import (
    COLOURS,
    NAMES,
    ZeroLogAxis,
    curve,
    figure,
    heading,
    level,
)
from lora_edu.chapters.shared.tasks import task_32
from lora_edu.explore.words import number

SHOWN = (*range(13), *range(16, runs.STEPS + 1, 6))  # every step first, then every sixth
STEP_TICKS = (0, 1, 2, 5, 10, 20, 50, 100)
RANK = 7  # of the word
ASIDE = {"A": -0.15, "B": 0, "delta": 0.15}  # of marks at exactly 0, so that none hides another


def drawn(t: int = 0) -> dict:
    """ΔW at step t of two runs that write the word LoRA, and its singular values as bars.

    Dotted: the word's singular values. SGD and Adam at their ``WORD_RATES``, r = 8, s = 1.
    """
    target = np.linalg.svd(word_task().W_star, compute_uv=False)[:RANK]
    k, parts, left = word_task().shape[1], [], []
    for row, (name, lr) in enumerate(runs.WORD_RATES.items()):
        run, top, bars = written(STARTS[0], name, lr), row * 18, k + 1
        delta = run[t].delta()
        left.append(f"{name} {100 * loss_left(run[t]):.0f} %")
        parts += [cell_map(delta, 0, top, "delta", name), frame(delta, 0, top)]
        values = runs.singular_values(delta, RANK)
        for i, (now, want) in enumerate(zip(values, target, strict=True)):
            parts += [box(bars, top - 0.3 + 2 * i, now, 1.6, COLOURS["delta"]),
                      {**box(bars, top - 0.3 + 2 * i, want, 1.6, "rgba(0,0,0,0)"),
                       "line": {"color": COLOURS["frozen"], "width": 1.5, "dash": "dot"}}]
        moved = [which for which in "AB"
                 if not np.array_equal(getattr(run[t], which), getattr(run[0], which))]
        state = ("nothing has moved", "only B has moved", "both have moved")[len(moved)]
        for x, side, text in ((-0.5, "middle right", f"{name}: {state}"),
                              (k + 17.5, "middle left", "singular values")):
            parts.append(say({(x, top - 1.7): text}, side))
    found = ("nothing is written yet" if t == 0 else "ΔW is nothing but stripes" if t == 1 else
             f"loss left: {', '.join(left)}")
    return map_drawing(
        parts, f"step {t}: {found}", (-1, k + 18), (-3.2, 33),
        f"Step {t}. Of the frozen model’s loss there is left: {', '.join(left)}")


def hundred_steps(r: int = 8, alpha: float = 16, start: str = STARTS[0], optimiser: str = "Adam",
                  lr: float = 0.01) -> dict:
    """‖∇A‖, ‖∇B‖, ‖ΔW‖ (left, log scale) and the loss (right) over a hundred steps, s = α/r."""
    history = runs.run(r, alpha, start, optimiser, lr)
    frozen, scale = task_32().loss(task_32().W0), ZeroLogAxis(-4, 2)
    shown = np.array([step for step in SHOWN if step < usable(history)])
    hover = "step %{text}: %{customdata:.3g}<extra></extra>"
    traces, first = [], {}
    for quantity, values in (("A", history.grad_A_norm), ("B", history.grad_B_norm),
                             ("delta", history.delta_norm)):
        for steps, mode, kind in ((shown[values[shown] > 0], "lines", ""),
                                  (shown[values[shown] == 0], "markers", ", exactly 0")):
            x = place(steps) + (ASIDE[quantity] if kind else 0)
            traces.append(curve(quantity, x, scale.place(values[steps]), values=values[steps],
                                name=NAMES[quantity] + kind, mode=mode, text=steps,
                                hovertemplate=hover))
        first[quantity] = next(iter(np.flatnonzero(values)), None)
    loss = history.loss[shown]
    traces += [curve("loss", place(shown), np.minimum(loss, 2 * frozen), panel=2, values=loss,
                     mode="lines", text=shown, hovertemplate=hover),
               level(frozen, [0, place(runs.STEPS)], panel=2, name="frozen model")]
    found = ("all stay exactly 0: " + heading(*first) if None in first.values() else
             "not 0 from step: " + " · ".join(f"{heading(q)} {n}" for q, n in first.items()))
    last = usable(history) - 1
    end = (f"loss {number(history.loss[0])} → {number(history.loss[last])}"
           if last == runs.STEPS else f"diverges after step {last}")
    said = ("both gradients are exactly 0 and stay so" if None in first.values() else
            ", ".join(f"{name} is there from {f'step {n}' if n else 'the start'} on"
                      for n, name in sorted((first[q], f"∇{q}") for q in "AB")))
    xaxis = {"range": [-0.3, place(runs.STEPS) + 0.1], "title": {"text": "step"},
             "tickvals": place(STEP_TICKS).round(4).tolist(),
             "ticktext": [str(tick) for tick in STEP_TICKS]}
    return figure(
        traces, "", [xaxis, xaxis], [scale.axis(), {"range": [0, 2.05 * frozen]}],
        said if last == runs.STEPS else f"{said}, and the run diverges", headings=[found, end])


def place(steps) -> np.ndarray:
    """Where steps stand on their axis, which gives most room to the first ones."""
    return np.log2(1 + np.asarray(steps))


def usable(history) -> int:
    """How many records to draw: all, or those before the loss is a million times its start."""
    lost = np.flatnonzero(history.loss > 1e6 * history.loss[0])
    return int(lost[0]) if lost.size else len(history.loss)


def spectrum(r: int = 8, optimiser: str = runs.OPTIMISERS[0]) -> dict:
    """The singular values of ΔW over sixty steps; dashed, those of the target shift."""
    path = runs.spectrum_path(optimiser, r)
    target = runs.singular_values(task_32().W_star - task_32().W0, 4)
    steps, last = np.arange(len(path)), path[-1]
    traces = [curve("delta", steps, path[:, i].round(6), mode="lines", name=f"σ{i + 1}",
                    hovertemplate=f"σ{i + 1} at step %{{x}}: %{{y:.3g}}<extra></extra>")
              for i in range(r)]
    traces += [level(value, [0, steps[-1]], width=1.2) for value in target]
    grown = int((path.max(axis=0) > 1e-3).sum())
    values = " · ".join(f"σ{'₁₂₃₄₅'[i]} = {number(s) if s > 1e-12 else '0 to rounding'}"
                        for i, s in enumerate(last[:5]))
    return figure(
        traces, f"{optimiser}, r = {r}: {grown} grow, and 4 are wanted (dashed)",
        [{"range": [0, steps[-1]], "title": {"text": "step"}}],
        [{"range": [-0.02, 0.8], "title": {"text": "singular values of ΔW"}}],
        f"{optimiser}, r = {r}, after {steps[-1]} steps: {values}")
