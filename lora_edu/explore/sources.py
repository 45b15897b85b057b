"""What a page's cells are made of: the source files behind them, and one digest of them all.

Imports the standard library, and IPython where a cell is not plain Python. Nothing is run: the
``import`` lines of the cells are read, each module is looked up where the page's kernel would look,
its own import lines are read, and so on. Modules of the standard library and those that pip has
installed are not followed, lora_edu's always are.

Not seen: what is imported by a name that is computed, and files that code opens elsewhere than in
a package of its own.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import json
import re
import site
import sysconfig
from importlib.machinery import PathFinder
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
CELL = re.compile(r"^(`{3,}|:{3,})\{code-cell\}[^\n]*\n(.*?)^\1", re.MULTILINE | re.DOTALL)
OPTIONS = re.compile(r"(?:(?::[^\n]*\n)+|---\n.*?^---\n)?", re.MULTILINE | re.DOTALL)
INSTALLED = {Path(folder).resolve() for folder in (
    *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    *site.getsitepackages(), site.getusersitepackages())}


class Sources:
    """The files behind pages; each is read, and each name looked up, once. Make a new one for a
    new build."""

    def __init__(self):
        importlib.invalidate_caches()
        self._digests = {}
        self._names, self._chain = functools.cache(_names_in), functools.cache(_chain)

    def digest(self, page: Path) -> str:
        """One digest of all files behind a page."""
        whole = hashlib.sha256()
        for file in sorted(self.behind(page)):
            if file not in self._digests:
                self._digests[file] = hashlib.sha256(file.read_bytes()).digest()
            whole.update(str(file).encode() + b"\0" + self._digests[file])
        return whole.hexdigest()

    def behind(self, page: Path) -> set[Path]:
        """The source files that a page's cells import, one through the other, and the data files
        in the packages among them."""
        files: set[Path] = set()
        waiting = {found for cell in cells(page) for name in names(cell, "")
                   for found in self._chain(name, page.parent)}
        while waiting:
            name, file = waiting.pop()
            if file in files:
                continue
            files.add(file)
            if name.endswith("."):
                files.update(_data_files(file.parent))
            for inner in self._names(file, name):
                waiting |= self._chain(inner, page.parent)
        return files


def cells(page: Path) -> list[str]:
    """The code of a page, which is a MyST notebook or a Jupyter notebook."""
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".ipynb":
        return ["".join(cell["source"]) for cell in json.loads(text)["cells"]
                if cell["cell_type"] == "code"]
    return [OPTIONS.sub("", body, count=1) for _, body in CELL.findall(text)]


def names(code: str, module: str) -> set[str]:
    """The dotted names that code imports, at its top or in functions.

    module: the code's own name, for imports relative to it; a package's ends in a dot.
    """
    found: set[str] = set()
    for node in ast.walk(_tree(code)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")[:-node.level] if node.level else []
            base = ".".join(above + ([node.module] if node.module else []))
            found |= {f"{base}.{alias.name}" for alias in node.names}
    return found


def _names_in(file: Path, module: str) -> set[str]:
    return names(file.read_text(encoding="utf-8"), module)


def _tree(code: str) -> ast.AST:
    """The syntax tree of a module or cell, without a line such as ``%%time`` at its top; IPython
    makes Python of its other ones."""
    code = re.sub(r"\A\s*%%.*", "", code)
    try:
        return ast.parse(code)
    except SyntaxError:
        from IPython.core.inputtransformer2 import TransformerManager

        try:
            return ast.parse(TransformerManager().transform_cell(code))
        except SyntaxError:  # another language, which imports no Python
            return ast.Module([], [])


def _chain(name: str, folder: Path) -> set[tuple[str, Path]]:
    """(name, file) of the modules that importing a dotted name runs: for "a.b", a and then b if it
    is one. A package's name ends in a dot. folder: where the kernel runs."""
    found, places, parts = set(), None, name.split(".")
    for i in range(len(parts)):
        spec = _look_up(".".join(parts[:i + 1]), places, folder)
        if spec is None:
            break
        places = spec.submodule_search_locations
        if spec.origin:  # None of a folder without __init__.py
            file = Path(spec.origin).resolve()
            if file.suffix != ".py" or (PACKAGE not in file.parents
                                        and not INSTALLED.isdisjoint(file.parents)):
                break
            found.add((spec.name + "." * (places is not None), file))
        if places is None:
            break
    return found


def _look_up(name: str, places, folder: Path):
    """The spec of a module, in the places of its package, or of a top one as the kernel finds it:
    in its folder, or else where this process would."""
    try:
        if places is not None:
            return PathFinder.find_spec(name, places)
        near = PathFinder.find_spec(name, [str(folder)])
        return near if near and near.origin else importlib.util.find_spec(name) or near
    except (ImportError, ValueError):
        return None


def _data_files(package: Path):
    """The files of a package that are neither code nor a page's looks, down to folders that are
    packages of their own."""
    for entry in package.iterdir():
        if entry.is_file() and entry.suffix not in (".py", ".js", ".css"):
            yield entry
        elif entry.is_dir() and entry.name != "__pycache__" and not (
                entry / "__init__.py").exists():
            yield from _data_files(entry)
