"""Sphinx extension: each chapter as an executed notebook that runs alone.

Imports nbformat and its siblings plain_markdown and plain_outputs. The notebook that a page offers
is the one that the build has executed, with a first cell in front that installs what is missing,
with its text in plain Markdown, and with words where only the site's scripts can draw.
"""

from __future__ import annotations

import ast
import re
import sys
from functools import cache
from pathlib import Path

import nbformat
import plain_markdown as plain
import plain_outputs

PYPI_NAMES = {"sklearn": "scikit-learn"}
READS_REPOSITORY = "lora_edu.__file__"  # in a cell: it looks for files beside the package
KEPT = ("kernelspec", "language_info")
FIRST_CELL = '''\
# Run this cell first: it installs what this notebook needs and your Python lacks.
import importlib
import subprocess
import sys
from importlib.util import find_spec

needed = {
%s
}
missing = [requirement for name, requirement in needed.items() if find_spec(name) is None]
if missing:
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *missing], check=True)
    importlib.invalidate_caches()
'''
BY_HAND = '''\
if find_spec("lora_edu") is None:
    raise ModuleNotFoundError(
        "lora_edu, the small package of this book, is not installed here. Get a copy of the "
        "book's repository, run in its folder:  pip install .  and run this cell again.")
'''


def setup(app):
    app.connect("html-page-context", offer_notebook, priority=100)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def offer_notebook(app, pagename, templatename, context, doctree) -> None:
    """Write the notebook beside the page's source; the theme then offers it."""
    executed = Path(app.outdir).parent / "jupyter_execute" / f"{pagename}.ipynb"
    if doctree is None or not executed.is_file():
        return
    notebook = nbformat.read(executed, as_version=4)
    if any(READS_REPOSITORY in cell.source for cell in notebook.cells):
        return  # a page about the repository, which does not run without it
    make_alone(notebook, Path(app.confdir), pagename,
               app.lora_repository and app.lora_repository.url, names_of(app))
    target = Path(app.outdir) / "_sources" / f"{pagename}.ipynb"
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, target)
    context["ipynb_source"] = f"{pagename}.ipynb"


@cache
def names_of(app) -> plain.Names:
    """What the roles of the book refer to, and the address of its site."""
    titles = {}
    for page in sorted(app.env.found_docs):
        titles |= plain.titles(Path(app.env.doc2path(page)).read_text(encoding="utf-8"))
    sources = {}
    for file in getattr(app.config, "bibtex_bibfiles", ()):
        sources |= plain.sources(Path(app.confdir, file))
    return plain.Names(titles, sources, app.lora_site)


def make_alone(notebook, root: Path, page: str, repository: str | None, names: plain.Names) -> None:
    """Change an executed notebook so that it can leave the repository at ``root``: it gets a first
    cell, keeps no settings of the build, and neither its text nor its outputs need an extension.
    """
    source = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    texts = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    made = plain.Page(page, [cell.source for cell in texts], names)
    for cell in texts:
        cell.source = made.plain(cell.source)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if html := output.get("data", {}).get("text/html"):
                output.data["text/html"] = plain_outputs.plain(html)
    cell = nbformat.v4.new_code_cell(first_cell(source, root, repository))
    cell.id = "install-what-is-missing"
    if notebook.nbformat_minor < 5:  # where cells have no ids
        del cell["id"]
    notebook.cells = [cell, *(cell for cell in notebook.cells if cell.source)]
    notebook.metadata = {key: notebook.metadata[key] for key in KEPT if key in notebook.metadata}


def first_cell(source: str, root: Path, repository: str | None) -> str:
    """A cell that installs what code needs, or says how where ``repository`` is unknown."""
    needed = requirements(source, root)
    if repository:
        needed = {"lora_edu": f"lora_edu @ git+{repository}"} | needed
    lines = (f'    "{name}": "{requirement}",' for name, requirement in needed.items())
    return (FIRST_CELL % "\n".join(lines) + ("" if repository else BY_HAND)).rstrip()


def requirements(source: str, root: Path) -> dict[str, str]:
    """Module → its line of requirements.txt, for what code imports, also through lora_edu."""
    lines = (root / "requirements.txt").read_text(encoding="utf-8").splitlines()
    known = {re.match(r"[\w.-]+", line)[0]: line for line in lines if re.match(r"\w", line)}
    modules = sorted(third_party(source, root))
    return {module: known[PYPI_NAMES.get(module, module)] for module in modules
            if PYPI_NAMES.get(module, module) in known}


def third_party(source: str, root: Path) -> set[str]:
    """The modules, neither Python's nor ours, that code imports, also through lora_edu."""
    found, seen, texts = set(), set(), [source]
    while texts:
        for module in imported(texts.pop()):
            parts = module.split(".")
            if parts[0] == "lora_edu":
                for file in files_of(parts, root) - seen:
                    seen.add(file)
                    texts.append(file.read_text(encoding="utf-8"))
            elif parts[0] not in sys.stdlib_module_names:
                found.add(parts[0])
    return found


def imported(source: str) -> set[str]:
    """The dotted names that code imports, at its top or in functions."""
    python = re.sub(r"^[%!].*", "", source, flags=re.MULTILINE)  # IPython's own lines
    names: set[str] = set()
    for node in ast.walk(ast.parse(python)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def files_of(parts: list[str], root: Path) -> set[Path]:
    """The files that importing a dotted name runs."""
    folders = [root.joinpath(*parts[:n]) for n in range(1, len(parts) + 1)]
    candidates = [folder / "__init__.py" for folder in folders] + [folders[-1].with_suffix(".py")]
    return {file for file in candidates if file.is_file()}
