"""Evaluate a figure function over the grid of its controls, and check each state.

Imports the controls and codec of this package, and NumPy. A *state* is one position of all the
controls; its *plain figure* is the plotly figure as dicts, lists, numbers, strings and, in its
traces, NumPy arrays: no plotly object, no template (the page's theme takes its place), nothing
non-finite.
"""

from __future__ import annotations

import base64
import math

import numpy as np

from lora_edu.explore.codec import as_lists
from lora_edu.explore.controls import Control, describe, grid

MAX_STATES = 4096
SMALLEST, LARGEST = 1.2e-38, 3.3e38  # what float32, the page's number, can hold at full precision


class ExploreError(ValueError):
    """An explorer that cannot be shown; the message names the state and what is wrong."""


def plain_figure(figure, where: str = "the figure") -> dict:
    """``{"data": …, "layout": …}`` of a plotly figure, arrays decoded, template removed.

    figure: a plotly Figure, or a dict of its ``data`` (a list of traces as dicts) and ``layout``,
    which is several times faster to make; see :func:`validate`.

    Raises ExploreError, naming ``where`` and the path, for a value that is not finite (write None
    for a gap), for anything that is not a figure, and for a ``layout.meta`` without a dict or a
    reading that is no text.
    """
    if isinstance(figure, dict) and set(figure) <= {"data", "layout"}:
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
    short = sorted(_paths(plain_figure(figure, where)) - _paths(full))
    if short:
        raise ExploreError(f"{where}: write {short[0]} in full, as plotly.js has it")


def _paths(value, path: str = "") -> set[str]:
    """The places in a figure that hold something: "layout.title.text"."""
    if isinstance(value, dict):
        return {found for key, entry in value.items()
                for found in _paths(entry, f"{path}.{key}".strip("."))}
    if isinstance(value, list) and any(isinstance(entry, dict) for entry in value):
        return {found for i, entry in enumerate(value) for found in _paths(entry, f"{path}[{i}]")}
    return set() if value is None else {path}


def evaluate(function, controls: tuple[Control, ...]) -> list[dict]:
    """The plain figure of every state, in the order of :func:`controls.grid`.

    Raises ExploreError for more than MAX_STATES states, and for a state whose function raises or
    returns a bad figure; the message names the state.
    """
    count = math.prod(len(control.values) for control in controls)
    if count > MAX_STATES:
        sizes = " × ".join(f"{len(control.values)} {control.name}" for control in controls)
        raise ExploreError(f"too many states: {sizes} = {count}, at most {MAX_STATES} are allowed; "
                           "give a control fewer values")
    return [evaluate_one(function, controls, values, checked=i > 0)
            for i, values in enumerate(grid(controls))]


def evaluate_one(function, controls: tuple[Control, ...], values: dict, *,
                 checked: bool = False) -> dict:
    """The plain figure at ``values`` (control name → value). Raises as :func:`evaluate`.

    checked: plotly has seen one of this function's figures, and need not see them all.
    """
    where = f"state ({describe(controls, values)})" if controls else "the figure"
    try:
        figure = function(**values)
    except Exception as error:
        raise ExploreError(f"{where}: the figure function raised "
                           f"{type(error).__name__}: {error}") from error
    plain = plain_figure(figure, where)
    if not checked:
        validate(figure, where)
    return plain


def _plain(value, where: str, path: str):
    """A copy of ``value`` in plain types; ``path`` says where in the figure it stands."""
    if isinstance(value, dict):
        if "bdata" in value and "dtype" in value:
            return _finite(_decode(value), where, path)
        return {key: _plain(entry, where, f"{path}.{key}") for key, entry in value.items()}
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiu":
        return _finite(value, where, path)
    if isinstance(value, (list, tuple, np.ndarray)):
        entries = [_plain(entry, where, f"{path}[{i}]") for i, entry in enumerate(value)]
        return _gather(entries, where, path)
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        if not math.isfinite(value):
            raise _not_finite(where, path, value)
        return float(value)
    if value is None or isinstance(value, str):
        return value
    return str(value)  # dates and the like: what plotly itself writes


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
    bad = ~np.isfinite(array)
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        raise _not_finite(where, path + "".join(f"[{i}]" for i in first), array[first])
    sizes = np.abs(array[array != 0])
    if sizes.size and not SMALLEST < sizes.min() <= sizes.max() < LARGEST:
        raise ExploreError(f"{where}: {path} holds sizes from {sizes.min():g} to "
                           f"{sizes.max():g}; the page stores float32, so those of non-zero "
                           f"numbers must lie between {SMALLEST:g} and {LARGEST:g}")
    return array.astype(np.float64) + 0.0  # −0 becomes 0


def _not_finite(where: str, path: str, value) -> ExploreError:
    return ExploreError(f"{where}: {path} is {float(value)}; figures must be finite "
                        "(None makes a gap)")
