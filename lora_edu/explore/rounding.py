"""How many digits of an array a page stores: as many as can be seen of where points stand, of the
heights of a map, and of what is written in few digits. All other numbers keep all their digits.

An error of rounding is relative. It cannot be seen where numbers span much beside their size, such
as 0 to 10, but it can where they span little far from zero, such as the years 2000 to 2010.
"""

import math
import re

import numpy as np

from lora_edu.explore.plain_figure import as_lists, axis_of

FINE = 2000  # no number may be wrong by more than 1/FINE of what is shown, less than a pixel
FEW = 5  # digits that are always kept
ALL = 17
CUSTOM = re.compile(r"%{customdata([^}]*)}")  # how a template writes customdata
FEW_DIGITS = re.compile(r"[^:]*:\.[0-4][eg]")


def rounded(figure: dict) -> dict:
    """``figure`` with lists in the place of arrays, their numbers to as many digits as are seen."""
    layout = figure.get("layout", {})
    traces = [{key: _rounded(value, digits(trace, key, layout)) if isinstance(value, np.ndarray)
               else as_lists(value) for key, value in trace.items()}
              for trace in figure.get("data", [])]
    return {**figure, "data": traces}


def _rounded(values: np.ndarray, count: int) -> list:
    short = [float(f"{value:.{count}g}") for value in values.flat]
    return np.reshape(short, values.shape).tolist()


def digits(trace: dict, key: str, layout: dict) -> int:
    """How many digits are seen of the array that a trace holds under a key."""
    if key == "customdata":
        templates = f"{trace.get('hovertemplate')}{trace.get('texttemplate')}"
        formats = CUSTOM.findall(templates)
        return FEW if formats and all(map(FEW_DIGITS.fullmatch, formats)) else ALL
    if key not in ("x", "y", "z"):
        return ALL
    return digits_on(axis_of(trace, key, layout), trace[key])


def digits_on(axis: dict, values: np.ndarray) -> int:
    """How many digits are seen of values on an axis of the layout or, where this has no range of
    its own, within what the values span."""
    low, high = axis.get("range") or (None, None)
    # Ends given as dates: the numbers are milliseconds since 1970, far from zero.
    if isinstance(low, str) or isinstance(high, str):
        return ALL
    # A logarithmic axis is given exponents, and shows no zeros. A relative error is small on it
    # where it is small on the same piece of a linear one.
    if axis.get("type") == "log":
        values = np.abs(values[values != 0])
        # Floats end at 10 to the power 308.
        if low is not None:
            low = 10.0 ** min(low, 300)
        if high is not None:
            high = 10.0 ** min(high, 300)
    if not values.size:
        return FEW
    low = float(values.min()) if low is None else low
    high = float(values.max()) if high is None else high
    length = abs(high - low) or 2.0  # what plotly shows around a single number
    parts = max(abs(low), abs(high)) / length * FINE / 2
    return max(FEW, 1 + math.ceil(math.log10(parts))) if parts > 1 else FEW
