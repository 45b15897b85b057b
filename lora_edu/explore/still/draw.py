"""The first frame: a plain figure as SVG, the way plotly will draw it, for a page not yet touched.

Imports the sibling modules schema, axis, marks and svg. Each panel is an SVG over its plot area.
What is in it stands at percentages, so that one drawing fits every width; ticks and titles that
plotly sets otherwise on a phone are there twice. Offsets, sizes and defaults are plotly's own; the
tests of the built site hold every word, mark and curve against what plotly draws.

What schema.py does not know (a legend, another trace type, any key that may change the picture)
raises Unknown: such a figure has no first frame, and its page loads plotly as soon as it is near.
"""

from __future__ import annotations

import re

from lora_edu.explore.still.axis import Axis
from lora_edu.explore.still.marks import bars, heatmap, scatter, shape
from lora_edu.explore.still.schema import Unknown, known
from lora_edu.explore.still.svg import share, short, text

WIDTHS = {"wide": 700, "narrow": 324}  # px of a plot (desktop, phone) for which ticks are chosen
ANCHORS = {"left": ("start", 2), "center": ("middle", 0), "right": ("end", -2)}
BASELINES = {"top": 14, "middle": 4.5, "bottom": -5}  # px below the point, for a font of 13 px


def first_frame(figure: dict, height: int, narrow_height: int) -> str:
    """The HTML of a plain figure's first frame, for a plot of these heights in px.

    Raises Unknown for a figure that it does not know how to draw.
    """
    try:
        return _first_frame(figure, {"wide": height, "narrow": narrow_height})
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise Unknown(f"{type(error).__name__}: {error}") from error


def _first_frame(figure: dict, heights: dict[str, int]) -> str:
    layout = figure["layout"]
    axes = [key for key in layout if re.fullmatch(r"[xy]axis\d*", key)]
    known({key: value for key, value in layout.items() if key not in axes}, "layout")
    margin = known(layout.get("margin"), "margin")
    numbers = sorted({key[5:] for key in axes})
    for lack, is_so in {"showlegend is not False": layout.get("showlegend", True),
                        "margin has not four sides": len(margin) < 4,
                        "no axes, or more than two panels": not 0 < len(numbers) < 3}.items():
        if is_so:
            raise Unknown(lack)
    panels = [Panel(figure, number) for number in numbers]
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
            f'--gap:{short(half)}px">{body}</div>')


