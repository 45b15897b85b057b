"""Symbols in the text have the colours of their curves, can be read, and are all that changes."""

import colorsys
import re

import pytest

from book._extensions.content.symbols import PAGES, coloured
from lora_edu.chapters.shared.style import COLOURS
from tests.book import REPOSITORY, in_toc

CSS = (REPOSITORY / "book" / "_extensions/site/book.css").read_text(encoding="utf-8")
GROUNDS = {  # of the theme: its background and the surfaces of tables and notes
    'html': ("#ffffff", "#f3f4f5"), 'html[data-theme="dark"]': ("#121212", "#222832", "#29313d")}


def letter(name, style=""):
    return f'<span class="mord mathnormal"{style}>{name}</span>'


def marked(html):
    """[(class, text)] of what was coloured."""
    return re.findall(r'of-(\w+)"[^>]*>([^<]*)<', coloured(html))


@pytest.mark.parametrize(("html", "found"), [
    ("<p>‖∇A‖ is 0, ∇B is not</p>", [("A", "‖∇A‖"), ("B", "∇B")]),
    ("<td>‖ΔW − ΔW′‖</td>", [("delta", "ΔW"), ("delta", "ΔW")]),
    (letter("A") + letter("B", ' style="margin-right:0.05em;"'), [("A", "A"), ("B", "B")]),
    (f'<span class="mord">∇</span>{letter("A")}', [("A", "∇"), ("A", "A")]),
    (f'<span class="mord">Δ</span><span class="mord">{letter("W")}', [("delta", "Δ"),
                                                                     ("delta", "W")])])
def test_symbols_are_found_in_words_and_in_formulas(html, found):
    assert marked(html) == found


@pytest.mark.parametrize("html", [
    "<p>A and B are matrices. A start.</p>", letter("W"), letter("k"),
    f'<span class="mord">Δ</span>{letter("k")}', f'<span class="mord">∇</span>{letter("L")}',
    '<a href="#x">∇A</a>', "<h2>∇A<a>#</a></h2>", "<pre>∇A</pre>", "<code>ΔW</code>",
    "<svg><svg><text>‖∇A‖</text></svg><text>ΔW</text></svg>", '<img alt="∇A and ΔW">',
    '<p class="explorer-reading"><span>‖∇A‖ 0</span></p>', "<script>ΔW < 1</script>",
    "<math><mi>A</mi><annotation>\\nabla ∇A</annotation></math>"])
def test_what_is_no_symbol_or_has_a_look_of_its_own_stays_as_it_is(html):
    assert coloured(html) == html


def test_nothing_but_classes_and_spans_is_added():
    html = (f"<p>‖∇A‖ and ΔW <a>∇B</a> {letter('A')}</p><script>∇B</script>"
            f'<span class="mord">∇</span>{letter("B")}<figcaption>‖ΔW‖</figcaption>')
    bare = re.sub(r'<span class="of-\w+">([^<]*)</span>', r"\1", coloured(html))
    assert coloured(html) != html == re.sub(r' of-\w+(?=")', "", bare)


def test_the_pages_are_in_the_book():
    assert set(in_toc()) >= PAGES


def rgb(colour):
    return [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]


def contrast(*pair):
    low, high = sorted(sum(weight * (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055)**2.4)
                           for weight, c in zip((0.2126, 0.7152, 0.0722), rgb(colour), strict=True))
                       for colour in pair)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", GROUNDS)
@pytest.mark.parametrize("quantity", ["A", "B", "delta"])
def test_a_symbol_has_the_hue_of_its_curve_and_the_contrast_of_text(quantity, theme):
    (rule,) = re.findall(rf"(?:^|screen \{{ ){re.escape(theme)} \{{ (--of-[^}}]*) \}}", CSS,
                         re.MULTILINE)
    colour = dict(re.findall(r"--of-(\w+): (#\w+);", rule))[quantity]
    hue, curve = (colorsys.rgb_to_hls(*rgb(each))[0] for each in (colour, COLOURS[quantity]))
    assert abs(hue - curve) < 0.01
    assert min(contrast(colour, ground) for ground in GROUNDS[theme]) >= 4.5
