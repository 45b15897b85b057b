"""Evaluate a figure function over the grid of its controls; a *state* is one position of them."""

import math

from lora_edu.explore.controls import Control, describe, grid
from lora_edu.explore.plain_figure import ExploreError, paths, plain_figure, validate

MAX_STATES = 4096
MAX_PAYLOAD = 1_500_000  # letters in which one explorer's states are written


def evaluate(function, controls: tuple[Control, ...]) -> list[dict]:
    """The plain figure of every state, in the order of :func:`controls.grid`.

    Raises ExploreError for more than MAX_STATES states, and for a state whose function raises or
    returns a bad figure; the message names the state.
    """
    count = math.prod(len(control.values) for control in controls)
    if count > MAX_STATES:
        sizes = " × ".join(f"{len(control.values)} {control.name}" for control in controls)
        raise ExploreError(f"controls must have at most {MAX_STATES} states together, got {sizes} "
                           f"= {count}; give a control fewer values")
    validated: set[str] = set()
    return [evaluate_one(function, controls, values, validated) for values in grid(controls)]


def evaluate_one(function, controls: tuple[Control, ...], values: dict,
                 validated: set[str]) -> dict:
    """The plain figure at ``values`` (control name → value). Raises as :func:`evaluate`.

    validated: the settings that plotly has approved in earlier figures; those of this one are
    added. Plotly's check is slow, so only a figure with a new setting is checked.
    """
    where = f"state ({describe(controls, values)})" if controls else "the figure"
    try:
        figure = function(**values)
        plain = plain_figure(figure, where)
    except ExploreError:
        raise
    except Exception as error:
        raise ExploreError(f"{where}: computing its figure raised "
                           f"{type(error).__name__}: {error}") from error
    if not (places := paths(plain)) <= validated:
        validate(figure, where)
        validated |= places
    return plain
