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
from tqdm import tqdm

from lora_edu.explore.codec import as_lists
from lora_edu.explore.controls import Control, describe, grid

MAX_STATES = 4096
SMALLEST, LARGEST = 1.2e-38, 3.3e38  # what float32, the page's number, can hold at full precision


class ExploreError(ValueError):
    """An explorer that cannot be shown; the message names the state and what is wrong."""


def plain_figure(figure, where: str = "the figure") -> dict:
    """``{"data": …, "layout": …}`` of a plotly figure, arrays decoded, template removed.

    Raises ExploreError, naming ``where`` and the path, for a value that is not finite (write None
    for a gap) and for anything that is not a plotly figure.
    """
    if not (hasattr(figure, "data") and hasattr(figure, "layout")):
        raise ExploreError(f"{where}: the function must return a plotly figure, "
                           f"got {type(figure).__name__}")
    # part by part: the figure as a whole would write its arrays in base64 first
    data = [trace.to_plotly_json() for trace in figure.data]
    layout = {key: value for key, value in figure.layout.to_plotly_json().items()
              if key != "template"}
    return {"data": _plain(data, where, "data"),
            "layout": as_lists(_plain(layout, where, "layout"))}


def evaluate(function, controls: tuple[Control, ...], *, progress: bool = False) -> list[dict]:
    """The plain figure of every state, in the order of :func:`controls.grid`.

    Raises ExploreError for more than MAX_STATES states, and for a state whose function raises or
    returns a bad figure; the message names the state.
    """
    count = math.prod(len(control.values) for control in controls)
    if count > MAX_STATES:
        sizes = " × ".join(f"{len(control.values)} {control.name}" for control in controls)
        raise ExploreError(f"too many states: {sizes} = {count}, at most {MAX_STATES} are allowed; "
                           "give a control fewer values")
    positions = tqdm(grid(controls), total=count, desc="explorer states", delay=1.0,
                     disable=not progress, leave=False)
    return [evaluate_one(function, controls, values) for values in positions]


def evaluate_one(function, controls: tuple[Control, ...], values: dict) -> dict:
    """The plain figure at ``values`` (control name → value). Raises as :func:`evaluate`."""
    where = f"state ({describe(controls, values)})" if controls else "the figure"
    try:
        figure = function(**values)
    except Exception as error:
        raise ExploreError(f"{where}: the figure function raised "
                           f"{type(error).__name__}: {error}") from error
    return plain_figure(figure, where)


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
