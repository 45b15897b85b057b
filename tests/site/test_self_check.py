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
COVERED = {page: found[1] for page, text in TEXTS.items()
           if (found := re.search(r'class="[^"]*\bcovers-([\w-]+)', text))}
SHUT = "(root) => getComputedStyle(root.querySelector('.explorer-reading')).opacity === '0'"


def choose(box, number):
    box.locator("input").nth(number).check()
    box.get_by_role("button", name="Check").click()


@pytest.mark.parametrize("page", sampled(ASKING))
def test_each_choice_is_answered_with_its_own_reason(visit, page):
    here = visit(page)
    for box in here.page.locator(".self-check[data-right]").all():
        right, said = int(box.get_attribute("data-right")), box.get_by_role("status")
        reasons = box.locator(".self-check-reasons > li").all_text_contents()
        for number, reason in enumerate(map(str.strip, reasons)):
            choose(box, number)
            expect(said).to_have_text(reason if number == right else f"Not this. {reason}",
                                      use_inner_text=False)
            assert box.get_attribute("data-last") == ("right" if number == right else "wrong")
        assert not box.locator("details").evaluate("(part) => part.open")


@pytest.mark.skipif(TEST not in TEXTS, reason="not built")
class TestProgress:
    def test_first_tries_are_counted_kept_and_let_go(self, visit):
        here = visit(TEST)
        boxes, count = here.page.locator(".self-check"), here.page.locator(".self-check-count")
        expect(count).to_contain_text("0 of 40 answered, 0 right at the first try.")
        assert count.get_by_role("button").is_hidden()
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
        expect(free.locator("button").first).to_have_attribute("aria-pressed", "true")
        count.get_by_role("button", name="Start again").click()
        expect(count).to_contain_text("0 of 40 answered")
        expect(boxes.nth(0).get_by_role("status")).to_be_empty()
        assert here.page.locator(".self-check input:checked").count() == 0
        here.page.reload()
        expect(count).to_contain_text("0 of 40 answered")

    def test_keys_alone_are_enough(self, visit):
        here = visit(TEST)
        box = here.page.locator(".self-check").first
        box.locator("input").first.focus()
        here.page.keyboard.press("Space")
        here.page.keyboard.press("ArrowDown")
        expect(box.get_by_role("status")).to_be_empty()  # moving is not yet answering
        here.page.keyboard.press("Enter")
        expect(box.get_by_role("status")).to_contain_text("Right.")
        here.page.keyboard.press("Tab")
        expect(box.get_by_role("button", name="Check")).to_be_focused()

    def test_nothing_chosen_is_said_and_not_counted(self, visit):
        here = visit(TEST)
        box = here.page.locator(".self-check").first
        box.get_by_role("button", name="Check").click()
        expect(box.get_by_role("status")).to_have_text("Choose one first.")
        expect(here.page.locator(".self-check-count")).to_contain_text("0 of 40")
        box.get_by_role("radio").first.check()
        expect(box.get_by_role("status")).to_have_text("")

    def test_where_nothing_can_be_kept_questions_are_answered_all_the_same(self, visit):
        here = visit("404.html")  # the theme's own script needs storage to begin with
        here.page.add_init_script("Storage.prototype.getItem = Storage.prototype.setItem ="
                                  "(key) => { if (key === 'self-check') throw new Error('no'); }")
        here.open(TEST)
        box = here.page.locator(".self-check").first
        choose(box, 1)
        expect(box.get_by_role("status")).to_contain_text("Right.")
        expect(here.page.locator(".self-check-count")).to_contain_text("1 of 40")


@pytest.mark.parametrize("page", sampled(ASKING))
def test_without_scripts_the_answers_unfold(visit, page):
    here = visit(page, java_script_enabled=False)
    box = here.page.locator(".self-check[data-right]").first
    assert not any(one.is_visible() for one in box.locator("input, button").all())
    assert box.locator("label").first.is_visible()
    assert not box.locator(".self-check-reasons").is_visible()
    box.locator("summary").click()
    assert box.locator(".self-check-reasons").is_visible()
    assert here.page.locator(".self-check-cover").count() == 0


@pytest.mark.parametrize("page", COVERED)
class TestCover:
    def root(self, here, page):
        return here.page.locator(f"#explorer-{COVERED[page]}")

    def test_a_plot_waits_for_the_answers(self, visit, page):
        here = visit(page)
        root = self.root(here, page)
        assert root.evaluate(SHUT)
        asked = here.page.locator(".admonition[class*=covers-] .self-check")
        for number, box in enumerate(asked.all()):
            assert root.evaluate(SHUT), number
            choose(box, 0)
        assert not root.evaluate(SHUT)
        here.page.reload()
        assert not root.evaluate(SHUT)

    def test_show_me_shows_it_and_the_focus_is_kept(self, visit, page):
        here = visit(page)
        root = self.root(here, page)
        root.get_by_role("button", name="Show me").click()
        assert not root.evaluate(SHUT) and root.locator(".self-check-cover").count() == 0
        assert root.locator(":focus").count() == 1

    def test_a_link_or_a_move_shows_it(self, visit, page):
        here = visit(page)
        name = COVERED[page]
        here.page.locator(f'main a[href^="#{name}?"]').first.evaluate("(link) => link.click()")
        assert not self.root(here, page).evaluate(SHUT)
        address = here.page.locator(f'main a[href^="#{name}?"]').first.get_attribute("href")
        here.open(page)
        assert self.root(here, page).evaluate(SHUT)
        self.root(here, page).locator("input").first.dispatch_event("input", {"bubbles": True})
        assert not self.root(here, page).evaluate(SHUT)
        here.open(page + address)
        assert not self.root(here, page).evaluate(SHUT)
