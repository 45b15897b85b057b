"""The answers page: what its two cells are there to show."""

from contextlib import redirect_stdout
from io import StringIO

import numpy as np
import pytest
from chapters import code

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def page():
    """(names, output) of the page's cells."""
    names, output = {}, StringIO()
    with redirect_stdout(output):
        exec(code("book/part4/answers"), names)
    return names, output.getvalue()


def test_a_b_that_was_zero_gets_the_rank_of_the_batch(page):
    lines = [line for line in page[1].splitlines() if line.startswith("batch")]
    assert [int(line.split("rank ")[1].split()[0]) for line in lines] == [1, 2, 4, 8]


def test_too_long_a_step_is_nan_in_float16_and_large_elsewhere(page):
    """The answer to "With α above 1 I get NaN": the step is too long in every precision."""
    three_steps = page[0]["three_steps"]
    for dtype in (torch.float32, torch.bfloat16):
        largest, loss = three_steps(dtype, 64, 0.1)
        assert largest > 65_504 and 1e6 < loss < np.inf
    largest, loss = three_steps(torch.float16, 64, 0.1)
    assert largest == np.inf and np.isnan(loss)


@pytest.mark.parametrize(("alpha", "lr"), [(8, 0.1), (64, 0.1 / 8)])
def test_the_smaller_step_is_finite_in_float16(page, alpha, lr):
    largest, loss = page[0]["three_steps"](torch.float16, alpha, lr)
    assert largest < 1000 and loss < 2
