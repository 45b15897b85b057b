"""Which arrays the codec may round: where points stand, the heights of a map, and what is written
of them in few digits. All others keep all their digits.

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
CUSTOM = re.compile(r"%{customdata([^}]*)}")  # how a template writes customdata
FEW_DIGITS = re.compile(r"[^:]*:\.[0-4][eg]")


def with_digits_kept(figure: dict) -> dict:
    """``figure``, where each array that rounding would spoil is a list, which the codec stores
    exactly."""
    layout = figure.get("layout", {})
    traces = [{key: value if may_be_rounded(trace, key, layout) else as_lists(value)
               for key, value in trace.items()} for trace in figure.get("data", [])]
    return {**figure, "data": traces}


def may_be_rounded(trace: dict, key: str, layout: dict) -> bool:
    """Whether what a trace holds under a key is an array of which rounding is not seen."""
    values = trace[key]
    if key not in ("x", "y", "z", "customdata") or not isinstance(values, np.ndarray):
        return False
    sizes = np.abs(values[values != 0])
    if not sizes.size:
        return True
    if sizes.min() < SMALLEST or sizes.max() > LARGEST:
        return False
    if key == "customdata":
        templates = f"{trace.get('hovertemplate')}{trace.get('texttemplate')}"
        return all(map(FEW_DIGITS.fullmatch, CUSTOM.findall(templates)))
    axis = layout.get(f"{key}axis{trace.get(f'{key}axis', key)[1:]}") or {}
    return not rounding_is_seen(values, axis)


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