class Panel:
    """A pair of axes and what stands on it; ``number`` is "" or "2"."""

    def __init__(self, figure: dict, number: str):
        layout = figure["layout"]
        pair = f"x{number}", f"y{number}"
        self.traces = [trace for trace in figure["data"] if pair == (
            trace.get("xaxis", "x"), trace.get("yaxis", "y"))]
        self.notes, self.shapes = ([part for part in layout.get(kind, ()) if pair == tuple(
            part.get(ref, "").removesuffix(" domain") for ref in ("xref", "yref"))]
            for kind in ("annotations", "shapes"))
        self.x, self.y = (Axis(name, known(layout.get(name), "axis"), self.traces)
                          for name in (f"xaxis{number}", f"yaxis{number}"))
        if pair != (self.y.spec.get("anchor", "x"), self.x.spec.get("anchor", "y")):
            raise Unknown(f"{self.x.name} or {self.y.name}: an anchor that is not the other")
        self.barmode = layout.get("barmode", "group")
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
        wide, narrow = (self.surroundings(*plots[kind], *place, margin["b"])
                        for kind, place in (
                            ("wide", (left, right, low, high)),
                            ("narrow", (0, 1, *stacked) if stacked
                             else (left, right, low, high))))
        around = twice(wide, narrow)
        fit = f' class="fit" style="--ratio:{self.ratio:.4f};' if self.ratio else ' style="'
        notes = "".join(self.note(note, margin["l"]) for note in self.notes)
        return (f'<div{fit}left:{share(left)};width:{share(right - left)};top:{share(1 - high)};'
                f'height:{share(high - low)}"><svg>{around}<svg class="inside">{self.inside()}'
                f"</svg>{notes}</svg></div>")

    def inside(self) -> str:
        """What the plot area clips: heat maps, then bars, then scatter traces, as plotly does."""
        kinds = {kind: [t for t in self.traces if t.get("type", "scatter") == kind]
                 for kind in ("heatmap", "bar", "scatter")}
        if sum(map(len, kinds.values())) < len(self.traces):
            raise Unknown("a trace that is neither scatter nor bar nor heatmap")
        if {s.get("layer", "above") for s in self.shapes} - {"above", "below"}:
            raise Unknown("a shape whose layer is not above or below")
        parts = [shape(s, self.x, self.y) for s in self.shapes if s.get("layer") == "below"]
        parts += [heatmap(known(t, "heatmap"), self.x, self.y) for t in kinds["heatmap"]]
        parts += bars([known(t, "bar") for t in kinds["bar"]], self.x, self.y, self.barmode)
        parts += [scatter(known(t, "scatter"), self.x, self.y) for t in kinds["scatter"]]
        parts += [shape(s, self.x, self.y) for s in self.shapes if s.get("layer") != "below"]
        return "".join(parts)

    def surroundings(self, width, height, left, right, low, high, margin_below) -> str:
        """Grid, tick labels and titles, for a plot area of that size in px."""
        width, tall = width * (right - left), height * (high - low)
        below = margin_below + height * low
        if self.ratio:
            width, whole, tall = min(width, tall * self.ratio), tall, min(tall, width / self.ratio)
            below += (whole - tall) / 2
        x, y = self.x.ticks(width), self.y.ticks(tall)
        grid = labels = titles = ""
        under, beside = (known(axis.spec.get("title"), "title").get("text", "")
                         for axis in (self.x, self.y))
        away = {"x": 36, "y": 29.5}  # px from the plot area to a title, where no labels are between
        if self.x.spec.get("showgrid", not any(t["type"] == "bar" for t in self.traces)):
            grid += "".join(f'<line x1="{share(a)}" x2="{share(a)}" y2="100%"/>'
                            for a, _ in x if 1 < a * width < width - 1)
        if self.y.spec.get("showgrid", True):
            grid += "".join(f'<line y1="{share(1 - a)}" y2="{share(1 - a)}" x2="100%"/>'
                            for a, _ in y if 1 < a * tall < tall - 1)
        if self.x.spec.get("showticklabels", True):
            labels += "".join(text(label, share(a), "100%", dy=13, text_anchor="middle")
                              for a, label in x)
            away["x"] += 13
        if self.y.spec.get("showticklabels", True):
            labels += "".join(text(label, "-1", share(1 - a), dy=4.2, text_anchor="end")
                              for a, label in y)
            away["y"] += 6.5
        if under:
            titles += text(under, "50%", "100%", dy=short(min(away["x"], below - 3)),
                           text_anchor="middle")
        if beside:
            turned = text(beside, 0, -away["y"], transform="rotate(-90)", text_anchor="middle")
            titles += f'<svg y="50%">{turned}</svg>'
        return f'<g class="grid">{grid}</g><g class="ticks">{labels}</g>{titles}'

    def note(self, note: dict, margin_left: int) -> str:
        """An annotation without an arrow. On a phone headings stand farther to the left."""
        known(note, "annotation")
        if note.get("showarrow", True) or not {"xanchor", "yanchor"} <= note.keys():
            raise Unknown("an annotation with an arrow, or without xanchor and yanchor")
        if any(axis.log and note[axis.letter + "ref"] in ("x", "x2", "y", "y2")
               for axis in (self.x, self.y)):
            raise Unknown("an annotation on a log scale")
        anchor, aside = ANCHORS[note["xanchor"]]
        heads = (note["x"] == 0 and note["y"] == 1 and note["xref"].endswith(" domain")
                 and note["yanchor"] == "bottom")
        shift = note.get("xshift", 0)
        return twice(*(text(note["text"], share(self.x.stand(note, "x")),
                            share(1 - self.y.stand(note, "y")), note.get("font"),
                            dx=short(aside + x),
                            dy=short(BASELINES[note["yanchor"]] - note.get("yshift", 0)),
                            text_anchor=anchor)
                       for x in (shift, 2 - margin_left if heads else shift)))


def twice(wide: str, narrow: str) -> str:
    """What stands there at either width, or both, of which the style sheet shows one."""
    return wide if wide == narrow else f'<g class="wide">{wide}</g><g class="narrow">{narrow}</g>'
