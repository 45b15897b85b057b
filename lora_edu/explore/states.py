"""Evaluate a figure function over the grid of its controls.

Imports the siblings codec, controls and plain, and NumPy. A *state* is one position of all the
controls.
"""

from __future__ import annotations

import math

import numpy as np

from lora_edu.explore.codec import pack
from lora_edu.explore.controls import Control, describe, grid
from lora_edu.explore.plain import ExploreError, paths, plain_figure, validate

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
    states, seen, held, look_at = [], set(), 0, MAX_PAYLOAD // 2
    for values in grid(controls):
        states.append(evaluate_one(function, controls, values, seen))
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


def evaluate_one(function, controls: tuple[Control, ...], values: dict, seen: set[str]) -> dict:
    """The plain figure at ``values`` (control name → value). Raises as :func:`evaluate`.

    seen: the places in figures that plotly knows already; those of this one are added. A figure
    with no other need not be shown to plotly.
    """
    where = f"state ({describe(controls, values)})" if controls else "the figure"
    try:
        figure = function(**values)
        plain = plain_figure(figure, where)
    except ExploreError:
        raise
    except Exception as error:
        raise ExploreError(f"{where}: making its figure raised "
                           f"{type(error).__name__}: {error}") from error
    if not (places := paths(plain)) <= seen:
        validate(figure, where)
        seen |= places
    return plain
