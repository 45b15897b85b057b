"""What code imports, itself and through the book's own modules.

The first cell of a downloaded notebook installs it, and *Run this page* asks whether a browser has
it. Python's own modules are left out of what other modules import.
"""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import resolve_name
from pathlib import Path

ROOT = Path(__file__).parents[2]  # of the book
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def imported(source: str, in_functions: bool = False) -> set[str]:
    """The modules that a source imports as it begins, and what the book's own among them do.

    in_functions: also what is imported only when a function is called.
    """
    names = set(_imports(source, in_functions))
    unread = list(names)
    while unread:
        module = unread.pop()
        for file in _files(module):
            package = module if file.stem == "__init__" else module.rpartition(".")[0]
            of_file = _imports(file.read_text("utf-8"), in_functions, package)
            new_names = {name for name in of_file - names
                         if name.partition(".")[0] not in sys.stdlib_module_names}
            names |= new_names
            unread += new_names
    return names


def _files(module: str) -> list[Path]:
    """The files of one of the book's own modules: none for anybody else's."""
    path = module.replace(".", "/")
    names = (f"{path}.py", f"{path}/__init__.py")
    files = [folder / name for folder in (ROOT, ROOT / "book") for name in names]
    return [file for file in files if file.is_file()]


@cache
def _imports(source: str, in_functions: bool, package: str = "") -> frozenset[str]:
    """What a source imports itself; of ``from a import b`` also a.b, if that is a module.

    package: what the source is in, where ``from . import b`` looks.
    """
    names = set()
    for node in _statements(ast.parse(source), in_functions):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = resolve_name("." * node.level + (node.module or ""), package)
            names.add(module)
            submodules = (f"{module}.{alias.name}" for alias in node.names)
            names.update(filter(_files, submodules))
    return frozenset(names)


def _statements(tree: ast.Module, in_functions: bool) -> Iterator[ast.AST]:
    """The statements that run as a module begins; then those of its functions, where asked for."""
    yield from tree.body
    if in_functions:
        for function in ast.walk(tree):
            if isinstance(function, FUNCTIONS):
                yield from ast.walk(function)
