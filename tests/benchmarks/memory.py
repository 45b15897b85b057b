"""What memory each chapter needs: python -m tests.benchmarks.memory [PAGE …]

Runs every chapter of _toc.yml as a notebook, widgets and all, in a folder of its own, and reads the
kernel's largest resident size from Linux (VmHWM). Writes the table that the book includes,
book/measured/memory.txt; with pages as arguments, prints their lines only.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
import warnings

from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

from tests.book import NOTEBOOKS, REPOSITORY, notebook

TABLE = REPOSITORY / "book" / "measured" / "memory.txt"
ALLOWED = 1500  # MB; Binder gives 2 GB to the server and the kernel together
ASK = """
import re as _re, time as _time
from pathlib import Path as _Path
print(_re.search(r"VmHWM:\\s*(\\d+) kB", _Path("/proc/self/status").read_text())[1],
      _time.process_time())
"""
HEAD = """\
| chapter | peak memory | processor time |
|---|--:|--:|
"""


def measure(page: str) -> tuple[float, float]:
    """(largest resident size in MB, processor seconds) of the kernel that runs a chapter."""
    made = notebook(page)
    made.cells.append(new_code_cell(ASK))
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(made, timeout=600, resources={"metadata": {"path": folder}}).execute()
    kilobytes, seconds = made.cells[-1].outputs[0].text.split()
    return int(kilobytes) * 1024 / 1e6, float(seconds)


def title(page: str) -> str:
    """The heading of a page."""
    return re.search(r"^# (.*)", (REPOSITORY / f"{page}.md").read_text("utf-8"), re.MULTILINE)[1]


def main() -> None:
    os.environ["PYTHONPATH"] = str(REPOSITORY)
    os.environ.setdefault("OMP_NUM_THREADS", "2")  # what Binder gives, at most
    asyncio.set_event_loop(asyncio.new_event_loop())
    warnings.simplefilter("ignore")
    rows = []
    for page in sys.argv[1:] or NOTEBOOKS:
        megabytes, seconds = measure(page)
        rows.append((page, megabytes, seconds))
        print(f"{page:32} {megabytes:6.0f} MB {seconds:6.1f} s", flush=True)
    if not sys.argv[1:]:
        TABLE.parent.mkdir(exist_ok=True)
        TABLE.write_text(HEAD + "".join(
            f"| [{title(page)}](/{page}.md) | {round(megabytes, -1):.0f} MB | {seconds:.0f} s |\n"
            for page, megabytes, seconds in rows), encoding="utf-8")
    sys.exit(max(megabytes for _, megabytes, _ in rows) > ALLOWED and "a chapter needs too much")


if __name__ == "__main__":
    main()
