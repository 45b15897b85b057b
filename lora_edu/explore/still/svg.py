"""Pieces of SVG: lengths, attributes and words.

Imports the sibling module schema. Serves the first frame (see draw.py).
"""

from __future__ import annotations

import re
from html import escape, unescape

from lora_edu.explore.still.schema import Unknown, known


def short(value: float) -> str:
    """To a hundredth, without needless zeros."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if abs(value) >= 0.005 else "0"


def share(fraction: float) -> str:
    """0.25 → "25%"."""
    return short(100 * fraction) + "%"


def attributes(**values) -> str:
    """`` name="value"`` for each that is not None; ``_`` stands for a dash."""
    return "".join(f' {name.replace("_", "-")}="{escape(str(value))}"'
                   for name, value in values.items() if value is not None)


def text(line: str, x, y, font: dict | None = None, **more) -> str:
    """An SVG text; of plotly's markup it may hold coloured spans."""
    font, body = known(font, "font"), ""
    for part in re.split(r"(<[^<>]*>)", line):
        span = re.fullmatch(r'<span style="color: ?([^";]*);?">', part)
        if span:
            body += f"<tspan{attributes(fill=span[1])}>"
        elif part == "</span>":
            body += "</tspan>"
        elif re.fullmatch("<[^<>]*>", part):
            raise Unknown(f"the markup {part}")
        else:
            body += escape(unescape(part))
    looks = attributes(x=x, y=y, fill=font.get("color"), font_size=font.get("size"), **more)
    return f"<text{looks}>{body}</text>"
