"""NumPy for Python in the page, into the folder .pyodide.

Pyodide itself comes from npm, which has no packages for it. The wheel comes from the folder that
PYODIDE_WHEELS names, if it is there, else from where Pyodide's own release has it. It is taken only
if its sha256 is the one in the npm package's lock file.
"""

import hashlib
import json
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


def numpy_wheel(root: Path) -> Path:
    """Where NumPy's wheel for this Pyodide lies, once it has come."""
    return root / FOLDER / lock_of(root)["packages"]["numpy"]["file_name"]


def address(root: Path) -> str:
    """Where Pyodide's release has the wheel."""
    version = lock_of(root)["info"]["version"]
    return RELEASE.format(version=version, file=numpy_wheel(root).name)


def fetch(root: Path, folder: str = "") -> Path:
    """Put the wheel into .pyodide, if it is not there.

    Args:
        root: the repository.
        folder: where it may lie; else Pyodide's release is asked.

    Returns:
        The wheel.

    Raises:
        OSError: neither has it.
        ValueError: what came is another file than the lock file says.
    """
    target = numpy_wheel(root)
    lock = lock_of(root)
    if target.is_file():
        return target
    local = Path(folder, target.name)
    if folder and local.is_file():
        content = local.read_bytes()
    else:
        with urllib.request.urlopen(address(root), timeout=10) as answer:
            content = answer.read()
    digest = hashlib.sha256(content).hexdigest()
    wanted = lock["packages"]["numpy"]["sha256"]
    if digest != wanted:
        raise ValueError(f"{target.name} has the sha256 {digest}, and Pyodide's lock file says "
                         f"{wanted}: it is not used")
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(content)
    return target
