"""Open the chapters as notebooks: python -m book.lab [options of jupyter lab]

JupyterLab starts with the settings in .jupyter. What opens is a copy in the folder notebooks, so
that the book's own pages stay as they are.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path

BOOK = Path(__file__).resolve().parent
REPOSITORY = BOOK.parent
COPIES = REPOSITORY / "notebooks"
SETTINGS = REPOSITORY / ".jupyter"
NEEDED = ("jupyterlab", "jupytext", "pybtex", "lora_edu", "anywidget")
MARK = "lora_edu"  # the entry in a copy's metadata that says what it was made of
FIRST = ("**Run ▸ Run All Cells** (or ▸▸ above) draws the plots. Then the links in the text move "
         "them; before that they lead nowhere.")
# What a page opens with until it has run.
PICTURES = {"book/index": "![The word LoRA, learned by A and B](../book/images/word.png)"}


def pages(book: Path = BOOK) -> list[str]:
    """The pages that hold cells, such as "book/part1/step-zero"."""
    return sorted(file.relative_to(book.parent).with_suffix("").as_posix()
                  for file in book.rglob("*.md") if ".ipynb_checkpoints" not in file.parts
                  and "\n```{code-cell}" in file.read_text(encoding="utf-8"))


def names_of(book: Path = BOOK):
    """What the roles of the book refer to."""
    from book._extensions.notebooks import plain

    return plain.names(sorted(book.rglob("*.md")), book / "references.bib", beside=pages(book))


def as_notebook(page: str, names, book: Path = BOOK):
    """A page as a notebook in plain Markdown whose links lead to the other notebooks, with a first
    cell that says how its plots are drawn, and a mark by which ``update`` knows what it was made
    of."""
    import jupytext
    import nbformat

    from book._extensions.notebooks import plain

    made = jupytext.read(book.parent / f"{page}.md", fmt="md:myst")
    plain.rewrite(made, page, names)
    words = "\n\n".join(filter(None, (FIRST, PICTURES.get(page))))
    made.cells.insert(0, nbformat.v4.new_markdown_cell(words, id="run-all-cells"))
    made.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)",
                                    "language": "python"}, MARK: contents(made)}
    return made


def contents(notebook) -> str:
    """What a notebook's cells say, their outputs apart, as a short number."""
    cells = [(cell.cell_type, cell.source.strip()) for cell in notebook.cells]
    said = json.dumps([cell for cell in cells if cell[1]], ensure_ascii=False)
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def update(copies: Path = COPIES, book: Path = BOOK) -> list[str]:
    """Make the copies that are missing, and renew those that are older than the book, unless the
    reader has changed their cells: these stay. Returns what is to be told, in lines."""
    import nbformat

    done: dict[str, list[str]] = {"made": [], "renewed": [], "kept": []}
    names = names_of(book)
    for page in pages(book):
        name = page.removeprefix("book/")
        file, made = copies / f"{name}.ipynb", as_notebook(page, names, book)
        kind = "made"
        if file.exists():
            try:
                found = nbformat.read(file, as_version=4)
                mark, now = found.metadata.get(MARK), contents(found)
            except Exception:  # no notebook, or half of one
                mark, now = None, ""
            if mark == made.metadata[MARK]:
                continue
            kind = "renewed" if mark == now else "kept"
        if kind != "kept":
            file.parent.mkdir(parents=True, exist_ok=True)
            nbformat.write(made, file)
        done[kind].append(f"{name}.ipynb")
    told = {"made": f"Copied into {copies}: {len(done['made'])} notebooks",
            "renewed": "Renewed, for the book has changed: " + ", ".join(done["renewed"]),
            "kept": "The book has changed, but so have you, and yours stay (rename one, and the "
                    "next start makes it anew): " + ", ".join(done["kept"])}
    return [told[kind] for kind in done if done[kind]]


def put_aside(copies: Path = COPIES) -> Path | None:
    """Rename the folder of copies, if there is one; where it is now."""
    if not copies.exists():
        return None
    number = 1
    while (aside := copies.with_name(f"{copies.name}-{number}")).exists():
        number += 1
    return copies.rename(aside)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m book.lab", description=__doc__.splitlines()[0], allow_abbrev=False,
        epilog="All other options are JupyterLab's, such as --no-browser, --port 8899, --allow-root"
               " or --ip: jupyter lab --help lists them.")
    parser.add_argument("--afresh", action="store_true",
                        help="put the folder notebooks aside under another name, and begin anew")
    parser.add_argument("--copies", action="store_true", help="make the copies, and stop there")
    asked, options = parser.parse_known_args()
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        sys.exit(f"{', '.join(missing)}: not installed in {sys.executable}. In the folder "
                 f"{REPOSITORY}, run:\n  \"{sys.executable}\" -m pip install "
                 '-c constraints.txt -e ".[peft,lab]"')
    try:
        if asked.afresh and (aside := put_aside()):
            print(f"Your notebooks are now in {aside}")
        for line in update():
            print(line)
    except OSError as error:
        sys.exit(f"The notebooks could not be written: {error}")
    if asked.copies:
        return
    if not os.access(Path.home(), os.W_OK):  # Jupyter and IPython write there
        os.environ["HOME"] = str(COPIES / ".home")
    paths = [str(SETTINGS), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, paths))
    from jupyterlab.labapp import LabApp

    LabApp.launch_instance([f"--ServerApp.root_dir={REPOSITORY}",
                            f"--LabApp.default_url=/lab/tree/{COPIES.name}/index.ipynb", *options])


if __name__ == "__main__":
    main()
