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
from book._extensions.notebooks.myst_to_markdown import Names, collect_names, rewrite

BOOK = Path(__file__).resolve().parent
REPOSITORY = BOOK.parent
COPIES = REPOSITORY / "notebooks"
SETTINGS = REPOSITORY / ".jupyter"
MARK = "lora_edu"  # the entry in a copy's metadata that says what it was made of
FIRST = ("**Run ▸ Run All Cells** (or ▸▸ above) draws the plots. Then the links in the text move "
         "them; before that they lead nowhere.")
# What a page opens with until it has run.
PICTURES = {"book/index": "![The word LoRA, learned by A and B](../book/images/word.png)"}
KERNEL = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
# What JupyterLab writes into a notebook that it opens. Where it stands there already, a chapter
# that was only read does not ask to be saved.
OPENED = {"kernelspec": KERNEL, "language_info": IPythonKernel.language_info}


def pages(book: Path = BOOK) -> list[str]:
    """The pages that hold cells, such as "book/part1/step-zero"."""
    return sorted(file.relative_to(book.parent).with_suffix("").as_posix()
                  for file in book.rglob("*.md") if ".ipynb_checkpoints" not in file.parts
                  and myst.has_cells(file.read_text(encoding="utf-8")))


def names_of(book: Path = BOOK) -> Names:
    """What the roles of the book refer to."""
    return collect_names(sorted(book.rglob("*.md")), book / "references.bib", beside=pages(book))


def as_notebook(page: str, names: Names, book: Path = BOOK):
    """A page as a notebook in plain Markdown whose links lead to the other notebooks, with a first
    cell that says how its plots are drawn, and a mark by which ``update`` knows what it was made
    of."""
    made = jupytext.read(book.parent / f"{page}.md", fmt="md:myst")
    rewrite(made, page, names)
    words = "\n\n".join(filter(None, (FIRST, PICTURES.get(page))))
    made.cells.insert(0, nbformat.v4.new_markdown_cell(words, id="run-all-cells"))
    made.metadata = {**OPENED, MARK: contents(made)}
    return made


def contents(notebook) -> str:
    """What a notebook's cells say, their outputs apart, as a short number."""
    cells = [(cell.cell_type, cell.source.strip()) for cell in notebook.cells]
    said = json.dumps([cell for cell in cells if cell[1]], ensure_ascii=False)
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def update(copies: Path = COPIES, book: Path = BOOK) -> list[str]:
    """Make the copies that are missing, and renew those that are older than the book, unless the
    reader has changed their cells: these stay.

    Returns:
        What is to be told, in lines.
    """
    told = []
    copied = 0
    names = names_of(book)
    for page in pages(book):
        file = copies / f"{page.removeprefix('book/')}.ipynb"
        fresh = as_notebook(page, names, book)
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
    nbformat.write(notebook, aside)
    aside.replace(file)


def main() -> None:
    """Make the copies, and start JupyterLab with the options of the command line."""
    for line in update():
        print(line)
    if sys.argv[1:] == ["--copies"]:
        return
    paths = [str(SETTINGS), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, paths))
    from jupyterlab.labapp import LabApp

    LabApp.launch_instance([f"--ServerApp.root_dir={REPOSITORY}",
                            f"--LabApp.default_url=/lab/tree/{COPIES.name}/index.ipynb",
                            *sys.argv[1:]])


if __name__ == "__main__":
    main()
