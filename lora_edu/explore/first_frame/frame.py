"""A plain figure's panels, axes and ticks as SVG, each panel over its plot area.

Ticks and titles that plotly sets otherwise on a phone are there twice. The tests of the built site
hold every word, mark and curve against what plotly draws.
"""

import math
import re

from lora_edu.explore.first_frame.marks import (
    TRACES,
    Unknown,
    require_known,
    shape,
    share,
    text,
    two_decimals,
)

WIDTHS = {"wide": 700, "narrow": 324}  # px of a plot (desktop, phone) for which ticks are chosen
ROOM = {"x": 80, "y": 40}  # px that plotly wants for a tick
MOST_TICKS = 100  # on one axis; with more of them no label could be read
ANCHORS = {"left": ("start", 2), "center": ("middle", 0), "right": ("end", -2)}
BASELINES = {"top": 14, "middle": 4.5, "bottom": -5}  # px below the point, for a font of 13 px


def first_frame(figure: dict, height: int, narrow_height: int) -> tuple[str, str]:
    """The HTML of a plain figure's first frame, for a plot of these heights in px; or "", and what
    in the figure it cannot draw."""
    try:
        return _frame(figure, {"wide": height, "narrow": narrow_height}), ""
    except Unknown as lack:
        return "", str(lack)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as lack:
        return "", f"{type(lack).__name__}: {lack}"


def _frame(figure: dict, heights: dict[str, int]) -> str:
    layout = {key: value for key, value in figure["layout"].items() if key != "title"}
    axes = [key for key in layout if re.fullmatch(r"[xy]axis\d*", key)]
    require_known({key: value for key, value in layout.items() if key not in axes}, "layout")
    margin = require_known(layout["margin"], "margin")
    panels = [Panel(figure, number) for number in sorted({key[5:] for key in axes})]
    if not 0 < len(panels) < 3:
        raise Unknown("no axes, or more than two panels")
    parts = [*figure["data"], *layout.get("annotations", ()), *layout.get("shapes", ())]
    if sum(len(p.traces) + len(p.notes) + len(p.shapes) for p in panels) < len(parts):
        raise Unknown("a trace, annotation or shape on axes that are not a pair of the layout's")
    plots = {kind: (WIDTHS[kind] - margin["l"] - margin["r"],
                    heights[kind] - margin["t"] - margin["b"]) for kind in WIDTHS}
    inset = " ".join(f"{margin[side]}px" for side in "trbl")
    half = (margin["t"] + margin["b"]) / 2  # what render.js leaves between two panels on a phone
    gap = half / plots["narrow"][1]
    stacked = ((0.5 + gap, 1), (0, 0.5 - gap)) if len(panels) > 1 else (None,)
    body = "".join(panel.html(plots, margin, place)
                   for panel, place in zip(panels, stacked, strict=True))
    return (f'<div class="explorer-frame" aria-hidden="true" style="inset:{inset};'
            f'--gap:{two_decimals(half)}px">{body}</div>')


