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


def page(folder: Path, name: str, code: str, text: str = "") -> None:
    (folder / f"{name}.md").write_text(PAGE.format(name=name, code=code, text=text), "utf-8")


def build(folder: Path) -> tuple[subprocess.CompletedProcess, list[str]]:
    """What Sphinx says, and what the two pages say."""
    done = subprocess.run([sys.executable, "-m", "sphinx", folder, folder / "_out" / "html"],
                          env=os.environ | {"TMPDIR": str(folder)}, capture_output=True, text=True,
                          encoding="utf-8")
    texts = ((folder / f"_out/html/{name}.html").read_text("utf-8") for name in ("one", "two"))
    return done, [re.search(r"said: (\w+)", text)[1] for text in texts]


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core runs one page at a time")
def test_pages_run_side_by_side_and_anew_whenever_they_are_read(tmp_path):
    (tmp_path / "conf.py").write_text(CONF, "utf-8")
    (tmp_path / "index.md").write_text("# Book\n\n```{toctree}\none\ntwo\n```\n")
    (tmp_path / "word").write_text("first")
    page(tmp_path, "one", MEET.format(name="one", other="two"))
    page(tmp_path, "two", MEET.format(name="two", other="one"))
    first, said = build(tmp_path)
    assert first.returncode == 0, first.stderr
    assert said == ["first", "first"]

    (tmp_path / "word").write_text("second")
    page(tmp_path, "two", MEET.format(name="two", other="one"), text="The same cells.")
    second, said = build(tmp_path)
    assert said == ["first", "second"]
    assert "executed two" in second.stdout and "executed one" not in second.stdout
