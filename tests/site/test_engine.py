"""The instrument's engine in Chromium, bundled as pages have it, against ``train``."""

import pytest

from tests.parity import (
    EVERY_KIND,
    by_python,
    check_single_steps,
    check_whole_runs,
    in_node,
    write_page,
)


@pytest.fixture
def asked(folder, visit):
    """``asked(name, given, data)`` → what the function answers in Chromium."""
    write_page(folder[0])
    here = visit("parity.html", base=folder[1]).page

    def answer(name: str, given: list, data: bytes = b""):
        (folder[0] / "data.bin").write_bytes(data)
        return here.evaluate("""async ([name, given]) =>
            parity[name](given, await (await fetch("data.bin")).arrayBuffer())""", [name, given])

    return answer


def test_each_step_is_that_of_train(asked):
    python = by_python(300, steps=8)
    check_single_steps(asked("singleSteps", python.cases, python.data))


def test_whole_runs_are_those_of_train(asked):
    python = by_python(32, steps=120)
    check_whole_runs(asked("wholeRuns", python.cases, python.data), python)


def test_every_bit_is_that_of_node(asked):
    assert asked("digest", EVERY_KIND) == in_node("digest", EVERY_KIND)
