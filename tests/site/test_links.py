"""Links move an explorer in place; an address, a pin and a zoom keep what a reader has found."""

from urllib.parse import unquote

import pytest
from devices import TWO_FRAMES
from pages import HTML, MOVABLE, PAGES, check_figure, computed, named

pytestmark = pytest.mark.site

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


@pytest.mark.parametrize("page", PAGES)
def test_a_link_in_the_text_moves_the_explorer_without_moving_the_page(reader, page):
    here = reader(page)
    here.page.evaluate("() => { globalThis.same = true; }")
    for link in here.page.locator(LINKS).all():
        went = link.evaluate(FOLLOW)
        asked = dict(pair.split("=") for pair in went["query"].split("&"))
        assert asked.items() <= went["at"].items()
        assert went["jump"] == 0
    assert here.page.evaluate("() => globalThis.same")


@pytest.mark.parametrize("page", PAGES)
def test_a_link_clicked_far_from_the_plot_brings_the_plot_into_sight(reader, page):
    here = reader(page)
    for link in here.page.locator(LINKS).all()[-1:]:
        name = link.get_attribute("href")[1:].partition("?")[0]
        root = here.page.locator(f"#explorer-{name}")
        root.evaluate("(root) => { root.style.marginBottom = '3000px'; }")
        link.click()
        here.page.wait_for_function(
            """(root) => {
                 const { top, bottom } = root.explorer.box.getBoundingClientRect();
                 return top >= 0 && bottom <= innerHeight;
               }""", arg=root.element_handle())
        root.evaluate("(root) => { root.style.marginBottom = ''; }")


def test_some_page_has_a_link_that_moves_an_explorer():
    assert any('class="explorer-link ' in (HTML / page).read_text("utf-8") for page in PAGES)


@pytest.mark.parametrize("built", **named(MOVABLE))
def test_an_address_holds_a_position_and_reset_goes_back_to_the_start(reader, built):
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
    root.locator('[data-do="reset"]').click()
    assert root.evaluate(POSITION) == start
    here.page.wait_for_function("(hash) => location.hash === hash", arg=link_to(built.name, start))


ARRIVALS = ["#{name}?{control}=999&nope=1", "#{name}?", "#nope?{control}=1", "#%E0%A4%A?x=1", "#?"]
CHANGES = [*ARRIVALS, "#{name}?{control}", "#{name}?&&==&", "#{name}?{control}=%E0%A4%A", "#?=",
           "#{name}?__proto__=1&constructor=2&toString=3", "#{name}%3F{control}=1", "#'\"<b>?x=[]"]


def test_a_link_with_unknown_names_or_values_does_no_harm(visit):
    built = MOVABLE[0]
    words = {"name": built.name, "control": built.controls[0].name}
    here = visit(built.page)
    root = here.page.locator(f"#explorer-{built.name}")
    for hash in ARRIVALS:
        here.open(built.page + hash.format(**words))
        here.show(built.name)
        assert root.evaluate(POSITION) == root.evaluate(START), hash
    for hash in CHANGES:
        here.page.evaluate("(hash) => { location.hash = hash; }", hash.format(**words))
        here.page.evaluate(TWO_FRAMES)
        assert root.evaluate(POSITION) == root.evaluate(START), hash


def test_part_of_a_position_moves_those_controls_only(visit):
    built = next(built for built in MOVABLE if len(built.controls) > 1)
    name, key = next(iter(last_keys(built).items()))
    here = visit(built.page + f"#{built.name}?{name}={key}")
    root = here.show(built.name)
    assert root.evaluate(POSITION) == root.evaluate(START) | {name: key}


@pytest.mark.parametrize("built", **named(MOVABLE))
def test_a_pin_keeps_the_present_curves_as_a_ghost(reader, built):
    here = reader(built.page)
    root = here.start(built.name)
    pin, note = root.locator('[data-do="pin"]'), root.locator(".explorer-pinned")
    assert pin.get_attribute("aria-pressed") == "false" and not note.is_visible()
    pinned, _, said = here.drawn(root)
    pin.click()
    assert pin.get_attribute("aria-pressed") == "true" and pin.text_content() == "unpin"
    assert note.is_visible() and said in note.text_content()
    root.evaluate("(root, wanted) => root.explorer.go(wanted)", last_keys(built))
    data, _, _ = here.drawn(root)
    present, ghosts = data[:-len(pinned)], data[-len(pinned):]
    check_figure(present, computed(built)[-1]["data"])
    check_figure(ghosts, [{key: value for key, value in trace.items() if "hover" not in key}
                          | {"opacity": 0.3, "showlegend": False} for trace in pinned])
    pin.click()
    assert len(here.drawn(root)[0]) == len(present) and not note.is_visible()
    assert pin.get_attribute("aria-pressed") == "false"
    pin.click()
    root.locator('[data-do="reset"]').click()
    assert len(here.drawn(root)[0]) == len(pinned) and not note.is_visible()


def same_axes(one, other):
    return all(one[axis]["range"] == other[axis]["range"] for axis in ("xaxis", "yaxis"))


def test_a_zoom_survives_a_move_of_the_controls_and_a_double_click_ends_it(reader):
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
