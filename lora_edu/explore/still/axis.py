"""One axis of a plain figure: where its values stand, and the ticks that plotly will choose.

Imports the sibling module schema. Serves the first frame (see draw.py).
"""

from __future__ import annotations

import math
import re

from lora_edu.explore.still.schema import Unknown

ROOM = {"x": 80, "y": 40}  # px that plotly wants for a tick
MOST_TICKS = 100  # on one axis; with more of them no label could be read


class Axis:
    """An axis named as in the layout, such as "yaxis2", with the traces that stand on it.

    Raises Unknown for what would be drawn wrongly.
    """

    def __init__(self, name: str, spec: dict, traces: list[dict]):
        self.name, self.spec, self.letter = name, spec, name[0]
        self.log = spec.get("type") == "log"
        values = [v for trace in traces for v in trace.get(self.letter, ()) if v is not None]
        words = [v for v in values if isinstance(v, str)]
        self.categories = list(dict.fromkeys(words))
        if words and (len(words) < len(values)
                      or any(re.match(r"\s*([-+.\d]|$)", word) for word in words)):
            raise Unknown(f"{name}: words that plotly may take for numbers or dates")
        outside = any(trace["type"] == "heatmap" for trace in traces)  # is where plotly sets ticks
        kind = spec.get("type", "linear")
        if spec.get("ticks", outside) or kind not in ("linear", "log", "category"):
            raise Unknown(f"{name}: tick marks, or a type that is not linear, log or category")
        if "range" in spec:
            self.low, self.high = spec["range"]
        elif self.categories and all(trace["type"] == "bar" for trace in traces):
            self.low, self.high = -0.5, len(self.categories) - 0.5
        elif traces and all(trace["type"] == "heatmap" for trace in traces):
            cells = traces[0]["z"][0] if self.letter == "x" else traces[0]["z"]
            self.low, self.high = -0.5, len(cells) - 0.5
        else:
            raise Unknown(f"{name}: no range")
        if spec.get("zeroline", True) and self.low * self.high <= 0 and not (self.log or words):
            raise Unknown(f"{name}: a zero line")

    def fraction(self, number: float) -> float:
        """0 at the left or lower end of the axis, 1 at the other."""
        return (number - self.low) / (self.high - self.low)

    def place(self, value) -> float | None:
        """The fraction at which a value stands; None for a gap."""
        if value is None:
            return None
        if isinstance(value, str):
            return self.fraction(self.categories.index(value))
        return self.fraction(math.log10(value) if self.log else value)

    def stand(self, part: dict, key: str) -> float:
        """The fraction at which ``part[key]`` stands: a value, or one already in the domain."""
        domain = part[self.letter + "ref"].endswith(" domain")
        return part[key] if domain else self.place(part[key])

    def ticks(self, length: float) -> list[tuple[float, str]]:
        """(fraction, label) of the ticks on an axis of that length in px."""
        if "tickvals" in self.spec:
            values = self.spec["tickvals"]
            texts = self.spec.get("ticktext") or [self._label(value) for value in values]
        elif self.categories:
            values = texts = self.categories
        else:
            values = self._even(length)
            texts = [self._label(value) for value in values]
        found = [(self.place(value), text) for value, text in zip(values, texts, strict=True)]
        return [(at, text) for at, text in found if at is not None and -1e-4 <= at <= 1 + 1e-4]

    def _even(self, length: float) -> list[float]:
        """The multiples of dtick, or of the 1, 2 or 5 times a power of ten that plotly takes."""
        low, high = sorted((self.low, self.high))
        step = self.spec.get("dtick")
        if step is None:
            rough = (high - low) / (min(max(length / ROOM[self.letter], 4), 9) + 1)
            base = 10.0 ** math.floor(math.log10(rough))
            step = base * next(m for m in (2, 5, 10) if m > rough / base)
        if not (high - low) / MOST_TICKS <= step:
            raise Unknown(f"{self.name}: dtick {step} is not positive, or for more than "
                          f"{MOST_TICKS} ticks")
        slack = 1e-4 * (high - low) / step
        return [i * step for i in range(math.ceil(low / step - slack),
                                        math.floor(high / step + slack) + 1)]

    def _label(self, value: float) -> str:
        pattern, largest = self.spec.get("tickformat", ""), max(abs(self.low), abs(self.high))
        if self.log or not re.fullmatch(r"(,?\.\d[f%])?", pattern):
            raise Unknown(f"{self.name}: a log scale or tickformat {pattern!r}, and no ticktext")
        if not pattern and not 1.1e-3 < largest < 9.7e3:
            raise Unknown(f"{self.name}: numbers that plotly abbreviates with k, μ and so on")
        return format(round(value, 10) + 0.0, pattern or "g").replace("-", "−")
