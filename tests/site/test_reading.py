"""Readers in the dark, with their ears, without scripts, on a phone, and looking for a word get the
book too."""

import re

import pytest

from lora_edu.explore import explore
from tests.book import sampled
from tests.site.devices import DEVICES, TWO_FRAMES
from tests.site.pages import EXPLORERS, HTML, PAGES

COLOURS = """(root) => {
  const { font, paper_bgcolor: paper } = root.explorer.box._fullLayout;
  return { plot: font.color, paper, text: getComputedStyle(root).color,
           page: getComputedStyle(document.body).backgroundColor };
}"""


def brightness(colour):
    """0 … 255, of "#rrggbb" or "rgb(…)"."""
    if colour.startswith("#"):
        numbers = [int(colour[i:i + 2], 16) for i in (1, 3, 5)]
    else:
        numbers = [float(number) for number in re.findall(r"[\d.]+", colour)[:3]]
    return sum(numbers) / 3


def check_theme(here, theme):
    """Every drawn plot is written in the theme's text colour, on the page's ground."""
    here.page.wait_for_function("(name) => document.documentElement.dataset.theme === name",
                                arg=theme)
    here.page.evaluate(TWO_FRAMES)
    for root in here.page.locator(".explorer:has([data-drawn])").all():
        seen = root.evaluate(COLOURS)
        text, ground = brightness(seen["plot"]), brightness(seen["page"])
        assert text < 100 < 200 < ground if theme == "light" else text > 150 > 50 > ground
        assert text == brightness(seen["text"]) and seen["paper"] == "rgba(0,0,0,0)"


@pytest.mark.parametrize("page", sampled(PAGES))
def test_plots_follow_the_theme_switch_without_a_reload(reader, page):
    here = reader(page)
    here.show(next(built.name for built in EXPLORERS if built.page == page))
    here.page.evaluate("() => { globalThis.same = true; }")
    seen = []
    for _ in range(3):  # light, dark, and as the system has it
        here.page.locator(".theme-switch-button:visible").first.click()
        seen.append(here.page.evaluate("document.documentElement.dataset.theme"))
        check_theme(here, seen[-1])
    assert set(seen) == {"light", "dark"}
    assert here.page.evaluate("() => globalThis.same")


@pytest.mark.parametrize("page", sampled(PAGES))
def test_plots_follow_the_system(reader, page):
    here = reader(page)
    here.show(next(built.name for built in EXPLORERS if built.page == page))
    for theme in ("dark", "light"):
        here.page.emulate_media(color_scheme=theme)
        check_theme(here, theme)


@pytest.mark.parametrize("page", sampled(PAGES))
def test_without_scripts_picture_caption_sentence_and_table_are_there(visit, page):
    here = visit(page, java_script_enabled=False)
    for built in EXPLORERS:
        if built.page != page:
            continue
        root = here.page.locator(f"#explorer-{built.name}")
        assert root.locator("figcaption").is_visible()
        assert root.locator("figcaption").text_content().strip()
        if "<table>" in built.html:
            assert root.locator("noscript table").first.is_visible()
        if "explorer-reading" in built.html:
            assert root.locator(".explorer-reading > span").is_visible()
        if built.is_still:
            assert root.locator(".explorer-frame").is_visible()
            assert root.locator(".explorer-frame text:visible").count() >= 3
        for empty in (".explorer-controls", ".explorer-pinned"):
            assert not any(box.bounding_box() for box in root.locator(empty).all())


def test_some_explorers_have_a_table_and_all_have_a_text_for_their_plot():
    assert any("<table>" in built.html for built in EXPLORERS)
    assert [built.id for built in EXPLORERS if 'aria-label=""' in built.html] == []


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
            "layout": {"meta": {"reading": f"r = {r}, {'up' if up else 'down'}"}}}


@pytest.fixture
def heard(opened):
    """``heard()`` → what a page with one explorer has announced since; with (Visit, explorer)."""
    here = opened(explore(line, name="one-line", r=range(1, 20), up=bool, play="r").html(),
                  script=SPOKEN, permissions=["clipboard-write", "clipboard-read"])
    root = here.show("one-line")

    def listen(wait=900):
        here.page.wait_for_timeout(wait)  # longer than until an announcement is made
        return here.page.evaluate("() => spoken.splice(0)")

    assert listen() == []
    return here, root, listen


def test_many_moves_are_announced_once_when_they_have_come_to_rest(heard):
    _, root, listen = heard
    slider = root.locator("input").first
    slider.evaluate("""async (slider) => {
      for (let move = 0; move < 13; move++) {
        slider.stepUp();
        slider.dispatchEvent(new Event("input", { bubbles: true }));
        await new Promise(requestAnimationFrame);
      }
    }""")
    assert listen() == ["r = 14, up"]
    assert slider.get_attribute("aria-valuetext") == "14"
    root.locator("[type=checkbox]").press("Space")
    assert listen() == ["r = 14, down"]


def test_a_slider_that_plays_is_announced_where_it_stops(heard):
    _, root, listen = heard
    root.evaluate("""(root) => Object.defineProperty(root.explorer, "busy",
      { get: () => true })""")  # so that the second step waits
    root.locator(".explorer-play").click()
    assert listen() == []
    root.locator(".explorer-play").click()
    (said,) = listen()
    assert said == root.locator(".explorer-reading > span").text_content()


def test_the_buttons_say_what_they_have_done(heard):
    here, root, listen = heard
    root.locator('[data-do="link"]').click()
    assert listen(2000) == ["copied"]
    root.locator('[data-do="pin"]').click()
    assert listen() == ["Pinned: r = 1, up"]
    assert root.locator('[data-do="pin"]').get_attribute("aria-pressed") is None
    assert here.page.get_by_role("group", name="controls of one line").count() == 1
    for slider in root.locator("output").all():  # its value is the slider's own
        assert slider.get_attribute("aria-hidden") == "true"


