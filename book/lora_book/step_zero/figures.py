"""The board of step zero."""

from lora_book.shared.looks import roomy
from lora_book.shared.norm_board import STEPS, norm_curves, norm_names
from lora_book.shared.style import NAMES, ZeroLogAxis, figure, words
from lora_book.shared.tasks import task_64
from lora_book.step_zero import runs
from lora_edu import STARTS
from lora_edu.explore.words import number


def step_zero(r: int = 8, alpha: float = 16, start: str = STARTS[0], optimiser: str = "SGD"
              ) -> dict:
    """The board: ‖∇A‖, ‖∇B‖ and ‖ΔW‖ at step zero and after one step, s = α/r, below the loss.

    optimiser: "SGD" or "Adam", at its ``LEARNING_RATE``.
    """
    if start == "BA zero" and r == 1:
        title = "The product of two vectors is zero only if one of them is zero"
        return _board([words([0.5], [-1], "needs r ≥ 2")], title, "not possible with r = 1", title)
    history = runs.one_step(r, alpha, start, optimiser)
    norms = {"A": history.grad_A_norm, "B": history.grad_B_norm, "delta": history.delta_norm}
    traces = [*norm_curves(norms, SCALE), norm_names(norms, SCALE, says=number)]

    zero = [NAMES[q] for q, norm in norms.items() if norm[0] == 0]
    other = [NAMES[q] for q in norms if NAMES[q] not in zero]
    title = f"At step 0, {_are(zero or other)} {'exactly' if zero else 'not'} 0"
    if zero and other:
        title += f", but {_are(other)} not"
    after = ", ".join(f"{NAMES[q]} = {number(norm[1])}" for q, norm in norms.items())
    loss = " → ".join(map(number, history.loss))
    frozen = number(task_64().loss(task_64().W0))
    return _board(traces, title, f"loss {loss} (frozen model: {frozen})",
                  f"{title}. After one step, {after}")


SCALE = ZeroLogAxis(-5, 3, every=2)  # of the norms


def _board(traces: list[dict], title: str, heading: str, reading: str) -> dict:
    return figure(traces, title, [roomy(STEPS, 0.8)], [SCALE.axis("norm")], reading,
                  headings=[heading])


def _are(names: list[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last} are" if most else f"{last} is"
