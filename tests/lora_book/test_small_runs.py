"""The small runs behind the answers: what their cells are there to show."""

from contextlib import redirect_stdout
from io import StringIO
from itertools import permutations, product

import numpy as np
import pytest
import torch

from tests.book import notebook

RUNS = ("def three_steps", "Regression(", "a.add_(1e-5)")  # each is in one cell of the page


@pytest.fixture(scope="module")
def page():
    """(names, output) of the page's first cell, which imports, and of the cells of the runs."""
    cells = [cell.source for cell in notebook("book/notes/digits-and-gpt").cells
             if cell.cell_type == "code"]
    runs = [cell for cell in cells if any(part in cell for part in RUNS)]
    names, output = {}, StringIO()
    with redirect_stdout(output):
        exec("\n".join([cells[0], *runs]), names)
    return names, output.getvalue()


def test_a_b_that_was_zero_gets_the_rank_of_the_batch(page):
    lines = [line for line in page[1].splitlines() if line.startswith("batch")]
    assert [int(line.split("rank ")[1].split()[0]) for line in lines] == [1, 2, 4, 8]


def test_too_long_a_step_is_nan_in_float16_and_large_elsewhere(page):
    """The answer on NaN: the step is too long in every precision."""
    three_steps = page[0]["three_steps"]
    for dtype in (torch.float32, torch.bfloat16):
        largest, loss = three_steps(dtype, 64, 0.1)
        assert largest > 65_504 and 1e6 < loss < np.inf
    largest, loss = three_steps(torch.float16, 64, 0.1)
    assert largest == np.inf and np.isnan(loss)
    for alpha, lr in ((8, 0.1), (64, 0.1 / 8)):
        largest, loss = three_steps(torch.float16, alpha, lr)
        assert largest < 1000 and loss < 2


def test_bfloat16_neither_lets_a_moment_fall_nor_an_entry_creep(page):
    half, single = (line for line in page[1].splitlines() if ": v = " in line)
    assert "bfloat16" in half and "v = 1.000, entry of A = 0.0100" in half
    assert f"v = {0.999**1000:.3f}, entry of A = 0.0200" in single


@pytest.mark.claim("thm-three-seeds")
def test_luck_puts_three_below_three_once_in_twenty():
    orders = list(permutations(range(6)))  # of which the first three belong to X
    below = sum(max(order[:3]) < min(order[3:]) for order in orders)
    above = sum(min(order[:3]) > max(order[3:]) for order in orders)
    assert below * 20 == len(orders) and (below + above) * 10 == len(orders)
    signs = list(product((-1, 1), repeat=3))
    assert 4 * sum(abs(sum(three)) == 3 for three in signs) == len(signs)
