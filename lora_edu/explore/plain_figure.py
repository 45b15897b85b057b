"""A figure in plain types, and whether it can be shown.

A *plain figure* is a plotly figure as dicts, lists, numbers, strings and, in its traces, NumPy
arrays: no plotly object, no template (the page's theme takes its place), nothing non-finite.
"""

import base64
import datetime
import math
import numbers
from contextlib import contextmanager

import numpy as np

FIGURE = "the figure must be a plotly Figure, or a dict of its data and layout"


class ExploreError(ValueError):
    """An explorer that cannot be shown; the message names the state and what is wrong.

    >>> from lora_edu.explore import explore
    >>> try:
    ...     explore(lambda r: {"data": [{"y": [1 / r]}]}, name="one over r", r=[0, 1]).html()
    ... except ExploreError as error:
    ...     print(error)
    state (r = 0): computing its figure raised ZeroDivisionError: division by zero
    """


def plain_figure(figure, where: str = "the figure") -> dict:
    """``{"data": …, "layout": …}`` of a plotly figure, arrays decoded, template removed.

    Args:
        figure: a plotly Figure, or a dict of its ``data`` (a list of traces as dicts) and
            ``layout``, which is several times faster to make; see :func:`validate`.
        where: what messages call it.

    Raises:
        ExploreError: for a value that is not finite (write None for a gap), for anything that is
            not a figure, for animation frames, and for a ``layout.meta`` that is no dict or whose
            reading is no text.
    """
    require_figure(figure, where)
    is_dict = isinstance(figure, dict)
    frames = figure.get("frames") if is_dict else getattr(figure, "frames", ())
    if frames:
        raise ExploreError(f"{where}: the figure must have no frames, because pages do not show "
                           "plotly's animations; use a control instead (play= plays it)")
    if is_dict:
        data = figure.get("data", [])
        layout = figure.get("layout", {})
    else:
        # part by part: the figure as a whole would write its arrays in base64 first
        data = [trace.to_plotly_json() for trace in figure.data]
        layout = figure.layout.to_plotly_json()
    meta = layout.get("meta") or {}
    if not isinstance(meta, dict) or not isinstance(meta.get("reading", ""), str):
        raise ExploreError(f"{where}: layout.meta must be a dict whose reading is a text, "
                           f"got {meta!r}")
    layout = {key: value for key, value in layout.items() if key != "template"}
    return {"data": [{"type": "scatter", **_plain(trace, where, f"data[{i}]")}
                     for i, trace in enumerate(data)],
            "layout": as_lists(_plain(layout, where, "layout"))}


def require_figure(figure, where: str) -> None:
    """Raise an ExploreError for what is neither a plotly Figure nor a dict of data and layout."""
    if not isinstance(figure, dict):
        if not (hasattr(figure, "data") and hasattr(figure, "layout")):
            raise ExploreError(f"{where}: {FIGURE}, got {figure!r:.100}")
        return
    if not figure.keys() <= {"data", "layout", "frames"}:
        raise ExploreError(f"{where}: {FIGURE}, got a dict of {', '.join(map(repr, figure))}")
    data = figure.get("data", [])
    if not (isinstance(data, (list, tuple)) and all(isinstance(trace, dict) for trace in data)):
        raise ExploreError(f"{where}: data must be a list of traces, each a dict, got "
                           f"{data!r:.100}")
    if not isinstance(figure.get("layout", {}), dict):
        raise ExploreError(f"{where}: layout must be a dict, got {figure['layout']!r:.100}")


