"""The traces and shapes of a plain figure as SVG, for the first frame (see draw.py).

Imports NumPy and the sibling modules schema, axis and svg. Everything stands at percentages of the
panel; curves stand in an inner SVG that is stretched to it, while their strokes are not.
"""

from __future__ import annotations

import base64
import re
import struct
import zlib

import numpy as np

from lora_edu.explore.still.axis import Axis
from lora_edu.explore.still.schema import Unknown, each, known
from lora_edu.explore.still.svg import attributes, share, short, text

SIDE = 2000  # of the square on which curves are drawn
DASHES = {"solid": (), "dot": (1,), "dash": (3,), "longdash": (5,), "dashdot": (3, 1, 1, 1)}
CORNERS = {  # of a mark of radius 1
    "circle": (), "square": ((1, 1), (-1, 1), (-1, -1), (1, -1)),
    "diamond": ((1.3, 0), (0, 1.3), (-1.3, 0), (0, -1.3)),
    "triangle-up": ((-1.155, 0.5), (1.155, 0.5), (0, -1)),
    "x": [(0.566 * a, 0.566 * b) for a, b in (
        (0, 1), (1, 2), (2, 1), (1, 0), (2, -1), (1, -2), (0, -1), (-1, -2), (-2, -1), (-1, 0),
        (-2, 1), (-1, 2))],
}


def scatter(trace: dict, x: Axis, y: Axis) -> str:
    """Line, marks and words of a scatter trace."""
    line, marker = known(trace.get("line"), "line"), known(trace.get("marker"), "marker")
    colour = line.get("color", marker.get("color"))
    mode = trace.get("mode", "")
    if not mode or ("lines" in mode and not isinstance(colour, str)):
        raise Unknown("a scatter trace without a mode or without a colour")
    points = [(x.place(a), y.place(b)) for a, b in zip(trace["x"], trace["y"], strict=True)]
    spots = [(i, share(a), share(1 - b)) for i, (a, b) in enumerate(points) if None not in (a, b)]
    parts = curve(points, line, colour) if "lines" in mode else ""
    if "markers" in mode:
        parts += "".join(mark(marker, colour, *spot) for spot in spots)
    if "text" in mode:
        marker = marker if "markers" in mode else None
        parts += "".join(words(trace, marker, *spot) for spot in spots)
    opacity = trace.get("opacity", 1)
    return f'<g opacity="{opacity}">{parts}</g>' if opacity != 1 else parts


def curve(points: list, line: dict, colour: str) -> str:
    """A line through places from 0 to 1, with a gap where there is None."""
    path, last = "", None
    for a, b in points:
        here = None if None in (a, b) else (round(SIDE * a), round(SIDE * (1 - b)))
        if last is None and here is not None:
            path += f"M{here[0]} {here[1]}"
        elif here is not None:
            path += f"l{here[0] - last[0]} {here[1] - last[1]}"
        last = here
    return (f'<svg viewBox="0 0 {SIDE} {SIDE}" preserveAspectRatio="none">'
            f'<path d="{path}"{stroke(line, colour)}/></svg>')


def stroke(line: dict, colour: str) -> str:
    """The attributes of a line: its colour, width and dashes."""
    width, dash = line.get("width", 2), line.get("dash", "solid")
    if dash not in DASHES:
        raise Unknown(f"line.dash {dash}")
    dashes = " ".join(short(max(width, 3) * part) for part in DASHES[dash])
    return attributes(stroke=colour, stroke_width=width, stroke_dasharray=dashes or None)


def shape(shape: dict, x: Axis, y: Axis) -> str:
    """A straight line or a rectangle."""
    line, ends = known(known(shape, "shape").get("line"), "line"), {}
    for axis, key in ((x, "x0"), (x, "x1"), (y, "y0"), (y, "y1")):
        ends[key] = axis.stand(shape, key) if axis is x else 1 - axis.stand(shape, key)
    looks = stroke(line, line.get("color", "#444")) + attributes(opacity=shape.get("opacity"))
    if shape["type"] == "line":
        places = {key[0] + str(1 + int(key[1])): share(end) for key, end in ends.items()}
        return f"<line{attributes(**places)}{looks}/>"
    if shape["type"] != "rect":
        raise Unknown(f"shape.type {shape['type']}")
    left, right = sorted((ends["x0"], ends["x1"]))
    top, bottom = sorted((ends["y0"], ends["y1"]))
    return "<rect" + attributes(x=share(left), y=share(top), width=share(right - left),
                                height=share(bottom - top),
                                fill=shape.get("fillcolor", "none")) + looks + "/>"


