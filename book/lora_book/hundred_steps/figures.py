"""The first hundred steps: a word being written, and the singular values of ΔW."""

import numpy as np

from lora_book.hundred_steps import runs
from lora_book.shared import word_run
from lora_book.shared.axes import labelled
from lora_book.shared.drawing import box, dotted, framed, map_drawing, say
from lora_book.shared.style import curve, figure, level
from lora_book.shared.tasks import task_32
from lora_book.workshop.calls import limited
from lora_book.workshop.switch import CODES, chosen
from lora_edu import STARTS, Adapter
from lora_edu.explore.words import number

RANK = 7  # of the word


def drawn(t: int = 0) -> dict:
    """ΔW at step t of two runs that write the word LoRA, and its singular values as bars.

    Dotted: the word's singular values. SGD and Adam at their ``WORD_RATES``, r = 8, s = 1.
    """
    return _drawn(t, {name: word_run.written(STARTS[0], name, lr)[t]
                      for name, lr in runs.WORD_RATES.items()})


def drawn_by(code: str = CODES[0], t: int = 0) -> dict:
    """The same, trained by lora.py, the book's or the reader's."""
    with limited("lora.py"):
        lora, whose = chosen(code, "forward", "backward", "sgd", "adam", "train")
        adapters = {name: runs.word_by(lora, name, t) for name in runs.WORD_RATES}
    return _drawn(t, adapters, f"{whose}, ")


def _drawn(t: int, adapters: dict[str, Adapter], whose: str = "") -> dict:
    """adapters: optimiser → what it has at step t. whose: begins the words."""
    first = word_run.written()[0]
    target = np.linalg.svd(word_run.task().W_star, compute_uv=False)[:RANK]
    k = word_run.task().shape[1]
    parts = []
    left = []
    for row, (name, adapter) in enumerate(adapters.items()):
        top = row * (len(adapter.B) + 4)
        delta = adapter.delta()
        left.append(f"{name} {100 * word_run.loss_left(adapter):.0f} %")
        parts += framed(delta, 0, top, "delta", name)
        values = runs.singular_values(delta, RANK)
        for i, (now, want) in enumerate(zip(values, target, strict=True)):
            parts += [box(k + 1, top - 0.3 + 2 * i, now, 1.6, "delta"),
                      dotted(k + 1, top - 0.3 + 2 * i, want, 1.6, thick=1.5)]
        moved = [which for which in "AB"
                 if not np.array_equal(getattr(adapter, which), getattr(first, which))]
        state = ("nothing has moved", "only B has moved", "both have moved")[len(moved)]
        parts += [say({(-0.5, top - 1.7): f"{name}: {state}"}, "middle right"),
                  say({(k + 17.5, top - 1.7): "singular values"}, "middle left")]
    early = {} if whose else {0: "nothing is written yet", 1: "ΔW is nothing but stripes"}
    outcome = early.get(t, f"loss left: {', '.join(left)}")
    return map_drawing(
        parts, f"{whose}step {t}: {outcome}", (-1, k + 18), (-3.2, 37),
        f"{whose}Step {t}. Of the frozen model’s loss there is left: {', '.join(left)}")


def spectrum(r: int = 8, optimiser: str = runs.OPTIMISERS[0]) -> dict:
    """The singular values of ΔW over sixty steps; dashed, those of the target shift."""
    path = runs.spectrum_path(optimiser, r)
    target = runs.singular_values(task_32().W_star - task_32().W0, 4)
    steps = np.arange(len(path))
    last = path[-1]
    traces = [curve("delta", steps, path[:, i].round(6), mode="lines", name=f"σ{i + 1}",
                    hovertemplate=f"σ{i + 1} at step %{{x}}: %{{y:.3g}}<extra></extra>")
              for i in range(r)]
    traces += [level(value, [0, steps[-1]], width=1.2) for value in target]
    grown = int((path.max(axis=0) > 1e-3).sum())
    values = " · ".join(f"σ{'₁₂₃₄₅'[i]} = {number(s) if s > 1e-12 else '0 to rounding'}"
                        for i, s in enumerate(last[:5]))
    return figure(
        traces, f"{optimiser}, r = {r}: {grown} grow, and 4 are wanted (dashed)",
        [labelled("step", 0, steps[-1])],
        [labelled("singular values of ΔW", -0.02, 0.8)],
        f"{optimiser}, r = {r}, after {steps[-1]} steps: {values}")
