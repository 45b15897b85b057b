"""The three rules for the scale s that figures compare: what they are called, and how they look."""

from lora_edu.chapters.shared.looks import Look, legend
from lora_edu.chapters.shared.style import COLOURS

SCALE_RULES = {"unscaled": "none", "rsLoRA": "rslora", "LoRA": "lora"}  # as ``scaling`` has it
FORMULAS = {"unscaled": "α", "rsLoRA": "α/√r", "LoRA": "α/r"}
SCALE_LOOKS = {"unscaled": Look(COLOURS["B"], "square"), "rsLoRA": Look(COLOURS["A"], "circle"),
               "LoRA": Look(COLOURS["delta"], "diamond")}


def scale_legend() -> str:
    """The three formulas with their colours and marks."""
    return "s =  " + legend({FORMULAS[rule]: look for rule, look in SCALE_LOOKS.items()})
