"""What stands behind a link is shown beside it: by pointing, by keyboard, by a tap."""

import pytest
from playwright.sync_api import expect

PAGE = "book/part1/step-zero.html"
TERM, THEOREM = "../glossary.html#term-rank", "#thm-step-zero"
OPEN = ".preview:popover-open"


def link_to(here, start):
    link = here.page.locator(f'article a.reference.internal[href^="{start}"]').filter(visible=True)
    link.first.scroll_into_view_if_needed()
    return link.first


def preview(here):
    here.page.locator(OPEN).wait_for()
    return here.page.locator(OPEN)


@pytest.mark.parametrize(("by", "start", "begins"), [
    ("mouse", TERM, "rank"), ("mouse", "../bibliography.html#id", "["),
    ("mouse", "#equation-eq-gradients", ""), ("keyboard", THEOREM, "Theorem"),
    ("finger", TERM, "rank")])
def test_a_preview_shows_the_block(visit, by, start, begins):
    here = visit(PAGE, "phone" if by == "finger" else "desk")
    asked, link = len(here.requests), link_to(here, start)
    assert not [each for each in here.requests if "glossary" in each or "bibliography" in each]
    if by == "keyboard":
        here.page.keyboard.press("Tab")  # so that focus counts as the keyboard's
        link.focus()
    elif by == "finger":
        link.tap()
    else:
        link.hover(position={"x": 3, "y": 3})
    box = preview(here)
    assert box.inner_text().removeprefix("open\n×\n").lstrip().lower().startswith(begins.lower())
    assert here.page.url.endswith(PAGE)  # nobody was led away
    assert box.locator("[id]").count() == 0  # no name stands twice
    assert box.evaluate("""(box) => {
      const { left, top, right, bottom } = box.getBoundingClientRect();
      return left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight; }""")
    fetched = [each for each in here.requests[asked:] if each.endswith(".html")]
    assert len(fetched) == (1 if start.startswith("..") else 0)
    here.page.keyboard.press("Escape")
    assert here.page.locator(OPEN).count() == 0


def test_taps_close_it_or_follow_the_link(visit):
    here = visit(PAGE, "phone")
    link = link_to(here, THEOREM)
    link.tap()
    preview(here).get_by_role("button", name="Close the preview").tap()
    assert here.page.locator(OPEN).count() == 0
    link.tap()
    expect(preview(here)).to_contain_text("Step zero")
    here.page.evaluate("scrollBy({ top: 400, behavior: 'instant' })")  # the reader reads on
    here.page.locator(OPEN).wait_for(state="detached")
    link.tap()
    preview(here)
    link.tap()
    here.page.wait_for_url(f"**{THEOREM}")
