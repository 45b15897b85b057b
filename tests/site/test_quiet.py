"""Pages ask nobody else, load plotly late, weigh little, and nothing on them jumps."""

import gzip
from urllib.parse import urlsplit

import pytest
from devices import DEVICES, NEAREST
from pages import HTML, MOVABLE, PAGES, all_pages, named

pytestmark = pytest.mark.site

HEAVIEST = 450_000  # bytes, gzipped, before any interaction
NEAR = 300  # px


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


@pytest.mark.parametrize("page", PAGES)
def test_plotly_is_fetched_once_and_only_when_an_explorer_is_near(reader, page):
    here = reader(page)
    assert bool(about_plotly(here.requests_at_rest)) == (here.nearest_at_rest <= NEAR)
    assert len(about_plotly(here.requests)) >= 1


def test_plotly_is_fetched_once_an_explorer_comes_near(visit):
    for page in PAGES:
        here = visit(page)
        here.page.wait_for_load_state("networkidle")
        near = here.page.evaluate(NEAREST)
        if near > NEAR:
            break
    else:
        raise AssertionError("no page has its first explorer far down")
    scroll = "(by) => scrollBy({ top: by, behavior: 'instant' })"
    here.page.evaluate(scroll, near - NEAR - 10)
    here.page.wait_for_timeout(300)
    assert not about_plotly(here.requests)
    with here.page.expect_request("**/plotly*"):
        here.page.evaluate(scroll, 20)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("page", PAGES)
def test_nothing_jumps_while_a_page_loads_and_its_plots_appear(reader, page, device):
    here = reader(page, device)
    assert total(here.shifts) < 0.01, here.shifts


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("built", **named(MOVABLE))
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
@pytest.mark.parametrize("page", PAGES)
def test_every_sentence_has_room_under_its_plot(reader, page, device):
    for root in reader(page, device).page.locator(".explorer:has(.explorer-reading)").all():
        heights = root.evaluate("""async (root) => {
          await root.explorer.ready;
          const { readingLine, states } = root.explorer, heights = new Set();
          for (let state = 0; state < states.count; state++) {
            readingLine.textContent = states.figure(state).layout.meta?.reading || "";
            heights.add(root.getBoundingClientRect().height);
          }
          root.explorer.update();
          return [...heights];
        }""")
        assert len(heights) == 1


@pytest.mark.parametrize("page", PAGES)
def test_a_page_weighs_little_before_it_is_touched(reader, page, capsys):
    here = reader(page)
    weights = {}
    for url in here.requests_at_rest:
        if url.startswith(here.base):
            path = urlsplit(url).path
            body = (HTML / path.lstrip("/")).read_bytes()
            weights[path] = len(body if path.endswith(".woff2") else gzip.compress(body))
    plots = sum(weight for path, weight in weights.items() if "plotly" in path)
    rest = sum(weights.values()) - plots
    with capsys.disabled():
        print(f"\n{page}: {rest / 1000:.0f} kB gzipped in {len(weights)} files"
              + f", and plotly {plots / 1000:.0f} kB" * bool(plots))
    assert rest <= HEAVIEST, weights
