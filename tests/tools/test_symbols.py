"""Symbols in the text get the colours of their curves, and nothing else is changed. (Axe asks
whether they can be read.)"""

import re

import pytest
from bs4 import BeautifulSoup

from book._extensions.content.symbols import colour


def letter(name, style=""):
    return f'<span class="mord mathnormal"{style}>{name}</span>'


def coloured(html):
    """The HTML with its symbols coloured."""
    page = BeautifulSoup(html, "html.parser")
    colour(page)
    return str(page)


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


@pytest.mark.parametrize(("html", "found"), [
    ("<p>Why does A start random, and B at zero? B and A</p>", "ABBA"),
    ("<p>A random A holds B’s valve. A ring is no matrix. A moves</p>", "ABA"),
    ("<p>A meets</p><p>A <b>large</b> B, BA, Bᵀ</p><td>A, B</td>", "BAB"),
    ('<p><a>B</a> of <span class="of-A">A</span>, not A</p><h2>Take A</h2>', "AA")])
def test_words_name_the_letters(html, found):
    assert marked(html) == [(name, name) for name in found]


@pytest.mark.parametrize("html", [
    "<p>A start.</p>", f'<span class="mord">Δ</span>{letter("k")}',
    '<a href="#x">∇A</a>', "<h2>∇A<a>#</a></h2>", "<pre>∇A</pre>", '<img alt="∇A and ΔW"/>',
    "<svg><svg><text>‖∇A‖</text></svg><text>ΔW</text></svg>", "<script>ΔW < 1</script>",
    '<p class="explorer-headline"><span>‖∇A‖ 0</span></p>'])
def test_what_is_no_symbol_or_has_a_look_of_its_own_stays_as_it_is(html):
    assert coloured(html) == html
