"""The measured memory of the chapters, as the book prints it: complete, and little enough."""

import re

from chapters import NOTEBOOKS, REPOSITORY

TABLE = (REPOSITORY / "book/measured/memory.txt").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| \[.*\]\(/(.*)\.md\) \| (\d+) MB \| (\d+) s \|$", TABLE, re.MULTILINE)


def test_every_chapter_has_been_measured():
    """If not: python tests/benchmarks/memory.py"""
    assert [page for page, *_ in ROWS] == NOTEBOOKS


def test_every_chapter_fits_into_binders_memory():
    assert [page for page, megabytes, _ in ROWS if not 50 < int(megabytes) < 1500] == []
