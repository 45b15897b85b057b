"""What a first frame draws in a panel, as SVG: lines, marks, words and heat maps.

x and y are axes whose ``place`` says where a value stands, from 0 to 1.
"""

import base64
import re
import struct
import zlib
from html import escape, unescape

import numpy as np

SIDE = 2000  # of the square on which curves are drawn
DASHES = {"solid": (), "dot": (1,), "dash": (3,)}
OUTLINES = {  # of a mark of radius 1, as SVG has it
    "circle": "M1 0A1 1 0 1 1-1 0A1 1 0 1 1 1 0Z",
    "square": "M1 1H-1V-1H1Z",
    "diamond": "M1.3 0L0 1.3L-1.3 0L0-1.3Z",
    "triangle-up": "M-1.155.5H1.155L0-1Z",
    "x-thin": "M1 1L-1-1ZM1-1L-1 1Z",
    "x": "M0 .566l.566 .566l.566-.566l-.566-.566l.566-.566l-.566-.566l-.566 .566"
         "l-.566-.566l-.566 .566l.566 .566l-.566 .566l.566 .566Z",
}


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


def scatter(trace: dict, x, y) -> str:
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


def heatmap(trace: dict, x, y) -> str:
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
