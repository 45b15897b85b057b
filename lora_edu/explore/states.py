"""Evaluate a figure function over the grid of its controls.

Imports the siblings codec, controls and plain, and NumPy. A *state* is one position of all the
controls.
"""

from __future__ import annotations

import math

import numpy as np

from lora_edu.explore.codec import pack
from lora_edu.explore.controls import Control, describe, grid
from lora_edu.explore.plain import ExploreError, plain_figure, validate

MAX_STATES = 4096
MAX_PAYLOAD = 400_000  # bytes of packed states in the HTML of one explorer


def evaluate(function, controls: tuple[Control, ...]) -> list[dict]:
    """The plain figure of every state, in the order of :func:`controls.grid`.

    Raises ExploreError for more than MAX_STATES states; for a state whose function raises or
    returns a bad figure, and the message names the state; and, long before all are computed, for
    states that will not fit into a page.
    """
    count = math.prod(len(control.values) for control in controls)
    if count > MAX_STATES:
        sizes = " × ".join(f"{len(control.values)} {control.name}" for control in controls)
        raise ExploreError(f"too many states: {sizes} = {count}, at most {MAX_STATES} are allowed; "
                           "give a control fewer values")
    states, held, look_at = [], 0, MAX_PAYLOAD // 2
    for values in grid(controls):
        states.append(evaluate_one(function, controls, values, checked=bool(states)))
        held += sum(part.size for trace in states[-1]["data"] for part in trace.values()
                    if isinstance(part, np.ndarray))
        if held > look_at and len(states) < count:  # each look is at twice as much as the last
            look_at *= 2
            _check_room(states, count)
    return states


def _check_room(states: list[dict], count: int) -> None:
    """Raise ExploreError where the first states alone do not fit; a quarter more is forgiven, for
    all together may pack a little better."""
    packed = len(pack(states))
    if packed > 1.25 * MAX_PAYLOAD:
        raise ExploreError(f"the first {len(states):,} of {count:,} states take {packed:,} bytes "
                           f"of the page, at most {MAX_PAYLOAD:,} are allowed for all; give the "
                           "controls fewer values or the traces fewer points")


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
