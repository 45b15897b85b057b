"""Questions in the page: a word on each choice, answers that stay, and plots that wait."""


import pytest
from playwright.sync_api import expect

from tests.book import sampled
from tests.site.pages import HTML, all_pages

TEXTS = {page: (HTML / page).read_text("utf-8") for page in all_pages()}
ASKING_MANY = "book/part1/step-zero.html"
UNFOLD = "(folds) => folds.forEach((fold) => { fold.open = true; })"
ASKING = [page for page, text in TEXTS.items() if 'class="self-check"' in text]
COVERED = "book/part2/invariance.html"
COVER = "#explorer-ticks"
SHUT = """(root) => [...root.querySelectorAll('.explorer-headline, .explorer-plot')].every(
    (each) => getComputedStyle(each).filter.startsWith('blur'))"""


def choose(box, number):
    box.locator("input").nth(number).check()
    box.get_by_role("button", name="Check").click()


@pytest.mark.parametrize("page", sampled(ASKING))
def test_each_choice_is_answered_with_its_reason(visit, page):
    tab = visit(page)
    tab.page.locator("details").evaluate_all(UNFOLD)
    for box in tab.page.locator(".self-check").all():
        right, verdict = int(box.get_attribute("data-right")), box.get_by_role("status")
        reasons = box.locator(".self-check-reasons > li").all_text_contents()
        _, arrow, where = reasons[right].strip().partition(" →")
        for number, reason in enumerate(map(str.strip, reasons)):
            choose(box, number)
            wrong = f"Not this. {reason}{arrow}{where}"
            expect(verdict).to_have_text(reason if number == right else wrong, use_inner_text=False)


def test_answers_are_kept(visit):
    tab = visit(ASKING_MANY)
    tab.page.locator("details").evaluate_all(UNFOLD)
    boxes = tab.page.locator(".self-check")
    first, second = boxes.nth(0), boxes.nth(1)
    first.get_by_role("button", name="Check").click()
    expect(first.get_by_role("status")).to_have_text("Choose an answer first.")
    right = int(second.get_attribute("data-right"))
    choose(second, right)
    tab.page.reload()
    tab.page.locator("details").evaluate_all(UNFOLD)
    expect(second.get_by_role("status")).to_contain_text("Right.")
    second.locator("input:not(:checked)").first.check()  # what was said is not of it
    expect(second.get_by_role("status")).to_have_text("")


def test_a_plot_waits_for_the_answers(visit):
    """Or for the reader who has no patience."""
    tab = visit(COVERED)
    root = tab.page.locator(COVER)
    for box in tab.page.locator(".admonition[class*=covers-] .self-check").all():
        assert root.evaluate(SHUT)
        choose(box, 0)
    assert not root.evaluate(SHUT)
    tab.page.reload()
    assert not root.evaluate(SHUT)
    root = visit(COVERED).page.locator(COVER)
    assert root.evaluate(SHUT)
    root.get_by_role("button", name="Show me").click()
    assert not root.evaluate(SHUT)
