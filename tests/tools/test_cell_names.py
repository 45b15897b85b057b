"""Which cells a cell needs: what binds its names, and what may change them."""

import pytest

from book._extensions.in_page.cell_names import names_of, needs
from book._extensions.in_page.run_page import elsewhere


@pytest.mark.parametrize(("cells", "last"), [
    (["a = 1", "b = 2", "print(a)"], [0]),
    (["import numpy as np", "np.zeros(3)", "x = np.ones(2)"], [0]),  # a module does not change
    (["rng = make()", "rng.normal()", "y = 1", "print(rng)"], [0, 1]),  # a variable may
    (["def f(): return w", "w = 3", "f()"], [0, 1]),  # bound later, used by the function
    (["w = 1", "v = w", "v[0] = 2", "w"], [0, 1, 2]),  # by another name
    (["x = 1", "def f(x): return x", "f(2)"], [1]),  # a function's own names
    (["x = 1", "[x for x in range(3)]"], []),
    (["x = 1", "{x: {y for y in range(x)} for x in range(3)}"], []),
    (["x = 1", "{i: x for i in range(3)}"], [0]),
    (["x = 1", "[last := i for i in range(3)]", "last"], [1]),
    (["n = 1", "n += 1", "n"], [0, 1]),
    (["class C:\n    x = y", "y = 1", "C"], [0, 1]),
    (["def f():\n    global g\n    g = 1", "f()", "g"], [0, 1]),
    (["rng = make()\ndef draw(): return rng.normal()", "draw()", "draw()"], [0, 1]),
    (["def f(x): return x", "f(1)", "f(2)"], [0]),
    (["x = (", "1"], [0])])  # whatever it is meant to be
def test_a_cell_needs_what_binds_or_changes_its_names(cells, last):
    assert needs(dict(enumerate(cells)))[len(cells) - 1] == last


def test_numbers_need_not_follow_each_other():
    assert needs({2: "a = 1", 5: "a", 9: "a"})[9] == [2, 5]


def test_names_of_a_cell_that_is_no_python():
    with pytest.raises(SyntaxError):
        names_of("x = (")


@pytest.mark.parametrize(("cells", "lost"), [
    (["import numpy", "import torch", "torch.zeros(1)", "numpy.zeros(1)"], [1, 2]),
    (["from lora_edu.nn import inject", "from lora_edu import train"], [0]),
    (["import numpy as np", "import torch\nnp = 3", "np"], [1]),  # np was there before
    (["from scipy import stats\nx = 1", "x = 2", "x"], [0]),
    (["from concurrent.futures import ProcessPoolExecutor"], [0]), (["import os, ast"], [])])
def test_cells_that_no_browser_runs_are_found(cells, lost):
    assert elsewhere(cells) == lost
