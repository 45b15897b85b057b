"""What part II says of the reader's file, on what its cells print with the book's lines."""

import contextlib
import io
import re

import numpy as np
import pytest

from lora_book.divide_by_r.figures import searched
from lora_edu.explore.explorer import STATIC
from tests.book import notebook

DRAWS = re.compile(r"\b(explore|show|instrument)\(")


@pytest.fixture
def printed(monkeypatch):
    """page → what its cells print, those with figures left out."""
    monkeypatch.setenv(STATIC, "1")  # nobody's lora.py is read

    def of(page):
        space = {}
        with contextlib.redirect_stdout(io.StringIO()) as text:
            for cell in notebook(f"book/part2/{page}").cells:
                if cell.cell_type == "code" and not DRAWS.search(cell.source):
                    exec(cell.source, space)
        return text.getvalue()
    return of


def numbers(text: str, line: str) -> list[tuple[float, ...]]:
    """The groups of every line that a pattern finds."""
    return [tuple(map(float, match.groups())) for match in re.finditer(line, text)]


def test_the_first_step_sees_the_scale_twice_under_sgd_and_once_under_adam(printed):
    steps = numbers(printed("step-size"), r"step (\S+) times as large, from 16 to 32 (\S+) times")
    assert steps == [(4, 4), (2, 2)]


def test_each_rule_keeps_what_the_table_says_and_without_r_the_best_rate_falls(printed):
    text = printed("divide-by-r")
    useful = numbers(text, r"useful part × +(\S+),")
    assert np.array(useful).ravel() == pytest.approx([64, 8, 1], rel=0.03)
    rates = re.findall(r"best η .*: +(.*)", text)
    whole, broken = (np.array(row.split(), dtype=float) for row in rates)
    assert np.ptp(whole) == 0 and broken[0] / broken[-1] == 64
    reading = searched((1, 64), {"LoRA": whole, "unscaled": broken})["layout"]["meta"]["reading"]
    assert reading.endswith("is constant with s = α/r and falls 64-fold with s = α")


def test_another_unit_has_the_same_bits(printed):
    text = printed("invariance")
    assert re.findall("same bits: (True|False)", text) == [*["True"] * 3, *["False"] * 2]
    assert re.findall("to twelve places: (.*)", text) == ["True"] * 5


def test_a_rate_is_carried_with_alpha_kept(printed):
    rows = re.findall(r"r = +(\d+), (α.*?) *: regret +(\S+),", printed("first-r"))
    regret = {(int(r), name): float(value) for r, name, value in rows}
    assert max(regret[1, "α fixed"], regret[64, "α fixed"]) < 1.1
    assert regret[64, "α = r"] > 2


def test_the_turned_task_has_the_same_bits_under_both_rules(printed):
    assert re.findall("the same bits: (.*)", printed("which-zero")) == ["True", "True"]


def test_the_use_of_the_first_step_is_a_ninth_at_every_rank(printed):
    steps = np.array(numbers(printed("beside-full"), r"use × (\S+), harm × (\S+)"))
    assert steps[:, 0] == pytest.approx(1 / 9, abs=0.01)
    assert (np.diff(steps[:, 1]) < 0).all()
