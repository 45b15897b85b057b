"""The instrument's first frame as pixels: what drawing.js paints, in NumPy."""

import json
from pathlib import Path

import numpy as np

from .portrait import picture
from .task import Run

LOOKS = json.loads(Path(__file__).with_name("looks.json").read_text(encoding="utf-8"))


def shades(values: np.ndarray, colours: list, full: float, ground) -> np.ndarray:
    """Entries as pixels, (rows, columns, 4) bytes: see drawing.js."""
    share = np.minimum(1, np.abs(values) / full)[..., None] ** LOOKS["tone"] if full else 0
    above, below = map(np.array, colours)
    ground = np.broadcast_to(ground, (*values.shape, 3))
    pixels = ground + share * (np.where(values[..., None] < 0, below, above) - ground)
    opaque = np.full((*values.shape, 1), 255)
    return np.concatenate([np.round(pixels), opaque], axis=2).astype(np.uint8)


def pictures_of(run: Run, settings: dict) -> dict[str, np.ndarray]:
    """Matrix → its pixels, of a run at the settings' step or its last."""
    frame = run.frame(min(settings["step"], len(run.A) - 1))
    paper = np.array(LOOKS["paper"])
    grey = paper + picture("portrait")[..., None] * (np.array(LOOKS["ink"]) - paper)
    full = LOOKS["full"]
    pixels = {"A": shades(frame["A"], LOOKS["A"], full["A"], paper),
              "B": shades(frame["B"], LOOKS["B"], full["B"], paper),
              "delta": shades(settings["on"] * frame["delta"], LOOKS["delta"], full["delta"],
                              grey)}
    for name in ("gradA", "gradB"):
        largest = np.abs(frame[name]).max()
        pixels[name] = shades(frame[name], LOOKS["gradient"], largest, paper)
    return pixels
