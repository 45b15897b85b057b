"""Pages ask nobody else, load plotly when touched and weigh little; nothing on them jumps, is cut
or lies on other words."""

import pytest

from lora_edu.explore import explore
from tests.book import sampled
from tests.site.devices import DEVICES
from tests.site.pages import EXPLORERS, HTML, MOVABLE, PAGES, all_pages, weights

HEAVIEST = 250_000  # bytes, gzipped, before any interaction
HEAVIEST_ANSWERS = 150_000  # of a page of answers without a figure; people open it on the way
# the pages whose explorers all have a first frame; on others plotly may be fetched at once
STILL_PAGES = [page for page in PAGES
               if all(built.is_still for built in EXPLORERS if built.page == page)]
FIRST = "book/part1/step-zero.html"


def total(shifts):
    return sum(shift["value"] for shift in shifts)


def about_plotly(requests):
    return [url for url in requests if "plotly" in url]


@pytest.mark.parametrize("page", sampled(all_pages()))
def test_a_page_asks_nobody_else(reader, page):
    tab = reader(page)  # which fails the test for a request elsewhere and for a console error
    assert tab.base + page in tab.requests
    text = (HTML / page).read_text(encoding="utf-8")
    for unwanted in ("application/vnd.jupyter.widget", "cdn.", "unpkg.com", "thebe-core"):
        assert unwanted not in text


@pytest.mark.parametrize("page", sampled(all_pages()))
def test_a_page_weighs_little(reader, page):
    """And fetches plotly once, not before the reader does something."""
    tab = reader(page)
    early = about_plotly(tab.requests_at_rest)
    assert early == [] or page not in STILL_PAGES
    assert len(about_plotly(tab.requests_when_read)) == (page in PAGES)
    fetched = weights(set(tab.requests_at_rest) - set(early), tab.base)
    assert sum(fetched.values()) <= HEAVIEST, fetched
    words = [size for file, size in fetched.items() if not file.endswith(".png")]
    has_figures = page in PAGES
    assert "answers" not in page or has_figures or sum(words) <= HEAVIEST_ANSWERS, fetched


@pytest.mark.parametrize("page", sampled(all_pages()))
def test_nothing_sticks_out_of_a_phone(reader, page):
    tab = reader(page)
    tab.resize(360, 740)
    try:
        assert tab.page.evaluate("document.scrollingElement.scrollWidth") <= 360
    finally:
        tab.resize(1280, 900)


def test_the_site_works_from_files(visit):
    tab = visit(FIRST, base=HTML.as_uri() + "/")
    tab.read_through(FIRST)
    assert tab.page.locator(".explorer-plot .main-svg").count() > 0


def still(shown=True):
    """A figure with a first frame."""
    axis = {"range": [0, 1], "zeroline": False}
    return {"data": [{"x": [0.5], "y": [0.5], "mode": "markers", "marker": {"color": "#888"}}],
            "layout": {"margin": {"l": 60, "r": 30, "t": 40, "b": 50}, "showlegend": False,
                       "xaxis": axis, "yaxis": axis}}


def test_plotly_comes_when_a_reader_who_does_something_is_near(opened):
    tab = opened("<p style='height: 3000px'></p>" + explore(still, shown=bool).html())
    tab.page.keyboard.press("Shift")
    tab.page.wait_for_timeout(300)
    assert about_plotly(tab.requests) == []
    with tab.page.expect_request("**/plotly*"):
        tab.page.evaluate("() => scrollTo({ top: 2900, behavior: 'instant' })")


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("page", sampled(PAGES))
def test_nothing_jumps_while_plots_appear(reader, visit, page, device):
    tab = reader(page, device)
    if total(tab.shifts) >= 0.01:  # once more: a busy machine may bring a font late
        tab = visit(page, device)
        tab.read_through(page)
    assert total(tab.shifts) < 0.01, tab.shifts


