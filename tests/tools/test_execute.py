"""A build executes the pages that it reads, all of them, side by side."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.small_book import NOTEBOOK, build, cell, write

CONF = """
from book._extensions.notebooks import execute
extensions = ["myst_nb", "lora_edu.explore.sphinx_ext"]
nb_execution_mode, nb_execution_raise_on_error, exclude_patterns = "cache", True, ["_out"]

def setup(app):
    app.connect("env-before-read-docs", execute.execute_ahead)
"""
MEET = """import pathlib, time
pathlib.Path("{name}.here").touch()
while not pathlib.Path("{other}.here").exists():
    time.sleep(0.05)
print("said:", pathlib.Path("word").read_text())"""


def page(name: str, other: str, text: str = "") -> dict[str, str]:
    """A page that ends when the other has begun, and says what stands in the file "word"."""
    code = MEET.format(name=name, other=other)
    return {f"{name}.md": f"{NOTEBOOK}# {name}\n\n{text}\n{cell(code)}"}


def built(folder: Path) -> tuple[subprocess.CompletedProcess, list[str]]:
    """What Sphinx says, and what the two pages say."""
    done = build(folder)
    texts = ((folder / f"_out/html/{name}.html").read_text("utf-8") for name in ("one", "two"))
    return done, [re.search(r"said: (\w+)", text)[1] for text in texts]


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core runs one page at a time")
def test_pages_run_side_by_side_and_anew_whenever_they_are_read(tmp_path):
    write(tmp_path, {"conf.py": CONF, "word": "first", **page("one", "two"), **page("two", "one"),
                     "index.md": "# Book\n\n```{toctree}\none\ntwo\n```\n"})
    first, said = built(tmp_path)
    assert first.returncode == 0, first.stderr
    assert said == ["first", "first"]

    write(tmp_path, {"word": "second", **page("two", "one", text="The same cells.")})
    second, said = built(tmp_path)
    assert said == ["first", "second"]
    assert "executed two" in second.stdout and "executed one" not in second.stdout
