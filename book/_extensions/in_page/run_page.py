"""Python in the page, for pages whose cells need NumPy alone.

Such a page has a button, "Run this page", and a script of two kilobytes; at its click come the
editor, which esbuild puts into one file with CodeMirror, and a worker with Pyodide, NumPy and the
book's wheel, all from the site itself. A page whose cells need PyTorch says in one line why not,
and where else it runs. Without the npm files or NumPy's wheel (`make book` asks for it) there is no
button.
"""

from __future__ import annotations

import ast
import gzip
import hashlib
import json
import shutil
import sys
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path

import nbformat
from sphinx.util import logging

from ..node import esbuild, missing
from ..notebooks.download import every, executed, offered
from ..notebooks.wheel import FOLDER, build_wheel
from .pyodide_wheel import PACKAGE, digest, lock_of, numpy_wheel

logger = logging.getLogger(__name__)

SOURCES = Path(__file__).parent
SCRIPTS = ("pyodide.mjs", "pyodide.asm.js")  # which the browser fetches as modules
FILES = {"pyodide.asm.wasm": "Python", "python_stdlib.zip": "Python's library"}
MODULES = {"numpy", "lora_edu", "IPython", *sys.stdlib_module_names} - {
    "concurrent", "multiprocessing", "subprocess", "tracemalloc"}  # no processes; no traces
BUTTON = """\
<p class="page-python pst-js-only d-print-none" {data}>
<button type="button" class="btn btn-sm">Run this page</button>
<span>Change the cells and run them, here in your browser: {mega:.0f} MB, once.</span>
</p>"""

PLACES = {"Binder": "on Binder", "download-notebook-button": "in the notebook that you download"}


def prepare(app) -> None:
    """Bundle the scripts, where all is there that a page needs; else say what is missing."""
    app.run_page = None
    root = Path(app.confdir)
    wheel = numpy_wheel(root)
    if app.builder.format != "html":
        return
    lacks = missing(root, "esbuild") or missing(root, Path(PACKAGE).name) or (
        "" if wheel else "NumPy's wheel (make book asks for it)")
    if lacks:
        logger.info(f"Python in the page: {lacks} missing: no page has a button to run it")
        return
    target = Path(app.outdir) / "_static" / "page-python"
    shutil.rmtree(target, ignore_errors=True)
    esbuild(root, SOURCES / "cells.js", SOURCES / "worker.js", "--bundle", "--minify",
            "--format=esm", "--splitting", "--target=es2022", "--loader:.py=text",
            f"--outdir={target}")
    shutil.copyfile(SOURCES / "cells.css", target / "cells.css")
    shutil.copyfile(SOURCES / "boot.js", target / "boot.js")
    made = b"".join(file.read_bytes() for file in sorted(target.iterdir()))
    app.run_page = Runtime(hashlib.sha256(made).hexdigest()[:12], root, wheel)


@dataclass(frozen=True)
class Runtime:
    """What runs the pages. version: of our scripts."""

    version: str
    root: Path
    wheel: Path

    @property
    def files(self) -> list[Path]:
        """Pyodide's files, and the wheel."""
        return [*(self.root / PACKAGE / name for name in (*SCRIPTS, *FILES)), self.wheel]

    @cached_property
    def mega(self) -> float:
        """How much comes to the reader, compressed as hosts do it, in MB."""
        return sum(len(gzip.compress(file.read_bytes(), 6)) for file in self.files) / 1e6


