"""The steps of the reader's file, where they stand in the chapters."""


import pytest

from book._extensions import myst
from lora_book.workshop.steps import STEPS
from tests.book import NOTEBOOKS, source
from tests.steps import stub

IMPORT = "from lora_book.workshop import check, yours\n\n"
LISTED = [(page, part.title) for page in NOTEBOOKS
          for part in myst.directives(source(page)) if part.name == "lines"]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_step_is_asked_for_in_one_page_and_its_lines_follow(step):
    [page] = [page for page, name in LISTED if name == step.name]
    parts = [part for part in myst.parts(source(page)) if part.text.strip()]
    names = [(part.name, part.title) for part in parts]
    cell = parts[names.index(("lines", step.name)) - 1]
    assert cell.name == "code-cell" and cell.body.strip() == IMPORT + stub(step)