def chapters(here, device):
    """The links of the sidebar, which on a phone is behind its button."""
    if device == "desk":
        return here.page.locator("#pst-primary-sidebar nav.bd-links a.reference.internal")
    here.page.locator("button.primary-toggle:visible").first.click()
    here.page.locator("dialog[open]").wait_for()
    return here.page.locator("dialog[open] nav.bd-links a.reference.internal")


@pytest.mark.parametrize("device", DEVICES)
def test_the_sidebar_leads_to_every_chapter(visit, device):
    here = visit(PAGES[0], device)
    links = chapters(here, device)
    hrefs = links.evaluate_all("(links) => links.map((link) => link.href.split('#')[0])")
    assert {here.base + page for page in PAGES} <= {*hrefs, here.page.url}
    last = here.base + PAGES[-1]
    links.nth(hrefs.index(last)).click()
    here.page.wait_for_url(last)


def test_the_sidebar_button_hides_and_shows_the_chapters(visit):
    here = visit(PAGES[0])
    for shown in (False, True):
        here.page.locator("button.primary-toggle:visible").first.click()
        here.page.wait_for_function(
            """(shown) => {
                 const { right, width } = document.querySelector("#pst-primary-sidebar")
                   .getBoundingClientRect();
                 return (right > 0 && width > 0) === shown;
               }""", arg=shown)


@pytest.mark.parametrize("device", DEVICES)
def test_searching_finds_a_word(visit, device):
    here = visit(PAGES[0], device)
    here.page.locator(".search-button-field:visible, .search-button:visible").first.click()
    field = here.page.locator('input[name="q"]:visible').first
    field.fill("gradient")
    field.press("Enter")
    here.page.wait_for_url("**/search.html?q=gradient**")
    results = here.page.locator("#search-results li a")
    results.first.wait_for()
    found = results.evaluate_all("(links) => links.map((link) => link.href)")
    assert any(page in href for page in PAGES for href in found)


@pytest.mark.parametrize("device", DEVICES)
def test_the_links_to_the_next_and_the_previous_page_come_back(visit, device):
    here = visit(PAGES[0], device)
    start = here.page.url
    here.page.locator("a.right-next").click()
    here.page.wait_for_url(lambda url: url != start)
    here.page.locator("a.left-prev").click()
    here.page.wait_for_url(start)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("device", ["phone"])
def test_nothing_sticks_out_of_a_phone(reader, page, device):
    here = reader(page, device)
    assert here.page.evaluate("document.scrollingElement.scrollWidth") <= 390
    for root in here.page.locator(".explorer").all():  # nor does a box around it scroll sideways
        assert root.evaluate("""(root) => {
          for (let box = root; box !== document.body; box = box.parentElement) {
            if (box.scrollWidth > box.clientWidth) return box.outerHTML.slice(0, 100);
          }
          return "";
        }""") == ""


# Whether shadows lie at the two sides of each formula, framed table and output in columns that
# scrolls sideways: at its beginning, then at its end.
SIDEWAYS = """async () => {
  const found = [...document.querySelectorAll("div.math .katex-html, "
    + ".admonition .pst-scrollable-table-container, .columns pre")].filter(
    (each) => each.checkVisibility() && each.scrollWidth > each.clientWidth + 1);
  const seen = [];
  for (const each of found) {
    for (const left of [0, each.scrollWidth]) {
      each.scrollLeft = left;
      await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
      const sizes = getComputedStyle(each).backgroundSize;
      const widths = sizes.match(/[\\d.]+(?=px)/g).map(parseFloat);
      seen.push(widths.map((px) => px > 5).join());
    }
  }
  return seen;
}"""


def test_what_scrolls_sideways_on_a_phone_has_a_shadow_where_there_is_more(visit):
    seen = visit("book/part2/first-r.html", "phone").page.evaluate(SIDEWAYS)
    assert len(seen) > 6 and seen == ["false,true", "true,false"] * (len(seen) // 2)


def test_on_a_phone_columns_stay_columns_and_other_lines_are_broken(visit):
    here = visit("book/part2/first-r.html", "phone")
    for kind, wrapped in ((".columns", False), (":not(.columns)", True)):
        rows = here.page.locator(f".cell_output {kind} > .highlight > pre").evaluate_all(
            """(all) => all.filter((pre) => pre.checkVisibility()).map((pre) => {
              const { lineHeight, paddingTop } = getComputedStyle(pre);
              const height = pre.clientHeight - 2 * parseFloat(paddingTop);
              const drawn = Math.round(height / parseFloat(lineHeight));
              return [drawn, pre.textContent.trimEnd().split("\\n").length,
                      pre.scrollWidth > pre.clientWidth + 1];
            })""")
        assert rows and any(drawn > lines for drawn, lines, _ in rows) == wrapped
        assert any(scrolls for *_, scrolls in rows) != wrapped


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_names_punctuation_and_blanks_in_code_need_no_colour_of_their_own(visit, theme):
    """The built pages leave their elements out."""
    page = visit(PAGES[0], color_scheme=theme).page
    page.add_style_tag(path=HTML / "_static" / "pygments.css")  # whole, as the theme has it
    code = page.locator(".cell_input pre").first
    colours, marked = code.evaluate("""(pre) => [["n", "nn", "p", "w", "s2"].map((kind) => {
      const span = Object.assign(document.createElement("span"), { className: kind });
      pre.append(span);
      return getComputedStyle(span).color === getComputedStyle(pre).color;
    }), pre.querySelectorAll("span[class]:not(:empty)").length]""")
    assert colours == [True] * 4 + [False] and marked > 0
