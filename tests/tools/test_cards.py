"""The card of a page holds its title and its first figure, placed as on the page."""

from xml.etree import ElementTree

import pytest
from cards import FRAME, card, draws, png

from lora_edu.explore.still import first_frame
from tests.book import REPOSITORY

SVG = "{http://www.w3.org/2000/svg}"
FONTS = [REPOSITORY / f"node_modules/dejavu-fonts-ttf/ttf/DejaVuSans{style}.ttf"
         for style in ("", "-Bold")]


def line(x, y, number):
    return {"type": "scatter", "x": x, "y": y, "mode": "lines", "xaxis": f"x{number}",
            "yaxis": f"y{number}", "line": {"color": "#d55e00", "width": 2}}


def two_panels():
    """The first frame of two lines: from corner to corner, in the left and the right half."""
    def axis(letter, domain):
        return {"range": [0, 1], "domain": domain, "anchor": letter, "zeroline": False}
    return first_frame({"data": [line([0, 1], [0, 1], ""), line([0, 1], [1, 0], "2")], "layout": {
        "margin": {"l": 60, "r": 40, "t": 20, "b": 50}, "showlegend": False,
        "xaxis": axis("y", [0, 0.4]), "yaxis": axis("x", [0, 1]),
        "xaxis2": axis("y2", [0.5, 1]), "yaxis2": axis("x2", [0, 1])}}, 330, 500)


def test_curves_stand_in_px_in_their_panels():
    assert FRAME.search(two_panels())
    svg = ElementTree.fromstring(card("One & two", "A book", f"<p>{two_panels()}</p>", "Said."))
    figure = svg.find(f"{SVG}g")
    assert figure.get("transform") == "translate(40 125) scale(1.6) translate(60 20)"
    places = [tuple(float(panel.get(name)) for name in ("x", "y", "width", "height"))
              for panel in figure.findall(f"{SVG}svg")]
    assert places == [(0, 0, 240, 200), (300, 0, 300, 200)]  # of 700 - 100 by 270 - 70
    curves = [path.get("d") for path in figure.iter(f"{SVG}path")]
    assert curves == ["M0.0 200.0l240.0 -200.0", "M0.0 0.0l300.0 200.0"]
    words = [text.text for text in svg.iter(f"{SVG}text")]
    assert words[0] == "One & two" and words[-1] == "A book" and "Said." not in words


def test_a_page_without_a_figure_shows_what_it_says_of_itself():
    svg = ElementTree.fromstring(card("One", "A book", "<p>Text.</p>", "Words < more. " * 40))
    lines = [text.text for text in svg.iter(f"{SVG}text")][1:-1]
    assert len(lines) == 6 and all(0 < len(each) <= 58 for each in lines)


@pytest.mark.skipif(not (draws() and FONTS[0].is_file()), reason="no resvg_py, or no fonts")
def test_the_picture_is_a_small_png():
    picture = png(card("One", "A book", two_panels(), ""), [str(font) for font in FONTS])
    assert picture.startswith(b"\x89PNG") and 5_000 < len(picture) < 60_000
