"""A figure in plain types, and whether it can be shown.

Imports the codec of this package, and NumPy. A *plain figure* is a plotly figure as dicts, lists,
numbers, strings and, in its traces, NumPy arrays: no plotly object, no template (the page's theme
takes its place), nothing non-finite.
"""

from __future__ import annotations

import base64
import datetime
import math
import numbers
import re
from contextlib import contextmanager

import numpy as np

from lora_edu.explore.codec import as_lists

NOT_TEXT = re.compile("[\0\ud800-\udfff]")  # in no HTML file: U+0000, and half a character


class ExploreError(ValueError):
    """An explorer that cannot be shown; the message names the state and what is wrong.

    >>> from lora_edu.explore import explore
    >>> try:
    ...     explore(lambda r: {"data": [{"y": [1 / r]}]}, name="one over r", r=[0, 1]).html()
    ... except ExploreError as error:
    ...     print(error)
    state (r = 0): making its figure raised ZeroDivisionError: division by zero
    """


def plain_figure(figure, where: str = "the figure") -> dict:
    """``{"data": …, "layout": …}`` of a plotly figure, arrays decoded, template removed.

    figure: a plotly Figure, or a dict of its ``data`` (a list of traces as dicts) and ``layout``,
    which is several times faster to make; see :func:`validate`.

    Raises ExploreError, naming ``where`` and the path, for a value that is not finite (write None
    for a gap), for anything that is not a figure, for one with animation frames, and for a
    ``layout.meta`` without a dict or a reading that is no text.
    """
    if figure.get("frames") if isinstance(figure, dict) else getattr(figure, "frames", ()):
        raise ExploreError(f"{where}: the figure has frames, plotly's animation, which no page "
                           "shows; let what they vary be a control (play= plays it)")
    if isinstance(figure, dict) and set(figure) <= {"data", "layout", "frames"}:
        data, layout = figure.get("data", []), figure.get("layout", {})
    elif hasattr(figure, "data") and hasattr(figure, "layout"):
        # part by part: the figure as a whole would write its arrays in base64 first
        data, layout = [t.to_plotly_json() for t in figure.data], figure.layout.to_plotly_json()
    else:
        raise ExploreError(f"{where}: the function must return a plotly figure, or a dict of its "
                           f"data and layout, got {type(figure).__name__}")
    meta = layout.get("meta") or {}
    if not isinstance(meta, dict) or not isinstance(meta.get("reading", ""), str):
        raise ExploreError(f"{where}: layout.meta must be a dict whose reading is a text, "
                           f"got {meta!r}")
    layout = {key: value for key, value in layout.items() if key != "template"}
    return {"data": [{"type": "scatter", **_plain(trace, where, f"data[{i}]")}
                     for i, trace in enumerate(data)],
            "layout": as_lists(_plain(layout, where, "layout"))}


@contextmanager
def extra():
    """Say what brings a module that is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        error.add_note('what lora_edu.explore needs: pip install "lora_edu[explore]"')
        raise


@extra()
def validate(figure, where: str = "the figure") -> None:
    """Hold a figure that came as a dict against plotly.

    Raises ExploreError, with plotly's words, for what plotly does not know; and for a short form
    that only plotly.py understands, such as a title that is a text or ``xaxis_range``.
    """
    if not isinstance(figure, dict):
        return
    import plotly.graph_objects as go

    try:
        full = plain_figure(go.Figure(figure), where)
    except ValueError as error:
        raise ExploreError(f"{where}: {str(error).strip()}") from None
    short = sorted(paths(plain_figure(figure, where)) - paths(full))
    if short:
        raise ExploreError(f"{where}: write {short[0]} in full, as plotly.js has it")


def paths(value, path: str = "") -> set[str]:
    """The places in a figure that hold something: "layout.title.text"."""
    if isinstance(value, dict):
        return {found for key, entry in value.items()
                for found in paths(entry, f"{path}.{key}".strip("."))}
    if isinstance(value, list) and any(isinstance(entry, dict) for entry in value):
        return {found for i, entry in enumerate(value) for found in paths(entry, f"{path}[{i}]")}
    return set() if value is None else {path}


def _plain(value, where: str, path: str):
    """A copy of ``value`` in plain types; ``path`` says where in the figure it stands."""
    if isinstance(value, dict):
        if "bdata" in value and "dtype" in value:
            return _finite(_decode(value), where, path)
        return {_text(key, where, path): _plain(entry, where, f"{path}.{key}")
                for key, entry in value.items()}
    if hasattr(value, "__array__") and not isinstance(value, np.generic):  # NumPy's, pandas', …
        value = np.asarray(value)
        if value.ndim == 0:
            return _plain(value.item(), where, path)
        if value.dtype.kind in "fiu":
            return _finite(value, where, path)
    if isinstance(value, (list, tuple, np.ndarray)):
        entries = [_plain(entry, where, f"{path}[{i}]") for i, entry in enumerate(value)]
        return _gather(entries, where, path)
    if value is None:
        return None
    if isinstance(value, str):
        return _text(value, where, path)
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, numbers.Real):
        return _number(value, where, path)
    if isinstance(value, (datetime.date, datetime.time, np.datetime64)):
        if str(value) == "NaT":
            raise _not_finite(where, path, "NaT")
        return str(value)
    raise ExploreError(f"{where}: {path} is {value!r} of type {type(value).__name__}; a figure "
                       "holds real numbers, texts, dates, truth values and None")


def _number(value, where: str, path: str) -> int | float:
    """A real number of any kind as Python's int, where it is whole by its type, or float."""
    try:
        as_float = float(value)
    except OverflowError:  # a whole number or fraction beyond all floats
        as_float = math.inf
    if not math.isfinite(as_float):
        raise _not_finite(where, path, as_float)
    return int(value) if isinstance(value, numbers.Integral) else as_float


def _text(value, where: str, path: str):
    """A text that an HTML file can hold."""
    if isinstance(value, str) and (found := NOT_TEXT.search(value)):
        raise ExploreError(f"{where}: {path} is {value!r}, and a page cannot hold its "
                           f"U+{ord(found[0]):04X}")
    return value


def _gather(entries: list, where: str, path: str):
    """A list of floats becomes an array, a list of anything else stays a list."""
    if entries and any(isinstance(entry, float) for entry in entries) and all(
            isinstance(entry, (int, float)) and not isinstance(entry, bool) for entry in entries):
        return _finite(np.array(entries, dtype=np.float64), where, path)
    return entries


def _decode(spec: dict) -> np.ndarray:
    """The array of plotly's binary form ``{dtype, bdata, shape?}``."""
    array = np.frombuffer(base64.b64decode(spec["bdata"]), dtype=np.dtype(spec["dtype"]))
    if "shape" in spec:
        array = array.reshape([int(side) for side in str(spec["shape"]).split(",")])
    return array


def _finite(array: np.ndarray, where: str, path: str):
    """Integer arrays become lists (they are stored exactly), float arrays are checked."""
    if array.dtype.kind in "iu":
        return array.tolist()
    array = array.astype(np.float64)
    bad = ~np.isfinite(array)
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        raise _not_finite(where, path + "".join(f"[{i}]" for i in first), array[first])
    return array + 0.0  # −0 becomes 0


def _not_finite(where: str, path: str, value) -> ExploreError:
    return ExploreError(f"{where}: {path} is {value}; figures must be finite "
                        "(None makes a gap)")
