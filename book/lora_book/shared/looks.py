"""What figures that compare rules and seeds share: a look a rule, dots for seeds, named ticks."""

from dataclasses import dataclass

import numpy as np

from lora_book.shared.drawing import say
from lora_book.shared.style import COLOURS, coloured, marks

BESIDE = 0.6  # opacity of what is drawn beside the chosen one: seen on light and dark
SIGNS = {"square": "■", "circle": "●", "diamond": "◆", "triangle-up": "▲"}


@dataclass(frozen=True)
class Look:
    """How one of several compared things is drawn. colour: a name of ``COLOURS``. symbol: plotly's
    name of its mark."""

    colour: str
    symbol: str

    def curve(self, x, y, name: str, *, width: float = 3, size: float = 9, values=None,
              **more) -> dict:
        """A line with marks. values: the true values, where y is not.

        more: of :func:`marks`, such as a ``hovertemplate`` in place of the usual one.
        """
        return marks(x, y, self.colour, self.symbol, size, mode="lines+markers",
                     line={"color": COLOURS[self.colour], "width": width},
                     **(named(name, values) | more))


def legend(looks: dict[str, Look]) -> str:
    """The names in ``looks``, each with its mark and in its colour."""
    return "  ".join(coloured(f"{SIGNS[look.symbol]} {name}", look.colour)
                     for name, look in looks.items())


def named(name: str, values=None) -> dict:
    """A trace's name and what it says when it is pointed at: y, or the true ``values``."""
    if values is None:
        return {"name": name, "hovertemplate": f"{name} = %{{y:.3g}}<extra></extra>"}
    return {"name": name, "hovertemplate": f"{name} = %{{customdata:.3g}}<extra></extra>",
            "customdata": values}


def end_labels(x: float, ends: dict[str, tuple[float, str]], *, pad: int = 3, size: int = 14,
               panel: int = 1) -> dict:
    """The names of lines at their right ends: {name: (height, colour)} of those that end at x.

    pad: spaces before a name.
    """
    indent = " " * pad
    labels = {(x, height): coloured(f"{indent}{name}", colour)
              for name, (height, colour) in ends.items()}
    return say(labels, "middle right", size, panel=panel)


def ring(x: float, y: float, *, panel: int = 1) -> dict:
    """You are here."""
    return marks([x], [y], "ink", "circle-open", 18, panel=panel, stroke=3, **named("here"))


def seeds(x, values: np.ndarray, colour: str, **more) -> dict:
    """A dot for each seed. x: (n,). values: (n, seeds)."""
    return marks(np.repeat(x, values.shape[1]), values.ravel(), colour, "circle", 4,
                 name="each seed", **more)


def steps_done(count: int) -> str:
    """1 → "1 step", 8 → "8 steps"."""
    return "1 step" if count == 1 else f"{count} steps"


def apart(places, gap: float) -> np.ndarray:
    """Where labels may stand: near ``places``, in their order, and ``gap`` from each other."""
    order = np.argsort(places)
    up = np.asarray(places, dtype=float)[order]
    down = up.copy()
    for i in range(1, len(up)):
        up[i] = max(up[i], up[i - 1] + gap)
        down[-1 - i] = min(down[-1 - i], down[-i] - gap)
    return ((up + down) / 2)[np.argsort(order)]


def named_ticks(values, title: str, *, ticks=None, names=str) -> dict:
    """A log axis from the first of ``values`` to the last. ticks: those with ticks (default: all).

    names: value → the text of its tick.
    """
    ticks = values if ticks is None else ticks
    return {"type": "log", "tickvals": list(ticks), "ticktext": [names(value) for value in ticks],
            "range": [np.log10(values[0]) - 0.1, np.log10(values[-1]) + 0.1],
            "title": {"text": title}}


def roomy(axis: dict, room: float) -> dict:
    """The axis with room, in powers of ten, for the names of the lines at its end."""
    return {**axis, "range": [axis["range"][0], axis["range"][1] + room]}
