"""What a page folds away, an open notebook folds too: helper code. (Solutions are folded blocks;
the build refuses any other form of them: see test_plain_markdown.)"""

import pytest

from tests.book import NOTEBOOKS, notebook

FOLDED = {"hide-input", "hide-cell", "remove-input"}


@pytest.mark.parametrize("page", NOTEBOOKS)
def test_a_cell_is_folded_in_a_notebook_just_where_it_is_on_the_page(page):
    wrong = [f"{cell.source[:40]!r}: write :jupyter: {{source_hidden: true}} just where the tags "
             "have one of hide-input, hide-cell, remove-input" for cell in notebook(page).cells
             if cell.cell_type == "code" and cell.metadata.get("jupyter", {}).get(
                 "source_hidden", False) != bool(FOLDED & set(cell.metadata.get("tags", ())))]
    assert wrong == []
