"""The book's wheel on the site."""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = "wheels"  # of the site
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
SOURCES = ("README.md", "LICENSE", "pyproject.toml")


def wheel_name(root: Path) -> str:
    """The file name of the wheel of the repository at ``root``."""
    text = (root / "lora_edu/__init__.py").read_text(encoding="utf-8")
    version = re.search(r'^__version__ = "(.+)"', text, re.MULTILINE)[1]
    return f"lora_edu-{version}-py3-none-any.whl"


def build_wheel(root: Path, folder: Path) -> Path:
    """Build the wheel, where it is not there or older than its sources, without asking anybody.

    Args:
        root: the repository, of which setuptools gets a copy, for it writes beside what it reads.
        folder: where the wheel goes; what else lies there is deleted.

    Returns:
        The wheel.

    Raises:
        RuntimeError: setuptools fails.
    """
    wheel = folder / wheel_name(root)
    package = root / "lora_edu"
    sources = [file for file in package.rglob("*") if file.suffix != ".pyc"]
    sources += [root / name for name in SOURCES]
    newest = max(file.stat().st_mtime for file in sources)
    if wheel.is_file() and wheel.stat().st_mtime > newest:
        return wheel
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(package, Path(copy, "lora_edu"),
                        ignore=shutil.ignore_patterns("__pycache__"))
        for name in SOURCES:
            shutil.copy(root / name, copy)
        done = subprocess.run([sys.executable, "-c", BUILD, folder.resolve()], cwd=copy, text=True,
                              capture_output=True)
    if done.returncode:
        raise RuntimeError(f"the wheel {wheel.name} was not built: {done.stderr}")
    return wheel
