"""Python in the page, for pages whose cells need NumPy alone.

In the toolbar of such a page is a button, "Run this page", and the page has a script of two
kilobytes; at its click come the editor, which esbuild puts into one file with CodeMirror, and a
worker with Pyodide, NumPy and our wheels, all from the site itself. Where the cells of a page
need PyTorch, the download's button says so. Without NumPy's wheel there is no button, and the build
says at its end what to do.
"""

import ast
import atexit
import gzip
import hashlib
import json
import os
import shutil
import symtable
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import nbformat

from ..imports import imported
from ..node import esbuild
from ..notebooks.download import download_button, executed, offered
from ..notebooks.wheel import FOLDER, build_wheels
from .pyodide_wheel import PACKAGE, address, fetch, lock_of

SOURCES = Path(__file__).parent
SCRIPTS = ("pyodide.mjs", "pyodide.asm.js")  # which the browser fetches as modules
FILES = {"pyodide.asm.wasm": "Python", "python_stdlib.zip": "Python's library"}
MODULES = {"numpy", "lora_edu", "lora_book", "IPython", *sys.stdlib_module_names} - {
    "concurrent", "multiprocessing", "subprocess"}  # no processes
# What boot.js reads; and it writes there.
LINE = ('<p class="page-python d-print-none" hidden data-root="{root}" data-version="{version}" '
        'data-elsewhere="{left_out}" data-notebook="{notebook}"></p>')
BUTTON = {"type": "javascript", "javascript": "", "text": "Run this page", "label": "run-page",
          "classes": "pst-js-only"}
WHAT = "Change the cells and run them in your browser ({megabytes:.0f} MB, loaded once)"
WHY_NOT = "; its cells need PyTorch, which no browser runs"
LACK = """
This site lacks Python in its pages: no button “Run this page”, and on “Your adapter” no file can be
opened. The build did not get NumPy for browsers:
  {error}
All else works. For the rest, fetch this file (3 MB), wherever you can,
  {address}
and build again with its folder in the variable PYODIDE_WHEELS: PYODIDE_WHEELS=FOLDER make book
"""


@dataclass(frozen=True)
class Runtime:
    """What runs the pages. version: of our scripts."""

    version: str
    root: Path
    wheel: Path

    @property
    def files(self) -> list[Path]:
        """Pyodide's files, and NumPy's wheel."""
        return [*(self.root / PACKAGE / name for name in (*SCRIPTS, *FILES)), self.wheel]

    @cached_property
    def megabytes(self) -> float:
        """What comes to the reader, compressed as hosts do it."""
        return sum(len(gzip.compress(file.read_bytes(), 6)) for file in self.files) / 1e6


def bundle_scripts(app) -> None:
    """Bundle the scripts, where all is there that a page needs; else say what is missing when the
    build has ended, below what Jupyter Book says."""
    app.run_page = None
    root = Path(app.confdir)
    if not app.npm:
        return
    try:
        wheel = fetch(root, os.environ.get("PYODIDE_WHEELS", ""))
    except (OSError, ValueError) as error:
        atexit.register(print, LACK.format(error=error, address=address(root)))
        return
    target = Path(app.outdir) / "_static" / "page-python"
    shutil.rmtree(target, ignore_errors=True)
    app.bundled |= esbuild(
        root, SOURCES / "run_page.js", SOURCES / "worker.js", "--bundle", "--minify",
        "--format=esm", "--splitting", "--target=es2022", "--loader:.py=text",
        f"--outdir={target}")
    shutil.copyfile(SOURCES / "boot.js", target / "boot.js")
    scripts = b"".join(file.read_bytes() for file in sorted(target.iterdir()))
    app.tags.add("run_page")  # for what a page says of the button
    app.run_page = Runtime(hashlib.sha256(scripts).hexdigest()[:12], root, wheel)


def cells_without_browser(cells: list) -> list[int]:
    """The numbers of the cells that no browser runs: they import what is not there, take minutes
    there (tag "not-in-page"), or use a name that only such a cell binds."""
    numbers = []
    lost_names = set()
    bound_names = set()
    for number, cell in enumerate(cells):
        used = {node.id for node in ast.walk(ast.parse(cell.source))
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        symbols = symtable.symtable(cell.source, "cell", "exec").get_symbols()
        bound = {each.get_name() for each in symbols if each.is_assigned() or each.is_imported()}
        if used & lost_names or "not-in-page" in cell.metadata.get("tags", []) or not all(
                map(in_browsers, imported(cell.source))):
            numbers.append(number)
            lost_names |= bound - bound_names
        else:
            lost_names -= bound
            bound_names |= bound
    return numbers


def in_browsers(module: str) -> bool:
    return module.partition(".")[0] in MODULES


def add_button(app, pagename, templatename, context, doctree) -> None:
    """Give a page the button, and its script, if half of its cells run in a browser, or a step of
    lora.py does; else tell its reader why not. A page that leaves a cell out has neither."""
    if not app.run_page or not context.get("ipynb_source"):
        return
    notebook = nbformat.read(executed(app, pagename), as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if any("remove-input" in cell.metadata.get("tags", []) for cell in cells):
        return
    left_out = cells_without_browser(cells)
    steps = [number for number, cell in enumerate(cells) if "workshop import check" in cell.source]
    if 2 * len(left_out) > len(cells) and set(steps) <= set(left_out):
        download_button(context)["tooltip"] += WHY_NOT
    else:
        line = LINE.format(root="../" * pagename.count("/") or "./",
                           version=app.run_page.version, left_out=" ".join(map(str, left_out)),
                           notebook=offered(app, pagename).relative_to(app.outdir).as_posix())
        context["body"] = context["body"].replace("</h1>", f"</h1>\n{line}", 1)
        context["header_buttons"].insert(
            0, BUTTON | {"tooltip": WHAT.format(megabytes=app.run_page.megabytes)})
        for script in ("explore.js", "page-python/boot.js"):
            app.add_js_file(script, loading_method="defer")


def write_runtime(app) -> None:
    """Put Pyodide, NumPy and the list of what a worker loads onto the site."""
    if not app.run_page:
        return
    static = Path(app.outdir) / "_static"
    root = app.run_page.root
    lock = lock_of(root)
    runtime = static / f"pyodide-{lock['info']['version']}"
    runtime.mkdir(exist_ok=True)
    for file in app.run_page.files:
        if not (runtime / file.name).is_file():
            shutil.copyfile(file, runtime / file.name)
    (runtime / "pyodide-lock.json").write_text(json.dumps(lock), encoding="utf-8")
    loaded = {f"../{runtime.name}/{name}": (runtime / name, words)
              for name, words in {**FILES, app.run_page.wheel.name: "NumPy"}.items()}
    own_wheels = []
    for wheel in build_wheels(root, Path(app.outdir) / FOLDER):
        version = hashlib.sha256(wheel.read_bytes()).hexdigest()[:12]  # its name stays
        own_wheels.append(f"../../{FOLDER}/{wheel.name}?v={version}")
        loaded[own_wheels[-1]] = (wheel, "the book's code")
    (static / "page-python" / "files.json").write_text(json.dumps({
        "runtime": f"../{runtime.name}/", "wheels": own_wheels,
        "files": [{"path": path, "size": file.stat().st_size, "name": words}
                  for path, (file, words) in loaded.items()]}), encoding="utf-8")
