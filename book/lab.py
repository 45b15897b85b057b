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
    made.metadata = {"kernelspec": KERNEL, MARK: contents(made)}
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
    told, names, new = [], names_of(book), 0
    for page in pages(book):
        file = copies / f"{page.removeprefix('book/')}.ipynb"
        made = as_notebook(page, names, book)
        if file.exists():
            found = nbformat.read(file, as_version=4)
            mark = found.metadata.get(MARK)
            if mark == made.metadata[MARK]:
                continue
            if mark != contents(found):
                told.append(f"{file}: the book has changed, but so have you, and yours stays. "
                            "Rename it, and the next start makes it anew.")
                continue
        file.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(made, file)
        new += 1
    return [f"Copied into {copies}: {new} notebooks", *told] if new else told


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
