"""The portrait and the targets as matrices of greys; portrait.js makes them of the same file."""

import json
from functools import cache
from pathlib import Path

import numpy as np

SIDE = 64
PICTURES = json.loads(Path(__file__).with_name("pictures.json").read_text(encoding="utf-8"))
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"  # base64url


@cache
def picture(name: str) -> np.ndarray:
    """A stored picture (64, 64): "portrait", where 1 is black, or a target."""
    stored = PICTURES[name]
    ink = np.array([[PICTURES["ink"].index(cell) / 16 for cell in row] for row in stored["rows"]])
    cells = np.kron(ink, np.ones((stored["cell"], stored["cell"])))
    values = np.zeros((SIDE, SIDE))
    rows, columns = cells.shape
    values[stored["top"]:, stored["left"]:][:rows, :columns] = cells
    return values


def target(settings: dict) -> np.ndarray:
    """What ΔW is trained towards, (64, 64)."""
    if settings["target"] != "drawn":
        return picture(settings["target"])
    sixes = [LETTERS.index(letter) for letter in settings["bits"]]
    bits = "".join(f"{six:06b}" for six in sixes).ljust(1024, "0")[:1024]
    cells = np.array([float(bit) for bit in bits]).reshape(32, 32)
    return np.kron(cells, np.ones((2, 2)))
