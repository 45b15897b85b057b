"""The nine steps of the reader's file, cut from the book's own text of it.

``lora.py`` and ``lora_torch.py`` beside this module are that text: what a chapter lists, what a
step's cell asks for and what an answer is judged by are all taken from there.
"""

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
MARK = re.compile(r"# (\d) (.*)")  # the line above a step's first definition
FIRST_SCALE = "def scale(alpha, r):\n    return alpha / r\n"  # until "rules" adds a rule


@dataclass(frozen=True)
class Step:
    """name: as ``take`` knows it. functions: the names that it defines. file: in which."""

    number: int
    name: str
    title: str
    functions: tuple[str, ...]
    file: str = "lora.py"


STEPS = (
    Step(1, "low-rank", "A low-rank update", ("delta", "merge")),
    Step(2, "by-hand", "Forward and backward by hand", ("forward", "backward")),
    Step(3, "step-zero", "Step zero", ("start",)),
    Step(4, "optimisers", "The first hundred steps: two optimisers", ("sgd", "adam")),
    Step(5, "training", "The first hundred steps: training", ("train",)),
    Step(6, "scale", "α is a step size", ("scale",)),
    Step(7, "rules", "Why divide by r", ("scale",)),
    Step(8, "load", "The layer: what PEFT has saved", ("load",)),
    Step(9, "layer", "The layer in PyTorch", ("LoRALinear",), "lora_torch.py"))


def step_of(functions: set[str], parameters: int = 0) -> Step:
    """The step that defines these functions. parameters: how many the first has, which tells the
    two versions of ``scale`` apart."""
    steps = [step for step in STEPS if functions and functions <= set(step.functions)]
    if not steps:
        names = ", ".join(dict.fromkeys(name for step in STEPS for name in step.functions))
        raise ValueError(f"check takes the functions of one step, of {names}; got "
                         f"{', '.join(sorted(functions)) or 'none'}")
    return steps[-1] if parameters > 2 else steps[0]


def named(name: str) -> Step:
    """The step of a name."""
    for step in STEPS:
        if step.name == name:
            return step
    raise ValueError(f"step must be one of {', '.join(step.name for step in STEPS)}, got {name!r}")


@cache
def whole(file: str = "lora.py") -> str:
    """The book's text of a file."""
    return (HERE / file).read_text(encoding="utf-8")


def definitions(text: str) -> dict[str, ast.stmt]:
    """Name → the top-level definition of a text, the last of several."""
    return {node.name: node for node in ast.parse(text).body
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))}


def first_line(node: ast.stmt) -> int:
    """The line in which a definition begins, its decorators with it, counted from 0."""
    return min([node.lineno, *(line.lineno for line in node.decorator_list)]) - 1


def source(text: str, name: str) -> str:
    """The lines of a definition."""
    node = definitions(text)[name]
    return "".join(text.splitlines(keepends=True)[first_line(node):node.end_lineno]).rstrip() + "\n"


def lines(step: Step) -> dict[str, str]:
    """The book's definitions of a step: name → text."""
    if step.name == "scale":
        return {"scale": FIRST_SCALE}
    return {name: source(whole(step.file), name) for name in step.functions}


def stub(step: Step) -> str:
    """A step's cell, to be filled in: its signatures, and the call that judges it."""
    parts = "\n\n".join(map(emptied, lines(step).values()))
    return f"{parts}\ncheck({', '.join(step.functions)});"


def emptied(text: str) -> str:
    """A definition with nothing in its functions."""
    rows = text.splitlines()
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    for function in sorted(functions, key=lambda node: -node.lineno):
        body = function.body[function.name == "__init__"]  # after super().__init__()
        rows[body.lineno - 1:function.end_lineno] = [
            " " * body.col_offset + "return None  # your lines in its place"]
    return "\n".join(rows) + "\n"
