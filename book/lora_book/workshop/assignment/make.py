"""The assignment in a box: a notebook, stubs and tests, made from the steps of lora.py."""

import zipfile
from pathlib import Path

import nbformat

from ..file import HEADS
from ..steps import STEPS, emptied, whole

HERE = Path(__file__).parent
GRADE = """import subprocess
import sys

def grade(step):
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "test_lora.py", "-k", step]
    print(subprocess.run(command, capture_output=True, text=True).stdout)"""


def stubs(file: str) -> str:
    """A file with the signatures of its steps, and nothing in them; scale as it is at first."""
    text = whole(file).replace('r, rule="lora"):', "r):")
    return emptied(text).replace("# 7 Why divide by r", "# 6, 7 The scale")


def notebook() -> nbformat.NotebookNode:
    """A section a step, with the cell that grades it."""
    opening, *sections = (HERE / "assignment.md").read_text(encoding="utf-8").split("\n## ")
    cells = [nbformat.v4.new_markdown_cell(opening.strip(), id="opening"),
             nbformat.v4.new_code_cell(GRADE, id="grade")]
    for step, section in zip(STEPS, sections, strict=True):
        words = section.removeprefix(step.name).strip()
        functions = ", ".join(f"`{name}`" for name in step.functions)
        cells += [
            nbformat.v4.new_markdown_cell(f"## {step.number} {step.title}\n\n{words}\n\n"
                                          f"*In {step.file}:* {functions}", id=step.name),
            nbformat.v4.new_code_cell(f'grade("{step.name.replace("-", "_")}")',
                                      id=f"{step.name}-test")]
    return nbformat.v4.new_notebook(cells=cells, metadata={
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}})


def write_box(target: Path) -> None:
    """Write the four files as one archive."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as box:
        box.writestr("lora-from-scratch.ipynb", nbformat.writes(notebook()))
        box.writestr("test_lora.py", (HERE / "test_lora.py").read_text(encoding="utf-8"))
        for file in HEADS:
            box.writestr(file, stubs(file))
