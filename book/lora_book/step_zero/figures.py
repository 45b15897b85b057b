"""The board of step zero."""

import numpy as np

from lora_book.shared.looks import roomy
from lora_book.shared.norm_board import STEPS, TITLE, norm_curves, norm_names
from lora_book.shared.style import (
    NAMES,
    ZeroLogAxis,
    curve,
    figure,
    level,
    words,
)
from lora_book.shared.tasks import task_64
from lora_book.step_zero import runs
from lora_edu import STARTS
from lora_edu.explore.words import number


def step_zero(r: int = 8, alpha: float = 16, start: str = STARTS[0], optimiser: str = "SGD"
              ) -> dict:
    """The board: ‖∇A‖, ‖∇B‖, ‖ΔW‖ and the loss at step zero and after one step, s = α/r.

    optimiser: "SGD" or "Adam", at its ``LEARNING_RATE``.
    """
    if start == "BA zero" and r == 1:
        title = "The product of two vectors is zero only if one of them is zero"
        return _board([words([0.5], [-1], "needs r ≥ 2")], title, ["not possible with r = 1", ""],
                      title)
    history = runs.one_step(r, alpha, start, optimiser)
    norms = {"A": history.grad_A_norm, "B": history.grad_B_norm, "delta": history.delta_norm}
    return _one_step(norms, history.loss)


SCALE = ZeroLogAxis(-5, 3, every=2)  # of the norms


def _board(traces: list[dict], title: str, headings: list[str], reading: str,
           highest: float = 0.0) -> dict:
    frozen = task_64().loss(task_64().W0)
    unchanged = level(frozen, [-0.22, 1.22], panel=2, name="frozen model",
                      hovertemplate="frozen model = %{y:.3g}<extra></extra>")
    return figure([*traces, unchanged], title, [roomy(STEPS, 0.9), STEPS],
                  [SCALE.axis(), {"range": [0, 1.2 * max(highest, 1.8 * frozen)]}], reading,
                  headings=headings)


def _one_step(norms: dict[str, np.ndarray], loss: np.ndarray) -> dict:
    """The board of a step. norms: "A", "B" and "delta" → (2,)."""
    frozen = task_64().loss(task_64().W0) * (1 - 1e-9)  # less than rounding makes of it
    traces = norm_curves(*norms.values(), SCALE)
    traces.append(norm_names(*norms.values(), SCALE, says=number))
    traces.append(curve(
        "loss", [0, 1], loss, panel=2, mode="lines+markers+text", text=list(map(number, loss)),
        textposition=["bottom center" if value < frozen else "top center" for value in loss]))

    zero = [NAMES[q] for q, norm in norms.items() if norm[0] == 0]
    other = [NAMES[q] for q in norms if NAMES[q] not in zero]
    title = f"At step 0, {_are(zero or other)} {'exactly' if zero else 'not'} 0"
    if zero and other:
        title += f", but {_are(other)} not"
    after = ", ".join(f"{NAMES[q]} = {number(norm[1])}" for q, norm in norms.items())
    return _board(traces, title, [TITLE, f"loss {number(loss[0])} → {number(loss[1])}"],
                  f"{title}. After one step, {after}", loss.max())


def _are(names: list[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last} are" if most else f"{last} is"