def elsewhere(cells: list) -> list[int]:
    """The numbers of the cells that no browser runs: they import what is not there, take minutes
    there (tag "not-in-page"), or use a name that only such a cell binds."""
    found, lost, there = [], set(), set()
    for number, cell in enumerate(cells):
        nodes = list(ast.walk(ast.parse(cell.source)))
        imports = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
        modules = {node.module for node in imports if isinstance(node, ast.ImportFrom)}
        modules |= {alias.name for node in imports if isinstance(node, ast.Import)
                    for alias in node.names}
        names = [node for node in nodes if isinstance(node, ast.Name)]
        used = {name.id for name in names if isinstance(name.ctx, ast.Load)}
        bound = {name.id for name in names if isinstance(name.ctx, ast.Store)}
        bound |= {(alias.asname or alias.name).partition(".")[0] for node in imports
                  for alias in node.names}
        bound |= {node.name for node in nodes
                  if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        if used & lost or "not-in-page" in cell.metadata.get("tags", []) or any(
                name.partition(".")[0] not in MODULES or f"{name}.".startswith("lora_edu.nn.")
                for name in modules):
            found.append(number)
            lost |= bound - there
        else:
            lost -= bound
            there |= bound
    return found


def cells_of(app, page: str) -> list:
    """A page's code cells; none where the page leaves one out, for a reader could not run what
    follows from it."""
    notebook = nbformat.read(executed(app, page), as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    unseen = [cell for cell in cells if {"remove-input", "remove-cell"} & {
        *cell.metadata.get("tags", [])}]
    return [] if unseen else cells


def lost_cells(app, pagename, context) -> tuple[int, list[int]]:
    """How many cells a page has that a reader may run, and which no browser runs; (0, []) for
    a page that a reader cannot run alone, and where nothing runs in the page."""
    if not app.run_page or not context.get("ipynb_source"):
        return 0, []
    cells = cells_of(app, pagename)
    return len(cells), elsewhere(cells)


def under_title(context, line: str) -> None:
    context["body"] = context["body"].replace("</h1>", f"</h1>\n{line}", 1)


def add_button(app, pagename, templatename, context, doctree) -> None:
    """Give a page the button, and its script, if at least half of its cells run in a browser; else
    tell its reader why not."""
    seen, lost = lost_cells(app, pagename, context)
    if not seen:
        return
    if 2 * len(lost) > seen:
        under_title(context, why_not(context))
        return
    data = {"data-root": "../" * pagename.count("/") or "./",
            "data-version": app.run_page.version,
            "data-elsewhere": " ".join(map(str, lost)),
            "data-notebook": offered(app, pagename).relative_to(app.outdir).as_posix()}
    under_title(context, BUTTON.format(mega=app.run_page.mega, data=" ".join(
        f'{name}="{escape(value)}"' for name, value in data.items())))
    app.add_js_file("page-python/boot.js", loading_method="defer")


def why_not(context: dict) -> str:
    """The line of a page whose cells no browser runs: where they do run, as far as it is known."""
    places = [f'<a href="{escape(button["url"])}">{text}</a>'
              for button in every(context["header_buttons"])
              for text in [PLACES.get(button.get("text"))
                           or PLACES.get(button.get("label"))] if text]
    where = f": run them {' or '.join(places)}" if places else ""
    return ('<p class="page-python-not d-print-none">The cells of this page need PyTorch, which no '
            f"browser runs{where}.</p>")


def write_runtime(app) -> None:
    """Put Pyodide, NumPy and the list of what a worker loads onto the site."""
    if not app.run_page:
        return
    static, root = Path(app.outdir) / "_static", app.run_page.root
    lock = lock_of(root)
    runtime = static / f"pyodide-{lock['info']['version']}"
    runtime.mkdir(exist_ok=True)
    for file in app.run_page.files:
        if not (runtime / file.name).is_file():
            shutil.copyfile(file, runtime / file.name)
    (runtime / "pyodide-lock.json").write_text(json.dumps(lock), encoding="utf-8")
    wheel = build_wheel(root, Path(app.outdir) / FOLDER)
    listed = {"runtime": f"../{runtime.name}/", "files": [
        entry(runtime / name, f"../{runtime.name}/{name}", said)
        for name, said in {**FILES, app.run_page.wheel.name: "NumPy"}.items()
    ], "wheels": [entry(wheel, f"../../{FOLDER}/{wheel.name}", "the book's code",
                        digest(wheel.read_bytes()))]}
    (static / "page-python" / "files.json").write_text(json.dumps(listed), encoding="utf-8")


def entry(file: Path, path: str, name: str, version: str = "") -> dict:
    """A file in the list: where it is from there, its bytes, and what the reader calls it."""
    return {"path": f"{path}?v={version[:12]}" if version else path,
            "size": file.stat().st_size, "name": name}
