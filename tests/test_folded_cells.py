"""What a page folds away, an open notebook folds too: helper code, and solutions."""

import pytest
from chapters import NOTEBOOKS, with_solutions

FOLDED = {"hide-input", "hide-cell", "remove-input"}


@pytest.mark.parametrize("page", NOTEBOOKS)
def test_a_cell_is_folded_in_a_notebook_just_where_it_is_on_the_page(page):
    cells = list(with_solutions(page))
    folded = [cell.metadata.get("jupyter", {}).get("source_hidden", False) for cell, _ in cells]
    assert folded == [bool(solution or FOLDED & set(cell.metadata.get("tags", ())))
                      for cell, solution in cells]


def test_nothing_of_a_solution_stands_in_the_open():
    """A folded block hides the code, and there is no output to hide. (tests/lab runs it.)"""
    assert [page for page in NOTEBOOKS if any(label for _, label in with_solutions(page))] == []
