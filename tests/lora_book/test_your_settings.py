"""The figure of Your settings: what it says of a tool comes out as the scale that it shows."""

import pytest

from lora_book.shared.tool_rows import ROWS
from lora_book.your_settings.figures import CHOICES, settings
from tests.lora_book.figure_words import headline


@pytest.mark.parametrize("tool", CHOICES)
@pytest.mark.parametrize(("r", "alpha"), [(4, 20), (64, 8)])
def test_the_words_of_each_tool_give_the_scale_of_the_line(tool, r, alpha):
    yours, unsaid, _, _, words = settings(tool, r, alpha)["data"]
    want = {"MLX": alpha, "PEFT, rsLoRA": alpha / r**0.5}.get(tool, alpha / r)
    for name, text in zip(ROWS, words["text"], strict=True):
        if name in ("diffusers, SD", "Tinker"):
            only = 32 / r if name == "Tinker" else 1
            assert text.startswith(f"only s={only:g}")
            continue
        kind, number = text.split(", ")[0].split()
        divisor = 1 if kind == "scale" else r**0.5 if "rsLoRA" in text else r
        assert float(number) / divisor == pytest.approx(want, rel=0.01)
    assert yours["x"] == [want, want]
    assert {*unsaid["text"]} == {*ROWS} - {"axolotl"}  # which has no default


@pytest.mark.parametrize(("position", "sentence"), [
    (("PEFT", 16, 32, "SGD"), "is 4 times as large as at scale 1 (the scale squared)"),
    (("MLX", 16, 2, "AdamW"), "6.32 times as large as at scale 1 elsewhere, because MLX’s AdamW "
                                "has no bias correction"),
    (("MLX", 16, 2, "Lion"), "is 2 times as large as at scale 1"),
    (("Keras", 16, 16, "Lion"), "A’s spread is 2.4 times PEFT’s")])
def test_the_headline_says_why_a_first_step_is_not_the_scale(position, sentence):
    """And whether A starts with a larger spread."""
    assert headline(settings(*position)).endswith(sentence)
