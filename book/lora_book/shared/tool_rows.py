"""The tools that figures and tables name, a row each."""

from lora_edu.formats.convention import TOOLS

ROWS = [name for name in TOOLS if name != "a plain scale"]
