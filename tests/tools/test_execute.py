"""A build executes the pages that it reads, all of them, side by side."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.book import REPOSITORY

CONF = f"""
import sys
sys.path.insert(0, {str(REPOSITORY)!r})
from book._extensions.notebooks import execute
extensions = ["myst_nb", "lora_edu.explore.sphinx_ext"]
nb_execution_mode, nb_execution_raise_on_error, exclude_patterns = "cache", True, ["_out"]

def setup(app):
    app.connect("env-before-read-docs", execute.execute_ahead)
"""
PAGE = """---
file_format: mystnb
kernelspec: {{name: python3, display_name: Python 3}}
---
# {name}

{text}

```{{code-cell}} ipython3
{code}
```
"""
MEET = """import pathlib, time
pathlib.Path("{name}.here").touch()
while not pathlib.Path("{other}.here").exists():
    time.sleep(0.05)
print("said:", pathlib.Path("word").read_text())"""


class Book:
    """A home page and two pages, each of which waits until the other runs."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.write("conf.py", CONF)
        self.write("index.md", "# Book\n\n```{toctree}\none\ntwo\n```\n")
        self.write("word", "first")
        self.page("one", MEET.format(name="one", other="two"))
        self.page("two", MEET.format(name="two", other="one"))

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    def page(self, name: str, code: str, text: str = "") -> None:
        self.write(f"{name}.md", PAGE.format(name=name, code=code, text=text))

    def build(self) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "sphinx", self.folder, self.folder / "_out" / "html"],
            env=os.environ | {"TMPDIR": str(self.folder)}, capture_output=True, text=True,
            encoding="utf-8")

    def says(self, name: str) -> str:
        text = (self.folder / "_out" / "html" / f"{name}.html").read_text(encoding="utf-8")
        return re.search(r"said: (\w+)", text)[1]


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core runs one page at a time")
def test_pages_run_side_by_side_and_anew_whenever_they_are_read(tmp_path):
    book = Book(tmp_path)
    first = book.build()
    assert first.returncode == 0, first.stderr
    assert book.says("one") == book.says("two") == "first"

    book.write("word", "second")
    book.page("two", MEET.format(name="two", other="one"), text="The same cells.")
    second = book.build()
    assert (book.says("one"), book.says("two")) == ("first", "second")
    assert "executed two" in second.stdout and "executed one" not in second.stdout

    book.page("two", "raise KeyError('no such thing')")
    third = book.build()
    assert third.returncode != 0 and "two.md" in third.stderr and "no such thing" in third.stderr
