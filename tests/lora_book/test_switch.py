"""Whose code a figure runs: the book's lora.py or the reader's."""

import pytest

from lora_book.instrument.task import run
from lora_book.workshop import take
from lora_book.workshop.switch import chosen


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


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
    place = folder / "lora.py"
    random = "A = rng.uniform(-1, 1, (r, k)) / np.sqrt(k)"
    assert run("yours").A[0].any()
    place.write_text(place.read_text().replace(random, "A = np.zeros((r, k))"))
    assert not run("yours").A.any()
    place.write_text(place.read_text().replace("return p - lr * g", "while True: p = p"))
    with pytest.raises(TimeoutError, match=r"lora\.py .* after 3 seconds"):
        run("yours", optimiser="SGD")
