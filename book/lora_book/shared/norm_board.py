"""The board: three norms at step zero and after one step."""

import numpy as np

from lora_book.shared.style import ZeroLogAxis, curve, heading

LEARNING_RATE = {"SGD": 0.1, "Momentum": 0.1, "Adam": 0.003, "AdamW": 0.003}  # of the step
TITLE = heading("A", "B", "delta", text="   (log scale)")
STEPS = {"tickvals": [0, 1], "ticktext": ["step 0", "after 1 step"], "range": [-0.22, 1.22],
         "showgrid": False}  # the axis


def norm_curves(grad_A: np.ndarray, grad_B: np.ndarray, delta: np.ndarray, scale: ZeroLogAxis, *,
                least: float = 0.0, says=lambda quantity, values: {"values": values}) -> list[dict]:
    """‖∇A‖, ‖∇B‖ and ‖ΔW‖ at both steps, (2,) each; dotted to a value that is 0 or below ``least``.

    says: (quantity, values) → what a curve says when it is pointed at.
    """
    norms = {"A": grad_A, "B": grad_B, "delta": delta}
    return [curve(quantity, [aside, 1 + aside], scale.place(values), **says(quantity, values),
                  symbols=scale.symbols(quantity, values),
                  dash="solid" if values.all() and values.min() >= least else "dot")
            for aside, (quantity, values) in zip((-0.04, 0.0, 0.04), norms.items(), strict=True)]
