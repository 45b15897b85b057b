"""Open the chapters as notebooks: python -m book.lab [options of jupyter lab]

Imports jupytext, nbformat, _extensions/lab_markdown.py, and JupyterLab, which it starts with the
settings in .jupyter. What opens is a copy in the folder notebooks, so that the book's own pages
stay as they are.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import posixpath
import re
import sys
from importlib.util import find_spec
from pathlib import Path

BOOK = Path(__file__).resolve().parent
REPOSITORY = BOOK.parent
sys.path.append(str(BOOK / "_extensions"))  # lab_markdown
COPIES = REPOSITORY / "notebooks"
SETTINGS = REPOSITORY / ".jupyter"
NEEDED = ("jupyterlab", "jupyterlab_myst", "jupytext", "lora_edu", "anywidget")
MARK = "lora_edu"  # the entry in a copy's metadata that says what it was made of
ONLY_ON_THE_SITE = re.compile(r"^```\{(eval-rst|claims|bibliography)\}", re.MULTILINE)
LINK = re.compile(r"(?<!!)\[([^\[\]]+)\]\((?!\w+:)([\w./-]+)\.md(#[^()\s]*)?\)")
INCLUDE = re.compile(r"^```\{include\} (\S+)\n```$", re.MULTILINE)


FIRST = ("**Run ▸ Run All Cells** (or ▸▸ above) draws the plots. Then the links in the text move "
         "them; before that they lead nowhere.")
PICTURES = {"index": "![W₀ and its update as coloured cells, after two steps](../book/images/"
                     "matrices.png)"}  # what a page opens with until it has run


def pages(book: Path = BOOK) -> dict[str, str]:
    """Name, such as "part1/step-zero" → text, of the pages that can be read as a notebook."""
    texts = {file.relative_to(book).with_suffix("").as_posix(): file.read_text(encoding="utf-8")
             for file in sorted(book.rglob("*.md")) if ".ipynb_checkpoints" not in file.parts}
    return {name: text for name, text in texts.items() if not ONLY_ON_THE_SITE.search(text)}


def as_notebook(name: str, texts: dict[str, str], names, book: Path = BOOK):
    """One page as a notebook whose references read as on the website and whose links lead to the
    other notebooks, and, where there is none, are words; with a mark by which ``update`` knows what
    it was made of. names: of ``lab_markdown.book``."""
    import jupytext
    import nbformat
    from lab_markdown import for_lab

    def link(found: re.Match) -> str:
        words, target, place = found.groups()
        there = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
        return f"[{words}]({target}.ipynb{place or ''})" if there in texts else words

    def included(found: re.Match) -> str:
        file = (book / name).parent / found[1]  # a table that a command measures
        return file.read_text(encoding="utf-8").strip() if file.is_file() else ""

    text = for_lab(INCLUDE.sub(included, texts[name]), f"book/{name}", names, ".ipynb")
    made = jupytext.reads(text, fmt="md:myst")
    for cell in made.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(link, cell.source)
    if any(cell.cell_type == "code" for cell in made.cells):
        words = "\n\n".join(filter(None, (FIRST, PICTURES.get(name))))
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
    from lab_markdown import book as names_of

    done: dict[str, list[str]] = {"made": [], "renewed": [], "kept": []}
    texts, names = pages(book), names_of(book.parent)
    for name in texts:
        file, made = copies / f"{name}.ipynb", as_notebook(name, texts, names, book)
        if file.exists():
            try:
                found = nbformat.read(file, as_version=4)
                mark, now = found.metadata.get(MARK), contents(found)
            except Exception:  # no notebook, or half of one
                mark, now = None, ""
            if mark == made.metadata[MARK]:
                continue
            kind = "renewed" if mark == now else "kept"
        else:
            kind = "made"
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
