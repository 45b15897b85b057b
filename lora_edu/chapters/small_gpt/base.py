"""The pretrained model that ships with the book, and the adapters for it. Imports torch."""

from __future__ import annotations

import torch
from safetensors.torch import load_file

from lora_edu.chapters.small_gpt.model import GPT, Size
from lora_edu.chapters.small_gpt.text import ALPHABET, DATA


def load_base() -> GPT:
    """The small GPT pretrained on Shakespeare, in float32 and evaluation mode."""
    model = untrained(0)
    model.load_state_dict(load_file(DATA / "base.safetensors"))  # float16, widened on the way
    return model.eval()


def untrained(seed: int) -> GPT:
    """A small GPT with random weights."""
    return GPT(Size(len(ALPHABET)), generator=torch.Generator().manual_seed(seed))
