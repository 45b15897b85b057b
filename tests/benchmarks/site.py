"""How fast the explorers of a built site answer: python -m tests.benchmarks.site

A move is measured as a drag makes it: browsers hand over what a pointer did once a frame, at the
frame's beginning, and the time runs from there to the frame's end, when all that the page has to do
for it is done. The first plot is measured from the explorer coming near to the frame that shows it
(plotly is fetched in between). Both are also measured with the processor slowed down four times.
"""

import statistics

import numpy as np
from playwright.sync_api import sync_playwright

from tests.browser import launch
from tests.site.pages import EXPLORERS, HTML, served

MOVES = 120
FIRST_PLOTS = 3
FAR = """new MutationObserver((seen, observer) => {
  if (!document.head) return;
  observer.disconnect();
  const style = document.createElement("style");
  style.textContent = ".explorer { margin-top: 3000px !important; }";
  document.head.append(style);
}).observe(document, { childList: true, subtree: true });
"""
SHOWN = """globalThis.framed = () => new Promise((done) => {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => done(performance.now());
  port2.postMessage(0);
});
globalThis.beginning = () => new Promise(requestAnimationFrame);
globalThis.shown = () => beginning().then(framed);"""
STEPS = """async (root, moves) => {
  const control = root.explorer.controls.reduce((a, b) => (a.count >= b.count ? a : b));
  const input = root.querySelector(`[data-control="${control.name}"] :is(input, select)`);
  const times = [];
  for (let move = 0; move < moves; move++) {
    await new Promise((done) => setTimeout(done, 20 + 16 * Math.random()));
    await beginning();
    const place = move % (2 * control.count - 2);
    control.set(place < control.count ? place : 2 * control.count - 2 - place);
    const began = performance.now();
    input.dispatchEvent(new Event("input", { bubbles: true }));
    times.push(await framed() - began);
  }
  return times;
}"""
FIRST = """async (root) => {
  await root.explorer.ready;
  const drawn = new Promise((done) => new MutationObserver(done).observe(
    root.explorer.box, { attributes: true, attributeFilter: ["data-drawn"] }));
  const began = performance.now();
  root.scrollIntoView({ block: "center", behavior: "instant" });
  await drawn;
  return await shown() - began;
}"""
ROW = "{:34} {:>6} {:>8} {:>12} {:>12} {:>8} {:>8}"


def measure(browser, address, built, slower: int, moves: int = MOVES, plots: int = FIRST_PLOTS
            ) -> tuple[list[float], float]:
    """(times of moves; median time to the first plot), in ms."""
    first, moved = [], []
    for run in range(plots):
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        page.add_init_script(FAR + SHOWN)
        page.goto(address + built.page)
        page.wait_for_load_state("networkidle")
        context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slower})
        root = page.locator(f"#explorer-{built.name}")
        first.append(root.evaluate(FIRST))
        if run == plots - 1 and built.controls:
            moved = root.evaluate(STEPS, moves)
        context.close()
    return moved, statistics.median(first)


def said(times: list[float]) -> str:
    """Median and 95 %."""
    return f"{statistics.median(times):.0f} / {np.percentile(times, 95):.0f} ms" if times else "-"


def report(browser, address, built) -> None:
    states = len(built.packed())
    moved, first = zip(*(measure(browser, address, built, slower) for slower in (1, 4)),
                       strict=True)
    print(ROW.format(built.id, states, f"{len(built.data['states']) / 1000:.0f} kB",
                     *map(said, moved), *(f"{ms / 1000:.2f} s" for ms in first)), flush=True)


def main() -> None:
    print(ROW.format("", "states", "payload", "move 1×", "move 4×", "first 1×", "first 4×"))
    print(ROW.format("aim, median / 95 %", "", "≤ 100 kB", "≤ 12 / 17 ms", "≤ 33 / 66 ms",
                     "≤ .3 s", "≤ 1 s"))
    with served(HTML) as address, sync_playwright() as playwright:
        browser = launch(playwright)
        for built in EXPLORERS:
            report(browser, address, built)
        browser.close()


if __name__ == "__main__":
    main()
