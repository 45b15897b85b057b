"""The three rules for the scale s that figures compare: what they are called, and how they look."""

from lora_edu.chapters.shared.looks import Look, legend

SCALE_RULES = {"unscaled": "none", "rsLoRA": "rslora", "LoRA": "lora"}  # as ``scaling`` has it
FORMULAS = {"unscaled": "α", "rsLoRA": "α/√r", "LoRA": "α/r"}
SCALE_LOOKS = {"unscaled": Look("B", "square"), "rsLoRA": Look("A", "circle"),
               "LoRA": Look("delta", "diamond")}


def scale_legend() -> str:
    """The three formulas with their colours and marks."""
    return "s =  " + legend({FORMULAS[rule]: look for rule, look in SCALE_LOOKS.items()})
