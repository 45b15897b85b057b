"""Keyboards, screen readers, forced colours: the focus is seen, and all that acts has a name."""

import re
from collections import Counter

import pytest

from tests.book import sampled
from tests.site.devices import TWO_FRAMES
from tests.site.pages import HTML, PAGES, all_pages

STEP_ZERO = "book/part1/step-zero.html"


@pytest.mark.parametrize("page", sampled(all_pages()))
def test_axe_finds_nothing(reader, page):
    """In light, dark and forced colours, with every explorer drawn."""
    tab = reader(page)
    tab.page.add_style_tag(content="* { transition: none !important }")  # colours half-way
    for theme, forced, rules in (("dark", "none", "color-contrast"),
                                 ("light", "active", "color-contrast"), ("light", "none", None)):
        tab.page.evaluate("(name) => { document.documentElement.dataset.theme = name; }", theme)
        tab.page.emulate_media(forced_colors=forced)
        tab.page.evaluate(TWO_FRAMES)
        assert tab.axe(rules) == [], (theme, forced)


@pytest.mark.parametrize("page", all_pages())
def test_an_id_stands_once_and_so_does_the_viewport(page):
    html = re.sub("<script.*?</script>", "", (HTML / page).read_text("utf-8"), flags=re.DOTALL)
    ids = Counter(re.findall('<[a-z][^<>]* id="([^"]*)"', html))
    assert [id_ for id_, count in ids.items() if count > 1] == []
    assert html.count('<meta name="viewport"') == 1


PRESSED = "button, summary, select, label, textarea, input:not(label *)"
NARROW = """(pressed) => [...document.querySelectorAll(pressed)]
  .filter((each) => each.checkVisibility({ visibilityProperty: true, opacityProperty: true }))
  .filter(({ offsetWidth, offsetHeight, localName }) => offsetWidth && offsetHeight
    && (offsetWidth < 24 || offsetHeight < (/button|summary/.test(localName) ? 36 : 24)))
  .map((each) => each.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("page", sampled(PAGES))
def test_a_finger_meets_what_it_presses(reader, page):
    """Which is 24 px wide and high at least, or has a label around it that is; a button is 36 px
    high."""
    assert reader(page, "phone").page.evaluate(NARROW, PRESSED) == []


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


def test_every_stop_of_the_tab_key_is_seen(visit):
    tab = visit(STEP_ZERO)
    tab.page.wait_for_load_state("networkidle")
    for step in range(60):
        tab.page.keyboard.press("Tab")
        tab.page.wait_for_timeout(20)  # the page scrolls
        at = tab.page.evaluate(FOCUSED)
        if not at["seen"]:  # what slides in takes its time
            tab.page.wait_for_timeout(400)
            at = tab.page.evaluate(FOCUSED)
        assert not at["body"], step
        assert at["ring"] and at["seen"], at


MATHML = {"math": "Math", "mi": "Identifier", "mn": "Number", "mo": "Operator", "mfrac": "Fraction",
          "msub": "Sub", "msup": "Sup", "msqrt": "SquareRoot"}


def test_a_screen_reader_meets_every_formula(visit):
    """As a formula of numbers, fractions and powers, and also far from what is in sight."""
    tab = visit("book/notes/beside-full-measured.html")
    drawn = tab.page.evaluate("""(names) => Object.fromEntries(names.map((name) => [name,
        [...document.querySelectorAll(`.katex-mathml ${name}`)].filter(
            (part) => part.checkVisibility({ visibilityProperty: true })).length]))""", [*MATHML])
    tree = tab.context.new_cdp_session(tab.page).send("Accessibility.getFullAXTree")["nodes"]
    read = Counter(node["role"]["value"] for node in tree if not node["ignored"])
    assert drawn == {name: read[f"MathML{role}"] for name, role in MATHML.items()}
    assert min(drawn.values()) > 0
