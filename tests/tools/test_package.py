"""What pip installs is complete and small: lora_edu with NumPy alone; beside it the chapters and
their big data, each in a wheel of its own."""

import re
import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest
from first_cell import CHAPTERS, DATA, LIBRARY, PROJECTS

from tests.book import REPOSITORY

IN_DATA = re.compile(r"lora_edu/chapters/\w+/data/")


def in_checkout() -> set[str]:
    """The files of the package as the repository has them."""
    files = (REPOSITORY / "lora_edu").rglob("*")
    return {file.relative_to(REPOSITORY).as_posix() for file in files
            if file.is_file() and "__pycache__" not in file.parts}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """Distribution → its wheel, built in a copy of the repository without asking anybody."""
    copy, made = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("wheels")
    for folder in ("lora_edu", "packaging"):
        shutil.copytree(REPOSITORY / folder, copy / folder,
                        ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / file, copy)
    subprocess.run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index",
                    "--no-build-isolation", "-w", made,
                    *(copy / project for project in PROJECTS.values())], check=True)
    found = {file.name.partition("-")[0]: file for file in made.iterdir()}
    assert found.keys() == PROJECTS.keys() and len(list(made.iterdir())) == len(PROJECTS)
    return found


def files_of(wheel: Path) -> set[str]:
    return {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}


def test_the_wheels_share_the_package_out_among_them_and_leave_nothing_behind(wheels):
    library, chapters, data = (files_of(wheels[name]) for name in (LIBRARY, CHAPTERS, DATA))
    assert len(library) + len(chapters) + len(data) == len(library | chapters | data)
    assert library | chapters | data == in_checkout()
    assert {name for name in in_checkout() if IN_DATA.match(name)} == data
    assert not [name for name in library if name.startswith("lora_edu/chapters/")]


def test_the_library_and_the_chapters_are_small(wheels):
    assert wheels[LIBRARY].stat().st_size < 200_000
    assert wheels[CHAPTERS].stat().st_size < 300_000


def bare(folder: Path, *wheels: Path, code: str) -> subprocess.CompletedProcess:
    """Run code in a Python that has these wheels and NumPy, and nothing else to import."""
    for wheel in wheels:
        zipfile.ZipFile(wheel).extractall(folder)
    numpy = Path(find_spec("numpy").origin).parent
    for name in ("numpy", "numpy.libs"):  # the second beside the first, where a wheel brought it
        if (numpy.parent / name).is_dir() and not (folder / name).exists():
            (folder / name).symlink_to(numpy.parent / name)
    return subprocess.run([sys.executable, "-S", "-W", "error", "-c", code], cwd=folder, text=True,
                          env={"PYTHONPATH": str(folder)}, capture_output=True)


def test_the_library_trains_with_numpy_alone(wheels, tmp_path):
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    example = readme.partition("```python\n")[2].partition("```")[0]
    done = bare(tmp_path, wheels[LIBRARY], code=example)
    assert done.stderr == "" and done.stdout.startswith("[0. ")
    assert "No module named 'torch'" in bare(tmp_path, code="import lora_edu.nn").stderr


def test_without_its_data_the_small_gpt_says_what_to_install(wheels, tmp_path):
    code = "import lora_edu.chapters.small_gpt"
    without = bare(tmp_path, wheels[LIBRARY], wheels[CHAPTERS], code=code).stderr
    assert "pip install ./packaging/data" in without
    with_data = bare(tmp_path, wheels[DATA], code=code).stderr
    assert "No module named 'torch'" in with_data and "packaging" not in with_data
