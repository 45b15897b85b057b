"""Fonts cut down to the characters that are used. Imports fontTools."""

from __future__ import annotations

import logging
from pathlib import Path

from fontTools import subset

logging.getLogger("fontTools").setLevel(logging.WARNING)  # it tells of every table it leaves out


def cut_font(font: Path, characters: set[int]) -> None:
    """Keep the characters of those code points in a woff2 font; it may lack some of them."""
    options = subset.Options(flavor="woff2", layout_features=[], desubroutinize=True)
    loaded = subset.load_font(str(font), options)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=characters)
    cutter.subset(loaded)
    subset.save_font(loaded, str(font), options)
