"""The pages serve on paper, without scripts, under a strict policy and with storage blocked."""

import re

import pytest

from tests.book import sampled
from tests.site.pages import EXPLORERS, MOVABLE, PAGES, all_pages

THOROUGH = pytest.mark.thorough

# a page of figures, one of heat maps, one with the widest sentence, one with code that is long
PRINTED = [page for page in PAGES if page.split("/")[-1] in (
    "step-zero.html", "low-rank-update.html", "dashboard.html", "small-gpt.html")] or PAGES[:2]
WATCH_PAPER = """addEventListener("DOMContentLoaded", () => addEventListener("beforeprint", () => {
  globalThis.printed = {
    theme: document.documentElement.dataset.theme,
    explorers: [...document.querySelectorAll(".explorer")].map((root) => ({
      name: root.dataset.name, position: root.querySelector(".explorer-position")?.textContent,
      widths: [...root.querySelectorAll(".explorer-plot, .main-svg")].map((e) => e.clientWidth),
      drawn: root.querySelector(".explorer-plot").dataset.drawn !== undefined,
      ink: getComputedStyle(root.querySelector(".explorer-plot")).color,
    })),
    folded: document.querySelectorAll("article details:not([open])").length,
    faint: [...document.querySelectorAll("article details > *")].map(
      (part) => getComputedStyle(part).opacity).filter((opacity) => opacity < 1).length,
  };
}))"""  # after the page's own listeners
SHEET = 676  # px: A4 without its margins, as Chromium lays it out


def luminance(colour: str) -> float:
    return sum(map(float, re.findall(r"[\d.]+", colour)[:3])) / 3 / 255


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1440, "light"), (1920, "dark")])
@pytest.mark.parametrize("page", sampled(PRINTED))
def test_explorers_are_printed_whole_light_and_where_they_stand(visit, page, width, scheme):
    here = visit(page, script=WATCH_PAPER, viewport={"width": width, "height": 800},
                 color_scheme=scheme)
    own = [built for built in EXPLORERS if built.page == page]
    at = next(i for i, built in enumerate(own) if built.controls)
    first = here.start(own[at].name)
    for choice in first.locator("[data-control]").all():
        choice.locator("input").last.press("ArrowRight")
    here.page.pdf(format="A4")
    printed = here.page.evaluate("printed")
    assert printed["theme"] == "light"
    for explorer in printed["explorers"]:
        assert max(explorer["widths"]) <= SHEET
        assert luminance(explorer["ink"]) < 0.5
    assert len(set(printed["explorers"][at]["widths"])) == 1  # plotly has drawn it for the sheet
    moved = first.evaluate("""(root) => root.explorer.data.controls.map((control, i) =>
        `${control.label} = ${control.texts[root.explorer.controls[i].get()]}`).join(", ")""")
    assert printed["explorers"][at]["position"] == moved
    for built, explorer in zip(own, printed["explorers"], strict=True):
        if built.controls and built is not own[at]:
            assert explorer["position"] == ", ".join(
                f"{c.label} = {c.texts[c.start]}" for c in built.controls)
    assert here.page.evaluate("document.documentElement.dataset.theme") == scheme
    assert first.evaluate("(root) => root.querySelector('.main-svg').clientWidth === "
                          "root.querySelector('.explorer-plot').clientWidth")


CUT = """(width) => [...document.querySelectorAll("article *")].filter((e) => {
  const box = e.getBoundingClientRect();
  const clipped = /auto|scroll|hidden/.test(getComputedStyle(e).overflowX);
  const drawn = "span.math, .katex, .explorer-plot, .explorer-spoken";
  return e.checkVisibility() && !e.closest(drawn) && box.width
    && (box.right > width + 1 || clipped && e.clientWidth && e.scrollWidth > e.clientWidth + 1);
}).map((e) => `${e.tagName}.${e.className}: ${e.textContent.slice(0, 60)}`)"""


@pytest.mark.parametrize("page", [pytest.param(page, marks=() if page in PRINTED else THOROUGH)
                                  for page in all_pages()])
def test_nothing_is_cut_at_the_edge_of_a_sheet(reader, page):
    here = reader(page)
    here.resize(SHEET, 1000)
    here.page.emulate_media(media="print")
    here.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    try:
        assert here.page.evaluate(CUT, SHEET) == []
        for root in here.page.locator(".explorer").all():
            assert root.evaluate("(root) => getComputedStyle(root).breakInside") == "avoid"
    finally:
        here.page.evaluate("dispatchEvent(new Event('afterprint'))")
        here.page.emulate_media(media="screen")
        here.resize(1280, 900)


def test_a_setting_beside_the_button_prints_what_is_folded_and_is_kept(visit):
    page = next(page for page in all_pages() if page.endswith("step-zero.html"))
    here = visit(page, script=WATCH_PAPER)
    here.page.pdf()
    folded = here.page.evaluate("printed.folded")
    assert folded > 0
    here.page.get_by_label("Download this page").click()
    here.page.get_by_label("print what is folded, too").check()
    here.page.reload()
    here.page.pdf()
    assert here.page.evaluate("[printed.folded, printed.faint]") == [0, 0]
    assert here.page.locator("article details:not([open])").count() == folded


def test_without_scripts_a_page_has_a_word_for_the_sliders(visit):
    here = visit(MOVABLE[0].page, "phone", java_script_enabled=False)
    first = here.page.locator(".explorer").first
    why = first.locator("noscript p")
    assert why.is_visible() and "controls need JavaScript" in why.text_content()
    assert first.locator(".explorer-position").inner_text() == ", ".join(
        f"{c.label} = {c.texts[c.start]}" for c in MOVABLE[0].controls)
    assert not first.locator("input, button").first.is_visible()


BLOCKED = """for (const name of ["localStorage", "sessionStorage"]) Object.defineProperty(
  globalThis, name, {configurable: true, get() { throw new DOMException("no", "SecurityError"); }}
);"""


def test_with_blocked_storage_search_finds_and_the_theme_changes(visit):
    here = visit("search.html?q=saddle", script=BLOCKED)
    here.page.locator("#search-results li a").first.wait_for()
    here = visit(MOVABLE[0].page, script=BLOCKED, color_scheme="light")
    for wanted in ("dark", "light"):  # from auto, where the system has light
        here.page.locator(".theme-switch-button").first.click()
        assert here.page.evaluate("document.documentElement.dataset.theme") == wanted
