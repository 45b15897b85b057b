"""What a reader needs on Binder: python -m tests.benchmarks.binder [--build] [PAGE …]

A reader in Chromium opens every chapter of _toc.yml, or those that are named, one after the other,
as the pages' buttons do, in a JupyterLab on one processor with Binder's settings: opens one, closes
the one before, and runs all. Meanwhile the memory of the server and its kernels is read from Linux,
as PSS, in which what processes share counts once. Fails above 1,200 MB, the 2 GB of Binder being
for more than that. All take some ten minutes.

With --build, postBuild first makes an environment of its own, in a copy of the repository
(TORCH_INDEX= leaves PyTorch's index out); what it holds is listed; the reader uses that. When no
page is named, the result is written into book/measured/binder.txt, which the book includes.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

import psutil
from playwright.sync_api import sync_playwright

from book.lab import update
from tests.benchmarks.memory import title
from tests.binder import as_reader, copy_repository, post_build, python
from tests.book import NOTEBOOKS, REPOSITORY
from tests.browser import launch
from tests.lab.driver import OURS, Lab, jupyterlab

ALLOWED = 1200  # MB
TABLE = REPOSITORY / "book" / "measured" / "binder.txt"
STAY = 10  # seconds, after a chapter has run
OPEN = "path => { jupyterapp.commands.execute('docmanager:open', { path }); }"
OPENED = """path => { const open = jupyterapp.shell.currentWidget;
    return open?.context?.path === path
        && open.sessionContext.session?.kernel?.status === 'idle'; }"""
CLOSE = """path => { for (const widget of jupyterapp.shell.widgets('main'))
    if (widget.context?.path === path) { widget.context.model.dirty = false; widget.close(); } }"""


def build(copy: Path) -> tuple[Path, float]:
    """Run postBuild in a copy of the repository, for a virtual environment; its prefix, and the
    processor's seconds that it took."""
    prefix = copy.parent / "prefix"
    as_reader([python(), "-m", "venv", prefix], copy.parent)
    before = getrusage(RUSAGE_CHILDREN)
    post_build(copy, prefix)
    after = getrusage(RUSAGE_CHILDREN)
    return prefix, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def sizes(prefix: Path, copy: Path) -> dict[str, float]:
    """The MB that an environment and the repository's npm files hold, in all and by part."""
    (packages,) = prefix.glob("lib/python*/site-packages")
    parts = {place.name: size(place) for place in packages.iterdir() if place.is_dir()}
    parts["node_modules"] = size(copy / "node_modules")
    return {"in all": size(prefix) + parts["node_modules"], **parts}


def size(place: Path) -> float:
    """The MB of all files in a folder."""
    return sum(file.lstat().st_size for file in place.rglob("*") if not file.is_dir()) / 1e6


class Memory(threading.Thread):
    """Reads, until ``done``, the PSS of a process and its children; keeps the largest sum."""

    def __init__(self, process: psutil.Process):
        super().__init__(daemon=True)
        self.process, self.done, self.largest = process, threading.Event(), 0.0

    def now(self) -> float:
        """The sum in MB."""
        total = 0
        with suppress(psutil.NoSuchProcess):  # the server, when all is done
            for process in (self.process, *self.process.children(recursive=True)):
                with suppress(psutil.Error):
                    total += process.memory_full_info().pss
        return total / 1e6

    def run(self):
        while not self.done.wait(0.2):
            self.largest = max(self.largest, self.now())


def read_all(context, port: int, pages: list[str]) -> list[tuple[str, float, float]]:
    """Open, run and close every page; for each (page, largest sum in MB until its end, processor's
    seconds of its kernel), and first so of the server that has just started."""
    (server,) = (process for process in psutil.Process().children()
                 if f"--port={port}" in process.cmdline())
    server.cpu_affinity([min(server.cpu_affinity())])
    found, tab, before = [("", Memory(server).now(), seconds(server))], None, None
    for page in pages:
        memory, path = Memory(server), f"notebooks/{page.removeprefix('book/')}.ipynb"
        memory.start()
        if tab is None:
            tab = Lab(context, port, path)
        else:
            tab.page.evaluate(OPEN, path)
            tab.page.wait_for_function(OPENED, arg=path)
            tab.page.evaluate(CLOSE, before)
        tab.run()
        tab.page.wait_for_timeout(STAY * 1000)
        assert tab.cell_errors() == [], path
        (kernel,) = server.children()  # that of the closed one has ended
        memory.done.set()
        memory.join()
        found.append((page, memory.largest, seconds(kernel)))
        print("{1:8.0f} MB {2:5.0f} s {0}".format(*found[-1]), flush=True)
        before = path
    return found


def seconds(process: psutil.Process) -> float:
    """The processor's seconds that a process has needed."""
    times = process.cpu_times()
    return times.user + times.system


def table(held: dict[str, float], built: float, found) -> str:
    """What the book prints of a reading of all pages."""
    (_, empty, starts), *pages = found
    largest = max(pages, key=lambda row: row[1])
    slowest = max(pages, key=lambda row: row[2])
    rows = {"`postBuild`: processor time": f"{built:.0f} s",
            "packages and front-end files": f"{held['in all']:,.0f} MB",
            "of these, PyTorch": f"{held['torch']:,.0f} MB",
            "JupyterLab's server until it answers: processor time": f"{starts:.0f} s",
            "its memory before a chapter is open": f"{empty:.0f} MB",
            "server and kernels, at most": f"{largest[1]:.0f} MB ({title(largest[0])})",
            "a chapter's processor time, at most": f"{slowest[2]:.0f} s ({title(slowest[0])})"}
    return ("| what | measured |\n|---|--:|\n"
            + "".join(f"| {what} | {measured} |\n" for what, measured in rows.items()))


def main() -> None:
    pages = [page for page in sys.argv[1:] if page != "--build"]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        Path(folder).chmod(0o755)
        copy, runs, config, options = copy_repository(Path(folder)), sys.executable, OURS, []
        if "--build" in sys.argv[1:]:
            prefix, built = build(copy)
            held = sizes(prefix, copy)
            print(f"postBuild needed {built:.0f} s of one processor")
            for name in sorted(held, key=held.get, reverse=True)[:13]:
                print(f"{held[name]:8.0f} MB {name}", flush=True)
            runs, config = prefix / "bin" / "python", prefix / "etc" / "jupyter"
            options = [f"--LabApp.app_settings_dir={prefix}/share/jupyter/lab/settings"]
        else:
            os.environ["PYTHONPATH"] = str(REPOSITORY)
            update(copy / "notebooks", copy / "book")
        context = launch(playwright).new_context()
        context.set_default_timeout(300_000)
        with jupyterlab(copy, config, options, python=runs) as port:
            found = read_all(context, port, pages or NOTEBOOKS)
    largest = max(megabytes for _, megabytes, _ in found)
    print(f"{found[0][1]:8.0f} MB before a chapter is open\n{largest:8.0f} MB at most")
    if "--build" in sys.argv[1:] and not pages:
        TABLE.write_text(table(held, built, found), encoding="utf-8")
    sys.exit(largest > ALLOWED and f"more than {ALLOWED} MB")


if __name__ == "__main__":
    main()
