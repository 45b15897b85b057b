"""Keyboards, screen readers, forced colours: the focus is seen, and all that acts has a name."""

import re
from collections import Counter

import pytest

from lora_edu.explore.assets import npm_file
from tests.book import sampled
from tests.site.devices import AXE, DEVICES, TWO_FRAMES
from tests.site.pages import HTML, MOVABLE, PAGES, all_pages

THEME = "(theme) => { document.documentElement.dataset.theme = theme; }"


@pytest.mark.parametrize("page", sampled(all_pages()))
def test_axe_finds_nothing_in_light_dark_and_forced_colours_with_every_explorer_open(reader, page):
    here = reader(page)
    script = npm_file("axe-core/axe.min.js", start=HTML) or npm_file("axe-core/axe.min.js")
    assert script, "axe-core is missing: npm ci brings it"
    here.page.add_script_tag(path=script)
    here.page.add_style_tag(content="* { transition: none !important }")  # colours half-way
    theme = here.page.evaluate("document.documentElement.dataset.theme")
    try:
        here.page.evaluate(THEME, "light")
        here.page.evaluate(TWO_FRAMES)
        assert here.page.evaluate(AXE, None) == []
        here.page.emulate_media(forced_colors="active")
        here.page.evaluate(TWO_FRAMES)
        assert here.page.evaluate(AXE, "color-contrast") == []
        here.page.emulate_media(forced_colors="none")
        here.page.evaluate(THEME, "dark")
        here.page.evaluate(TWO_FRAMES)
        assert here.page.evaluate(AXE, "color-contrast") == []
    finally:
        here.page.emulate_media(forced_colors="none")
        here.page.evaluate(THEME, theme)


@pytest.mark.parametrize("page", all_pages())
def test_a_link_says_where_it_leads(page):
    """Not "here": people who hear a list of the links would not know."""
    links = re.findall(r"<a [^>]*>(.*?)</a>", (HTML / page).read_text("utf-8"), re.DOTALL)
    said = {re.sub(r"<[^>]*>", "", link).strip().lower() for link in links}
    assert not said & {"here", "this", "click here", "more", "read more", "see more", "learn more",
                       "go", "start", "information", "right here"}


FOCUSED = """() => {
  const element = document.activeElement, own = getComputedStyle(element);
  // an explorer's choice is shown by the words beside its invisible circle
  const words = element.matches(".explorer [type=radio]") && element.nextElementSibling;
  const ring = words ? getComputedStyle(words) : own;
  const { x, y, width, height } = element.getBoundingClientRect();
  return { body: element === document.body, what: element.outerHTML.slice(0, 120),
           ring: ring.outlineStyle !== "none" && parseFloat(ring.outlineWidth) >= 2,
           seen: ring.opacity > 0.5 && width > 0 && height > 0 && x + width > 0 && x < innerWidth
             && y + height > 0 && y < innerHeight };
}"""


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("page", [page for page in PAGES if page.endswith("step-zero.html")])
def test_every_stop_of_the_tab_key_is_seen(visit, page, device):
    here = visit(page, device)
    here.page.wait_for_load_state("networkidle")
    for step in range(60):
        here.page.keyboard.press("Tab")
        here.page.wait_for_timeout(20)  # the page scrolls
        at = here.page.evaluate(FOCUSED)
        if not at["seen"]:  # what slides in takes its time
            here.page.wait_for_timeout(400)
            at = here.page.evaluate(FOCUSED)
        assert not at["body"], step
        assert at["ring"] and at["seen"], at


def press(here, selector: str):
    """Put the focus on a button as the keyboard does, and press it."""
    button = here.page.locator(f"{selector}:visible").first
    button.focus()
    here.page.keyboard.press("Shift+Tab")
    here.page.keyboard.press("Tab")
    here.page.keyboard.press("Enter")
    return button


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("selector", [".theme-switch-button", ".primary-toggle"])
def test_a_button_that_is_pressed_keeps_the_focus_or_gets_it_back(visit, selector, device):
    here = visit(PAGES[0], device)
    button = press(here, selector)
    here.page.keyboard.press("Escape")
    here.page.wait_for_timeout(100)
    assert button.evaluate("(e) => e === document.activeElement")


