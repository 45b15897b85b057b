"""What audits say of every built page, in one table: python -m tests.audit [PAGE …]

A page a line, into book/measured/audit.txt, which the book includes: Lighthouse as a phone (the
median of three runs), the bytes that come before the reader does anything, and how soon its
largest plot answers. Lines of pages that were not asked for stay as they are. Needs lighthouse
(npm install --ignore-scripts, in tests/benchmarks), Chromium, a built book and a quiet machine;
asks no other server. Ends with 1 where a page misses an aim.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys

import numpy as np
from playwright.sync_api import sync_playwright

from book.browser import FLAGS, HTML, executable, launch, served
from lora_edu.explore.bundle import npm_file
from tests.book import REPOSITORY
from tests.site.conftest import Visit
from tests.site.pages import MOVABLE, all_pages, weights

TABLE = REPOSITORY / "book" / "measured" / "audit.txt"
HEAD = ("| page | speed | the other three | blocked | before a touch | a move / 95 % | "
        "slowed 4× | first plot |\n|---|--:|--:|--:|--:|--:|--:|--:|\n")
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
MOVES = 60
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
AIMS = {"speed": 0.95, "others": 1.0, "kB": 250}


def lighthouse(url: str, runs: int) -> dict[str, float]:
    """Medians of the four categories and of the milliseconds in which the page is blocked."""
    command = npm_file(".bin/lighthouse", start=REPOSITORY / "tests" / "benchmarks")
    if not command:
        sys.exit("lighthouse is missing: npm install --ignore-scripts, in tests/benchmarks")
    measured = []
    for _ in range(runs):
        done = subprocess.run(
            [command, url, "--output=json", "--quiet", f"--only-categories={','.join(CATEGORIES)}",
             f"--chrome-flags=--headless {' '.join(FLAGS)}"],
            env=os.environ | {"CHROME_PATH": executable()}, capture_output=True, check=True)
        result = json.loads(done.stdout)
        scores = {name: result["categories"][name]["score"] for name in CATEGORIES}
        for name in CATEGORIES[1:]:
            for part in result["categories"][name]["auditRefs"] if scores[name] < 1 else ():
                if part["weight"] and result["audits"][part["id"]]["score"] not in (None, 1):
                    print(f"  {url}: {part['id']}", file=sys.stderr)
        blocked = result["audits"]["total-blocking-time"]["numericValue"]
        measured.append(scores | {"blocked": blocked})
    return {name: statistics.median(run[name] for run in measured) for name in measured[0]}


def opened(browser, address: str, page: str, device: str, script: str = "") -> Visit:
    """A visit to a page, once it asks for nothing more."""
    visit = Visit(browser, address, device, script)
    visit.open(page)
    visit.page.wait_for_load_state("networkidle")
    return visit


def weight(browser, address: str, page: str) -> int:
    """Bytes, gzipped, of what a phone fetches before its reader does anything."""
    visit = opened(browser, address, page, "phone")
    visit.context.close()
    return sum(weights(visit.requests, address).values())


def measure(browser, address: str, built, slower: int) -> tuple[list[float], float]:
    """(times of moves, time to the first plot), in ms, with the processor slowed down.

    A move is measured as a drag makes it: browsers hand over what a pointer did once a frame, at
    the frame's beginning, and the time runs from there to the frame's end, when all that the page
    has to do for it is done. The first plot is measured from the explorer coming near to the frame
    that shows it (plotly is fetched in between).
    """
    visit = opened(browser, address, built.page, "desk", FAR + SHOWN)
    chromium = visit.context.new_cdp_session(visit.page)
    chromium.send("Emulation.setCPUThrottlingRate", {"rate": slower})
    root = visit.page.locator(f"#explorer-{built.name}")
    first = root.evaluate(FIRST)
    moved = root.evaluate(STEPS, MOVES)
    visit.context.close()
    return moved, first


def plots(browser, address: str, page: str) -> list[str]:
    """Of the page's explorer with the most states: a move, the same slowed down, the first plot."""
    builts = [built for built in MOVABLE if built.page == page]
    if not builts:
        return ["", "", ""]
    largest = max(builts, key=lambda built: len(built.packed()))
    moved, first = zip(*(measure(browser, address, largest, slower) for slower in (1, 4)),
                       strict=True)
    return [*(f"{statistics.median(ms):.0f} / {np.percentile(ms, 95):.0f} ms" for ms in moved),
            ", ".join(f"{ms / 1000:.2f}" for ms in first) + " s"]


def shown(page: str) -> str:
    """A page's name in the table."""
    return page.removeprefix("book/").removesuffix(".html")


def read() -> dict[str, str]:
    """The lines of the table by the page's name in it."""
    lines = TABLE.read_text(encoding="utf-8").splitlines()[2:]
    return {line.split(" ")[1]: line for line in lines}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="*", help="such as book/index.html (default: all)")
    parser.add_argument("--runs", type=int, default=3, help="of Lighthouse a page")
    options = parser.parse_args()
    missed = []
    lines = read()
    with served(HTML) as address, sync_playwright() as playwright:
        browser = launch(playwright)
        for page in options.pages or all_pages():
            scores = lighthouse(address + page, options.runs)
            if "noindex" in (HTML / page).read_text(encoding="utf-8"):
                del scores["seo"]  # it is not to be found
            others = min(scores[name] for name in CATEGORIES[1:] if name in scores)
            kilobytes = weight(browser, address, page) / 1000
            lines[shown(page)] = (
                f"| {shown(page)} | {scores['performance']:.2f} ({options.runs}) | {others:.2f} "
                f"| {scores['blocked']:.0f} ms | {kilobytes:.0f} kB "
                f"| {' | '.join(plots(browser, address, page))} |")
            print(lines[shown(page)], flush=True)
            if (scores["performance"] < AIMS["speed"] or others < AIMS["others"]
                    or kilobytes > AIMS["kB"]):
                missed.append(page)
            TABLE.write_text(HEAD + "".join(f"{lines[name]}\n" for name in map(shown, all_pages())
                                            if name in lines), encoding="utf-8")
        browser.close()
    if missed:
        sys.exit(f"below the aims {AIMS}: {', '.join(missed)}")


if __name__ == "__main__":
    main()
