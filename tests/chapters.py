"""The chapters that _toc.yml names, as files, and the solutions that they print: nothing is listed
by hand. Imports PyYAML, jupytext, and the checks that solutions call."""

from __future__ import annotations

import importlib
import inspect
import re
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace

import jupytext
import numpy as np
import yaml

import lora_edu.chapters

REPOSITORY = Path(__file__).parents[1]


def check_modules() -> list[ModuleType]:
    """The module ``check`` of each chapter that has code exercises."""
    folder = Path(lora_edu.chapters.__file__).parent
    return [importlib.import_module(f"lora_edu.chapters.{file.parent.name}.check")
            for file in sorted(folder.glob("*/check.py"))]


checks = SimpleNamespace(**{
    name: function for module in check_modules()
    for name, function in inspect.getmembers(module, inspect.isfunction)
    if function.__module__ == module.__name__ and not name.startswith("_")})
SOLUTION = re.compile(r"^````\{solution\} (\S+)\n(.*?)^````$", re.MULTILINE | re.DOTALL)
FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def in_toc(root: Path = REPOSITORY) -> list[str]:
    """Every page of the book in its order, such as "book/part1/step-zero"."""
    def pages(entry):
        if isinstance(entry, list):
            return [page for part in entry for page in pages(part)]
        own = [entry[key] for key in ("root", "file") if key in entry]
        return own + [page for key in ("parts", "chapters", "sections")
                      for page in pages(entry.get(key, []))]

    return pages(yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8")))


def is_notebook(page: str, root: Path = REPOSITORY) -> bool:
    """Whether a page holds cells. (A page that is missing is for the build to complain of.)"""
    file = root / f"{page}.md"
    return file.is_file() and "\n```{code-cell}" in file.read_text(encoding="utf-8")


@cache
def notebook(page: str, root: Path = REPOSITORY):
    """A page as a notebook without outputs, as JupyterLab opens it; tests share it."""
    return jupytext.read(root / f"{page}.md")


def code(page: str) -> str:
    """The source of a page's cells, joined."""
    return "\n".join(c.source for c in notebook(page).cells if c.cell_type == "code")


def with_solutions(page: str):
    """Each cell of a page with the label of the exercise whose solution it is part of, or ""."""
    label = ""
    for cell in notebook(page).cells:
        if cell.cell_type == "code":
            yield cell, label
        for line in cell.source.splitlines() if cell.cell_type == "markdown" else ():
            if line.startswith("```{solution-"):
                label = line.removeprefix("```{solution-start} ") if "start}" in line else ""


def folded_solutions(page: str) -> dict[str, tuple[str, str]]:
    """Label → (code, text) of the solutions of a page that are folded and have code."""
    source = (REPOSITORY / f"{page}.md").read_text(encoding="utf-8")
    return {label: ("".join(FENCE.findall(body)), FENCE.sub("", body))
            for label, body in SOLUTION.findall(source) if FENCE.search(body)}


def solution_code(label: str) -> str:
    """The code that a chapter prints as the solution to an exercise."""
    for page in NOTEBOOKS:
        code = [cell.source for cell, found in with_solutions(page) if found == label]
        if code or label in folded_solutions(page):
            return "\n".join(code) or folded_solutions(page)[label][0]
    raise AssertionError(f"no chapter prints a solution with code to {label}")


def printed_solution(label: str, **names):
    """What a chapter prints as ``solution``; its code may use NumPy, the checks and ``names``."""
    namespace = {"np": np, **vars(checks), **names}
    exec(solution_code(label), namespace)
    return namespace["solution"]


NOTEBOOKS = [page for page in in_toc() if is_notebook(page)]
