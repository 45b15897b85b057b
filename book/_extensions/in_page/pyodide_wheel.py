"""NumPy for Python in the page, into the folder .pyodide.

`make book` runs it. Pyodide itself comes from npm, which has no packages for it. The wheel comes
from the folder that PYODIDE_WHEELS names, if it is there, else from where Pyodide's own release has
it. It is taken only if its sha256 is the one in the npm package's lock file.
"""

from __future__ import annotations

import hashlib
import json
import os
import urllib.request
from pathlib import Path

PACKAGE = "node_modules/pyodide"
FOLDER = ".pyodide"
# Asked by who builds the book, never by a page; what it gives counts only with the right sha256.
RELEASE = "https://cdn.jsdelivr.net/pyodide/v{version}/full/{file}"


def lock_of(root: Path) -> dict:
    """The lock file of the npm package, of its packages NumPy alone."""
    lock = json.loads((root / PACKAGE / "pyodide-lock.json").read_text(encoding="utf-8"))
    return lock | {"packages": {"numpy": lock["packages"]["numpy"]}}


def numpy_wheel(root: Path) -> Path | None:
    """NumPy's wheel for this Pyodide, where `make book` has left it; None where it is not, or
    is another file than the lock file says."""
    if not (root / PACKAGE).is_dir():
        return None
    numpy = lock_of(root)["packages"]["numpy"]
    file = root / FOLDER / numpy["file_name"]
    return file if file.is_file() and digest(file.read_bytes()) == numpy["sha256"] else None


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def fetch(root: Path, folder: str = "") -> Path:
    """Put the wheel into .pyodide, from ``folder`` if it is there, else from the release.

    Raises OSError where neither has it, and ValueError for another file than the lock file says.
    """
    if there := numpy_wheel(root):
        return there
    lock = lock_of(root)
    numpy, version = lock["packages"]["numpy"], lock["info"]["version"]
    name = numpy["file_name"]
    local = Path(folder, name) if folder else None
    if local and local.is_file():
        content = local.read_bytes()
    else:
        address = RELEASE.format(version=version, file=name)
        with urllib.request.urlopen(address, timeout=10) as answer:
            content = answer.read()
    if digest(content) != numpy["sha256"]:
        raise ValueError(f"{name} has the sha256 {digest(content)}, and the lock file of "
                         f"pyodide {version} says {numpy['sha256']}: it is not used")
    target = root / FOLDER / name
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(content)
    return target


if __name__ == "__main__":
    try:
        print(fetch(Path.cwd(), os.environ.get("PYODIDE_WHEELS", "")))
    except (OSError, ValueError) as error:
        print("Python in the page: no NumPy for browsers, and so no button “Run this page” "
              f"({error}). PYODIDE_WHEELS may name a folder that has it.")
