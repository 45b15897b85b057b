"""The book's code exercises: each check accepts the printed solution and rejects wrong answers."""

import re
from pathlib import Path

import numpy as np
import pytest

from lora_edu import checks

CHAPTERS = sorted((Path(__file__).parents[1] / "book").rglob("*.md"))
SOLUTION = re.compile(r"```\{solution-start\} ([\w-]+)\n(.*?)```\{solution-end\}", re.DOTALL)
CELL = re.compile(r"```\{code-cell\} ipython3\n((?::tags:[^\n]*\n)?)(.*?)```", re.DOTALL)


def printed_solution(label):
    """The function ``solution`` that a chapter prints as the solution to an exercise."""
    for chapter in CHAPTERS:
        for found, body in SOLUTION.findall(chapter.read_text(encoding="utf-8")):
            if found == label:
                code = "\n".join(code for _, code in CELL.findall(body))
                namespace = {"np": np, **vars(checks)}
                exec(code, namespace)
                return namespace["solution"]
    raise AssertionError(f"no chapter prints a solution with code to {label}")


def test_the_printed_solution_passes_its_check(capsys):
    assert checks.three_factor_gradients(printed_solution("ex-three"))
    assert "Right" in capsys.readouterr().out


WRONG = {
    "not answered": (lambda A, M, B, G, s: None, "None"),
    "s forgotten": (lambda A, M, B, G, s: (M.T @ B.T @ G, B.T @ G @ A.T, G @ A.T @ M.T),
                    "off by one factor"),
    "s squared in one": (
        lambda A, M, B, G, s: (s * s * M.T @ B.T @ G, s * B.T @ G @ A.T, s * G @ A.T @ M.T),
        "∇A is off by one factor"),
    "sign of descent": (
        lambda A, M, B, G, s: (-s * M.T @ B.T @ G, -s * B.T @ G @ A.T, -s * G @ A.T @ M.T),
        "off by one factor"),
    "M not transposed": (
        lambda A, M, B, G, s: (s * M @ B.T @ G, s * B.T @ G @ A.T, s * G @ A.T @ M),
        "wrong entries"),
    "M left out": (lambda A, M, B, G, s: (s * B.T @ G, s * B.T @ G @ A.T, s * G @ A.T),
                   "wrong entries"),
    "order of the answers": (
        lambda A, M, B, G, s: (s * G @ A.T @ M.T, s * B.T @ G @ A.T, s * M.T @ B.T @ G), "shape"),
    "two matrices": (lambda A, M, B, G, s: (s * B.T @ G, s * G @ A.T), "three matrices"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_plausible_mistake_is_rejected_and_named(mistake, capsys):
    answer, hint = WRONG[mistake]
    assert not checks.three_factor_gradients(answer)
    assert hint in capsys.readouterr().out
