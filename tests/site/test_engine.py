"""The instrument's engine in Chromium, bundled as pages have it, gives the bits that it gives in
Node, where tests/lora_book/test_instrument.py holds it to ``train``."""

from tests.parity import EVERY_KIND, in_node, write_page


def test_every_bit_is_that_of_node(folder, visit):
    write_page(folder[0])
    page = visit("parity.html", base=folder[1]).page
    assert page.evaluate("(given) => parity.digest(given)", EVERY_KIND) == in_node(
        "digest", EVERY_KIND)
