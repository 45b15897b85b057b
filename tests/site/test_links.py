"""Links move an explorer and lead back; an address and a zoom keep what a reader has found."""

from urllib.parse import unquote

import pytest

from lora_edu.explore import explore
from tests.book import sampled
from tests.site.devices import DEVICES, TWO_FRAMES
from tests.site.pages import MOVABLE, PAGES, check_figure, computed

POSITION = """(root) => Object.fromEntries(
  root.explorer.controls.map((control) => [control.name, control.keys[control.get()]]))"""
START = """(root) => Object.fromEntries(root.explorer.controls.map(
  (control, i) => [control.name, control.keys[root.explorer.start[i]]]))"""
FOLLOW = """async (link) => {
  const [name, query] = link.getAttribute("href").slice(1).split("?");
  const root = document.getElementById(`explorer-${name}`);
  root.explorer.box.scrollIntoView({ block: "center", behavior: "instant" });
  scrollBy({ top: 40, behavior: "instant" });
  const before = scrollY;
  link.click();
  await new Promise((done) => setTimeout(done, 100));
  const at = root.explorer.controls.map((control) => [control.name, control.keys[control.get()]]);
  return { query, at: Object.fromEntries(at), jump: scrollY - before };
}"""
LINKS = 'a.explorer-link[href^="#"]'


def link_to(name, position):
    return f"#{name}?" + "&".join(f"{control}={key}" for control, key in position.items())


def last_keys(built):
    return {control: keys[-1] for control, keys in built.keys.items()}


@pytest.mark.parametrize("page", sampled(PAGES))
def test_a_link_moves_the_explorer_in_place(reader, page):
    here = reader(page)
    here.page.evaluate("() => { globalThis.same = true; }")
    for link in here.page.locator(LINKS).all():
        went = link.evaluate(FOLLOW)
        asked = dict(pair.split("=") for pair in went["query"].split("&"))
        assert asked.items() <= went["at"].items()
        assert went["jump"] == 0
    assert here.page.evaluate("() => globalThis.same")


IN_SIGHT = """async (link, from) => {
  const name = link.getAttribute("href").slice(1).split("?")[0];
  const { box } = document.getElementById(`explorer-${name}`).explorer;
  const still = async () => { // until nothing has scrolled for six frames
    for (let same = 0, at = scrollY; same < 6; same = at === scrollY ? same + 1 : 0, at = scrollY) {
      await new Promise(requestAnimationFrame);
    }
  };
  scrollBy({ top: link.getBoundingClientRect().top - from * innerHeight, behavior: "instant" });
  await still();
  link.click();
  await still();
  const { top, bottom, height } = box.getBoundingClientRect();
  const bars = document.elementsFromPoint(innerWidth / 2, 1).map((each) => each.closest(
    "header, .bd-header-article")).filter(Boolean).map((bar) => bar.getBoundingClientRect().bottom);
  const seen = (Math.min(bottom, innerHeight) - Math.max(top, ...bars, 0)) / height;
  return { seen, name, bars };
}"""


@pytest.mark.parametrize("device", DEVICES)
def test_a_link_brings_its_plot_into_sight(reader, device):
    """Most of it, below the header, from wherever the link stands in the window."""
    here = reader("book/part2/step-size.html", device)
    for link in here.page.locator(LINKS).filter(visible=True).all():
        for place in (0.2, 0.6, 0.9):
            went = link.evaluate(IN_SIGHT, place)
            assert went["seen"] >= 0.6, (link.get_attribute("href"), place, went)


@pytest.fixture
def far(opened):
    """``far(…)`` → (Visit, link, root): a link far below the plot that it moves."""
    def start(href="#line?r=3.0", **options):
        html = explore(line, r=[1, 2, 3]).html()
        here = opened(f"{html}<div style='height: 3000px'></div><p>See <a href='{href}'>three</a>"
                      "</p><div style='height: 3000px'></div>", **options)
        link = here.page.get_by_role("link", name="three")
        link.scroll_into_view_if_needed()
        return here, link, here.page.locator("#explorer-line")

    return start


