"""How fast Python in the page is: python -m tests.benchmarks.page_python [--html DIR]

From the click on Run this page until the cells can be edited, at the first visit and with the
browser's cache; what was fetched for it; one Adam step and a hundred in the worker; and, for values
of the reader's own, the time from a slider's move to the frame that shows the new figure.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

PAGES = {"step-zero": "book/part1/step-zero.html",
         "hundred-steps": "book/part1/hundred-steps.html"}
STEPS = """\
from time import perf_counter
import numpy as np
from lora_edu import Adam, Adapter, initial, teacher_student, train

task = teacher_student(32, 32, spectrum=2.0, rng=np.random.default_rng(0))
A, B = initial(32, 32, 8, rng=np.random.default_rng(1))
for steps in (1, 100):
    times = []
    for _ in range(5):
        began = perf_counter()
        train(task, Adapter(A, B, 2.0), Adam(0.01), steps)
        times.append(perf_counter() - began)
    print(f"{1e3 * min(times):.1f}")
"""
MOVES = """async (root, moves) => {
  const range = root.querySelector(".py-own input[type=range]"), times = [];
  for (let move = 0; move < moves; move++) {
    const { figure } = root.explorer, began = performance.now();
    range.value = 100 + 800 * ((move * 37) % 100) / 100;
    range.dispatchEvent(new Event("input"));
    while (root.explorer.figure === figure) await new Promise((done) => setTimeout(done));
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    times.push(performance.now() - began);
  }
  return times;
}"""


def started(context, address: str):
    """A page with Python started, the seconds that took, and the files fetched for it."""
    page, fetched = context.new_page(), []
    page.goto(address)
    page.on("response", lambda answer: fetched.append(answer))
    began = time.perf_counter()
    page.locator(".page-python button").click()
    page.locator(".py-page").wait_for(timeout=300_000)
    return page, time.perf_counter() - began, fetched


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--html", type=Path, default=Path("_build/html"))
    html = parser.parse_args().html
    os.environ["BOOK_HTML"] = str(html)
    from tests.browser import launch
    from tests.site.pages import served

    with sync_playwright() as playwright, served(html) as site:
        browser = launch(playwright)
        context = browser.new_context()
        for visit in ("first visit", "second page"):
            page, seconds, fetched = started(context, site + PAGES["step-zero"])
            print(f"{visit}: {seconds:.1f} s until the cells are open, {len(fetched)} answers")
        runtime = [html / "_static" / "page-python", *html.glob("_static/pyodide-*")]
        size = sum(file.stat().st_size for folder in runtime for file in folder.iterdir())
        print(f"on the site: {size / 1e6:.1f} MB, uncompressed")
        cell = page.locator("div.cell").first
        cell.locator(".cm-content").click()
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.insert_text(STEPS)
        page.keyboard.press("Shift+Enter")
        cell.locator(".py-output pre").wait_for(timeout=60_000)
        page.wait_for_function("document.querySelector('div.cell').dataset.python === 'own'")
        one, hundred = cell.locator(".py-output").inner_text().split()
        print(f"Adam, 32 × 32, r = 8: one step {one} ms, a hundred {hundred} ms")
        for name, path in PAGES.items():
            page, _, _ = started(context, site + path)
            root = page.locator(f"#explorer-{name}")
            root.scroll_into_view_if_needed()
            root.get_by_role("button", name="own values").click()
            root.locator(".explorer-plot[data-drawn]").wait_for(timeout=60_000)
            times = sorted(root.evaluate(MOVES, 60))
            print(f"{name}: own values, from the move to the plot {statistics.median(times):.0f} "
                  f"ms (95 %: {times[int(0.95 * len(times))]:.0f} ms)")
        browser.close()


if __name__ == "__main__":
    main()
