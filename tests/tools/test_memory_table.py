"""The measured memory of the chapters, as the book prints it: complete, and little enough."""

import re

from tests.book import NOTEBOOKS, REPOSITORY

TABLE = (REPOSITORY / "book/measured/memory.txt").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| \[.*\]\(/(.*)\.md\) \| (\d+) MB \| (\d+) s \|$", TABLE, re.MULTILINE)


def test_every_chapter_has_been_measured():
    missing = [page for page in NOTEBOOKS if page not in {page for page, *_ in ROWS}]
    assert [f"python -m tests.benchmarks.memory {page} prints its line" for page in missing] == []
    assert [page for page, *_ in ROWS] == NOTEBOOKS


def test_binders_server_and_kernels_fit_together():
    text = (REPOSITORY / "book/measured/binder.txt").read_text(encoding="utf-8")
    (megabytes,) = re.findall(r"^\| server and kernels, at most \| ([\d,]+) MB", text, re.MULTILINE)
    assert 200 < int(megabytes.replace(",", "")) < 1200


def test_every_chapter_fits_into_binders_memory():
    assert [page for page, megabytes, _ in ROWS if not 50 < int(megabytes) < 1500] == []
