"""What audits say of every built page, in one table: python -m tests.audit [PAGE …]

A page a line, into book/measured/audit.txt, which the book includes: Lighthouse as a phone (the
median of three runs), the bytes that come before the reader does anything, and how soon the plots
answer. Lines of pages that were not asked for stay as they are. Needs lighthouse (npm install
--ignore-scripts, in tests/benchmarks), Chromium, a built book and a quiet machine; asks no other
server. Ends with 1 where a page misses an aim.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys

from playwright.sync_api import sync_playwright

from lora_edu.explore.bundle import npm_file
from tests.benchmarks.site import measure, said
from tests.book import REPOSITORY
from tests.browser import FLAGS, executable, launch
from tests.site.devices import DEVICES
from tests.site.pages import EXPLORERS, HTML, all_pages, served, weights

TABLE = REPOSITORY / "book" / "measured" / "audit.txt"
HEAD = ("| page | speed | the other three | blocked | before a touch | a move / 95 % | "
        "slowed 4× | first plot |\n|---|--:|--:|--:|--:|--:|--:|--:|\n")
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
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


def weight(browser, address: str, page: str) -> int:
    """Bytes, gzipped, of what a phone fetches before its reader does anything."""
    context = browser.new_context(**DEVICES["phone"])
    asked = []
    context.on("request", lambda request: asked.append(request.url))
    tab = context.new_page()
    tab.goto(address + page)
    tab.wait_for_load_state("networkidle")
    context.close()
    return sum(weights(asked, address).values())


def plots(browser, address: str, page: str) -> list[str]:
    """Of the page's explorer with the most states: a move, the same slowed down, the first plot."""
    builts = [built for built in EXPLORERS if built.page == page and built.controls]
    if not builts:
        return ["", "", ""]
    largest = max(builts, key=lambda built: len(built.packed()))
    moved, first = zip(*(measure(browser, address, largest, slower, moves=60, plots=1)
                         for slower in (1, 4)), strict=True)
    return [*map(said, moved), ", ".join(f"{ms / 1000:.2f}" for ms in first) + " s"]


def shown(page: str) -> str:
    """A page's name in the table."""
    return page.removeprefix("book/").removesuffix(".html")


def read() -> dict[str, str]:
    """The lines of the table by the page's name in it."""
    text = TABLE.read_text(encoding="utf-8") if TABLE.exists() else ""
    return {line.split(" ")[1]: line for line in text.splitlines()[2:]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="*", help="such as book/index.html (default: all)")
    parser.add_argument("--runs", type=int, default=3, help="of Lighthouse a page")
    options = parser.parse_args()
    old = read()
    missed = []
    lines = {page: old[shown(page)] for page in all_pages() if shown(page) in old}
    with served(HTML) as address, sync_playwright() as playwright:
        browser = launch(playwright)
        for page in options.pages or all_pages():
            scores = lighthouse(address + page, options.runs)
            if "noindex" in (HTML / page).read_text(encoding="utf-8"):
                del scores["seo"]  # it is not to be found
            others = min(scores[name] for name in CATEGORIES[1:] if name in scores)
            kilobytes = weight(browser, address, page) / 1000
            lines[page] = (
                f"| {shown(page)} | {scores['performance']:.2f} ({options.runs}) | {others:.2f} "
                f"| {scores['blocked']:.0f} ms | {kilobytes:.0f} kB "
                f"| {' | '.join(plots(browser, address, page))} |")
            print(lines[page], flush=True)
            if (scores["performance"] < AIMS["speed"] or others < AIMS["others"]
                    or kilobytes > AIMS["kB"]):
                missed.append(page)
            TABLE.write_text(HEAD + "".join(f"{lines[each]}\n" for each in all_pages()
                                            if each in lines), encoding="utf-8")
        browser.close()
    if missed:
        sys.exit(f"below the aims {AIMS}: {', '.join(missed)}")


if __name__ == "__main__":
    main()
