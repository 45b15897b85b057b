"""Three explorers in a real JupyterLab: bytes, time to the plots, time of a slider's step.

Run as ``python -m tests.benchmarks.lab``; with ``--no-npm``, as where the npm files have not been
installed and the notebook sends the whole of plotly.py's bundle. Measured on this machine, and
through a link of 10 Mbit/s with a round trip of 100 ms, as a reader of a hosted notebook has it.
Uses the driver and the notebook of tests/lab.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import threading
from pathlib import Path
from statistics import median, quantiles

from playwright.sync_api import sync_playwright

from tests.browser import launch
from tests.lab.cells import EXPLORERS, NO_NPM, SETUP
from tests.lab.driver import Lab, free_port, jupyterlab, write_notebook

NAMES = ["step-zero", "saddle", "again"]
REPEATS, MOVES = 3, 60
RATE, DELAY = 10e6 / 8, 0.05  # bytes a second, seconds one way
RUN = """async n => {
  const start = performance.now();
  jupyterapp.commands.execute('notebook:run-all-cells');
  while (document.querySelectorAll('.explorer-plot[data-drawn]').length < n)
    await new Promise(requestAnimationFrame);
  return (performance.now() - start) / 1000;
}"""
RECORD = """root => {
  let pressed = 0;
  window.steps = [];
  root.addEventListener('keydown', event => { pressed = event.timeStamp; }, true);
  new MutationObserver(() => window.steps.push(performance.now() - pressed))
    .observe(root.querySelector('.explorer-plot'), {attributeFilter: ['data-drawn']});
}"""


class Link:
    """A TCP proxy on this machine that is as slow as a given line; one queue each way."""

    def __init__(self, target: int):
        self.target, self.port, self.ready = target, free_port(), threading.Event()
        threading.Thread(target=lambda: asyncio.run(self.serve()), daemon=True).start()
        self.ready.wait()

    async def serve(self) -> None:
        self.free = {"up": 0.0, "down": 0.0}
        server = await asyncio.start_server(self.connect, "127.0.0.1", self.port)
        self.ready.set()
        await server.serve_forever()

    async def connect(self, reader, writer) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        await asyncio.gather(self.carry("up", reader, far_writer),
                             self.carry("down", far_reader, writer), return_exceptions=True)

    async def carry(self, way: str, reader, writer) -> None:
        """Deliver what is read after its time on the line."""
        clock, queue = asyncio.get_running_loop().time, asyncio.Queue()

        async def deliver():
            while (parcel := await queue.get())[1]:
                await asyncio.sleep(parcel[0] - clock())
                writer.write(parcel[1])
            writer.close()

        delivery = asyncio.ensure_future(deliver())
        data = b"first"
        while data:
            try:
                data = await reader.read(16384)
            except OSError:
                data = b""
            self.free[way] = max(clock(), self.free[way]) + len(data) / RATE
            queue.put_nowait((self.free[way] + DELAY, data))
        await delivery


def measure(browser, port: int, notebook: str) -> tuple[float, float, list[float]]:
    """(megabytes, seconds to the plots, milliseconds of each step) with a fresh tab and kernel."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    lab = Lab(context, port, notebook)
    lab.page.wait_for_timeout(3000)
    before = lab.received
    seconds = lab.page.evaluate(RUN, len(NAMES))
    lab.page.wait_for_timeout(1000)
    sent = (lab.received - before) / 1e6
    lab.explorer("step-zero").evaluate(RECORD)
    lab.control("step-zero", 0).get_by_role("slider").focus()
    for move in range(MOVES):
        lab.page.keyboard.press("ArrowRight" if move // 3 % 2 == 0 else "ArrowLeft")
        lab.page.wait_for_function("n => window.steps.length > n", arg=move)
        lab.page.wait_for_timeout(60)
    steps = lab.page.evaluate("window.steps")
    context.close()
    return sent, seconds, steps


def main() -> None:
    """Measure on this machine and through the link; print a table."""
    setup = (NO_NPM if "--no-npm" in sys.argv[1:] else "") + SETUP
    print(f"{'':24}{'MB':>8}{'plots, s':>10}{'step, ms':>10}{'p95, ms':>10}")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = launch(playwright)
        with jupyterlab(Path(folder)) as port:
            for title, door in (("this machine", port),
                                ("10 Mbit/s, 100 ms", Link(port).port)):
                runs = []
                for repeat in range(REPEATS):
                    notebook = f"{door}-{repeat}.ipynb"
                    write_notebook(Path(folder) / notebook,
                                   [setup, *(EXPLORERS[name] for name in NAMES)])
                    runs.append(measure(browser, door, notebook))
                sent, seconds, _ = (median(column) for column in zip(*runs, strict=True))
                steps = [step for run in runs for step in run[2]]
                print(f"{title:24}{sent:8.2f}{seconds:10.2f}{median(steps):10.0f}"
                      f"{quantiles(steps, n=20)[-1]:10.0f}")
        browser.close()


if __name__ == "__main__":
    main()
