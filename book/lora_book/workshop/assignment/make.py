"""The assignment in a box: a notebook, stubs and tests, made from the steps of lora.py."""

import re
import zipfile
from pathlib import Path

import nbformat

from ..file import HEADS
from ..splice import spliced, with_program
from ..steps import STEPS, Step, emptied, lines

HERE = Path(__file__).parent
GRADE = """import subprocess
import sys

def grade(step):
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "test_lora.py", "-k", step]
    print(subprocess.run(command, capture_output=True, text=True).stdout)"""


def stubs(file: str) -> str:
    """A file with the signatures of its steps, and nothing in them."""
    text = HEADS[file]
    for step in STEPS:
        if step.file == file and step.name != "rules":  # which changes what is there
            empty = {name: emptied(part) for name, part in lines(step).items()}
            text = spliced(text, step, empty, "to do")
    return with_program(re.sub(r" · to do · \w+", "", text), file)


def notebook() -> nbformat.NotebookNode:
    """A section a step, with the cell that grades it."""
    opening, *sections = (HERE / "assignment.md").read_text(encoding="utf-8").split("\n## ")
    cells = [nbformat.v4.new_markdown_cell(opening.strip(), id="opening"),
             nbformat.v4.new_code_cell(GRADE, id="grade")]
    for step, section in zip(STEPS, sections, strict=True):
        name, _, words = section.partition("\n")
        if name != step.name:
            raise ValueError(f"assignment.md must have the section {step.name!r}, got {name!r}")
        heading = f"## {step.number} {step.title}\n\n{words.strip()}\n\n*In {step.file}:* "
        grade = f'grade("{name.replace("-", "_")}")'
        cells += [nbformat.v4.new_markdown_cell(heading + named_functions(step), id=name),
                  nbformat.v4.new_code_cell(grade, id=f"{name}-test")]
    return nbformat.v4.new_notebook(cells=cells, metadata={
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}})


def named_functions(step: Step) -> str:
    return ", ".join(f"`{name}`" for name in step.functions)


def write_box(target: Path) -> None:
    """Write the four files as one archive."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as box:
        box.writestr("lora-from-scratch.ipynb", nbformat.writes(notebook()))
        box.writestr("test_lora.py", (HERE / "test_lora.py").read_text(encoding="utf-8"))
        for file in HEADS:
            box.writestr(file, stubs(file))
