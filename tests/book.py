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
import pytest
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


def folded_solutions(page: str) -> dict[str, tuple[str, str]]:
    """Label → (code, text) of the solutions of a page that are folded and have code."""
    source = (REPOSITORY / f"{page}.md").read_text(encoding="utf-8")
    return {label: ("".join(FENCE.findall(body)), FENCE.sub("", body))
            for label, body in SOLUTION.findall(source) if FENCE.search(body)}


def solution_code(label: str) -> str:
    """The code that a chapter prints as the solution to an exercise."""
    (code,) = (found[label][0] for found in map(folded_solutions, NOTEBOOKS) if label in found)
    return code


def printed_solution(label: str, **names):
    """What a chapter prints as ``solution``; its code may use NumPy, the checks and ``names``."""
    namespace = {"np": np, **vars(checks), **names}
    exec(solution_code(label), namespace)
    return namespace["solution"]


@cache
def figure_function(source: str):
    """The function that an explorer calls ``module:function``, also where a page's cell defines it
    (module ``__main__``): then the page's cells are run."""
    module, _, name = source.partition(":")
    if module != "__main__":
        return getattr(importlib.import_module(module), name)
    explored = re.compile(rf"\bexplore\(\s*{name}\b")
    (page,) = (page for page in NOTEBOOKS
               if f"def {name}(" in code(page) and explored.search(code(page)))
    namespace = {"__name__": "__main__"}
    exec(compile(code(page), page, "exec", dont_inherit=True), namespace)
    return namespace[name]


NOTEBOOKS = [page for page in in_toc() if is_notebook(page)]
# The pages that tests look at always where they look at every page once a week: one of every make.
SAMPLE = {"404", "search", "book/claims", "book/dashboard", "book/index", "book/thirty-minutes",
          "book/part1/step-zero", "book/part2/invariance", "book/part2/step-size",
          "book/part3/the-layer", "book/part4/answers"}


def sampled(cases: list) -> list:
    """Pages, or explorers of pages, for parametrize: those of other pages than SAMPLE's are for
    the thorough run."""
    return [pytest.param(
        case, id=getattr(case, "id", case), marks=() if getattr(case, "page", case).removesuffix(
            ".html") in SAMPLE else pytest.mark.thorough) for case in cases]
