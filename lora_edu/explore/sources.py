"""What a page is made of: the source files behind it, and one digest of them all.

Imports the standard library. Nothing is run: the lines that begin with ``import`` or ``from`` are
read, each module is looked up where the page's kernel would look, its own lines are read, and so
on. Of a package all files count, also data. Modules that pip has installed are not followed,
lora_edu's always are.

Not seen: what is imported by a name that is computed, and files that code opens elsewhere than in
a package of its own.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import re
import site
import sysconfig
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
IMPORT = re.compile(r'^[\s"]*(?:from +([.\w]+) +import +\(?([\w, ]*)|import +([\w., ]+))', re.M)
INSTALLED = {Path(folder).resolve() for folder in (
    *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    *site.getsitepackages(), site.getusersitepackages())}


class Sources:
    """The files behind pages; each is read once. Make a new one for a new build."""

    def __init__(self):
        importlib.invalidate_caches()
        self._names, self._files = functools.cache(names), functools.cache(files)
        self._digest = functools.cache(lambda file: hashlib.sha256(file.read_bytes()).digest())

    def digest(self, page: Path) -> str:
        """One digest of all files behind a page."""
        whole = hashlib.sha256()
        for file in sorted(self.behind(page)):
            whole.update(str(file).encode() + b"\0" + self._digest(file))
        return whole.hexdigest()

    def behind(self, page: Path) -> set[Path]:
        """The files that a page imports, one through the other."""
        found: set[Path] = set()
        waiting = [page]
        while waiting:
            file = waiting.pop()
            for name in self._names(file):
                start = file if name.startswith(".") else page
                new = self._files(name, start.resolve().parent) - found
                found |= new
                waiting += [each for each in new if each.suffix == ".py"]
        return found


def names(file: Path) -> set[str]:
    """The dotted names that a module, a MyST notebook or a Jupyter notebook imports."""
    found: set[str] = set()
    for base, parts, plain in IMPORT.findall(file.read_text(encoding="utf-8")):
        start = base if not base or base.endswith(".") else base + "."
        found |= {start + part.split()[0] for part in (parts or plain).split(",") if part.strip()}
        found |= {base} - {""}
    return found


def files(name: str, folder: Path) -> frozenset[Path]:
    """The module of a dotted name, and the files of all packages on the way to it.

    folder: that of the file in which the name stands.
    """
    found: set[Path] = set()
    steps = name.lstrip(".").split(".")
    up = len(name) - len(name.lstrip("."))
    place = folder.parents[up - 2] if up > 1 else folder if up else _place(steps[0], folder)
    for step in steps if place else ():
        if step and (place / step).is_dir():
            place /= step
            found.update(_files_of(place))
        else:
            return frozenset(found | {module for module in [place / f"{step}.py"]
                                      if module.is_file()})
    return frozenset(found)


def _place(top: str, folder: Path) -> Path | None:
    """Where a module or package stands: in the kernel's folder, or where this process finds it;
    None for what is installed."""
    if top == PACKAGE.name:
        return PACKAGE.parent
    if (folder / top).is_dir() or (folder / f"{top}.py").is_file():
        return folder
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    where = [*(spec.submodule_search_locations or ()), spec.origin or ""] if spec else []
    place = Path(where[0]).resolve().parent if where else Path("/")
    return None if not where or not INSTALLED.isdisjoint([place, *place.parents]) else place


def _files_of(package: Path):
    """The files of a package but for a page's looks, down to folders that are packages of their
    own."""
    for entry in package.iterdir():
        if entry.is_file() and entry.suffix not in (".js", ".css"):
            yield entry
        elif entry.is_dir() and entry.name != "__pycache__" and not (
                entry / "__init__.py").exists():
            yield from _files_of(entry)
