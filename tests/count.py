"""Run the tests and write down how many there are: python -m tests.count [GROUP …]

Runs each group with ``pytest -n 2`` and puts its line into book/measured/tests.txt, which the book
includes; lines of groups that were not run stay as they are. The groups site and lab need Chromium,
and site a built book. Ends with 1 if a test has failed; then that group's line is left as it was.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter

from tests.book import REPOSITORY

TABLE = REPOSITORY / "book" / "measured" / "tests.txt"
HEAD = "| what is tested | tests run | passed |\n|---|--:|--:|\n"
GROUPS = {"core": "the NumPy core", "nn": "the PyTorch layer", "explore": "the slider engine",
          "chapters": "what the chapters say, and their exercises",
          "tools": "the tools that build the book", "site": "the built site, in a browser",
          "lab": "the notebooks, in a JupyterLab in a browser"}


def run(group: str) -> Counter:
    """How the tests of a folder of tests/ ended: how many "passed", "skipped", "failed" …"""
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", str(REPOSITORY / "tests" / group)]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY).stdout
    return counted(said)


def counted(said: str) -> Counter:
    """The numbers of pytest's last line. A run without one is an error."""
    *_, last = said.strip().splitlines() or [""]
    return Counter({word.rstrip("s"): int(number) for number, word in re.findall(
        r"(\d+) (passed|skipped|failed|errors?)", last)}) or Counter(error=1)


def read() -> dict[str, tuple[int, int]]:
    """What the table says: group in words → (tests run, passed)."""
    text = TABLE.read_text(encoding="utf-8") if TABLE.exists() else ""
    return {words: (int(tests), int(passed)) for words, tests, passed in
            re.findall(r"^\| ([^|]+) \| (\d+) \| (\d+) \|$", text, re.MULTILINE)}


def written(table: dict[str, tuple[int, int]]) -> str:
    """The table as Markdown, in the order of GROUPS."""
    return HEAD + "".join(f"| {words} | {table[words][0]} | {table[words][1]} |\n"
                          for words in GROUPS.values() if words in table)


def main() -> None:
    failed = []
    for group in sys.argv[1:] or GROUPS:
        ended = run(group)
        if ended["failed"] or ended["error"]:
            failed.append(group)
            continue
        tests = ended["passed"] + ended["skipped"]
        TABLE.write_text(written(read() | {GROUPS[group]: (tests, ended["passed"])}), "utf-8")
    sys.exit(failed and f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
