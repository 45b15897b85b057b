"""The book's wheel on the site, and downloads that hold it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

FOLDER = "wheels"  # of the site
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
SOURCES = ("README.md", "LICENSE", "pyproject.toml")
HELP = """\
A chapter of the book LoRA, from scratch, as a notebook.

1. Unpack the whole zip file: the .whl file holds the book's code.
2. Open {notebook} in JupyterLab, Notebook or VS Code, with a kernel of Python 3.11 or newer, best
   in an environment of its own.
3. Run its first cell. It installs what is missing.
"""


def wheel_name(root: Path) -> str:
    """The file name of the wheel of the repository at ``root``."""
    text = (root / "lora_edu/__init__.py").read_text(encoding="utf-8")
    version = re.search(r'^__version__ = "(.+)"', text, re.MULTILINE)[1]
    return f"lora_edu-{version}-py3-none-any.whl"


def build_wheel(root: Path, folder: Path) -> Path:
    """The wheel in ``folder``, built of the repository at ``root``, in a copy and without asking
    anybody, where it is not there or older than its sources. Raises RuntimeError where setuptools
    fails."""
    made = folder / wheel_name(root)
    files = [root / name for name in SOURCES]
    files += [file for file in (root / "lora_edu").rglob("*")
              if file.is_file() and "__pycache__" not in file.parts]
    if made.is_file() and made.stat().st_mtime > max(file.stat().st_mtime for file in files):
        return made
    shutil.rmtree(folder, ignore_errors=True)  # and older versions in it
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as copy:
        for file in files:
            target = Path(copy) / file.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        done = subprocess.run([sys.executable, "-c", BUILD, folder.resolve()], cwd=copy, text=True,
                              capture_output=True)
    if done.returncode or not made.is_file():
        raise RuntimeError(f"the wheel {made.name} was not built: {done.stderr}")
    return made


def write_zip(notebook: Path, wheel: Path) -> Path:
    """The zip file beside a notebook that holds it, the wheel and a word of help."""
    target = notebook.with_suffix(".zip")
    with ZipFile(target, "w", ZIP_DEFLATED) as made:
        for file in (notebook, wheel):
            made.write(file, f"{notebook.stem}/{file.name}")
        made.writestr(f"{notebook.stem}/README.txt", HELP.format(notebook=notebook.name))
    return target
