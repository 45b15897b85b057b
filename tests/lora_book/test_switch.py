"""Figures that run the book's lora.py or the reader's, against the library's own runs."""

import numpy as np
import pytest

from lora_book.hundred_steps import figures as hundred_steps
from lora_book.hundred_steps import runs as word_runs
from lora_book.shared import word_run
from lora_book.step_zero import figures
from lora_book.workshop import file, take
from lora_book.workshop.switch import chosen
from lora_edu import STARTS


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("t", [0, 1, 12, 30])
def test_the_word_by_the_file_is_the_librarys(t):
    for name, lr in word_runs.WORD_RATES.items():
        adapter = word_runs.word_by(file.books("lora.py"), name, t)
        wanted = word_run.written(STARTS[0], name, lr)[t]
        np.testing.assert_allclose(adapter.delta(), wanted.delta(), rtol=1e-6, atol=1e-9)


def test_whose_lines_they_are_is_said(folder):
    assert chosen("the book's", "start")[1] == "the book’s lines"
    assert chosen("yours", "start")[1] .startswith("the book’s lines")
    take("step-zero")
    assert chosen("yours", "start")[1] == "your file’s lines"
    assert chosen("yours", "start", "sgd")[1] == "your file’s lines, and the book’s sgd"
    (folder / "lora.py").write_text("def start(:\n")
    with pytest.raises(SyntaxError, match="line 1"):
        chosen("yours", "start")


def test_an_edit_by_hand_counts_at_the_next_call(folder):
    take("step-zero", "optimisers")
    before = figures.step_zero_of("yours")
    np.testing.assert_equal(before["data"], figures.step_zero_of()["data"])
    place = folder / "lora.py"
    random = "A = rng.uniform(-1, 1, (r, k)) / np.sqrt(k)"
    place.write_text(place.read_text().replace(random, "A = np.zeros((r, k))"))
    reading = figures.step_zero_of("yours")["layout"]["meta"]["reading"]
    assert reading.startswith("your file’s lines, and the book’s delta, forward, backward: after "
                              "one step ‖∇A‖ = 0 exactly, ‖∇B‖ = 0 exactly")
    place.write_text(place.read_text().replace("return p - lr * g", "return p + np.nan * g"))
    with pytest.raises(ValueError, match="not a number"):
        figures.step_zero_of("yours")
    with pytest.raises(ValueError):
        hundred_steps.drawn_by("yours", 3)
    place.write_text(place.read_text().replace("return p + np.nan * g", "while True: p = p"))
    for draw in (figures.step_zero_of, hundred_steps.drawn_by):
        with pytest.raises(TimeoutError, match=r"lora\.py .* after 3 seconds"):
            draw("yours", 3)