def test_the_buttons_of_the_sidebars_say_what_they_open_and_whether_it_is(visit):
    here = visit(next(page for page in all_pages() if page.endswith("step-zero.html")), "phone")
    for side in ("primary", "secondary"):
        button = here.page.locator(f".{side}-toggle")
        assert here.page.locator(f"#{button.get_attribute('aria-controls')}").count() == 1
        assert button.get_attribute("aria-expanded") == "false"
        button.click()
        here.page.locator(f"#pst-{side}-sidebar-modal[open]").wait_for()
        here.page.wait_for_timeout(50)
        assert button.get_attribute("aria-expanded") == "true"
        here.page.keyboard.press("Escape")
        here.page.wait_for_timeout(50)
        assert button.get_attribute("aria-expanded") == "false"
        assert button.evaluate("(e) => e === document.activeElement")
    here.page.locator(".secondary-toggle").click()
    here.page.locator("#pst-secondary-sidebar-modal[open] a[href^='#']").last.click()
    here.page.locator("#pst-secondary-sidebar-modal[open]").wait_for(state="detached")
    assert "#" in here.page.url  # it is no longer in the way of what it led to
    here = visit(PAGES[0])
    button = here.page.locator(".primary-toggle")
    for state in ("true", "false", "true"):
        assert button.get_attribute("aria-expanded") == state
        button.click()
        here.page.wait_for_timeout(50)


def test_solutions_are_called_after_their_exercises(visit):
    page = next(page for page in all_pages()
                if 'class="solution' in (HTML / page).read_text("utf-8"))
    here = visit(page)
    buttons = here.page.locator(".solution .toggle-button")
    here.page.wait_for_function("""() => document.querySelector(".solution .toggle-button")
        ?.getAttribute("aria-label").startsWith("Solution of")""")
    names = [button.get_attribute("aria-label") for button in buttons.all()]
    assert all(name.startswith("Solution of Exercise ") for name in names)
    assert len(set(names)) == len(names)


def test_in_forced_colours_the_chosen_option_is_seen(visit):
    built = next(b for b in MOVABLE if any(c.kind == "choice" for c in b.controls))
    here = visit(built.page, forced_colors="active")
    options = here.page.locator(f"#explorer-{built.name} fieldset").first
    grounds = options.locator("input + span").evaluate_all(
        "(spans) => spans.map((span) => getComputedStyle(span).backgroundColor)")
    chosen = options.locator("input").evaluate_all("(inputs) => inputs.findIndex((i) => i.checked)")
    assert grounds.count(grounds[chosen]) == 1


AFTER_FORMULA = r"""() => [...document.querySelectorAll("article .katex")].filter((formula) => {
  if (!formula.checkVisibility() || formula.closest(".katex-display")) return false;
  const walker = document.createTreeWalker(document.querySelector("article"), NodeFilter.SHOW_TEXT);
  walker.currentNode = formula;
  let text = walker.nextNode();
  while (text && formula.contains(text)) text = walker.nextNode();
  const block = "p, li, td, th, dd, dt, h1, h2, h3, figcaption";
  if (!text || text.parentElement.closest(block) !== formula.closest(block)) return false;
  if (!/^[.,;:)?!]/.test(text.data)) return false;
  const range = new Range();
  range.setStart(text, 0);
  range.setEnd(text, 1);
  const mark = range.getBoundingClientRect();
  const last = [...formula.querySelectorAll(".base")].at(-1).getBoundingClientRect();
  return mark.left < last.left && mark.top > last.top + 8;
}).map((formula) => formula.querySelector("math").textContent)"""


@pytest.mark.parametrize("page", [page for page in PAGES if page.split("/")[-1] in (
    "step-zero.html", "divide-by-r.html")])
def test_no_line_begins_with_the_mark_that_follows_a_formula(visit, page):
    here = visit(page)
    for width in (1440, 768, 390, 320):
        here.resize(width, 800)
        assert here.page.evaluate(AFTER_FORMULA) == []


MATHML = {"math": "Math", "mi": "Identifier", "mn": "Number", "mo": "Operator", "mfrac": "Fraction",
          "msub": "Sub", "msup": "Sup", "msqrt": "SquareRoot"}


@pytest.mark.parametrize("page", ["book/part1/step-zero.html", "book/part2/beside-full.html"])
def test_a_screen_reader_meets_every_formula_that_can_be_seen(visit, page):
    """As a formula of numbers, fractions and powers, and also far from what is in sight."""
    here = visit(page)
    seen = here.page.evaluate("""(names) => Object.fromEntries(names.map((name) => [name,
        [...document.querySelectorAll(`.katex-mathml ${name}`)].filter(
            (part) => part.checkVisibility({ visibilityProperty: true })).length]))""", [*MATHML])
    tree = here.context.new_cdp_session(here.page).send("Accessibility.getFullAXTree")["nodes"]
    read = Counter(node["role"]["value"] for node in tree if not node["ignored"])
    assert seen == {name: read[f"MathML{role}"] for name, role in MATHML.items()}
    assert min(seen.values()) > 0 and seen["math"] > 100


@pytest.mark.parametrize("width", [390, 320])
@pytest.mark.parametrize("page", [page for page in all_pages() if page not in PAGES])
def test_a_page_without_explorers_never_scrolls_sideways(visit, page, width):
    here = visit(page, viewport={"width": width, "height": 800})
    assert here.page.evaluate("document.documentElement.scrollWidth") <= width
