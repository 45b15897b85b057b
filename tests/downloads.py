"""Downloaded notebooks in new environments that hold Jupyter's kernel and nothing of the book.

    python -m tests.downloads              all cases, with the packages that pip downloads
    python -m tests.downloads light colab  those named

Each case is a folder as a reader unpacks it, an environment of its own, and a command. It ends with
the notebook run to its end, or with one sentence that is expected there. Takes minutes, and about
1.5 GB for a while; imports the book's extensions.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from zipfile import ZipFile

import jupytext
import nbformat

HERE = Path(__file__).parents[1]
sys.path.insert(0, str(HERE / "book" / "_extensions"))

from first_cell import WHEELS, own_for  # noqa: E402
from lab_markdown import book  # noqa: E402
from notebooks import make_alone  # noqa: E402
from wheels import build_wheels, write_zip  # noqa: E402

LIGHT, TORCH = "book/part1/step-zero", "book/part3/small-gpt"
COLAB = ["plotly==5.24.1", "ipywidgets==7.7.1", "numpy==2.0.2"]  # as Colab has them
CLIENT = ["jupyter-execute", "--inplace", "--timeout=600"]
COLOUR = re.compile(r"\x1b\[[\d;]*m")
NBCONVERT = ["jupyter-nbconvert", "--execute", "--to=html", "--ExecutePreprocessor.timeout=600"]
CASES = {  # name → page, what is there beforehand, command, whether it comes with its wheels
    "light": (LIGHT, ["nbclient"], CLIENT, "zip"),
    "torch": (TORCH, ["nbclient"], CLIENT, "zip"),
    "site": (LIGHT, ["nbclient"], CLIENT, "site"),
    "colab": (LIGHT, ["nbclient", *COLAB], CLIENT, "zip"),
    "nbconvert": (LIGHT, ["nbconvert"], NBCONVERT, "zip"),
    "jupytext": (LIGHT, ["jupytext", "nbconvert"], ["jupytext", "--execute"], "zip"),
    "alone": (LIGHT, ["nbclient"], CLIENT, "alone")}
EXPECTED = {"alone": "came with this notebook in a zip file"}  # where it does not run to the end


def download(page: str, folder: Path, comes: str, site: str, wheels: dict[str, Path]) -> Path:
    """The notebook of a page in ``folder``, without outputs, as a reader has it."""
    notebook = jupytext.read(HERE / f"{page}.md")
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    make_alone(notebook, HERE, page, book(HERE, site if comes == "site" else ""))
    file = folder / f"{Path(page).name}.ipynb"
    nbformat.write(notebook, file)
    if comes != "zip":
        return file
    zipped = write_zip(file, [wheels[name] for name in own_for(code, HERE)])
    ZipFile(zipped).extractall(folder)
    return folder / file.stem / file.name


def run(name: str, folder: Path, wheels: dict[str, Path], site: str) -> tuple[bool, str]:
    """Whether a case ended as it should, and what to say of it."""
    page, there, command, comes = CASES[name]
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environ |= {"VIRTUAL_ENV": str(folder / "venv"), "JUPYTER_PATH": "", "NO_COLOR": "1",
                "IPYTHONDIR": str(folder / "ipython"),
                "PATH": f"{folder / 'venv/bin'}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    subprocess.run([folder / "venv/bin/python", "-m", "pip", "install", "--quiet", "ipykernel",
                    *there], check=True, env=environ)
    notebook, began = download(page, folder, comes, site, wheels), time.perf_counter()
    for _ in range(2):  # once more where it asks for a restart
        done = subprocess.run([*command, notebook.name], cwd=notebook.parent, env=environ,
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        last = COLOUR.sub("", (done.stdout.strip().splitlines() or [""])[-1])
        if "restart the kernel" not in last:
            break
        print(f"{name}: {last}", flush=True)
    took = f"{time.perf_counter() - began:.0f} s"
    if name in EXPECTED:
        return done.returncode != 0 and EXPECTED[name] in last, f"{took}: {last}"
    return done.returncode == 0, f"to its end in {took}" if done.returncode == 0 else done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("case", nargs="*", help=f"of {', '.join(CASES)} (default: all)")
    asked = parser.parse_args().case or list(CASES)
    if unknown := set(asked) - set(CASES):
        parser.error(f"no case is called {', '.join(sorted(unknown))}")
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        wheels = build_wheels(HERE, Path(folder) / WHEELS)
        serve = partial(SimpleHTTPRequestHandler, directory=folder)
        server = ThreadingHTTPServer(("127.0.0.1", 0), serve)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for name in asked:
            with tempfile.TemporaryDirectory() as own:
                right, said = run(name, Path(own), wheels,
                                  f"http://127.0.0.1:{server.server_port}/")
            print(f"{name}: {said}", flush=True)
            failed += [] if right else [name]
    sys.exit(f"not as it should be: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
