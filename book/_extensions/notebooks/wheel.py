"""The wheels of the library and of the book's own code, for the site and for make wheel:

    python -m book._extensions.notebooks.wheel dist
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = "wheels"  # of the site
SOURCES = ("README.md", "LICENSE", "pyproject.toml", "lora_edu", "book/pyproject.toml",
           "book/lora_book")


def wheel_names(root: Path) -> list[str]:
    """The file names of the wheels of the repository at ``root``: lora_edu's and lora_book's."""
    text = (root / "lora_edu/__init__.py").read_text(encoding="utf-8")
    version = re.search(r'^__version__ = "(.+)"', text, re.MULTILINE)[1]
    return [f"{package}-{version}-py3-none-any.whl" for package in ("lora_edu", "lora_book")]


def build_wheels(root: Path, folder: Path) -> list[Path]:
    """Build the wheels, where one is not there or older than the sources, without asking anybody.

    Args:
        root: the repository. pip gets a copy of it, because setuptools writes beside what it reads.
        folder: where the wheels go; what else lies there is deleted.

    Returns:
        The wheels: the library's and the book's.

    Raises:
        RuntimeError: pip fails.
    """
    wheels = [folder / name for name in wheel_names(root)]
    sources = [file for name in SOURCES for file in (root / name, *(root / name).rglob("*"))
               if file.is_file() and file.suffix != ".pyc"]
    newest = max(file.stat().st_mtime for file in sources)
    if all(wheel.is_file() and wheel.stat().st_mtime > newest for wheel in wheels):
        return wheels
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as copy:
        for file in sources:
            target = Path(copy, file.relative_to(root))
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
        shutil.copy(root / "LICENSE", Path(copy, "book"))
        command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation",
                   "--disable-pip-version-check", "--wheel-dir", folder.resolve(), ".", "./book"]
        done = subprocess.run(command, cwd=copy, text=True, capture_output=True)
    if done.returncode:
        raise RuntimeError(f"the wheels were not built: {done.stderr}")
    return wheels


if __name__ == "__main__":
    print(*build_wheels(Path.cwd(), Path(sys.argv[1])), sep="\n")
