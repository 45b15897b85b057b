"""The steps of the reader's file, where they stand in the chapters."""

import ast

import pytest

from book._extensions import myst
from lora_book.workshop.steps import STEPS
from tests.book import NOTEBOOKS, notebook, source
from tests.steps import stub

NAMES = {name for step in STEPS for name in step.functions}
IMPORT = "from lora_book.workshop import check, yours\n\n"
LISTED = [(page, part.title) for page in NOTEBOOKS
          for part in myst.directives(source(page)) if part.name == "lines"]
NUMPY_CHAPTERS = [page for page in NOTEBOOKS if page.startswith(("book/part1/", "book/part2/"))]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_step_is_asked_for_in_one_page_and_its_lines_follow(step):
    [page] = [page for page, name in LISTED if name == step.name]
    parts = [part for part in myst.parts(source(page)) if part.text.strip()]
    names = [(part.name, part.title) for part in parts]
    cell = parts[names.index(("lines", step.name)) - 1]
    assert cell.name == "code-cell" and cell.body.strip() == IMPORT + stub(step)


@pytest.mark.parametrize("page", NUMPY_CHAPTERS)
def test_a_numpy_chapter_defines_nothing_that_the_file_has(page):
    stubs = {IMPORT + stub(step) for step in STEPS}
    cells = [cell.source for cell in notebook(page).cells
             if cell.cell_type == "code" and cell.source not in stubs]
    defined = {node.name for text in cells for node in ast.walk(ast.parse(text))
               if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    assert not defined & NAMES