def line(r=1):
    """One line."""
    return {"data": [{"x": [0, 1], "y": [0, r], "mode": "lines"}],
            "layout": {"yaxis": {"range": [0, 3]}, "meta": {"reading": f"r = {r}"}}}


def in_sight(here, locator):
    here.page.wait_for_function("""(element) => {
      const { top, bottom } = element.getBoundingClientRect();
      return top >= 0 && bottom <= innerHeight;
    }""", arg=locator.element_handle())


@pytest.mark.parametrize("way", ["button", "Escape", "Back"])
def test_there_is_a_way_back_to_the_link(far, way):
    here, link, root = far()
    here.page.evaluate("() => history.replaceState(null, '', '#line?r=1')")
    before = here.page.evaluate("history.length")
    link.click()
    in_sight(here, root.locator(".explorer-plot"))
    button = here.page.get_by_role("button", name="back to the text")
    button.wait_for()
    assert root.locator("input").input_value() == "2"
    root.locator("input").press("ArrowLeft")
    here.page.wait_for_timeout(600)  # the address is written again
    here.page.evaluate("() => document.activeElement.blur()")
    {"button": button.click, "Back": here.page.go_back,
     "Escape": lambda: here.page.keyboard.press("Escape")}[way]()
    in_sight(here, link)
    here.page.wait_for_function("() => document.activeElement.textContent === 'three'")
    assert button.count() == 0
    assert root.locator("input").input_value() == "1"  # the plot stays as the reader left it
    here.page.go_forward()  # to the plot, as the address has it
    in_sight(here, root.locator(".explorer-plot"))
    assert here.page.evaluate("history.length") == before + 1


def test_the_way_back_ends_at_the_link(far):
    """Also for a reader who has scrolled there."""
    here, link, root = far()
    link.click()
    in_sight(here, root.locator(".explorer-plot"))
    button = here.page.get_by_role("button", name="back to the text")
    button.wait_for()
    link.evaluate("(link) => link.scrollIntoView({ block: 'center', behavior: 'instant' })")
    button.wait_for(state="detached")


def test_a_plot_in_sight_needs_no_way_back(far):
    here, link, root = far()
    link.evaluate("(link) => document.querySelector('figure').after(link.parentElement)")
    here.page.evaluate("() => scrollTo({ top: 0, behavior: 'instant' })")
    before = here.page.evaluate("history.length")
    link.click()
    here.page.wait_for_timeout(300)
    assert root.locator("input").input_value() == "2"
    assert here.page.get_by_role("button", name="back to the text").count() == 0
    assert here.page.evaluate("[history.length, scrollY]") == [before, 0]


@pytest.mark.parametrize("href, asked", [
    ("#line?r=2&q=1", "q = 1"), ("#line?r=<b>" + "9" * 200, "r = <b>" + "9" * 73)])
def test_a_missing_position_is_said(far, href, asked):
    _, link, root = far(href)
    link.click()
    failed = root.locator(".explorer-failed")
    failed.wait_for()
    assert failed.inner_text() == f"The link asks for {asked}: this plot has no such position."
    assert root.locator("input").input_value() == ("1" if "r=2" in href else "0")
    root.locator("input").press("End")
    assert failed.count() == 0


