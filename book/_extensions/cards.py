"""Sphinx extension: the picture that a shared link shows, drawn for each page where the site's
address is known: its title above its first figure, or above what it says of itself.

Imports Sphinx, lora_edu's Sphinx extension and addresses.py's app.lora_site; resvg_py and the npm
package dejavu-fonts-ttf where they are installed. A figure is taken as the page has it, from its
first frame (lora_edu/explore/still), whose boxes and percentages become those of one SVG.
"""

from __future__ import annotations

import re
import textwrap
from html import escape, unescape
from pathlib import Path

from lora_edu.explore.sphinx_ext import say_fallback

WIDTH, HEIGHT = 1200, 630
PLOT = (700, 270)  # px of the figure before it is made larger
FRAME = re.compile(r'<div class="explorer-frame"[^>]* style="'
                   r'inset:(\d+)px (\d+)px (\d+)px (\d+)px[^"]*">'
                   r"((?:<div[^>]*><svg>.*?</svg></div>)+)</div>", re.DOTALL)
PANEL = re.compile(r'<div[^>]*style="([^"]*)"><svg>(.*?)</svg></div>', re.DOTALL)
NARROW = re.compile(r'<g class="narrow">.*?</g>(?=<svg class="inside">)', re.DOTALL)
STRETCHED = re.compile(r'<svg viewBox="0 0 (\d+) (\d+)" preserveAspectRatio="none">(.*?)</svg>')
READING = re.compile(r'class="explorer-reading"[^>]*>\s*<span[^>]*>(.*?)</span>', re.DOTALL)
LOOK = """.figure svg { overflow: visible } .figure .inside { overflow: hidden }
.grid { stroke: #d9dee4 } .ticks { font-size: 12px } image { image-rendering: pixelated }"""


def setup(app):
    if app.lora_site:  # from addresses.py, which stands before this
        fonts = [Path(app.confdir) / "node_modules/dejavu-fonts-ttf/ttf" / f"DejaVuSans{style}.ttf"
                 for style in ("", "-Bold")]
        app.lora_card_fonts = [str(font) for font in fonts if font.is_file()]
        if len(app.lora_card_fonts) == len(fonts) and draws():
            app.connect("config-inited", use_large_cards)
            app.connect("html-page-context", add_card, priority=450)  # before opengraph's own
        else:
            say_fallback("cards: resvg_py or the npm package dejavu-fonts-ttf is missing: "
                         "shared links show no picture")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def draws() -> bool:
    try:
        import resvg_py  # noqa: F401
    except ImportError:
        return False
    return True


def use_large_cards(app, config) -> None:
    config.ogp_custom_meta_tags = ['<meta name="twitter:card" content="summary_large_image" />']


def add_card(app, pagename, templatename, context, doctree) -> None:
    if doctree is None:
        return
    title = plain(context["title"])
    meta = context.get("meta") or {}
    said = meta.get("og:description", "")
    reading = READING.search(context["body"])
    file = Path("_static", "cards", pagename.replace("/", "-") + ".png")
    (Path(app.outdir) / file).parent.mkdir(parents=True, exist_ok=True)
    picture = png(card(title, app.config.html_title, context["body"], said), app.lora_card_fonts)
    (Path(app.outdir) / file).write_bytes(picture)
    context["meta"] = meta | {
        "og:image": app.lora_site + file.as_posix(), "og:image:width": str(WIDTH),
        "og:image:height": str(HEIGHT),
        "og:image:alt": f"{title}: {plain(reading[1]) if reading else said}"}


def plain(html: str) -> str:
    return unescape(re.sub("<[^>]*>", "", html))


def png(svg: str, fonts: list[str]) -> bytes:
    import resvg_py

    return bytes(resvg_py.svg_to_bytes(svg_string=svg, skip_system_fonts=True, font_files=fonts,
                                       font_family="DejaVu Sans"))


def card(title: str, book: str, body: str, said: str) -> str:
    """The SVG of a card; ``body`` is the page's HTML, ``said`` its description."""
    frame = FRAME.search(body)
    lines = textwrap.wrap(said, 58)[:6]
    middle = figure(frame) if frame else "".join(
        f'<text x="50" y="{210 + 50 * i}" font-size="32">{escape(line)}</text>'
        for i, line in enumerate(lines))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
            f'font-family="DejaVu Sans" fill="#1f2933"><style>{LOOK}</style>'
            '<rect width="100%" height="100%" fill="#fff"/>'
            f'<text x="50" y="95" font-size="52" font-weight="700">{escape(title)}</text>{middle}'
            '<rect x="50" y="578" width="9" height="32" rx="2" fill="#d55e00"/>'
            '<rect x="64" y="578" width="20" height="9" rx="2" fill="#3b82c4"/>'
            f'<text x="100" y="606" font-size="28">{escape(book)}</text></svg>')


def figure(frame: re.Match) -> str:
    """A first frame as SVG: its panels in their places, 1.6 times as large as on the page."""
    top, right, bottom, left = map(int, frame.groups()[:4])
    width, height = PLOT[0] - left - right, PLOT[1] - top - bottom
    panels = PANEL.sub(lambda found: panel(found[1], found[2], width, height), frame[5])
    return (f'<g class="figure" font-size="13" transform="translate(40 125) scale(1.6) '
            f'translate({left} {top})">{panels}</g>')


def panel(style: str, inside: str, width: float, height: float) -> str:
    """A panel as an SVG of that size, with curves in px: resvg would stretch their strokes too."""
    place = {name: float(value) for name, value in re.findall(r"([\w-]+):([\d.]+)", style)}
    x, w = (place[side] / 100 * width for side in ("left", "width"))
    y, h = (place[side] / 100 * height for side in ("top", "height"))
    if "--ratio" in place:
        fit = min(w, h * place["--ratio"]), min(h, w / place["--ratio"])
        x, y, w, h = x + (w - fit[0]) / 2, y + (h - fit[1]) / 2, *fit

    def unstretched(found: re.Match) -> str:
        across, down = w / int(found[1]), h / int(found[2])
        return re.sub(r' d="([^"]*)"', lambda path: ' fill="none" d="' + re.sub(
            r"(-?[\d.]+) (-?[\d.]+)",
            lambda pair: f"{float(pair[1]) * across:.1f} {float(pair[2]) * down:.1f}",
            path[1]) + '"', found[3])

    inside = STRETCHED.sub(unstretched, NARROW.sub("", inside))
    return f'<svg x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}">{inside}</svg>'
