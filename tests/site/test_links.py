"""Links move an explorer and lead back; an address and a zoom keep what a reader has found."""

from urllib.parse import unquote

import pytest
from playwright.sync_api import expect

from lora_edu.explore import explore
from tests.book import sampled
from tests.site.devices import TWO_FRAMES
from tests.site.explorers import drawn, is_drawn, line
from tests.site.pages import MOVABLE, PAGES, check_figure, computed

POSITION = """(root) => Object.fromEntries(
  root.explorer.controls.map((control) => [control.name, control.keys[control.get()]]))"""
FOLLOW = """async (link) => {
  const [name, query] = link.getAttribute("href").slice(1).split("?");
  const root = document.getElementById(`explorer-${name}`);
  root.explorer.box.parentElement.scrollIntoView({ block: "center", behavior: "instant" });
  scrollBy({ top: 5, behavior: "instant" });
  const before = scrollY;
  link.click();
  await new Promise((done) => setTimeout(done, 100));
  const at = root.explorer.controls.map((control) => [control.name, control.keys[control.get()]]);
  return { query, at: Object.fromEntries(at), jump: scrollY - before };
}"""


def link_to(name, position):
    return f"#{name}?" + "&".join(f"{control}={key}" for control, key in position.items())


@pytest.mark.parametrize("page", sampled(PAGES))
def test_a_link_moves_the_explorer_in_place(reader, page):
    tab = reader(page)
    for link in tab.page.locator('a.explorer-link[href^="#"]').all():
        went = link.evaluate(FOLLOW)
        asked = dict(pair.split("=") for pair in went["query"].split("&"))
        assert asked.items() <= went["at"].items()
        assert went["jump"] == 0


@pytest.fixture
def apart(opened):
    """(Visit, link, root, the way back): far below a plot, a link has moved it."""
    far = "<div style='height: 3000px'></div>"
    tab = opened(explore(line, r=[1, 2, 3]).html()
                  + f"{far}<p>See <a href='#line?r=3.0'>three</a></p>{far}")
    tab.page.evaluate("() => history.replaceState(null, '', '#line?r=1')")
    link = tab.page.get_by_role("link", name="three")
    link.click()
    root = tab.page.locator("#explorer-line")
    expect(root.locator(".explorer-plot")).to_be_in_viewport(ratio=1)
    button = tab.page.get_by_role("button", name="back to the text")
    button.wait_for()
    return tab, link, root, button


@pytest.mark.parametrize("way", ["button", "Escape", "Back"])
def test_there_is_a_way_back_to_the_link(apart, way):
    tab, link, root, button = apart
    assert root.locator("input").input_value() == "2"
    root.locator("input").press("ArrowLeft")
    tab.page.wait_for_timeout(600)  # the address is written again
    tab.page.evaluate("() => document.activeElement.blur()")
    {"button": button.click, "Back": tab.page.go_back,
     "Escape": lambda: tab.page.keyboard.press("Escape")}[way]()
    expect(link).to_be_in_viewport(ratio=1)
    expect(link).to_be_focused()
    assert button.count() == 0
    assert root.locator("input").input_value() == "1"  # the plot stays as the reader left it
    tab.page.go_forward()  # to the plot, as the address has it
    expect(root.locator(".explorer-plot")).to_be_in_viewport(ratio=1)


def test_the_way_back_is_offered_until_the_reader_reads_on(apart):
    tab, _, _, button = apart
    tab.page.wait_for_timeout(600)  # until it stands
    tab.page.mouse.wheel(0, 1500)
    expect(button).to_have_count(0)


def test_escape_closes_a_dialog_and_leads_nowhere(apart):
    tab, _, _, button = apart
    tab.page.evaluate("""() => {
      document.body.insertAdjacentHTML("beforeend", "<dialog><input></dialog>");
      document.querySelector("dialog").showModal();
    }""")
    tab.page.keyboard.press("Escape")
    expect(tab.page.locator("dialog")).to_be_hidden()
    assert button.count() == 1 and tab.page.url.endswith("#line?r=3")


def test_an_address_holds_a_position(reader):
    """And reset goes back to the start."""
    built = next(each for each in MOVABLE if each.name == "step-zero")
    tab = reader(built.page)
    root = tab.start(built.name)
    start = {control.name: control.keys[control.start] for control in built.controls}
    wanted = {control.name: control.keys[-1] for control in built.controls}
    assert root.evaluate(POSITION) == start
    root.evaluate("(root, wanted) => root.explorer.go(wanted)", wanted)
    root.locator('[data-do="link"]').dispatch_event("click")  # which Home does not show
    assert unquote(tab.page.evaluate("location.hash")) == link_to(built.name, wanted)
    tab.open(built.page + link_to(built.name, wanted))
    is_drawn(root)
    assert root.evaluate(POSITION) == wanted
    check_figure(drawn(root)[0], computed(built)[-1]["data"])
    expect(root.locator(".explorer-headline")).to_be_in_viewport()
    tab.page.keyboard.press("Tab")  # from the plot on, not from the top of the page
    assert root.evaluate("(root) => root.contains(document.activeElement)")
    root.locator('[data-do="reset"]').dispatch_event("click")
    assert root.evaluate(POSITION) == start


def test_a_strange_address_does_no_harm(opened):
    tab = opened(explore(line, r=[1, 2, 3], far=bool).html() + "<a href='#line?r=3&q=1'>three</a>")
    root = tab.show("line")
    for hash in ("#line?r=2.0", "#line?r=999&nope=1", "#line?", "#nope?r=1", "#%E0%A4%A?x=1", "#?",
                 "#line?&&==&", "#line?__proto__=1&constructor=2", "#'\"<b>?x=[]"):
        tab.page.evaluate("(hash) => { location.hash = hash; }", hash)
        tab.page.evaluate(TWO_FRAMES)
        assert root.evaluate(POSITION) == {"r": "2", "far": "off"}, hash
    tab.page.get_by_role("link", name="three").click()
    assert root.locator(".explorer-failed").inner_text() == (
        "The link asks for q = 1: this plot has no such position.")