@pytest.mark.parametrize("device", ["phone"])
@pytest.mark.parametrize("built", sampled(MOVABLE))
def test_nothing_jumps_while_controls_move(reader, built, device):
    """Every position's sentence has room, also on a phone."""
    tab = reader(built.page, device)
    moved = tab.start(built.name).evaluate("""async (root) => {
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


# What cannot be read in an explorer, with each control in turn at its ends: [fault, words …]. A box
# is measured where the letters are: of the height that a font reserves, a twelfth of its size above
# and below holds no ink of capitals and figures. Two letters may lie on each other: they are of a
# text that is set in cells.
FAULTS = r"""async (root) => {
  const { explorer } = root, plot = explorer.box, found = new Map();
  const frame = () => new Promise(requestAnimationFrame);
  const faults = () => {
    const edges = plot.getBoundingClientRect(), all = [], seen = [];
    for (const each of plot.querySelectorAll(".main-svg text")) {
      const words = each.textContent.trim(), box = each.getBoundingClientRect();
      const style = getComputedStyle(each);
      if (!words || !box.width || style.visibility === "hidden") continue;
      const blank = parseFloat(style.fontSize) / 12;
      const [dx, dy] = Math.abs(each.getScreenCTM().b) > 0.5 ? [blank, 0] : [0, blank];
      const ink = { words, left: box.left + dx, right: box.right - dx,
                    top: box.top + dy, bottom: box.bottom - dy };
      if (ink.left < edges.left - 0.5 || ink.right > edges.right + 0.5
          || ink.top < edges.top - 0.5 || ink.bottom > edges.bottom + 0.5) all.push(["cut", words]);
      for (const other of seen) {
        if ([words, other.words].every((each) => /^\D$/.test(each))) continue;
        const across = Math.min(ink.right, other.right) - Math.max(ink.left, other.left) + 2;
        const down = Math.min(ink.bottom, other.bottom) - Math.max(ink.top, other.top);
        if (Math.min(across, down) > 0.5) all.push(["over", words, other.words]);
      }
      seen.push(ink);
    }
    for (const each of root.querySelectorAll(
      ".explorer-controls, .explorer-headline, .explorer-buttons, table")) {
      if (each.scrollWidth > each.clientWidth + 1) all.push(["cut", each.className]);
    }
    const view = root.querySelector(".explorer-view"); // the caption follows it
    if (view.scrollHeight > view.clientHeight) all.push(["over", "controls", "caption"]);
    return all;
  };
  const positions = [explorer.start, ...explorer.controls.flatMap(
    ({ count }, i) => [0, count - 1].map((at) => explorer.start.with(i, at)))];
  root.scrollIntoView(); // it is drawn as it comes near
  while (plot._fullLayout?.width !== plot.clientWidth) await frame(); // drawn for this window
  for (const position of positions) {
    explorer.put(position);
    explorer.ask();
    await frame();
    for (let more = 30; more && faults().length; more--) await frame(); // it is on its way
    for (const fault of faults()) found.set(fault.join(" | "), explorer.link());
  }
  explorer.put(explorer.start);
  explorer.ask();
  return Object.fromEntries(found);
}"""


WINDOWS = {"desk": [(1280, 900)], "phone": [(360, 740), (390, 844)]}  # px


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("page", sampled(PAGES))
def test_every_word_can_be_read(reader, page, device):
    tab = reader(page, device)
    for window in WINDOWS[device]:
        tab.resize(*window)
        for root in tab.page.locator(".explorer").all():
            assert root.evaluate(FAULTS) == {}, window


def bare(size=1.0):
    """A figure that gives no margins and has wide numbers and titles."""
    return {"data": [{"y": [0, size * 1e9 / 7]}],
            "layout": {"title": {"text": "T"}, "xaxis": {"title": {"text": "step"}},
                       "yaxis": {"title": {"text": "loss"}}}}


def test_margins_leave_room_for_words_and_most_of_a_phone_for_the_plot(opened):
    root = opened(explore(bare, size=[1.0, 2.0]).html(), device="phone").show("bare")
    assert root.evaluate(FAULTS) == {}
    plot = "({ explorer: { box } }) => box._fullLayout._size.w / box.clientWidth"
    assert root.evaluate(plot) > 0.6
