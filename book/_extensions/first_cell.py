"""The first cell of a downloaded notebook: it installs what the notebook needs and Python lacks.

Imports packaging. The book's own package comes as wheels, which lie beside the notebook or on the
site; the rest comes from where the reader's pip looks.
"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LIBRARY, CHAPTERS, DATA = "lora_edu", "lora_edu_chapters", "lora_edu_data"
PROJECTS = {LIBRARY: ".", CHAPTERS: "packaging/chapters", DATA: "packaging/data"}
WHEELS = "wheels/"  # where the site has them
IMPORTS = {"peft": r"^ *(?:import|from) (?:peft|transformers)\b",  # extra → what needs it
           "torch": r"^ *(?:import|from) (?:torch|lora_edu\.nn)\b"}
CELL = '''\
# Run this cell first: it installs what this notebook needs and your Python lacks.
import platform
import shlex
import subprocess
import sys

if sys.version_info < (3, 11):
    raise RuntimeError("This notebook needs Python 3.11 or newer, and its kernel's Python, "
                       f"{sys.executable}, is {platform.python_version()}.")
from importlib import invalidate_caches
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from importlib.util import find_spec
from pathlib import Path

from packaging.requirements import Requirement

needed = %(needed)s
wheels = %(wheels)s  # of the book's own code
inside = %(inside)s  # where in lora_edu it is
site = %(site)s  # where they are, if not beside this notebook
torch_index = "https://download.pytorch.org/whl/cpu"  # its PyTorch is without CUDA


def lacks(requirement):
    """Whether a package is missing or too old."""
    name = requirement.name
    try:
        return not requirement.specifier.contains(version(name), prereleases=True)
    except PackageNotFoundError:
        if name in inside and find_spec("lora_edu"):  # as it is in a checkout
            return not (Path(find_spec("lora_edu").origin).parent / inside[name]).is_dir()
        return True


def source(name):
    """A wheel's file beside this notebook, or its address."""
    file = Path(wheels[name]).resolve()
    if not file.is_file() and not site:
        raise FileNotFoundError(f"{file.name} came with this notebook in a zip file, and is not "
                                f"in {file.parent}: unpack all of it, then run this cell again.")
    return f"{name} @ {file.as_uri() if file.is_file() else site + file.name}"


def install(*what, must=True):
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", *what]
    done = subprocess.run(command, capture_output=True, text=True)
    if must and done.returncode:
        words = (done.stdout + done.stderr).strip().splitlines()[-3:]
        raise RuntimeError(f"pip could not do it: {' '.join(words)} Try it in a terminal: "
                           f"{shlex.join(command)}  and run this cell again.")


def imported():
    """The versions of the packages of which something is imported. (Python itself imports hooks,
    such as setuptools' _distutils_hack.)"""
    return {name: version(name) for module, names in packages_distributions().items()
            if module in sys.modules and not module.startswith("_") for name in names}


lacking = [requirement for requirement in map(Requirement, needed) if lacks(requirement)]
own = [source(requirement.name) for requirement in lacking if requirement.name in wheels]
others = [str(requirement) for requirement in lacking if requirement.name not in wheels]
if lacking:
    print("Installing", ", ".join(requirement.name for requirement in lacking), "…", flush=True)
    before = imported()
    if own:
        install("--no-deps", *own)
    torch = [what for what in others if what.startswith("torch>")]
    if torch and sys.platform == "linux" and platform.machine() == "x86_64":
        install("--no-deps", "--retries=0", f"--index-url={torch_index}", *torch, must=False)
    if others:
        install(*others)
    invalidate_caches()
    after = imported()
    if replaced := sorted(name for name in before if after.get(name) != before[name]):
        raise RuntimeError(f"All is installed, but {', '.join(replaced)} had been imported in "
                           "another version: restart the kernel, then run all cells.")
    print("Done.")
'''


def first_cell(source: str, root: Path, site: str) -> str:
    """A cell that installs what code needs. root: the repository. site: its address, or ""."""
    inside, names, version = own_for(source, root), wheel_names(root), versions(root)
    needed = [f"{name}>={version[name]}" for name in inside]
    needed += requirements_of(extra_for(source, root), root)
    shown = {"needed": json.dumps(needed, indent=4, ensure_ascii=False),
             "wheels": json.dumps({name: names[name] for name in inside}, indent=4),
             "inside": json.dumps({name: place for name, place in inside.items() if place}),
             "site": json.dumps(site and site + WHEELS)}
    return (CELL % shown).rstrip()


def own_for(source: str, root: Path) -> dict[str, str]:
    """The distributions of the repository at ``root`` that code needs → a folder in lora_edu that
    is there when they are, "" for the library itself."""
    folders = folders_of(source, root)
    found = {LIBRARY: ""} | ({CHAPTERS: "chapters"} if folders else {})
    data = [f"chapters/{folder.name}/data" for folder in folders if (folder / "data").is_dir()]
    return found | ({DATA: data[0]} if data else {})


def versions(root: Path) -> dict[str, str]:
    """The distributions that are built of the repository at ``root``, with their versions."""
    library = (root / "lora_edu/__init__.py").read_text(encoding="utf-8")
    found = {LIBRARY: re.search(r'^__version__ = "(.+)"', library, re.MULTILINE)[1]}
    for name in (CHAPTERS, DATA):
        file = root / PROJECTS[name] / "pyproject.toml"
        found[name] = tomllib.loads(file.read_text(encoding="utf-8"))["project"]["version"]
    return found


def wheel_names(root: Path) -> dict[str, str]:
    """Distribution → the file name of its wheel."""
    return {name: f"{name}-{version}-py3-none-any.whl" for name, version in versions(root).items()}


def folders_of(source: str, root: Path) -> list[Path]:
    """The folders of the chapters whose code a page imports, itself or through a chapter's."""
    found, waiting = {}, [source]
    for text in waiting:
        names = re.findall(r"\blora_edu\.chapters\.(\w+)", text)
        for several in re.findall(r"\bfrom lora_edu\.chapters import ([\w, ]+)", text):
            names += re.findall(r"\w+", several)
        for name in set(names) - found.keys():
            found[name] = root / "lora_edu" / "chapters" / name
            waiting += code_of(found[name])
    return [found[name] for name in sorted(found)]


def code_of(folder: Path) -> list[str]:
    """The texts of the modules in a folder."""
    return [file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.py"))]


def extra_for(source: str, root: Path) -> str:
    """The extra of lora_edu that a page needs: what it and those chapters' code import says it."""
    texts = [source, *(text for folder in folders_of(source, root) for text in code_of(folder))]
    return next((extra for extra, imports in IMPORTS.items()
                 if any(re.search(imports, text, re.MULTILINE) for text in texts)), "chapters")


def requirements_of(extra: str, root: Path) -> list[str]:
    """What the pyproject.toml at ``root`` asks for, always and for an extra, through others too."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras, wanted, found = project["optional-dependencies"], [extra], {}
    for name in wanted:
        for requirement in map(Requirement, extras[name]):
            wanted += requirement.extras if requirement.name == project["name"] else []
            found[canonicalize_name(requirement.name)] = str(requirement)
    found.pop(canonicalize_name(project["name"]))
    return [*project["dependencies"], *(found[name] for name in sorted(found))]
