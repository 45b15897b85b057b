"""The chapters that _toc.yml names, as files, and the solutions that they print: nothing is listed
by hand."""

import importlib
import inspect
import re
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace

import jupytext
import numpy as np
import pytest

import lora_book
from book._extensions import myst

REPOSITORY = Path(__file__).parents[1]


def check_modules() -> list[ModuleType]:
    """The module ``check`` of each chapter that has code exercises."""
    folder = Path(lora_book.__file__).parent
    return [importlib.import_module(f"lora_book.{file.parent.name}.check")
            for file in sorted(folder.glob("*/check.py"))]


checks = SimpleNamespace(**{
    name: function for module in check_modules()
    for name, function in inspect.getmembers(module, inspect.isfunction)
    if function.__module__ == module.__name__ and not name.startswith("_")})


def in_toc() -> list[str]:
    """Every page of the book in its order, such as "book/part1/step-zero"."""
    return myst.page_names(REPOSITORY)


def source(page: str) -> str:
    """The text of a page's file."""
    return (REPOSITORY / f"{page}.md").read_text(encoding="utf-8")


@cache
def notebook(page: str):
    """A page as a notebook without outputs, as JupyterLab opens it; tests share it."""
    return jupytext.read(REPOSITORY / f"{page}.md")


def code(page: str) -> str:
    """The source of a page's cells, joined."""
    return "\n".join(c.source for c in notebook(page).cells if c.cell_type == "code")


def folded_solutions(page: str) -> dict[str, tuple[str, str]]:
    """Label → (code, text) of the solutions of a page that have code."""
    solutions = {}
    for solution in myst.directives(source(page)):
        parts = list(myst.parts(solution.body)) if solution.name == "solution" else ()
        code = "".join(part.body for part in parts if part.name == "" and part.title == "python")
        if code:
            words = "\n".join(part.text for part in parts if part.name is None)
            solutions[solution.title] = code, words
    return solutions


def printed_solution(label: str, **names):
    """What a chapter prints as ``solution``; its code may use NumPy, the checks and ``names``."""
    [code] = (solutions[label][0] for solutions in map(folded_solutions, NOTEBOOKS)
              if label in solutions)
    namespace = {"np": np, **vars(checks), **names}
    exec(code, namespace)
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


NOTEBOOKS = [page for page in in_toc() if myst.has_cells(source(page))]
# The pages that tests look at always where they look at every page once a week: one of every make.
SAMPLE = {"404", "search", "book/claims", "book/index", "book/thirty-minutes",
          "book/part1/step-zero", "book/answers/answers"}


def sampled(cases: list) -> list:
    """Pages, or explorers of pages, for parametrize: those of other pages than SAMPLE's are for
    the thorough run."""
    return [pytest.param(
        case, id=getattr(case, "id", case), marks=() if getattr(case, "page", case).removesuffix(
            ".html") in SAMPLE else pytest.mark.thorough) for case in cases]