def mark(marker: dict, colour: str, i: int, x: str, y: str) -> str:
    """The i-th mark. Where sizes are a list, plotly makes marks paler and rims them with white."""
    sizes, colour = marker.get("size", 6), each(marker.get("color", colour), i)
    shape, hollow, _ = each(marker.get("symbol", "circle"), i).partition("-open")
    if (shape not in CORNERS and shape != "x-thin") or not isinstance(colour, str):
        raise Unknown(f"marker.symbol {shape} or marker.color {colour}")
    rim = known(marker.get("line"), "line")
    looks = {} if isinstance(sizes, (int, float)) else {"opacity": 0.7, "stroke": "#fff"}
    looks |= {"fill": "none", "stroke": colour} if hollow else {"fill": colour}
    looks |= {"stroke_width": rim["width"]} if hollow and "width" in rim else {}
    radius = each(sizes, i) / 2
    if not radius:
        return ""
    if shape == "x-thin":
        r = short(radius)
        path = f"M{r} {r}L-{r} -{r}M{r} -{r}L-{r} {r}"
        return f'<svg x="{x}" y="{y}"><path d="{path}"{attributes(**looks)}/></svg>'
    if shape == "circle":
        return f"<circle{attributes(cx=x, cy=y, r=short(radius), **looks)}/>"
    path = "L".join(f"{short(radius * a)} {short(radius * b)}" for a, b in CORNERS[shape])
    return f'<svg x="{x}" y="{y}"><path d="M{path}Z"{attributes(**looks)}/></svg>'


def words(trace: dict, marker: dict | None, i: int, x: str, y: str) -> str:
    """The words at the i-th point, beside its mark if it has one."""
    font, aside = known(trace.get("textfont"), "font"), 0
    if marker is not None:
        aside = each(marker.get("size", 6), i) / 1.6 + 1
    row, _, column = each(trace.get("textposition", "middle center"), i).partition(" ")
    down = {"top": -1, "middle": 0, "bottom": 1}[row]
    anchor, right = {"left": ("end", -1), "center": ("middle", 0), "right": ("start", 1)}[column]
    size = font.get("size", 13)
    return text(each(trace["text"], i), x, y, font, text_anchor=anchor, dx=short(right * aside),
                dy=short(0.75 * size + down * aside + (down - 1) * size / 2))


def bars(traces: list[dict], x: Axis, y: Axis, mode: str) -> list[str]:
    """Bars over categories, stacked, with words in their middle."""
    tops, parts = {}, []
    for trace in traces:
        colour = known(trace.get("marker"), "marker").get("color")
        inside = trace.get("text", "")
        if ((mode != "stack" and len(traces) > 1) or y.log or not x.categories
                or not isinstance(colour, str) or min(trace["y"]) < 0):
            raise Unknown("bars that are not stacked over words, above 0, in one colour")
        how = [trace.get(key) for key in ("textposition", "insidetextanchor", "constraintext")]
        if inside and how != ["inside", "middle", "none"]:
            raise Unknown("words on bars that are not inside, in the middle, as large as they are")
        for i, (word, value) in enumerate(zip(trace["x"], trace["y"], strict=True)):
            if not value:
                continue
            low, tops[word] = tops.get(word, 0.0), tops.get(word, 0.0) + value
            middle, half = x.place(word), 0.4 / (x.high - x.low)
            bottom, top = y.place(low), y.place(tops[word])
            parts.append("<rect" + attributes(
                x=share(middle - half), y=share(1 - top), width=share(2 * half),
                height=share(top - bottom), fill=colour) + "/>")
            if each(inside, i):
                parts.append(text(each(inside, i), share(middle), share(1 - (bottom + top) / 2),
                                  trace.get("textfont"), dy=".36em", text_anchor="middle"))
    return parts


def heatmap(trace: dict, x: Axis, y: Axis) -> str:
    """The cells as a picture, one pixel each, stretched."""
    if trace.get("showscale", True) or not {"zmin", "zmax", "colorscale"} <= trace.keys():
        raise Unknown("a heat map with a colour bar, or without zmin, zmax and colorscale")
    z = np.array(trace["z"], float)  # a gap is NaN
    position = (z - trace["zmin"]) / (trace["zmax"] - trace["zmin"])
    stops, colours = zip(*((stop, rgba(colour)) for stop, colour in trace["colorscale"]),
                         strict=True)
    pixels = np.stack([np.interp(position, stops, channel)
                       for channel in zip(*colours, strict=True)], axis=-1)
    pixels = np.round(np.nan_to_num(pixels)).astype(np.uint8)
    left, right, low, high = (
        axis.fraction(trace.get(axis.letter + "0", 0) + end - 0.5)
        for axis, ends in ((x, (0, z.shape[1])), (y, (0, z.shape[0]))) for end in ends)
    pixels = pixels[:: 1 if low > high else -1, :: 1 if left < right else -1]
    data = base64.b64encode(png(pixels)).decode()
    return "<image" + attributes(
        x=share(min(left, right)), y=share(1 - max(low, high)), width=share(abs(right - left)),
        height=share(abs(high - low)), preserveAspectRatio="none",
        href=f"data:image/png;base64,{data}") + "/>"


def rgba(colour: str) -> tuple[float, ...]:
    """ "#3b82c4" or "rgba(59, 130, 196, 1)" → red, green, blue and alpha, each 0 … 255."""
    if re.fullmatch("#[0-9a-fA-F]{6}", colour):
        return *bytes.fromhex(colour[1:]), 255
    parts = re.fullmatch(r"rgba?\(([^()]*)\)", colour)
    if not parts:
        raise Unknown(f"the colour {colour} in a colorscale")
    red, green, blue, *alpha = map(float, parts[1].split(","))
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