class Axis:
    """An axis named as in the layout, such as "yaxis2", with the traces that stand on it."""

    def __init__(self, name: str, spec: dict, traces: list[dict]):
        self.name = name
        self.letter = name[0]
        self.spec = require_known(spec, "axis")
        self.title = require_known(spec.get("title"), "title").get("text", "")
        self.log = spec.get("type") == "log"
        self.low, self.high = spec["range"]
        maps = any(trace["type"] == "heatmap" for trace in traces)
        if spec.get("ticks", maps) or spec.get("type", "linear") not in ("linear", "log"):
            raise Unknown(f"{name}: tick marks, or a type that is not linear or log")

    def place(self, value) -> float | None:
        """Where a value stands: 0 at the left or lower end, 1 at the other; None for a gap."""
        if value is None:
            return None
        return ((math.log10(value) if self.log else value) - self.low) / (self.high - self.low)

    def stand(self, part: dict, key: str) -> float:
        """Where ``part[key]`` stands: a value, or one already in the domain."""
        if part[self.letter + "ref"].endswith(" domain"):
            return part[key]
        if self.log and "text" in part:
            raise Unknown(f"{self.name}: an annotation on a log scale")
        return self.place(part[key])

    def ticks(self, length: float) -> list[tuple[float, str]]:
        """(place, label) of the ticks on an axis of that length in px."""
        values = self.spec.get("tickvals") or self._even(length)
        texts = self.spec.get("ticktext") or [self._label(value) for value in values]
        places = map(self.place, values)
        return [(at, label) for at, label in zip(places, texts, strict=True)
                if -1e-4 <= at <= 1 + 1e-4]

    def _even(self, length: float) -> list[float]:
        """The multiples of dtick, or of the 1, 2 or 5 times a power of ten that plotly takes."""
        low, high = sorted((self.low, self.high))
        step = self.spec.get("dtick")
        if step is None:
            rough = (high - low) / (min(max(length / ROOM[self.letter], 4), 9) + 1)
            base = 10.0 ** math.floor(math.log10(rough))
            step = base * next(m for m in (2, 5, 10) if m > rough / base)
        if (high - low) / step > MOST_TICKS:
            raise Unknown(f"{self.name}: more than {MOST_TICKS} ticks")
        slack = 1e-4 * (high - low) / step
        return [i * step for i in range(math.ceil(low / step - slack),
                                        math.floor(high / step + slack) + 1)]

    def _label(self, value: float) -> str:
        pattern = self.spec.get("tickformat", "")
        largest = max(abs(self.low), abs(self.high))
        if self.log or pattern not in ("", ".0%"):
            raise Unknown(f"{self.name}: a log scale or tickformat {pattern!r}, and no ticktext")
        if not 1.1e-3 < largest < 9.7e3:
            raise Unknown(f"{self.name}: numbers that plotly abbreviates with k, μ and so on")
        return format(round(value, 10) + 0.0, pattern or "g").replace("-", "−")


