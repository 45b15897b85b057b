"""In which coordinates the codec's rounding would be seen: these keep all their digits.

The codec's error is relative. It cannot be seen on an axis that includes zero, but it can on a
short range far from zero, such as the years 2000 to 2010.
"""

import numpy as np

FINE = 2000  # no number may be wrong by more than 1/FINE of its axis, less than a pixel
ROUNDED = 2.0**-17  # the codec's largest relative error
LARGEST = 3.3e38  # what float32 can hold


def with_digits_kept(figure: dict) -> dict:
    """``figure``, where each x and y that rounding would spoil is a list, which the codec stores
    exactly. Traces that share an axis are judged together."""
    shown: dict[str, list] = {}
    traces, layout = figure.get("data", []), figure.get("layout", {})
    for trace in traces:
        for axis, array in _coordinates(trace):
            shown.setdefault(axis, []).append(array.ravel())
    exact = {axis for axis, arrays in shown.items() if rounding_is_seen(
        np.concatenate(arrays), layout.get(f"{axis[0]}axis{axis[1:]}", {}))}
    return {**figure, "data": [
        trace | {axis[0]: array.tolist() for axis, array in _coordinates(trace) if axis in exact}
        for trace in traces]}


def rounding_is_seen(values: np.ndarray, axis: dict) -> bool:
    """Whether rounding moves a value visibly on an axis of the layout; never on a log scale."""
    if not values.any() or axis.get("type") == "log":
        return False
    low, high = axis.get("range") or (None, None)
    # Ends given as dates: the numbers are milliseconds since 1970, far from zero.
    if isinstance(low, str) or isinstance(high, str):
        return True
    low, high = values.min() if low is None else low, values.max() if high is None else high
    length = abs(high - low) or 2.0  # what plotly shows around a single number
    return ROUNDED * max(abs(low), abs(high)) > length / FINE


def _coordinates(trace: dict) -> list[tuple[str, np.ndarray]]:
    """(axis, array) of a trace's x and y, where these are arrays; an axis is "x", "y2" …"""
    return [(trace.get(f"{letter}axis", letter), trace[letter]) for letter in "xy"
            if isinstance(trace.get(letter), np.ndarray)]
