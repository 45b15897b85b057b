"""What a figure says of itself: above the plot, and to those who do not see it."""

import itertools
import re

import numpy as np

from lora_edu.explore.plain_figure import validate

NUMBER = re.compile(r"\d[\d,]*\.?\d*")


def headline(figure):
    return figure["layout"]["title"]["text"]


def reading(figure):
    return figure["layout"]["meta"]["reading"]


def figure_holds(function, oracle, **grid):
    """Hold a figure at each state: plotly takes it, and no number of its headline is made up.

    Each number stands in the state or in a text that is drawn, or it is one of those that an oracle
    has found by itself, as a share or in per cent.

    Args:
        function: of the state, the figure.
        oracle: of the state, the numbers that the headline works out.
        grid: name → the values of a control.
    """
    for values in itertools.product(*grid.values()):
        state = dict(zip(grid, values, strict=True))
        figure = function(**state)
        validate(figure)
        known = [float(number) for value in values for number in NUMBER.findall(str(value))]
        known += [*written(figure), *np.ravel(oracle(**state))]
        known = np.abs([*known, *(100 * number for number in known)])
        for text in NUMBER.findall(headline(figure)):
            number = float(text.rstrip(".").replace(",", ""))
            _, _, digits = text.rstrip(".").partition(".")
            half = 0.51 * 10.0**-len(digits)  # of the last digit
            if not digits and number >= 100:
                half = 0.06 * number  # two digits, and zeros
            assert (np.abs(known - number) <= half).any(), (headline(figure), text)


def nothing(**state):
    """The oracle of a headline that works out no number."""
    return []


def written(figure):
    """All numbers in the texts that a figure draws."""
    texts = " ".join(str(text) for trace in figure["data"]
                     for text in np.ravel(trace.get("text", [])))
    return [float(text.rstrip(".").replace(",", "")) for text in NUMBER.findall(texts)]
