"""A changed module in place of the one that lies on the disk, also in the Pythons that this one
starts. Imports the standard library only."""

from __future__ import annotations

import ast
import importlib.machinery
import importlib.util
import os
import pickle
import sys
from pathlib import Path


class Changed(importlib.machinery.SourceFileLoader):
    """Finds one module, and loads it from a pickled syntax tree."""

    def __init__(self, name: str, file: str, tree: str):
        super().__init__(name, file)
        self.tree = tree

    def find_spec(self, name, path=None, target=None):
        return importlib.util.spec_from_loader(name, self) if name == self.name else None

    def get_code(self, fullname):
        return compile(pickle.loads(Path(self.tree).read_bytes()), self.path, "exec")


class HandedOut:
    """Puts the tree in the place of the module from the start of the session on; a plugin of
    pytest. Needs a folder of its own."""

    def __init__(self, name: str, file: Path, tree: ast.Module, folder: Path):
        self.arguments = name, str(file), str(folder / "tree")
        self.tree, self.folder = tree, folder

    def pytest_sessionstart(self):  # before pytest's own hook, which takes the files it is given
        self.folder.mkdir()
        (self.folder / "tree").write_bytes(pickle.dumps(ast.fix_missing_locations(self.tree)))
        (self.folder / "sitecustomize.py").write_text(
            "import sys\nfrom tests.mutants.changed import Changed\n"
            f"sys.meta_path.insert(0, Changed{self.arguments!r})\n", encoding="utf-8")
        more = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        os.environ["PYTHONPATH"] = os.pathsep.join(
            filter(None, [str(self.folder), str(Path(__file__).parents[2]), *more]))
        sys.meta_path.insert(0, Changed(*self.arguments))
