"""What stands behind a link is shown beside it: by pointing, by keyboard, by a tap."""

import pytest
from playwright.sync_api import expect

from tests.site.pages import HTML

PAGE = "book/part1/step-zero.html"
LINKS = {  # the kind of link → what its preview begins with
    "../glossary.html#term-rank": "rank", "#thm-saddle": "Theorem",
    "../bibliography.html#id": "[", "#equation-eq-gradients": ""}
OPEN = ".preview:popover-open"


def link_to(here, start):
    link = here.page.locator(f'article a.reference.internal[href^="{start}"]').filter(visible=True)
    link.first.scroll_into_view_if_needed()
    return link.first


def preview(here):
    here.page.locator(OPEN).wait_for()
    return here.page.locator(OPEN)


@pytest.mark.parametrize("start", LINKS)
@pytest.mark.parametrize("by", ["mouse", "keyboard", "finger"])
def test_a_preview_shows_the_block_and_esc_closes_it(visit, start, by):
    if not (HTML / "book" / start.removeprefix("../").partition("#")[0]).exists():
        pytest.skip("that page is not built")
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
    assert box.inner_text().removeprefix("open\n×\n").lstrip().startswith(LINKS[start])
    assert here.page.url.endswith(PAGE)  # nobody was led away
    assert box.get_by_role("link", name="open", exact=True).evaluate(
        "(open, link) => open.href === link.href", link.element_handle())
    assert box.locator("[id]").count() == 0  # no name stands twice
    inside = box.evaluate("""(box) => { const { left, top, right, bottom } =
        box.getBoundingClientRect();
      return left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight; }""")
    assert inside
    fetched = [each for each in here.requests[asked:] if each.endswith(".html")]
    assert len(fetched) == (1 if start.startswith("..") else 0)
    here.page.keyboard.press("Escape")
    assert here.page.locator(OPEN).count() == 0


def test_the_next_tab_leads_into_the_preview_and_out_again(visit):
    here = visit(PAGE)
    here.page.keyboard.press("Tab")
    link_to(here, "#thm-saddle").focus()
    told = preview(here).inner_text()
    inside = 0
    while here.page.keyboard.press("Tab") or here.page.evaluate(
            f"!!document.activeElement.closest('{OPEN}')"):
        inside += 1
        assert inside < 20
    here.page.wait_for_timeout(100)
    left = here.page.locator(OPEN).all_inner_texts()  # of the next link, if that has one
    assert inside and told not in left


def test_a_second_tap_follows_the_link(visit):
    here = visit(PAGE, "phone")
    link = link_to(here, "#thm-saddle")
    link.tap()
    preview(here)
    link.tap()
    here.page.wait_for_url("**#thm-saddle")


def test_its_cross_closes_it_and_a_tap_on_another_link_shows_that_one(visit):
    here = visit(PAGE, "phone")
    link_to(here, "#thm-saddle").tap()
    preview(here).get_by_role("button", name="Close the preview").tap()
    assert here.page.locator(OPEN).count() == 0
    link_to(here, "#thm-saddle").tap()
    expect(preview(here)).to_contain_text("The saddle")
    other = here.page.locator('article a.reference.internal[href*="#term-rank"]').first  # fetched
    other.evaluate("""(link, open) => { // where the preview does not cover it
      const { top, bottom } = document.querySelector(open).getBoundingClientRect();
      const edge = top > innerHeight - bottom ? "top: 5px" : "bottom: 5px";
      link.setAttribute("style", `position: fixed; z-index: 2000; left: 5px; ${edge}`);
      link.closest("article").append(link);
    }""", OPEN)
    other.tap()
    expect(preview(here)).to_contain_text("outer products")


def test_it_goes_when_the_page_is_read_on(visit):
    here = visit(PAGE, "phone")
    link_to(here, "#thm-saddle").tap()
    preview(here)
    here.page.evaluate("scrollBy({ top: 400, behavior: 'instant' })")
    here.page.locator(OPEN).wait_for(state="detached")


def test_without_the_other_page_the_link_is_still_a_link(visit):
    here = visit(PAGE)
    here.page.route("**/glossary.html", lambda route: route.abort())
    link = link_to(here, "../glossary.html#term-rank")
    link.hover(position={"x": 3, "y": 3})
    here.page.wait_for_timeout(600)
    assert here.page.locator(OPEN).count() == 0
    here.expect("console: Failed to load resource")
