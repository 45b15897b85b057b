"""The figure of Your settings: what it says of a tool comes out as the scale that it shows."""

import pytest

from lora_edu.chapters.your_settings.figures import CHOICES, ROWS, settings


@pytest.mark.parametrize("tool", CHOICES)
@pytest.mark.parametrize(("r", "alpha"), [(4, 20), (64, 8)])
def test_the_words_of_each_tool_give_the_scale_of_the_line(tool, r, alpha):
    yours, unsaid, _, words = settings(tool, r, alpha)["data"]
    want = {"MLX": alpha, "PEFT, rsLoRA": alpha / r**0.5}.get(tool, alpha / r)
    for text in words["text"]:
        kind, number = text.split(", ")[0].split()
        divisor = 1 if kind == "scale" else r**0.5 if "rsLoRA" in text else r
        assert float(number) / divisor == pytest.approx(want, rel=0.01)
    assert yours["x"] == [want, want] and len(words["text"]) == len(ROWS)
    assert dict(zip(unsaid["text"], unsaid["x"], strict=True))["LlamaFactory"] == 2
