"""What a page folds away, an open notebook folds too: helper code, and the code of solutions."""

import pytest
from chapters import NOTEBOOKS, with_solutions

FOLDED = {"hide-input", "hide-cell", "remove-input"}


def should_be_folded(page):
    """Each code cell of a page, and whether the website hides its code at first."""
    for cell, solution in with_solutions(page):
        yield cell, bool(solution or FOLDED & set(cell.metadata.get("tags", ())))


@pytest.mark.parametrize("page", NOTEBOOKS)
def test_a_cell_is_folded_in_a_notebook_just_where_it_is_on_the_page(page):
    cells = list(should_be_folded(page))
    folded = [cell.metadata.get("jupyter", {}).get("source_hidden", False) for cell, _ in cells]
    assert folded == [wanted for _, wanted in cells]


def test_there_are_folded_solutions():
    assert sum(wanted and not cell.metadata.get("tags") for page in NOTEBOOKS
               for cell, wanted in should_be_folded(page)) > 10