class Panel:
    """A pair of axes and what stands on it; ``number`` is "" or "2"."""

    def __init__(self, figure: dict, number: str):
        layout = figure["layout"]
        pair = (f"x{number}", f"y{number}")
        self.traces = [trace for trace in figure["data"]
                       if (trace.get("xaxis", "x"), trace.get("yaxis", "y")) == pair]
        self.notes = [note for note in layout.get("annotations", ()) if _pair_of(note) == pair]
        self.shapes = [part for part in layout.get("shapes", ()) if _pair_of(part) == pair]
        self.x = Axis(f"xaxis{number}", layout[f"xaxis{number}"], self.traces)
        self.y = Axis(f"yaxis{number}", layout[f"yaxis{number}"], self.traces)
        if pair != (self.y.spec.get("anchor", "x"), self.x.spec.get("anchor", "y")):
            raise Unknown(f"{self.x.name} or {self.y.name}: an anchor that is not the other")
        self.ratio = None  # width to height, where one scale is tied to the other
        if "scaleanchor" in self.y.spec:
            if {self.x.spec.get("constrain"), self.y.spec.get("constrain")} != {"domain"}:
                raise Unknown(f"{self.y.name}: a scaleanchor, and not both constrain='domain'")
            self.ratio = abs((self.x.high - self.x.low) / (self.y.high - self.y.low)
                             / self.y.spec.get("scaleratio", 1))

    def html(self, plots: dict, margin: dict, stacked: tuple | None) -> str:
        """The panel in its place. plots: (width, height) of the whole plot area in px. stacked:
        the ends of its part of the height on a phone, where it has a part."""
        left, right = self.x.spec.get("domain", (0, 1))
        low, high = self.y.spec.get("domain", (0, 1))
        wide = left, right, low, high
        narrow = (0, 1, *stacked) if stacked else wide
        around = twice(self.surroundings(*plots["wide"], *wide, margin["b"]),
                       self.surroundings(*plots["narrow"], *narrow, margin["b"]))
        fit = f' class="fit" style="--ratio:{self.ratio:.4f};' if self.ratio else ' style="'
        notes = "".join(self.note(note, margin["l"]) for note in self.notes)
        return (f'<div{fit}left:{share(left)};width:{share(right - left)};top:{share(1 - high)};'
                f'height:{share(high - low)}"><svg>{around}<svg class="inside">{self.inside()}'
                f"</svg>{notes}</svg></div>")

    def inside(self) -> str:
        """What the plot area clips."""
        below = [part for part in self.shapes if part.get("layer") == "below"]
        above = [part for part in self.shapes if part.get("layer") != "below"]
        traces = sorted(self.traces, key=lambda trace: [*TRACES].index(trace["type"]))
        drawn = [(shape, part) for part in below] + [
            (TRACES[trace["type"]], require_known(trace, trace["type"])) for trace in traces] + [
            (shape, part) for part in above]
        return "".join(draw(part, self.x, self.y) for draw, part in drawn)

    def surroundings(self, width, height, left, right, low, high, margin_below) -> str:
        """Grid, tick labels and titles, for a plot area of that size in px."""
        width *= right - left
        tall = height * (high - low)
        below = margin_below + height * low
        if self.ratio:
            as_tall = width / self.ratio
            width = min(width, tall * self.ratio)
            below += max(tall - as_tall, 0) / 2
            tall = min(tall, as_tall)
        x = self.x
        y = self.y
        columns = x.ticks(width)
        rows = y.ticks(tall)
        grid = labels = titles = ""
        if x.spec.get("showgrid", True):
            grid += "".join(f'<line x1="{share(a)}" x2="{share(a)}" y2="100%"/>'
                            for a, _ in columns if 1 < a * width < width - 1)
        if y.spec.get("showgrid", True):
            grid += "".join(f'<line y1="{share(1 - a)}" y2="{share(1 - a)}" x2="100%"/>'
                            for a, _ in rows if 1 < a * tall < tall - 1)
        if under_labels := x.spec.get("showticklabels", True):
            labels += "".join(text(label, share(a), "100%", dy=13, text_anchor="middle")
                              for a, label in columns)
        if beside_labels := y.spec.get("showticklabels", True):
            labels += "".join(text(label, "-1", share(1 - a), dy=4.2, text_anchor="end")
                              for a, label in rows)
        if x.title:
            away = min(49 if under_labels else 36, below - 3)  # px from the plot area
            titles += text(x.title, "50%", "100%", dy=two_decimals(away), text_anchor="middle")
        if y.title:
            turned = text(y.title, 0, -36.0 if beside_labels else -29.5,
                          transform="rotate(-90)", text_anchor="middle")
            titles += f'<svg y="50%">{turned}</svg>'
        return f'<g class="grid">{grid}</g><g class="ticks">{labels}</g>{titles}'

    def note(self, note: dict, margin_left: int) -> str:
        """An annotation without an arrow. On a phone headings stand farther to the left."""
        anchor, aside = ANCHORS[require_known(note, "annotation")["xanchor"]]
        heads = (note["x"] == 0 and note["y"] == 1 and note["xref"].endswith(" domain")
                 and note["yanchor"] == "bottom")
        shift = note.get("xshift", 0)
        narrow_shift = 2 - margin_left if heads else shift

        def shifted(right: float) -> str:
            return text(note["text"], share(self.x.stand(note, "x")),
                        share(1 - self.y.stand(note, "y")), note.get("font"),
                        dx=two_decimals(aside + right),
                        dy=two_decimals(BASELINES[note["yanchor"]] - note.get("yshift", 0)),
                        text_anchor=anchor)

        return twice(shifted(shift), shifted(narrow_shift))


def _pair_of(part: dict) -> tuple[str, str]:
    """The axes that an annotation or a shape stands on, such as ("x2", "y2")."""
    return (part.get("xref", "").removesuffix(" domain"),
            part.get("yref", "").removesuffix(" domain"))


def twice(wide: str, narrow: str) -> str:
    """What stands there at either width, or both, of which the style sheet shows one."""
    return wide if wide == narrow else f'<g class="wide">{wide}</g><g class="narrow">{narrow}</g>'
