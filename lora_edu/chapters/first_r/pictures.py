"""The digits, upright and turned. Imports the digits (scikit-learn) and the rows of pictures."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from lora_edu.chapters.shared import digits
from lora_edu.chapters.shared.digit_rows import digit_rows


def pictures(angles=(0, 45, 90)) -> go.Figure:
    """The first training picture of each digit, a row an angle, darker where there is more ink."""
    labels = digits.load().y_train
    first = [int(np.flatnonzero(labels == digit)[0]) for digit in range(digits.CLASSES)]
    names = [f"{angle}°" for angle in angles]
    return digit_rows({name: digits.load(angle).X_train[first]
                       for name, angle in zip(names, angles, strict=True)},
                      f"The digits 0 to 9, a row an angle: {', '.join(names)}")
