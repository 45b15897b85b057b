"""The nine steps of the reader's file, cut from the book's own text of it.

``lora.py`` and ``lora_torch.py`` beside this module are that text: what a chapter lists, what a
step's cell asks for and what an answer is judged by are all taken from there.
"""

import ast
import math
from dataclasses import dataclass
from pathlib import Path

FILES = ("lora.py", "lora_torch.py")
FIRST_SCALE = "def scale(alpha, r):\n    return alpha / r\n"  # until "rules" adds a rule


@dataclass(frozen=True)
class Step:
    """name: as ``take`` knows it. functions: the names that it defines. file: in which. arguments:
    how many these have at least, where an earlier step has the same names with fewer."""

    number: int
    name: str
    title: str
    functions: tuple[str, ...]
    file: str = "lora.py"
    arguments: int = 0

    def stands_in(self, text: str) -> bool:
        """Whether a text defines all that the step asks for."""
        present = definitions(text)
        return all(name in present and present[name].arguments >= self.arguments
                   for name in self.functions)

    def lines_in(self, text: str) -> dict[str, str]:
        """Name → the lines of its definition, in a text that has all."""
        present = definitions(text)
        return {name: present[name].text for name in self.functions}


STEPS = (
    Step(1, "low-rank", "A low-rank update", ("delta", "merge")),
    Step(2, "by-hand", "Forward and backward by hand", ("forward", "backward")),
    Step(3, "step-zero", "Step zero", ("start",)),
    Step(4, "optimisers", "The first hundred steps: two optimisers", ("sgd", "adam")),
    Step(5, "training", "The first hundred steps: training", ("train",)),
    Step(6, "scale", "α is a step size", ("scale",)),
    Step(7, "rules", "Why divide by r", ("scale",), arguments=3),
    Step(8, "load", "The layer: what PEFT has saved", ("load",)),
    Step(9, "layer", "The layer in PyTorch", ("LoRALinear",), "lora_torch.py"))


def named(name: str) -> Step:
    """The step of a name."""
    for step in STEPS:
        if step.name == name:
            return step
    raise ValueError(f"step must be one of {', '.join(step.name for step in STEPS)}, got {name!r}")


def whole(file: str = "lora.py") -> str:
    """The book's text of a file."""
    return Path(__file__).with_name(file).read_text(encoding="utf-8")


@dataclass(frozen=True)
class Definition:
    """A top-level definition of a text: its lines, where they are among the text's, decorators
    with them, and how many arguments it has."""

    text: str
    place: slice
    arguments: int


def definitions(text: str, line: float = math.inf) -> dict[str, Definition]:
    """Name → the definition, the last of several that begin no later than in this line."""
    rows = text.splitlines(keepends=True)
    by_name = {}
    for node in ast.parse(text).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            first = [*node.decorator_list, node][0].lineno - 1
            if first >= line:
                break
            place = slice(first, node.end_lineno)
            arguments = len(node.args.args) if isinstance(node, ast.FunctionDef) else 0
            part = "".join(rows[place]).rstrip() + "\n"
            by_name[node.name] = Definition(part, place, arguments)
    return by_name


def lines(step: Step) -> dict[str, str]:
    """The book's definitions of a step: name → text."""
    if step.name == "scale":
        return {"scale": FIRST_SCALE}
    return step.lines_in(whole(step.file))
