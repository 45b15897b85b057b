"""Figures that run the book's lora.py or the reader's, against the library's own runs."""

import numpy as np
import pytest

from lora_book.instrument.task import run
from lora_book.step_zero import figures, runs
from lora_book.workshop import file, take
from lora_book.workshop.switch import chosen
from lora_edu import STARTS, initial


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("optimiser", ["SGD", "Adam"])
def test_a_step_by_the_file_is_the_librarys(optimiser):
    """From one start."""
    lora = file.books("lora.py")
    lora.start = lambda d, k, r, rng: initial(d, k, r, STARTS[0], runs.SIGMA, rng=rng)
    norms = runs.one_step_of(lora, 8, 16, optimiser)
    history = runs.one_step(8, 16, STARTS[0], optimiser)
    for name, wanted in {"loss": history.loss, "A": history.grad_A_norm, "B": history.grad_B_norm,
                         "delta": history.delta_norm}.items():
        np.testing.assert_allclose(norms[name], wanted, rtol=1e-9, atol=1e-15, err_msg=name)


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
    place.write_text(place.read_text().replace("return p + np.nan * g", "while True: p = p"))
    late = r"lora\.py .* after 3 seconds"
    with pytest.raises(TimeoutError, match=late):
        figures.step_zero_of("yours")
    with pytest.raises(TimeoutError, match=late):
        run("yours", optimiser="SGD")