def as_lists(value):
    """``value`` with any array in it as a list, for JSON."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, dict):
        return {key: as_lists(entry) for key, entry in value.items()}
    return [as_lists(entry) for entry in value] if isinstance(value, list) else value


def axis_of(trace: dict, letter: str, layout: dict) -> dict:
    """The axis of the layout on which a trace stands. letter: "x" or "y"."""
    number = trace.get(f"{letter}axis", letter)[1:]  # "" or such as "2"
    return layout.get(f"{letter}axis{number}") or {}


@contextmanager
def naming_extra():
    """To the error of a missing module, add the command that installs it."""
    try:
        yield
    except ModuleNotFoundError as error:
        error.add_note('what lora_edu.explore needs: pip install "lora_edu[explore]"')
        raise


@naming_extra()
def validate(figure, where: str = "the figure") -> None:
    """Validate a figure that came as a dict against plotly's schema.

    Raises:
        ExploreError: with plotly's words, for what plotly does not know; and for a short form
            that only plotly.py understands, such as a title that is a text or ``xaxis_range``.
    """
    if not isinstance(figure, dict):
        return
    import plotly.graph_objects as go

    try:
        full = plain_figure(go.Figure(figure), where)
    except ValueError as error:
        raise ExploreError(f"{where}: {str(error).strip()}") from None
    missing = paths(plain_figure(figure, where)) - paths(full)
    short = sorted(place for place in missing if not place.endswith("[]"))
    if short:
        raise ExploreError(f"{where}: {short[0]} must be in plotly.js's full form, not in a short "
                           "form of plotly.py")


def paths(value, path: str = "") -> set[str]:
    """The places in a figure that hold something, such as "layout.title.text", or an empty list,
    as "layout.shapes[]"."""
    if isinstance(value, dict):
        return {place for key, entry in value.items()
                for place in paths(entry, f"{path}.{key}".strip("."))}
    if isinstance(value, list) and any(isinstance(entry, dict) for entry in value):
        return {place for i, entry in enumerate(value) for place in paths(entry, f"{path}[{i}]")}
    if isinstance(value, list) and not value:
        return {f"{path}[]"}
    return set() if value is None else {path}


def _plain(value, where: str, path: str):
    """A copy of ``value`` in plain types; ``path`` says where in the figure it stands."""
    if isinstance(value, dict):
        if "bdata" in value and "dtype" in value:
            return _array(_decode(value), where, path)
        return {key: _plain(entry, where, f"{path}.{key}") for key, entry in value.items()}
    if hasattr(value, "__array__") and not isinstance(value, np.generic):  # NumPy's, pandas', …
        value = np.asarray(value)
        if value.ndim == 0:
            return _plain(value.item(), where, path)
        if value.dtype.kind in "fiu":
            return _array(value, where, path)
    if isinstance(value, (list, tuple, np.ndarray)):
        entries = [_plain(entry, where, f"{path}[{i}]") for i, entry in enumerate(value)]
        are_floats = any(type(entry) is float for entry in entries) and all(
            type(entry) in (int, float) for entry in entries)
        return _array(np.array(entries, dtype=float), where, path) if are_floats else entries
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        if not math.isfinite(value):
            raise _not_finite(where, path, value)
        return float(value)
    if isinstance(value, (datetime.date, datetime.time, np.datetime64)):
        return str(value)
    raise ExploreError(f"{where}: {path} must be a real number, text, date, truth value or None, "
                       f"got {value!r} of type {type(value).__name__}")


def _decode(spec: dict) -> np.ndarray:
    """The array of plotly's binary form ``{dtype, bdata, shape?}``."""
    array = np.frombuffer(base64.b64decode(spec["bdata"]), dtype=np.dtype(spec["dtype"]))
    if "shape" in spec:
        array = array.reshape([int(side) for side in str(spec["shape"]).split(",")])
    return array


def _array(array: np.ndarray, where: str, path: str) -> np.ndarray | list:
    """An array of finite floats; a list, which is stored exactly, for whole numbers."""
    if array.dtype.kind in "iu":
        return array.tolist()
    array = array.astype(np.float64)
    bad = ~np.isfinite(array)
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        raise _not_finite(where, path + "".join(f"[{i}]" for i in first), array[first])
    return array + 0.0  # −0 becomes 0


def _not_finite(where: str, path: str, value) -> ExploreError:
    return ExploreError(f"{where}: {path} must be finite, or None for a gap, got {value}")
