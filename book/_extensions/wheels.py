"""The book's wheels on the site, and downloads that hold them. Imports setuptools, in a process.

Used by the sibling notebooks.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from first_cell import PROJECTS, wheel_names

BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # of zip files: what is in them alone tells two apart
HELP = """\
A chapter of the book LoRA, from scratch, as a notebook.

1. Unpack the whole zip file: the .whl files hold the book's code.
2. Open {notebook} in JupyterLab, Notebook or VS Code, with a kernel of Python 3.11 or newer, best
   in an environment of its own.
3. Run its first cell. It installs what is missing, and says so if that cannot be done.
"""


def files_of(root: Path) -> list[Path]:
    """The files that the wheels are built of."""
    found = [root / "README.md", root / "LICENSE", *(root / "lora_edu").rglob("*"),
             *(root / project / "pyproject.toml" for project in PROJECTS.values())]
    return [file for file in found if file.is_file() and "__pycache__" not in file.parts]


def build_wheels(root: Path, folder: Path) -> dict[str, Path]:
    """Distribution → its wheel in ``folder``, built of the repository at ``root``, in a copy and
    without asking anybody, where it is not there or older than its sources."""
    made = {name: folder / file for name, file in wheel_names(root).items()}
    newest = max(file.stat().st_mtime for file in files_of(root))
    if all(file.is_file() and file.stat().st_mtime > newest for file in made.values()):
        return made
    shutil.rmtree(folder, ignore_errors=True)  # and older versions in it
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as copy:
        for file in files_of(root):
            target = Path(copy) / file.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        for project in PROJECTS.values():
            done = subprocess.run(
                [sys.executable, "-c", BUILD, folder.resolve()], cwd=Path(copy) / project,
                text=True, capture_output=True, env=os.environ | {"SOURCE_DATE_EPOCH": "315532800"})
            if done.returncode:
                raise RuntimeError(f"the wheel of {project} was not built: {done.stderr}")
    if missing := [file.name for file in made.values() if not file.is_file()]:
        raise RuntimeError(f"setuptools built other wheels than {', '.join(missing)}")
    return made


def write_zip(notebook: Path, wheels: list[Path]) -> Path:
    """The zip file beside a notebook that holds it, wheels and a word of help."""
    target, folder = notebook.with_suffix(".zip"), notebook.stem
    text = HELP.format(notebook=notebook.name).encode()
    with ZipFile(target, "w", ZIP_DEFLATED) as made:
        for name, content in [(notebook.name, notebook.read_bytes()), ("README.txt", text),
                              *((wheel.name, wheel.read_bytes()) for wheel in wheels)]:
            info = ZipInfo(f"{folder}/{name}", FIRST_DAY)
            info.compress_type = ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            made.writestr(info, content)
    return target
