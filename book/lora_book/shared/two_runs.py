"""Two runs of ``task_16`` that should be one: their settings, and how far apart they are."""

import numpy as np

R = 4
STEPS = 60
SCALING = 0.5  # of the run with the usual α


def relative_gap(deltas: np.ndarray, others: np.ndarray) -> np.ndarray:
    """‖ΔW − ΔW′‖ / ‖ΔW‖ at every step, (n,); 0 where the two are equal."""
    gap = np.linalg.norm(deltas - others, axis=(1, 2))
    # where there is no gap, its 0 stays and nothing is divided
    return np.divide(gap, np.linalg.norm(deltas, axis=(1, 2)), out=gap, where=gap > 0)
