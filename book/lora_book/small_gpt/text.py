"""The three texts of the small GPT, their characters and their splits.

Where the texts come from, and under which licence, is in ``data/SOURCES.md``.
"""

from functools import cache
from pathlib import Path

import torch

DATA = Path(__file__).with_name("data")
STYLES = {"shakespeare": "Shakespeare", "bible": "King James Bible",
          "devil": "The Devil's Dictionary"}
ALPHABET = "\n !\"'(),-.:;?[]ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
BLOCK = 2000  # characters
CYCLE = 20  # blocks, of which one validates and one tests


def encode(text: str) -> torch.Tensor:
    """The places of the characters in ALPHABET, (T,). ValueError for one that is not in it."""
    strange = sorted(set(text) - set(ALPHABET))
    if strange:
        raise ValueError(f"text must be made of {ALPHABET!r}, got {''.join(strange)!r}")
    return torch.tensor([ALPHABET.index(c) for c in text], dtype=torch.long)


def decode(ids: torch.Tensor) -> str:
    """The text of ids (T,)."""
    return "".join(ALPHABET[i] for i in ids.tolist())


def read(style: str) -> str:
    """The whole text of one of STYLES."""
    return (DATA / f"{style}.txt").read_text(encoding="ascii")


@cache
def part(style: str, name: str) -> torch.Tensor:
    """The ids of a part of a text: 90 % to "train" on, 5 % for "validation", 5 % to "test".

    Blocks from all over the text, joined in their order, so that the parts are alike.
    """
    text = read(style)
    validation = CYCLE // 2 - 1
    test = CYCLE - 1
    wanted = {"train": set(range(CYCLE)) - {validation, test}, "validation": {validation},
              "test": {test}}[name]
    blocks = [text[i:i + BLOCK] for i in range(0, len(text), BLOCK)]
    return encode("".join(b for i, b in enumerate(blocks) if i % CYCLE in wanted))
