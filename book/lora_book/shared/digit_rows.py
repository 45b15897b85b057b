"""Pictures of digits in rows, as one heat map."""

import numpy as np

from lora_book.shared.style import PALE, figure, heat

GAP = 2  # pixels between two pictures


def digit_rows(rows: dict[str, np.ndarray], reading: str) -> dict:
    """A row of square pictures for each name, darker where there is more ink.

    rows: {name: (columns, pixels) in [0, 1]}, each picture a row of pixels. reading: the sentence
    that says what is shown.
    """
    columns, pixels = np.shape(next(iter(rows.values())))
    side = round(pixels**0.5)
    step = side + GAP
    sheet = np.zeros((step * len(rows) - GAP, step * columns - GAP))
    for i, pictures in enumerate(rows.values()):
        for j, picture in enumerate(np.asarray(pictures)):
            sheet[step * i:step * i + side, step * j:step * j + side] = picture.reshape(side, side)
    still = {"ticks": "", "showgrid": False, "constrain": "domain"}
    return figure(
        [heat(100 * sheet, 0, 100, [PALE, "ink"], name="ink")],
        "", [{**still, "range": [-0.5, sheet.shape[1] - 0.5], "showticklabels": False}],
        [{**still, "range": [sheet.shape[0] - 0.5, -0.5], "scaleanchor": "x",
          "scaleratio": 1, "ticktext": list(rows),
          "tickvals": [step * i + (side - 1) / 2 for i in range(len(rows))]}], reading,
        margin={"l": 34, "r": 4, "t": 6, "b": 6})
