"""What pip installs of lora_edu is all of it, so that a downloaded notebook finds its data."""

import tomllib
from pathlib import Path

from chapters import REPOSITORY
from setuptools import find_packages

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
TOLD = PROJECT["tool"]["setuptools"]
FILES = [file.relative_to(REPOSITORY) for file in (REPOSITORY / "lora_edu").rglob("*")
         if file.is_file() and "__pycache__" not in file.parts]


def package_of(file: Path) -> Path:
    """The innermost folder above a file that is a package."""
    return next(folder for folder in file.parents
                if (REPOSITORY / folder / "__init__.py").is_file())


def test_every_package_is_found():
    packages = {".".join(file.parent.parts) for file in FILES if file.name == "__init__.py"}
    found = find_packages(str(REPOSITORY), include=TOLD["packages"]["find"]["include"])
    assert packages == set(found)


def test_every_module_lies_in_a_package():
    modules = [file for file in FILES if file.suffix == ".py"]
    assert [file for file in modules if package_of(file) != file.parent] == []


def test_every_data_file_is_named():
    def is_named(file):
        package = package_of(file)
        patterns = TOLD["package-data"].get(".".join(package.parts), [])
        return any(REPOSITORY / file in (REPOSITORY / package).glob(p) for p in patterns)

    data = [file for file in FILES if file.suffix != ".py"]
    assert data and [file for file in data if not is_named(file)] == []
