"""The three rules for the scale s that figures compare: what they are called, and how they look."""

from lora_book.shared.looks import Look

SCALE_RULES = {"unscaled": "none", "rsLoRA": "rslora", "LoRA": "lora"}  # as ``scaling`` has it
FORMULAS = {"unscaled": "α", "rsLoRA": "α/√r", "LoRA": "α/r"}
SCALE_LOOKS = {"unscaled": Look("rose", "square"), "rsLoRA": Look("brown", "circle"),
               "LoRA": Look("teal", "diamond")}
