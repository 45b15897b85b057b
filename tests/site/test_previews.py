"""What stands behind a link is shown beside it, by pointing and by keyboard."""

import pytest

PAGE = "book/part1/step-zero.html"


@pytest.mark.parametrize(("start", "begins"), [
    ("../glossary.html#term-rank", "rank"), ("../glossary.html#id", "["),
    ("#equation-eq-gradients", ""), ("#thm-step-zero", "THEOREM")])
def test_a_preview_shows_the_block(visit, start, begins):
    here = visit(PAGE)
    link = here.page.locator(f'article a.reference.internal[href^="{start}"]:visible').first
    here.page.keyboard.press("Tab")  # so that focus counts as the keyboard's
    for ask in (link.focus, lambda: link.hover(position={"x": 3, "y": 3})):
        ask()
        box = here.page.locator(".preview:popover-open")
        box.wait_for()
        assert box.inner_text().lstrip().startswith(begins) and box.locator("[id]").count() == 0
        assert box.evaluate("""(box) => {
          const { left, top, right, bottom } = box.getBoundingClientRect();
          return left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight; }""")
        here.page.keyboard.press("Escape")
        assert box.count() == 0 and here.page.url.endswith(PAGE)  # nobody was led away
