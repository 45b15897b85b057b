"""Lighthouse (phone) and axe on built pages: python -m tests.benchmarks.lighthouse [PAGE …]

Needs lighthouse: npm install --ignore-scripts, in this folder. Asks no other server.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).resolve().parent

CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
METRICS = ("first-contentful-paint", "largest-contentful-paint", "total-blocking-time",
           "cumulative-layout-shift")
VIEWS = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
AXE = """async () => (await axe.run(document, { resultTypes: ["violations"] })).violations.map(
  ({ id, impact, nodes }) => ({ id, impact, nodes: nodes.map(({ html }) => html.slice(0, 99)) }))"""


def npm(path: str) -> Path:
    """A file of node_modules, here or at the top of the repository."""
    for folder in (HERE, HERE.parents[1]):
        if (folder / "node_modules" / path).exists():
            return folder / "node_modules" / path
    sys.exit(f"node_modules/{path} is missing: npm install --ignore-scripts, in {HERE}")


def lighthouse(url: str, runs: int) -> dict[str, float]:
    """Median scores of the four categories, and of the metrics behind the first."""
    from tests.browser import FLAGS

    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    results = []
    for _ in range(runs):
        done = subprocess.run(
            [npm(".bin/lighthouse"), url, "--output=json", "--quiet",
             f"--only-categories={','.join(CATEGORIES)}",
             f"--chrome-flags=--headless=new {' '.join(FLAGS)}"],
            env=os.environ | {"CHROME_PATH": chromium}, capture_output=True, check=True)
        results.append(json.loads(done.stdout))
    scores = {name: statistics.median(result["categories"][name]["score"] for result in results)
              for name in CATEGORIES}
    return scores | {name: statistics.median(result["audits"][name]["numericValue"]
                                             for result in results) for name in METRICS}


def axe(browser, url: str) -> list[str]:
    """What axe finds, one line a rule, in light and dark, on a desktop and a phone."""
    lines = []
    for view, size in VIEWS.items():
        for scheme in ("light", "dark"):
            context = browser.new_context(viewport=size, color_scheme=scheme)
            page = context.new_page()
            page.goto(url)
            for box in page.locator(".explorer-plot").all():
                box.scroll_into_view_if_needed()
            page.wait_for_load_state("networkidle")
            page.add_script_tag(path=npm("axe-core/axe.min.js"))
            lines += [f"{view}, {scheme}: {found['id']} ({found['impact']}), {len(found['nodes'])} "
                      f"places, such as {found['nodes'][0]}" for found in page.evaluate(AXE)]
            context.close()
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="*", help="such as book/index.html (default: with plots)")
    parser.add_argument("--html", help="the built site (default: _build/html)")
    parser.add_argument("--runs", type=int, default=3, help="of Lighthouse a page; 0 for axe alone")
    options = parser.parse_args()
    if options.html:
        os.environ["BOOK_HTML"] = options.html
    from tests.browser import launch
    from tests.site.pages import HTML, PAGES, served

    with served(HTML) as address, sync_playwright() as playwright:
        browser = launch(playwright)
        for name in options.pages or PAGES:
            print(name, flush=True)
            for line in axe(browser, address + name) or ["axe finds nothing"]:
                print(f"  {line}", flush=True)
            if options.runs:
                for what, value in lighthouse(address + name, options.runs).items():
                    print(f"  {what}: {value:.4g}", flush=True)
        browser.close()


if __name__ == "__main__":
    main()