@pytest.mark.parametrize("built", sampled(MOVABLE))
def test_an_address_holds_a_position(reader, built):
    here = reader(built.page)
    root = here.start(built.name)
    start, wanted = root.evaluate(POSITION), last_keys(built)
    assert start == root.evaluate(START)
    root.evaluate("(root, wanted) => root.explorer.go(wanted)", wanted)
    root.locator('[data-do="link"]').click()
    assert unquote(here.page.evaluate("location.hash")) == link_to(built.name, wanted)
    here.open(built.page + link_to(built.name, wanted))
    root.locator(".explorer-plot[data-drawn]").wait_for()
    assert root.evaluate(POSITION) == wanted
    last = computed(built)[-1]
    data, _, said = here.drawn(root)
    check_figure(data, last["data"])
    assert said == (last["layout"].get("meta") or {}).get("reading", "")
    assert 0 <= root.evaluate("(root) => root.getBoundingClientRect().top") < 300
    here.page.keyboard.press("Tab")  # from the plot on, not from the top of the page
    assert root.evaluate("(root) => root.contains(document.activeElement)")
    root.locator('[data-do="reset"]').click()
    assert root.evaluate(POSITION) == start
    here.page.wait_for_function("(hash) => location.hash === hash", arg=link_to(built.name, start))


AWAY_AND_BACK_AS_IN_WEBKIT = """(root) => {
  dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true }));
  for (const input of root.querySelectorAll("[autocomplete=off]")) {
    input.checked = input.defaultChecked;
    input.value = input.defaultValue;
  }
  dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
}"""


def test_controls_stand_right_after_back(opened):
    def plot(r=1, start="a", far=False):
        return line(r)

    here = opened(explore(plot, r=[1, 2, 3], start=["a", "b"], far=bool, name="plot").html())
    root, last = here.show("plot"), {"r": "3", "start": "b", "far": "on"}
    root.evaluate("(root, last) => root.explorer.go(last)", last)
    root.evaluate(AWAY_AND_BACK_AS_IN_WEBKIT)
    assert root.evaluate(POSITION) == last
    assert root.evaluate("(root) => [...root.querySelectorAll('input')].map("
                         "({ type, value, checked }) => type === 'range' ? value : checked)"
                         ) == ["2", False, True, True]


HARMLESS = ["#{name}?{control}=999&nope=1", "#{name}?", "#nope?{control}=1", "#%E0%A4%A?x=1", "#?",
            "#{name}?&&==&", "#{name}?__proto__=1&constructor=2", "#'\"<b>?x=[]"]


def test_a_strange_address_does_no_harm(visit):
    built = next(built for built in MOVABLE if len(built.controls) > 1)
    name, key = next(iter(last_keys(built).items()))
    here = visit(built.page + f"#{built.name}?{name}={key}")  # part of a position
    root = here.show(built.name)
    moved = root.evaluate(START) | {name: key}
    for hash in HARMLESS:
        assert root.evaluate(POSITION) == moved, hash
        here.page.evaluate("(hash) => { location.hash = hash; }",
                           hash.format(name=built.name, control=name))
        here.page.evaluate(TWO_FRAMES)
    here.open(built.page + HARMLESS[0].format(name=built.name, control=name))
    here.show(built.name)
    assert root.evaluate(POSITION) == root.evaluate(START)


def same_axes(one, other):
    return all(one[axis]["range"] == other[axis]["range"] for axis in ("xaxis", "yaxis"))


def test_a_zoom_survives_a_move(reader):
    built = next(built for built in MOVABLE if "fixedrange" not in str(computed(built)[0])
                 and same_axes(*(computed(built)[state]["layout"] for state in (0, -1))))
    here = reader(built.page)
    root = here.start(built.name)
    _, whole, _ = here.drawn(root)
    box = root.locator(".nsewdrag").first.bounding_box()
    x, y, mouse = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, here.page.mouse
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + box["width"] / 4, y + box["height"] / 4, steps=4)
    mouse.up()
    _, zoomed, _ = here.drawn(root)
    assert zoomed["xaxis"] != whole["xaxis"] and zoomed["yaxis"] != whole["yaxis"]
    root.evaluate("(root, wanted) => root.explorer.go(wanted)", last_keys(built))
    check_figure(here.drawn(root)[1]["xaxis"], zoomed["xaxis"])
    mouse.dblclick(x, y)
    check_figure(here.drawn(root)[1]["xaxis"], whole["xaxis"])
