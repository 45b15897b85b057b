"""The first frame: a sketch of an explorer's first position, without axes.

It stands on the page until plotly has been fetched, which draws the same over it, with ticks and
titles. It is an optimisation, and asks nothing of a figure: what it cannot draw, plotly draws.

All stands at percentages of a panel, so that one drawing fits every width; curves stand in an inner
SVG that is stretched to the panel, while their strokes are not. Offsets, sizes and defaults are
plotly's own.
"""

import base64
import math
import re
import struct
import zlib
from html import escape, unescape

import numpy as np

SIDE = 2000  # of the square on which curves are drawn
DASHES = {"solid": (), "dot": (1,), "dash": (3,)}
ANCHORS = {"left": "start", "center": "middle", "right": "end"}
BASELINES = {"top": 14, "middle": 4.5, "bottom": -5}  # px below the point, for a font of 13 px
OUTLINES = {  # of a mark of radius 1, as SVG has it
    "circle": "M1 0A1 1 0 1 1-1 0A1 1 0 1 1 1 0Z",
    "square": "M1 1H-1V-1H1Z",
    "diamond": "M1.3 0L0 1.3L-1.3 0L0-1.3Z",
    "triangle-up": "M-1.155.5H1.155L0-1Z",
    "x-thin": "M1 1L-1-1ZM1-1L-1 1Z",
    "x": "M0 .566l.566 .566l.566-.566l-.566-.566l.566-.566l-.566-.566l-.566 .566"
         "l-.566-.566l-.566 .566l.566 .566l-.566 .566l.566 .566Z",
}


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


def each(value, i: int):
    """The i-th of a list, or the one value there is."""
    return value[i] if isinstance(value, (list, np.ndarray)) else value


def two_decimals(value: float) -> str:
    """To a hundredth, without needless zeros."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if abs(value) >= 0.005 else "0"


def share(fraction: float) -> str:
    """0.25 → "25%"."""
    return two_decimals(100 * fraction) + "%"


def attributes(**values) -> str:
    """`` name="value"`` for each that is not None; ``_`` stands for a dash, but at the end."""
    return "".join(f' {name.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
                   for name, value in values.items() if value is not None)


def text(line, x, y, font: dict, **more) -> str:
    """An SVG text; of plotly's markup it keeps coloured spans."""
    body = ""
    for part in re.split(r"(<[^<>]*>)", str(line)):
        span = re.fullmatch(r'<span style="color: ?([^";]*);?">', part)
        if span:
            body += f"<tspan{attributes(fill=span[1])}>"
        elif part == "</span>":
            body += "</tspan>"
        elif part.startswith("<") and part.endswith(">"):
            raise ValueError(f"the markup {part}")
        else:
            body += escape(unescape(part))
    looks = attributes(x=x, y=y, fill=font.get("color"), font_size=font.get("size"), **more)
    return f"<text{looks}>{body}</text>"


def scatter(trace: dict, x: Axis, y: Axis) -> str:
    """Line, marks and words of a scatter trace."""
    line = trace.get("line", {})
    marker = trace.get("marker", {})
    mode = trace["mode"]
    colour = line.get("color", marker.get("color"))
    points = [(x.place(a), y.place(b)) for a, b in zip(trace["x"], trace["y"], strict=True)]
    spots = [(i, share(a), share(1 - b)) for i, (a, b) in enumerate(points) if None not in (a, b)]
    parts = curve(points, line, colour) if "lines" in mode else ""
    if "markers" in mode:
        parts += "".join(mark(marker, colour, *spot) for spot in spots)
    if "text" in mode:
        sizes = marker.get("size", 6) if "markers" in mode else None
        parts += "".join(words(trace, sizes, *spot) for spot in spots)
    return f"<g{attributes(opacity=trace.get('opacity'))}>{parts}</g>"


def curve(points: list, line: dict, colour) -> str:
    """A line through places from 0 to 1, with a gap where there is None."""
    path = ""
    last = None
    for a, b in points:
        if None in (a, b):
            last = None
            continue
        x = round(SIDE * a)
        y = round(SIDE * (1 - b))
        path += f"l{x - last[0]} {y - last[1]}" if last else f"M{x} {y}"
        last = x, y
    return (f'<svg viewBox="0 0 {SIDE} {SIDE}" preserveAspectRatio="none">'
            f'<path d="{path}"{stroke(line, colour)}/></svg>')


def named(colour) -> str:
    """A colour that is not left to plotly or to a scale."""
    if not isinstance(colour, str):
        raise TypeError(f"the colour {colour}")
    return colour


