"""Questions in the page: a word on each choice, progress that stays, plots that wait, and the
folded answers without scripts."""

import re

import pytest
from playwright.sync_api import expect

from tests.book import sampled
from tests.site.pages import HTML, all_pages

TEXTS = {page: (HTML / page).read_text("utf-8") for page in all_pages()}
TEST = "book/part4/test-yourself.html"
ASKING = [page for page, text in TEXTS.items() if 'class="self-check"' in text]
COVERED, COVER = next((page, found[1]) for page, text in TEXTS.items()
                      if (found := re.search(r'class="[^"]*\bcovers-([\w-]+)', text)))
SHUT = """(root) => [...root.querySelectorAll('.explorer-headline, .explorer-plot')].every(
    (each) => getComputedStyle(each).filter.startsWith('blur'))"""


def choose(box, number):
    box.locator("input").nth(number).check()
    box.get_by_role("button", name="Check").click()


@pytest.mark.parametrize("page", sampled(ASKING))
def test_each_choice_is_answered_with_its_reason(visit, page):
    here = visit(page)
    for box in here.page.locator(".self-check[data-right]").all():
        right, said = int(box.get_attribute("data-right")), box.get_by_role("status")
        reasons = box.locator(".self-check-reasons > li").all_text_contents()
        _, arrow, where = reasons[right].strip().partition(" →")
        for number, reason in enumerate(map(str.strip, reasons)):
            choose(box, number)
            wrong = f"Not this. {reason}{arrow}{where}"
            expect(said).to_have_text(reason if number == right else wrong, use_inner_text=False)


def test_first_tries_are_counted_and_kept(visit):
    here = visit(TEST)
    boxes, count = here.page.locator(".self-check"), here.page.locator(".self-check-count")
    end = here.page.locator(".self-check-end")
    expect(count).to_have_text("0 of 40 answered, 0 right at the first try.")
    expect(end).to_be_hidden()
    boxes.nth(0).get_by_role("button", name="Check").click()
    expect(boxes.nth(0).get_by_role("status")).to_have_text("Choose one first.")
    for number, first in ((0, True), (1, False)):
        box = boxes.nth(number)
        right = int(box.get_attribute("data-right"))
        if not first:
            choose(box, (right + 1) % 3)
        choose(box, right)
    free = here.page.locator(".self-check:not([data-right])").first
    free.locator("summary").click()
    free.get_by_role("button", name="I had it").click()
    boxes.nth(4).locator("summary").click()  # looked up
    told = "4 of 40 answered, 2 right at the first try."
    expect(count).to_contain_text(told)
    here.page.reload()
    expect(count).to_contain_text(told)
    expect(boxes.nth(0).get_by_role("status")).to_contain_text("Right.")
    expect(end.locator("p")).to_have_text("Not right at the first try: 2, 5.")
    boxes.nth(1).locator("input:not(:checked)").first.check()  # what was said is not of it
    expect(boxes.nth(1).get_by_role("status")).to_have_text("")
    end.get_by_role("button", name="Start again").click()
    expect(count).to_contain_text(told)
    end.get_by_role("button", name="Forget all answers?").click()
    here.page.reload()
    expect(count).to_contain_text("0 of 40 answered")
    assert here.page.locator(".self-check input:checked").count() == 0


def test_a_link_shows_what_it_leads_to(visit):
    """Below the count, which sticks to the top."""
    here = visit(TEST)
    for target in here.page.locator(".self-check-count ~ section, .self-check").all():
        here.page.evaluate("(id) => { location.hash = id; }", target.get_attribute("id"))
        bottom = here.page.locator(".self-check-count").bounding_box()
        assert target.bounding_box()["y"] >= bottom["y"] + bottom["height"]


def test_a_plot_waits_for_the_answers(visit):
    """Or for the reader who has no patience."""
    here = visit(COVERED)
    root = here.page.locator(f"#explorer-{COVER}")
    for box in here.page.locator(".admonition[class*=covers-] .self-check").all():
        assert root.evaluate(SHUT)
        choose(box, 0)
    assert not root.evaluate(SHUT)
    here.page.reload()
    assert not root.evaluate(SHUT)
    root = visit(COVERED).page.locator(f"#explorer-{COVER}")
    assert root.evaluate(SHUT)
    root.get_by_role("button", name="Show me").click()
    assert not root.evaluate(SHUT)
