"""Pages ask nobody else, load plotly when touched, weigh little, and nothing on them jumps."""

import pytest

from tests.book import sampled
from tests.site.devices import DEVICES, NEAREST
from tests.site.pages import EXPLORERS, HTML, MOVABLE, PAGES, all_pages, weights

HEAVIEST = 250_000  # bytes, gzipped, before any interaction
NEAR = 300  # px
LOW = {"width": 1280, "height": 300}  # a window that no first explorer is near
# the pages whose explorers all have a first frame; on others plotly may be fetched at once
STILL = [page for page in PAGES if all(built.is_still for built in EXPLORERS if built.page == page)]


def total(shifts):
    return sum(shift["value"] for shift in shifts)


def about_plotly(requests):
    return [url for url in requests if "plotly" in url]


@pytest.mark.parametrize("page", all_pages())
def test_a_page_asks_nobody_else_and_carries_no_widgets(reader, page):
    here = reader(page)  # which fails the test for a request elsewhere and for a console error
    assert here.base + page in here.requests
    text = (HTML / page).read_text(encoding="utf-8")
    for unwanted in ("application/vnd.jupyter.widget", "cdn.", "unpkg.com", "thebe-core"):
        assert unwanted not in text


@pytest.mark.parametrize("page", {PAGES[0], PAGES[-1]} if PAGES else [])
def test_the_site_works_from_files(visit, page):
    here = visit(page, base=HTML.as_uri() + "/")
    here.read_through(page)
    assert here.page.locator(".explorer-plot .main-svg").count() > 0


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("page", PAGES)
def test_plotly_is_fetched_once_and_not_before_the_reader_does_something(reader, page, device):
    here = reader(page, device)
    assert about_plotly(here.requests_at_rest) == [] or page not in STILL
    assert len(about_plotly(here.requests_when_read)) == 1


@pytest.fixture
def page_at_rest(visit):
    """``page_at_rest(near, device)`` → a Visit to a page whose first explorer is near or far."""
    def start(near: bool, device: str = "desk"):
        for page in STILL:
            here = visit(page, device, **({} if near else {"viewport": LOW}))
            here.page.wait_for_load_state("networkidle")
            if (here.page.evaluate(NEAREST) <= NEAR) == near:
                return here
        raise AssertionError("no page has its first explorer there")

    return start


TOUCHES = {
    "move": lambda page: page.mouse.move(2, 2),
    "press": lambda page: page.mouse.click(2, 2),
    "tap": lambda page: page.touchscreen.tap(2, 2),
    "wheel": lambda page: page.mouse.wheel(0, 1),
    "scroll": lambda page: page.evaluate("scrollBy(0, 1)"),
    "key": lambda page: page.keyboard.press("Shift"),
    "focus": lambda page: page.locator(".explorer input").first.focus(),
    "hash": lambda page: page.evaluate("location.hash = 'nothing'"),
    "input": lambda page: page.locator(".explorer input").first.dispatch_event(
        "input", {"bubbles": True}),
}


@pytest.mark.parametrize("touch", TOUCHES)
def test_plotly_is_fetched_at_the_readers_first_touch(page_at_rest, touch):
    here = page_at_rest(near=True, device="phone")
    here.page.wait_for_timeout(300)
    assert about_plotly(here.requests) == []
    with here.page.expect_request("**/plotly*"):
        TOUCHES[touch](here.page)
    here.page.locator(".explorer-plot[data-drawn]").first.wait_for()


def test_a_page_that_moves_below_a_resting_pointer_fetches_no_plotly(page_at_rest):
    here = page_at_rest(near=True)
    here.page.evaluate("() => dispatchEvent(new PointerEvent('pointermove'))")
    here.page.wait_for_timeout(300)
    assert about_plotly(here.requests) == []


def test_a_touched_page_fetches_plotly_once_an_explorer_comes_near(page_at_rest):
    here = page_at_rest(near=False)
    here.touch()
    near = here.page.evaluate(NEAREST)
    scroll = "(by) => scrollBy({ top: by, behavior: 'instant' })"
    here.page.evaluate(scroll, near - NEAR - 10)
    here.page.wait_for_timeout(300)
    assert not about_plotly(here.requests)
    with here.page.expect_request("**/plotly*"):
        here.page.evaluate(scroll, 20)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("page", PAGES)
def test_nothing_jumps_while_a_page_loads_and_its_plots_appear(reader, visit, page, device):
    here = reader(page, device)
    if total(here.shifts) >= 0.01:  # once more: a busy machine may bring a font late
        here = visit(page, device)
        here.read_through(page)
    assert total(here.shifts) < 0.01, here.shifts


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("built", sampled(MOVABLE))
def test_nothing_jumps_while_controls_move_from_end_to_end(reader, built, device):
    here = reader(built.page, device)
    moved = here.start(built.name).evaluate("""async (root) => {
      const before = shifts.length, heights = new Set();
      for (const control of root.explorer.controls) {
        for (let at = 0; at < control.count; at++) {
          control.set(at);
          root.querySelector("input").dispatchEvent(new Event("input", { bubbles: true }));
          await new Promise((done) => requestAnimationFrame(done));
          heights.add(root.getBoundingClientRect().height);
        }
      }
      await new Promise((done) => setTimeout(done, 50));
      return { heights: [...heights], shifts: shifts.slice(before) };
    }""")
    assert len(moved["heights"]) == 1
    assert total(moved["shifts"]) < 0.01, moved


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("page", sampled(PAGES))
def test_every_sentence_has_room_under_its_plot(reader, page, device):
    for root in reader(page, device).page.locator(".explorer:has(.explorer-reading)").all():
        heights = root.evaluate("""async (root) => {
          await root.explorer.ready;
          const { readingLine: { firstElementChild: said }, states } = root.explorer;
          const heights = new Set(), sentences = new Set(Array.from({ length: states.count },
            (_, state) => states.figure(state).layout.meta?.reading || ""));
          for (const sentence of sentences) {
            said.textContent = sentence;
            heights.add(root.getBoundingClientRect().height);
          }
          root.explorer.update();
          return [...heights];
        }""")
        assert len(heights) == 1


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("page", PAGES)
def test_a_page_weighs_little_before_it_is_touched(reader, page, device, capsys):
    here = reader(page, device)
    asked = set(here.requests_at_rest) - set(about_plotly(here.requests_at_rest))
    fetched = weights(asked, here.base)
    total = sum(fetched.values())
    with capsys.disabled():
        print(f"\n{page}, {device}: {total / 1000:.0f} kB gzipped in {len(fetched)} files")
    assert total <= HEAVIEST, fetched
