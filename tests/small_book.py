"""Small books, written and built for a test."""

import os
import subprocess
import sys

from tests.book import REPOSITORY

PATH = os.pathsep.join(map(str, (REPOSITORY, REPOSITORY / "book")))
NOTEBOOK = "---\nfile_format: mystnb\nkernelspec: {name: python3, display_name: Python 3}\n---\n"


def cell(code: str) -> str:
    return f"\n```{{code-cell}} ipython3\n{code}\n```\n"


def write(folder, files: dict[str, str]) -> None:
    """Put files into a folder, with the folders that they lie in."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def build(folder, *options: str, **environment: str) -> subprocess.CompletedProcess:
    """Build the book in a folder, into _out/html; it may import what the repository has."""
    return subprocess.run(
        [sys.executable, "-m", "sphinx", *options, folder, folder / "_out/html"],
        env=os.environ | {"NO_COLOR": "1", "TMPDIR": str(folder), "PYTHONPATH": PATH,
                          "LORA_EDU_STRICT": ""} | environment,
        capture_output=True, text=True, encoding="utf-8", timeout=300)
