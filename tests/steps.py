"""The cells of the steps of lora.py: as they stand, solved, and with a slip."""

from lora_book.workshop.assignment.make import emptied
from lora_book.workshop.slips import SLIPS
from lora_book.workshop.steps import FIRST_SCALE, Step, lines, whole


def cell_of(step: Step, parts: dict[str, str] | None = None, options: str = "") -> str:
    """A step's cell with definitions, the book's where none are given."""
    text = "\n\n".join((parts or lines(step)).values())
    return f"{text}\ncheck({', '.join(step.functions)}{options});"


def stub(step: Step) -> str:
    """A step's cell, to be filled in: its signatures, and the call that judges it."""
    return cell_of(step, {name: emptied(text) for name, text in lines(step).items()})


def with_slip(step: Step) -> dict[str, str]:
    """The step's definitions with its first slip, by name."""
    slip = SLIPS[step.name][0]
    if step.name == "scale":
        return {"scale": FIRST_SCALE.replace("return alpha / r", slip.wrong)}
    return step.lines_in(slip.made_in(whole(step.file)))
