"""In a cell that calls a check the place for the answer is marked, in one wording."""

import re

import pytest

from tests.book import NOTEBOOKS, checks, notebook

HERE = re.compile(r"^    return None  # your answer in place of None$"
                  r"|^# your answers in place of None\nmine = \{.*None\}$", re.MULTILINE)
CALLED = re.compile(rf"^(?:check\.)?({'|'.join(vars(checks))})\(", re.MULTILINE)


def asking(page):
    """The cells of a page that call a check."""
    return [cell.source for cell in notebook(page).cells
            if cell.cell_type == "code" and CALLED.search(cell.source)]


@pytest.mark.parametrize("page", [page for page in NOTEBOOKS if asking(page)])
def test_a_cell_that_is_checked_says_where_the_answer_goes(page):
    assert [source for source in asking(page) if not HERE.search(source)] == []


def test_every_check_is_called_in_one_cell():
    called = [name for page in NOTEBOOKS for source in asking(page)
              for name in CALLED.findall(source)]
    assert sorted(called) == sorted(vars(checks))
