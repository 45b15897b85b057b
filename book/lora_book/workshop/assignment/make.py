"""The assignment in a box: a notebook, stubs and tests, made from the steps of lora.py."""

import re
import zipfile
from pathlib import Path

import nbformat
from myst_nb.core.read import read_myst_markdown_notebook

from ..steps import FILES, whole

HERE = Path(__file__).parent


def stubs(file: str) -> str:
    """A file with the signatures of its steps, and nothing in them; scale as it is at first."""
    text = whole(file).replace('r, rule="lora"):', "r):")
    stub = emptied(text).replace("return None  # your lines in its place",
                                 'raise NotImplementedError("your lines in place of this one")')
    return stub.replace("# 7 Why divide by r", "# 6, 7 The scale")


def emptied(text: str) -> str:
    """A text with nothing in its functions but what they call of super()."""
    function = r"^( *)(def .*\n(?: *super.*\n)?)(?:\n*\1    .*\n)+"
    empty = r"\1\2\1    return None  # your lines in its place\n"
    return re.sub(function, empty, text, flags=re.MULTILINE)


def notebook() -> nbformat.NotebookNode:
    """A section a step, with the cell that grades it."""
    return read_myst_markdown_notebook((HERE / "assignment.md").read_text(encoding="utf-8"))


def write_box(target: Path) -> None:
    """Write the four files as one archive."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as box:
        box.writestr("lora-from-scratch.ipynb", nbformat.writes(notebook()))
        box.write(HERE / "test_lora.py", "test_lora.py")
        for file in FILES:
            box.writestr(file, stubs(file))
