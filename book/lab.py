"""Open the chapters as notebooks: python -m book.lab [options of jupyter lab]

JupyterLab starts with the settings in .jupyter. What opens is a copy in the folder notebooks, so
that the book's own pages stay as they are. With --copies alone the copies are made, and no more.
"""

import hashlib
import json
import os
import sys
from pathlib import Path

import jupytext
import nbformat
from ipykernel.ipkernel import IPythonKernel

from book._extensions import myst
from book._extensions.notebooks.copies import FOLDER, copy_names, stem
from book._extensions.notebooks.myst_to_markdown import Names, collect_names, rewrite

REPOSITORY = Path(__file__).resolve().parents[1]
SETTINGS = REPOSITORY / ".jupyter"
MARK = "lora_edu"  # the entry in a copy's metadata that says what it was made of
FIRST = ("**Run ▸ Run All Cells** (or ▸▸ above) draws the plots. Then the links in the text move "
         "them; before that they lead nowhere.")
KERNEL = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
# What JupyterLab writes into a notebook that it opens. Where it stands there already, a chapter
# that was only read does not ask to be saved.
OPENED = {"kernelspec": KERNEL, "language_info": IPythonKernel.language_info}


def as_notebook(page: str, names: Names, root: Path):
    """A page as a notebook in plain Markdown whose links lead to the other notebooks, with a first
    cell that says how its plots are drawn, if it has any, and a mark by which ``update`` knows what
    it was made of."""
    text = (root / f"{page}.md").read_text(encoding="utf-8")
    notebook = jupytext.reads(text, fmt="md:myst")
    rewrite(notebook, page, names)
    if myst.has_cells(text):
        notebook.cells.insert(0, nbformat.v4.new_markdown_cell(FIRST, id="run-all-cells"))
    notebook.metadata = {**OPENED, MARK: contents(notebook)}
    return notebook


def contents(notebook) -> str:
    """What a notebook's cells say, their outputs apart, as a short number."""
    cells = [(cell.cell_type, cell.source.strip()) for cell in notebook.cells]
    said = json.dumps([cell for cell in cells if cell[1]], ensure_ascii=False)
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def update(root: Path) -> list[str]:
    """Make the copies that are missing, and renew those that are older than the book, unless the
    reader has changed their cells: these stay.

    Returns:
        What is to be told, in lines.

    Raises:
        OSError: a copy cannot be written; those before it are there.
    """
    told = []
    copied = 0
    copies = root / FOLDER
    files = copy_names(root)
    names = collect_names(root, myst.page_names(root), files=files)
    for page, name in files.items():
        file = copies / name
        told += remove_old_names(page, file)
        fresh = as_notebook(page, names, root)
        kind = state(file, fresh.metadata[MARK])
        if kind == "current":
            continue
        if kind == "changed":
            told.append(f"{file}: the book has changed, but so have you, and yours stays. "
                        "Rename it, and the next start makes it anew.")
            continue
        if kind == "damaged":
            aside = file.with_suffix(".damaged")
            file.replace(aside)
            told.append(f"{file}: this was no notebook any more. It is made anew, and what it held "
                        f"lies in {aside.name}.")
        write(fresh, file)
        copied += 1
    return [f"Copied into {copies}: {copied} notebooks", *told] if copied else told


def remove_old_names(page: str, file: Path) -> list[str]:
    """Remove copies of a page that have another number than ``file``, unless the reader has changed
    them; what is to be told of these."""
    told = []
    for old in file.parent.glob(f"[0-9][0-9]-{stem(page)}.ipynb"):
        if old == file:
            continue
        if state(old, mark="") == "older":
            old.unlink()
        else:
            told.append(f"{old}: you have changed this copy, and it stays. The book's own is now "
                        f"{file.name}, and links lead there.")
    return told


def state(file: Path, mark: str) -> str:
    """How a copy stands to the page whose contents have this mark: "missing", "damaged",
    "current", "older", or "changed" by its reader."""
    if not file.exists():
        return "missing"
    try:
        copy = nbformat.read(file, as_version=4)
    except Exception:  # nbformat fails in as many ways as a file can be damaged
        return "damaged"
    if copy.metadata.get(MARK) == mark:
        return "current"
    return "older" if copy.metadata.get(MARK) == contents(copy) else "changed"


def write(notebook, file: Path) -> None:
    """Write a notebook beside its place and move it there, so that no half of one is ever left."""
    file.parent.mkdir(parents=True, exist_ok=True)
    aside = file.with_suffix(".new")
    try:
        nbformat.write(notebook, aside)
        aside.replace(file)
    finally:
        aside.unlink(missing_ok=True)


def main() -> None:
    """Make the copies, and start JupyterLab with the options of the command line."""
    try:
        lines = update(REPOSITORY)
    except OSError as error:
        sys.exit(f"The notebooks cannot be written into {REPOSITORY / FOLDER}: {error.strerror}. "
                 "Make room there, or put the book where you may write, and start again.")
    for line in lines:
        print(line)
    if sys.argv[1:] == ["--copies"]:
        return
    paths = [str(SETTINGS), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, paths))
    from jupyterlab.labapp import LabApp

    first = next(iter(copy_names(REPOSITORY).values()))
    LabApp.launch_instance([f"--ServerApp.root_dir={REPOSITORY}",
                            f"--LabApp.default_url=/lab/tree/{FOLDER}/{first}",
                            *sys.argv[1:]])


if __name__ == "__main__":
    main()
