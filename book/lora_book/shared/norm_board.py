"""The board: norms at step zero and after one step."""

import numpy as np

from lora_book.shared.looks import apart, end_labels
from lora_book.shared.style import NAMES, ZeroLogAxis, curve

LEARNING_RATE = {"SGD": 0.1, "Momentum": 0.1, "Adam": 0.003, "AdamW": 0.003}  # of the step
STEPS = {"tickvals": [0, 1], "ticktext": ["step 0", "after 1 step"], "range": [-0.22, 1.22],
         "showgrid": False}  # the axis


def norm_curves(norms: dict[str, np.ndarray], scale: ZeroLogAxis, *, least: float = 0.0,
                says=lambda quantity, values: {"values": values}) -> list[dict]:
    """Norms at both steps, dotted to a value that is 0 or below ``least``.

    Args:
        norms: quantity → (2,); those of "A" and "B" are their gradients'.
        says: (quantity, values) → what a curve says when it is pointed at.
    """
    asides = zip((-0.04, 0, 0.04, 0.08), norms.items(), strict=False)
    return [curve(quantity, [aside, 1 + aside], scale.place(values), **says(quantity, values),
                  symbols=scale.symbols(quantity, values),
                  dash="solid" if values.all() and values.min() >= least else "dot")
            for aside, (quantity, values) in asides]


def norm_names(norms: dict[str, np.ndarray], scale: ZeroLogAxis, *, says=lambda value: "") -> dict:
    """The names of :func:`norm_curves` at their right ends. says: of the value, what follows it."""
    lasts = [values[1] for values in norms.values()]
    room = scale.high - scale.zero
    heights = apart(scale.place(lasts), 0.08 * room)
    heights += np.clip(0, scale.zero + 0.02 * room - heights.min(),
                       scale.high - 0.04 * room - heights.max())
    ends = {f"{NAMES[quantity]} {says(last)}": (height, quantity)
            for quantity, last, height in zip(norms, lasts, heights, strict=True)}
    return end_labels(1.16, ends, pad=0, size=12)
