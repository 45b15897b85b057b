"""In which arrays the codec's rounding would be seen: these keep all their digits.

The codec's error is relative. It cannot be seen where numbers span much beside their size, such as
0 to 10, but it can where they span little far from zero, such as the years 2000 to 2010.
"""

import re

import numpy as np

from lora_edu.explore.plain_figure import as_lists

FINE = 2000  # no number may be wrong by more than 1/FINE of what is shown, less than a pixel
ROUNDED = 2.0**-17  # the codec's largest relative error
SMALLEST = 1.2e-38  # from here to
LARGEST = 3.3e38  # here float32 has all its digits
WRITTEN = {"text", "hovertext", "ids", "labels", "cells", "header"}  # plotly writes out all digits
CUSTOM = re.compile(r"%{customdata([^}]*)}")  # how a template writes customdata
FEW_DIGITS = re.compile(r"[^:]*:\.[0-4][eg]")


def with_digits_kept(figure: dict) -> dict:
    """``figure``, where each array that rounding would spoil is a list, which the codec stores
    exactly."""
    layout = figure.get("layout", {})
    return {**figure, "data": [_kept(trace, layout) for trace in figure.get("data", [])]}


def rounding_is_seen(values: np.ndarray, axis: dict) -> bool:
    """Whether rounding moves a value visibly, on an axis of the layout or, where this has no range
    of its own, within what the values span. Not all values may be zero."""
    low, high = axis.get("range") or (None, None)
    # Ends given as dates: the numbers are milliseconds since 1970, far from zero.
    if isinstance(low, str) or isinstance(high, str):
        return True
    # A logarithmic axis is given exponents, and shows no zeros. A relative error is small on it
    # where it is small on the same piece of a linear one.
    if axis.get("type") == "log":
        values = np.abs(values[values != 0])
        low, high = (end if end is None else 10.0 ** min(end, 300) for end in (low, high))
    low = values.min() if low is None else low
    high = values.max() if high is None else high
    length = abs(high - low) or 2.0  # what plotly shows around a single number
    return ROUNDED * max(abs(low), abs(high)) > length / FINE


def _kept(part: dict, layout: dict) -> dict:
    """A trace, or a part of one, with lists for the arrays that rounding would spoil."""
    kept = {}
    for key, value in part.items():
        if isinstance(value, dict) and key not in WRITTEN:
            kept[key] = _kept(value, {})
        elif isinstance(value, list) and any(isinstance(entry, dict) for entry in value):
            kept[key] = [_kept(entry, {}) for entry in value]
        else:
            kept[key] = as_lists(value) if _needs_digits(part, key, layout) else value
    return kept


def _needs_digits(part: dict, key: str, layout: dict) -> bool:
    values = np.concatenate([np.zeros(0), *_arrays(part[key])])
    sizes = np.abs(values[values != 0])
    if not sizes.size:
        return False
    if key in WRITTEN or sizes.min() < SMALLEST or sizes.max() > LARGEST:
        return True
    if key == "customdata":
        templates = f"{part.get('hovertemplate')}{part.get('texttemplate')}"
        return not all(map(FEW_DIGITS.fullmatch, CUSTOM.findall(templates)))
    axis = {}
    if key in ("x", "y"):
        axis = layout.get(f"{key}axis{part.get(f'{key}axis', key)[1:]}") or {}
    return rounding_is_seen(values, axis)


def _arrays(value) -> list[np.ndarray]:
    """The arrays in a value, such as the rows of a map, each as one row of numbers."""
    if isinstance(value, np.ndarray):
        return [value.ravel()]
    if isinstance(value, dict):
        value = list(value.values())
    return [row for part in value for row in _arrays(part)] if isinstance(value, list) else []
