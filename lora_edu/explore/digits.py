"""Which arrays of a figure the codec's rounding would be seen in, and the digits that these need.

Imports NumPy only. A number is rounded by a part of itself. So its curve is right on an axis that
reaches zero, or nearly, and wrong on one that shows a short piece far from it: years, say.
"""

from __future__ import annotations

import math

import numpy as np

FINE = 2000  # parts of an axis, each less than a pixel: no number may be wrong by more
ROUNDED = 2.0**-17  # the part of itself by which the codec's rounding moves a number, at most
SMALLEST, LARGEST = 1.2e-38, 3.3e38  # what float32 can hold at full precision
ALL = 17  # digits that a float64 has


def spelled(figure: dict) -> dict:
    """``figure`` with lists of numbers, which are stored as JSON, for those arrays.

    An x or y is measured by all that its axis shows, any other array by itself; ``customdata``,
    which is said and not drawn, may be rounded.
    """
    traces, layout = figure.get("data", []), figure.get("layout", {})
    shown: dict[str, list] = {}
    for trace in traces:
        for axis, array in _placed(trace):
            shown.setdefault(axis, []).append(array.ravel())
    needed = {axis: digits(np.concatenate(arrays), _axis(layout, axis))
              for axis, arrays in shown.items()}
    return {**figure, "data": [
        _parts(trace) | {axis[0]: _written(array, needed[axis]) for axis, array in _placed(trace)}
        for trace in traces]}


def digits(values: np.ndarray, axis: dict) -> int:
    """How many digits values need on an axis as the layout has it; 0 where rounding will do."""
    log = axis.get("type") == "log"
    sizes = np.abs(values[values > 0] if log else values[values != 0])
    if not sizes.size:
        return 0
    if sizes.max() > LARGEST or (log and sizes.min() < SMALLEST):
        return ALL
    values = np.log10(sizes) if log else values
    low, high = axis.get("range") or (None, None)
    low, high = (float(values.min()) if low is None else low,
                 float(values.max()) if high is None else high)
    if isinstance(low, str) or isinstance(high, str):  # dates
        return ALL
    length = abs(high - low) or 2.0  # plotly's for a single number
    if not log and length < SMALLEST:
        return ALL
    times = 1 / (length * math.log(10)) if log else max(abs(low), abs(high)) / length
    return min(ALL, math.ceil(math.log10(FINE * times)) + 1) if ROUNDED * times > 1 / FINE else 0


def _placed(trace: dict) -> list[tuple[str, np.ndarray]]:
    """(axis, array) of a trace's x and y, where these are arrays; an axis is "x", "y2" …"""
    return [(trace.get(f"{letter}axis", letter), trace[letter]) for letter in "xy"
            if isinstance(trace.get(letter), np.ndarray)]


def _axis(layout: dict, name: str) -> dict:
    """The layout's entry of an axis, with the range of the one that it has to match."""
    own = layout.get(f"{name[0]}axis{name[1:]}", {})
    other = own.get("matches") or name
    return layout.get(f"{other[0]}axis{other[1:]}", {}) | own


def _parts(value):
    """A part of a trace, each of its arrays measured by itself."""
    if isinstance(value, dict):
        return {key: entry if key == "customdata" else _parts(entry)
                for key, entry in value.items()}
    if isinstance(value, list) and any(isinstance(entry, (dict, np.ndarray)) for entry in value):
        return [_parts(entry) for entry in value]
    return _written(value, digits(value, {})) if isinstance(value, np.ndarray) else value


def _written(array: np.ndarray, count: int) -> np.ndarray | list:
    """An array as lists of numbers of ``count`` digits; as it is where none are needed."""
    if not count:
        return array
    numbers = [float(f"{value:.{count}g}") for value in array.ravel().tolist()]
    return np.array(numbers).reshape(array.shape).tolist()
