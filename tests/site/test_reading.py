"""Readers in the dark, with their ears, without scripts, or looking for a page get the book too."""

import pytest

from lora_edu.explore import explore
from tests.book import sampled
from tests.site.devices import TWO_FRAMES
from tests.site.pages import EXPLORERS, PAGES

STEP_ZERO = "book/part1/step-zero.html"
# Of what plotly writes, of the page's words and of its ground: red, green, blue.
COLOURS = """(root) => {
  const canvas = document.createElement("canvas").getContext("2d");
  return [root.explorer.box._fullLayout.font.color, getComputedStyle(root).color,
          getComputedStyle(document.body).backgroundColor].map((colour) => {
    canvas.fillStyle = colour;
    return [1, 3, 5].map((at) => parseInt(canvas.fillStyle.slice(at, at + 2), 16));
  });
}"""


def test_plots_follow_the_theme(visit):
    """Without a reload, whether the reader or the system changes it."""
    tab = visit(STEP_ZERO, color_scheme="light")
    tab.read_through(STEP_ZERO)
    tab.page.evaluate("() => { globalThis.same = true; }")
    button = tab.page.locator(".theme-switch-button:visible").first
    for change, theme in (
            (button.click, "dark"), (button.click, "light"),
            (button.click, "light"),  # as the system has it
            (lambda: tab.page.emulate_media(color_scheme="dark"), "dark")):
        change()
        tab.page.wait_for_function(
            "(name) => document.documentElement.dataset.theme === name", arg=theme)
        tab.page.evaluate(TWO_FRAMES)
        for root in tab.page.locator(".explorer").all():
            plot, text, ground = map(sum, root.evaluate(COLOURS))
            assert plot == text and abs(text - ground) > 3 * 100
            assert (text > ground) == (theme == "dark")
    assert tab.page.evaluate("() => globalThis.same")


@pytest.mark.parametrize("page", sampled(PAGES))
def test_without_scripts_plots_have_words(visit, page):
    """A picture where there is one, the caption, the sentence, the table, and why nothing moves."""
    tab = visit(page, "phone", java_script_enabled=False)
    for built in EXPLORERS:
        if built.page != page:
            continue
        root = tab.page.locator(f"#explorer-{built.name}")
        assert root.locator("figcaption").is_visible()
        assert root.locator("figcaption").text_content().strip()
        if "<table>" in built.html:
            assert root.locator("noscript table").first.is_visible()
        if "explorer-headline" in built.html:
            assert root.locator(".explorer-headline > span").is_visible()
        if built.is_still:
            assert root.locator(".explorer-frame text:visible").count()
        if built.controls:
            assert "controls need JavaScript" in root.locator("noscript p").text_content()
        assert not any(box.bounding_box() for box in root.locator(".explorer-controls").all())
    for fold in tab.page.locator(".explorer-code").all():
        triangles = fold.locator("summary, p:visible").evaluate_all(
            "(all) => all.filter((each) => getComputedStyle(each).display === 'list-item')")
        assert len(triangles) == 1


SPOKEN = """globalThis.spoken = [];
new MutationObserver((changes) => {
  for (const { target } of changes) {
    const element = target.nodeType === Node.TEXT_NODE ? target.parentElement : target;
    const live = element?.closest?.(
      "[aria-live], [role=status], [role=alert], output:not([aria-hidden])");
    if (live && live.textContent) spoken.push(live.textContent);
  }
}).observe(document, { childList: true, characterData: true, subtree: true });"""


def line(r=1, up=True):
    """One line."""
    return {"data": [{"x": [0, 1], "y": [0, r if up else -r], "mode": "lines"}],
            "layout": {"title": {"text": f"<b>{r}</b> is the slope"},
                       "meta": {"reading": f"r = {r}, {'up' if up else 'down'}"}}}


def test_the_headline_follows_and_what_is_done_is_announced_once(opened):
    """Of many moves, the position at which they come to rest."""
    tab = opened(explore(line, name="one-line", r=range(1, 20), up=bool, play="r").html(),
                  script=SPOKEN, permissions=["clipboard-write", "clipboard-read"])
    root = tab.show("one-line")
    slider = root.locator("input").first

    def heard(wait=900):
        tab.page.wait_for_timeout(wait)  # longer than until an announcement is made
        return tab.page.evaluate("() => spoken.splice(0)")

    assert heard() == []
    for _ in range(13):
        slider.press("ArrowRight")
    assert heard() == ["r = 14, up"]
    assert root.locator(".explorer-headline > span").inner_text() == "14 is the slope"
    assert root.locator(".gtitle").count() == 0  # it stands above the plot
    assert slider.get_attribute("aria-valuetext") == "14"
    root.locator("[type=checkbox]").press("Space")
    assert heard() == ["r = 14, down"]
    root.locator('[data-do="link"]').click()
    assert heard(2000) == ["copied"]
    root.locator('[data-do="pin"]').click()
    assert heard() == ["Pinned: r = 14, down"]


def test_a_reader_finds_the_way(visit):
    """By the sidebar and by searching."""
    tab = visit(PAGES[0], "phone")
    tab.page.locator("button.primary-toggle:visible").first.click()
    links = tab.page.locator("dialog[open] nav.bd-links a.reference.internal")
    hrefs = links.evaluate_all("(links) => links.map((link) => link.href.split('#')[0])")
    mark = tab.page.locator("dialog[open] a.navbar-brand").evaluate("(link) => link.href")
    assert {tab.base + page for page in PAGES} <= {*hrefs, mark, tab.page.url}
    wanted = links.nth(hrefs.index(tab.base + PAGES[-1]))  # of another part than this page's
    wanted.locator("xpath=ancestor::details[1]/summary").click()
    wanted.click()
    tab.page.wait_for_url(tab.base + PAGES[-1])
    tab.page.locator(".search-button-field:visible, .search-button:visible").first.click()
    tab.page.locator('input[name="q"]:visible').first.fill("gradient")
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_url("**/search.html?q=gradient**")
