"""The pages serve on paper: light, and nothing cut."""

import re

import pytest

from tests.site.pages import MOVABLE, PAGES, all_pages

# a page of figures, one of heat maps, one with the widest sentence, one with code that is long
PRINTED = [page for page in PAGES if page.split("/")[-1] in (
    "step-zero.html", "low-rank-update.html", "small-gpt.html")]
WATCH_PAPER = """addEventListener("DOMContentLoaded", () => addEventListener("beforeprint", () => {
  globalThis.printed = {
    theme: document.documentElement.dataset.theme,
    explorers: [...document.querySelectorAll(".explorer")].map((root) => ({
      name: root.dataset.name,
      position: root.querySelector(".explorer-position")?.textContent,
      widths: [...root.querySelectorAll(".explorer-plot, .main-svg")].map((e) => e.clientWidth),
      ink: getComputedStyle(root.querySelector(".explorer-plot")).color,
    })),
  };
}))"""  # after the page's own listeners
SHEET = 676  # px: A4 without its margins, as Chromium lays it out


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1440, "light")])
def test_explorers_are_printed_whole_and_where_they_stand(visit, width, scheme):
    built = next(each for each in MOVABLE if each.page == PRINTED[0])
    tab = visit(built.page, script=WATCH_PAPER, viewport={"width": width, "height": 800},
                 color_scheme=scheme)
    tab.start(built.name).evaluate("(root, keys) => root.explorer.go(keys)",
                                    {control.name: control.keys[-1] for control in built.controls})
    tab.page.pdf(format="A4")
    printed = tab.page.evaluate("printed")
    assert printed["theme"] == "light"
    for explorer in printed["explorers"]:
        assert max(explorer["widths"]) <= SHEET
        assert sum(map(int, re.findall(r"\d+", explorer["ink"])[:3])) < 3 * 128
    [moved] = [each for each in printed["explorers"] if each["name"] == built.name]
    assert len(set(moved["widths"])) == 1  # plotly has drawn it for the sheet
    assert moved["position"] == ", ".join(
        f"{control.label} = {control.texts[-1]}" for control in built.controls)
    assert tab.page.evaluate("document.documentElement.dataset.theme") == scheme


def test_what_is_folded_is_printed_but_for_the_answers_to_questions(visit):
    tab = visit("book/part1/step-zero.html")
    tab.page.emulate_media(media="print")
    folds = tab.page.evaluate("""() => [...document.querySelectorAll(".sd-dropdown")].map(
      (fold) => [fold.querySelector(".sd-card-body").checkVisibility(),
                 fold.closest(".self-check") === null])""")
    assert len(folds) > 3 and all(printed == proves for printed, proves in folds)


CUT = """(width) => [...document.querySelectorAll("article *")].filter((e) => {
  const box = e.getBoundingClientRect();
  const clipped = /auto|scroll|hidden/.test(getComputedStyle(e).overflowX);
  const drawn = "span.math, .katex, .explorer-plot, .explorer-spoken";
  return e.checkVisibility() && !e.closest(drawn) && box.width
    && (box.right > width + 1 || clipped && e.clientWidth && e.scrollWidth > e.clientWidth + 1);
}).map((e) => `${e.tagName}.${e.className}: ${e.textContent.slice(0, 60)}`)"""


@pytest.mark.parametrize("page", [
    pytest.param(page, marks=() if page in PRINTED else pytest.mark.thorough)
    for page in all_pages()])
def test_nothing_is_cut_at_the_edge_of_a_sheet(visit, page):
    tab = visit(page)
    tab.resize(SHEET, 1000)
    tab.page.emulate_media(media="print")
    tab.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert tab.page.evaluate(CUT, SHEET) == []
