"""The word LoRA as a matrix, and a picture of it with a little noise."""

from functools import cache

import numpy as np

LETTERS = {  # seven rows of five pixels each
    "L": "10000 10000 10000 10000 10000 10000 11111",
    "o": "00000 00000 01110 10001 10001 10001 01110",
    "R": "11110 10001 10001 11110 10100 10010 10001",
    "A": "01110 10001 10001 11111 10001 10001 10001",
}


@cache
def word() -> np.ndarray:
    """A (16, 48) matrix of 0 and 1: the word LoRA with a margin of one cell; its rank is seven."""
    letters = [LETTERS[letter].split() for letter in "LoRA"]
    rows = ["0".join(parts) for parts in zip(*letters, strict=True)]  # with gaps one pixel wide
    pixels = np.array([[float(pixel) for pixel in row] for row in rows])
    return np.pad(np.kron(pixels, np.ones((2, 2))), 1)  # 2 × 2 cells a pixel


@cache
def picture() -> np.ndarray:
    """The word and a little noise."""
    return word() + 0.1 * np.random.default_rng(0).normal(size=word().shape)
