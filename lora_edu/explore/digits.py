"""Which coordinates the codec's rounding would be seen in, and the digits that these need.

A number is rounded by a part of itself. So its curve is right on an axis that reaches zero, or
nearly, and wrong on one that shows a short piece far from it: years, say.
"""

from __future__ import annotations

import math

import numpy as np

FINE = 2000  # parts of an axis, each less than a pixel: no number may be wrong by more
ROUNDED = 2.0**-17  # the part of itself by which the codec's rounding moves a number, at most
LARGEST = 3.3e38  # what float32 can hold
ALL = 17  # digits that a float64 has


def spelled(figure: dict) -> dict:
    """``figure`` with lists of numbers, which are stored as JSON, for those x and y. Each is
    measured by all that its axis shows."""
    shown: dict[str, list] = {}
    traces, layout = figure.get("data", []), figure.get("layout", {})
    for trace in traces:
        for axis, array in _placed(trace):
            shown.setdefault(axis, []).append(array.ravel())
    needed = {axis: digits(np.concatenate(arrays), layout.get(f"{axis[0]}axis{axis[1:]}", {}))
              for axis, arrays in shown.items()}
    return {**figure, "data": [
        trace | {axis[0]: _written(array, needed[axis]) for axis, array in _placed(trace)
                 if needed[axis]} for trace in traces]}


def digits(values: np.ndarray, axis: dict) -> int:
    """How many digits values need on an axis as the layout has it; 0 where rounding will do, as on
    every log scale."""
    if not values.any() or axis.get("type") == "log":
        return 0
    low, high = axis.get("range") or (None, None)
    if isinstance(low, str) or isinstance(high, str):  # dates, of numbers that are milliseconds
        return ALL
    low, high = values.min() if low is None else low, values.max() if high is None else high
    times = max(abs(low), abs(high)) / (abs(high - low) or 2.0)  # plotly's for a single number
    return min(ALL, math.ceil(math.log10(FINE * times)) + 1) if ROUNDED * times > 1 / FINE else 0


def _placed(trace: dict) -> list[tuple[str, np.ndarray]]:
    """(axis, array) of a trace's x and y, where these are arrays; an axis is "x", "y2" …"""
    return [(trace.get(f"{letter}axis", letter), trace[letter]) for letter in "xy"
            if isinstance(trace.get(letter), np.ndarray)]


def _written(array: np.ndarray, count: int) -> list:
    """An array as lists of numbers of ``count`` digits."""
    numbers = [float(f"{value:.{count}g}") for value in array.ravel().tolist()]
    return np.array(numbers).reshape(array.shape).tolist()
