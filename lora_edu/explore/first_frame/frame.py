"""The panels of a first frame: axes, and where traces, notes and shapes stand."""

import math

from lora_edu.explore.first_frame.marks import (
    TRACES,
    attributes,
    rectangle,
    share,
    stroke,
    text,
    two_decimals,
)

ANCHORS = {"left": "start", "center": "middle", "right": "end"}
BASELINES = {"top": 14, "middle": 4.5, "bottom": -5}  # px below the point, for a font of 13 px


def first_frame(figure: dict) -> tuple[str, str]:
    """The HTML of a plain figure's first frame; or "", and why there is none."""
    try:
        return _frame(figure), ""
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        return "", f"{type(error).__name__}: {error}"


def _frame(figure: dict) -> str:
    layout = figure["layout"]
    numbers = sorted(key.removeprefix("xaxis") for key in layout if key.startswith("xaxis"))
    if not 0 < len(numbers) < 3:
        raise ValueError("no axes, or more than two panels")
    pairs = {(trace.get("xaxis", "x")[1:], trace.get("yaxis", "y")[1:]) for trace in figure["data"]}
    if not pairs <= {(number, number) for number in numbers}:
        raise ValueError("a trace on axes that are not a pair of the layout's")
    margin = layout["margin"]
    inset = " ".join(f"{margin[side]}px" for side in "trbl")
    gap = (margin["t"] + margin["b"]) / 2  # what render.js leaves between two panels on a phone
    panels = "".join(Panel(figure, number).html() for number in numbers)
    style = f"inset:{inset};--gap:{two_decimals(gap)}px;--left:{margin['l']}px"
    return f'<div class="explorer-frame" aria-hidden="true" style="{style}">{panels}</div>'


class Axis:
    """An axis of the layout, such as its ``yaxis2``."""

    def __init__(self, spec: dict):
        if spec.get("automargin"):
            raise ValueError("a margin that plotly widens for its labels")
        self.spec = spec
        self.is_log = {"linear": False, "log": True}[spec.get("type", "linear")]
        self.low, self.high = spec["range"]

    def place(self, value) -> float | None:
        """Where a value stands: 0 at the left or lower end, 1 at the other; None for a gap."""
        if value is None:
            return None
        value = math.log10(value) if self.is_log else value
        return (value - self.low) / (self.high - self.low)


class Panel:
    """A pair of axes and what stands on it; ``number`` is "" or "2"."""

    def __init__(self, figure: dict, number: str):
        layout = figure["layout"]
        self.number = number
        self.x = Axis(layout[f"xaxis{number}"])
        self.y = Axis(layout[f"yaxis{number}"])
        self.traces = [trace for trace in figure["data"]
                       if trace.get("xaxis", "x") == f"x{number}"]
        self.notes = self._of_this_panel(layout.get("annotations", ()))
        self.shapes = self._of_this_panel(layout.get("shapes", ()))

    def _of_this_panel(self, parts) -> list[dict]:
        return [part for part in parts if part["xref"].split(" ")[0] == f"x{self.number}"]

    def html(self) -> str:
        """The panel in its place."""
        left, right = self.x.spec.get("domain", (0, 1))
        low, high = self.y.spec.get("domain", (0, 1))
        notes = "".join(map(self._note, self.notes))
        return (f'<div{self._fit()}left:{share(left)};width:{share(right - left)};'
                f'top:{share(1 - high)};height:{share(high - low)}">'
                f'<svg><svg class="inside">{self._inside()}</svg>{notes}</svg></div>')

    def _fit(self) -> str:
        """The attributes that keep width to height, where one scale is tied to the other."""
        if "scaleanchor" not in self.y.spec:
            return ' style="'
        across = self.x.high - self.x.low
        up = self.y.high - self.y.low
        ratio = abs(across / up / self.y.spec.get("scaleratio", 1))
        return f' class="fit" style="--ratio:{ratio:.4f};'

    def _inside(self) -> str:
        """What the plot area clips."""
        below = [self._shape(part) for part in self.shapes if part.get("layer") == "below"]
        above = [self._shape(part) for part in self.shapes if part.get("layer") != "below"]
        # plotly draws maps first
        traces = sorted(self.traces, key=lambda trace: [*TRACES].index(trace["type"]))
        drawn = [TRACES[trace["type"]](trace, self.x, self.y) for trace in traces]
        return "".join(below + drawn + above)

    def _stand(self, part: dict, key: str) -> float:
        """Where ``part[key]`` stands: a value, or one already in the domain."""
        letter = key[0]
        axis = {"x": self.x, "y": self.y}[letter]
        if part[f"{letter}ref"].endswith(" domain"):
            return part[key]
        if axis.is_log and "text" in part:
            raise ValueError("an annotation on a log scale")
        return axis.place(part[key])

    def _note(self, note: dict) -> str:
        """An annotation without its arrow; on a phone a heading stands farther to the left."""
        is_heading = note["x"] == 0 and note["y"] == 1 and note["yanchor"] == "bottom"
        down = BASELINES[note["yanchor"]] - note.get("yshift", 0)
        return text(note["text"], share(self._stand(note, "x")), share(1 - self._stand(note, "y")),
                    note.get("font", {}), dx=note.get("xshift"), dy=two_decimals(down),
                    text_anchor=ANCHORS[note["xanchor"]],
                    class_="heading" if is_heading else None)

    def _shape(self, part: dict) -> str:
        """A straight line or a rectangle."""
        line = part.get("line", {})
        across = (self._stand(part, "x0"), self._stand(part, "x1"))
        up = (self._stand(part, "y0"), self._stand(part, "y1"))
        looks = stroke(line, line.get("color", "#444")) + attributes(opacity=part.get("opacity"))
        if part["type"] == "line":
            ends = attributes(x1=share(across[0]), x2=share(across[1]),
                              y1=share(1 - up[0]), y2=share(1 - up[1]))
            return f"<line{ends}{looks}/>"
        if part["type"] != "rect":
            raise ValueError(f"a shape of type {part['type']}")
        return rectangle(across, up, attributes(fill=part.get("fillcolor", "none")) + looks)
