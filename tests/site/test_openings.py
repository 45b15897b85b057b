"""A chapter's first screens: its short answer a click away, a picture soon, symbols in colour."""

import re

import pytest

from book._extensions.content.symbols import PAGES as COLOURED
from tests.book import in_toc, sampled
from tests.site.pages import all_pages

BUILT = all_pages()
CHAPTERS = [page for page in (f"{name}.html" for name in in_toc()
                              if re.match(r"book/part[123]/", name)) if page in BUILT]
SCREENS = {"desk": (1440, 900), "phone": (390, 844)}
PLOT = """() => {
  const { top, bottom } = document.querySelector(".explorer-plot").getBoundingClientRect();
  return [(top + scrollY) / innerHeight, (bottom + scrollY) / innerHeight];
}"""
LANDED = """(link) => {
  const answer = document.querySelector(link.getAttribute("href"));
  const { top } = answer.getBoundingClientRect();
  const header = document.querySelector(".bd-header-article").getBoundingClientRect().bottom;
  return [answer.className, top >= header - 1 && top < innerHeight / 2];
}"""
# Of each coloured symbol: its contrast with what lies behind it.
CONTRASTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const luminance = (colours) => {  // of colours painted over each other
    for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
    const [red, green, blue] = [...canvas.getImageData(0, 0, 1, 1).data].map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  return [...document.querySelectorAll(".of-A, .of-B, .of-delta")].map((symbol) => {
    const grounds = [];
    for (let box = symbol; box; box = box.parentElement) {
      grounds.unshift(getComputedStyle(box).backgroundColor);
    }
    const pair = [luminance(["#fff", ...grounds]), luminance([getComputedStyle(symbol).color])];
    return [(Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05), symbol.outerHTML];
  });
}"""


@pytest.mark.parametrize("page", sampled(CHAPTERS))
@pytest.mark.parametrize("device", SCREENS)
def test_a_picture_stands_in_the_first_screen_and_a_half(visit, page, device):
    """On a phone, where panels stand one above the other, it begins there."""
    width, height = SCREENS[device]
    here = visit(page, device, viewport={"width": width, "height": height})
    begins, ends = here.page.evaluate(PLOT)
    assert (ends if device == "desk" else begins) < 1.5


@pytest.mark.parametrize("page", sampled(CHAPTERS))
@pytest.mark.parametrize("device", SCREENS)
def test_the_short_answer_is_there_after_one_click(visit, page, device):
    here = visit(page, device)
    link = here.page.get_by_role("link", name="The short answer", exact=True)
    link.click()
    here.page.wait_for_timeout(300)
    kind, landed = link.evaluate(LANDED)
    assert "admonition" in kind and "important" in kind and landed


@pytest.mark.parametrize("page", [page for page in BUILT if page.removesuffix(".html") in COLOURED])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_coloured_symbols_can_be_read(visit, page, theme):
    here = visit(page, color_scheme=theme)
    seen = here.page.evaluate(CONTRASTS)
    assert seen and min(seen) > [4.5]