def stroke(line: dict, colour) -> str:
    """The attributes of a line: its colour, width and dashes."""
    width = line.get("width", 2)
    dashes = " ".join(two_decimals(max(width, 3) * part)
                      for part in DASHES[line.get("dash", "solid")])
    return attributes(stroke=named(colour), stroke_width=width, stroke_dasharray=dashes or None)


def mark(marker: dict, colour, i: int, x: str, y: str) -> str:
    """The i-th mark. Where sizes are a list, plotly makes marks paler and rims them with white."""
    sizes = marker.get("size", 6)
    colour = named(each(marker.get("color", colour), i))
    symbol, hollow, _ = each(marker.get("symbol", "circle"), i).partition("-open")
    looks = {} if isinstance(sizes, (int, float)) else {"opacity": 0.7, "stroke": "#fff"}
    looks |= {"fill": "none", "stroke": colour} if hollow else {"fill": colour}
    if hollow:
        looks["stroke_width"] = marker.get("line", {}).get("width")
    radius = each(sizes, i) / 2
    if not radius:
        return ""
    outline = attributes(d=OUTLINES[symbol], transform=f"scale({radius})",
                         vector_effect="non-scaling-stroke", **looks)
    return f'<svg x="{x}" y="{y}"><path{outline}/></svg>'


def words(trace: dict, sizes, i: int, x: str, y: str) -> str:
    """The words at the i-th point, beside its mark if it has one. sizes: the marks', or None."""
    font = trace.get("textfont", {})
    size = font.get("size", 13)
    aside = 0 if sizes is None else each(sizes, i) / 1.6 + 1
    row, _, column = each(trace.get("textposition", "middle center"), i).partition(" ")
    down = {"top": -1, "middle": 0, "bottom": 1}[row]
    anchor, right = {"left": ("end", -1), "center": ("middle", 0), "right": ("start", 1)}[column]
    return text(each(trace["text"], i), x, y, font, text_anchor=anchor,
                dx=two_decimals(right * aside),
                dy=two_decimals(0.75 * size + down * aside + (down - 1) * size / 2))


def rectangle(across, up, looks: str, tag: str = "rect") -> str:
    """An element between two places from 0 to 1 on each axis."""
    left, right = sorted(across)
    low, high = sorted(up)
    place = attributes(x=share(left), y=share(1 - high), width=share(right - left),
                       height=share(high - low))
    return f"<{tag}{place}{looks}/>"


def heatmap(trace: dict, x: Axis, y: Axis) -> str:
    """The cells as a picture, one pixel each, stretched."""
    if trace.keys() & {"x", "y", "transpose"}:
        raise ValueError("a heat map that gives its cells' places")
    z = np.array(trace["z"], float)  # a gap is NaN
    position = (z - trace["zmin"]) / (trace["zmax"] - trace["zmin"])
    stops = [stop for stop, _ in trace["colorscale"]]
    colours = np.array([rgba(colour) for _, colour in trace["colorscale"]])  # (stops, 4)
    pixels = np.stack([np.interp(position, stops, channel) for channel in colours.T], axis=-1)
    pixels = np.round(np.nan_to_num(pixels)).astype(np.uint8)
    rows, columns = z.shape
    x0 = trace.get("x0", 0)  # the middle of the first cell
    y0 = trace.get("y0", 0)
    across = (x.place(x0 - 0.5), x.place(x0 + columns - 0.5))
    up = (y.place(y0 - 0.5), y.place(y0 + rows - 0.5))
    if across[0] > across[1]:  # a picture's first column is at the left
        pixels = pixels[:, ::-1]
    if up[0] < up[1]:  # and its first row on top
        pixels = pixels[::-1]
    data = base64.b64encode(png(pixels)).decode()
    return rectangle(across, up, attributes(
        preserveAspectRatio="none", href=f"data:image/png;base64,{data}"), "image")


def rgba(colour: str) -> tuple[float, ...]:
    """ "#3b82c4" or "rgba(59, 130, 196, 1)" → red, green, blue and alpha, each 0 … 255."""
    if colour.startswith("#"):
        return *bytes.fromhex(colour[1:]), 255
    red, green, blue, *alpha = map(float, re.fullmatch(r"rgba?\(([^()]*)\)", colour)[1].split(","))
    return red, green, blue, 255 * (alpha or [1])[0]


def png(pixels: np.ndarray) -> bytes:
    """A PNG of (height, width, 4) bytes."""
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (struct.pack(">I", len(body)) + kind + body
                + struct.pack(">I", zlib.crc32(kind + body)))

    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    size = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 8, 6, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(rows, 9))
            + chunk(b"IEND", b""))


TRACES = {"heatmap": heatmap, "scatter": scatter}  # in the order in which plotly draws
