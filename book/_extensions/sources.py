"""Which code a page is made with: when it changes, the page is built again.

Behind a page stand lora_edu, and of lora_book the folders that the page imports, with their data,
and those that these import. Imports are not followed elsewhere: a change in lora_edu builds all
pages again. The modules beside a page are looked after by lora_edu.explore.sphinx_ext.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from lora_edu.explore.sphinx_ext import digest, with_another_digest

from . import imports, myst

BOOK = "lora_book."


def pages_with_old_code(app, env, added, changed, removed) -> list[str]:
    """The pages with other code behind their cells than they were built with."""
    of_library = digest(files(imports.ROOT / "lora_edu"))
    of_folder = cache(lambda folder: digest(files(folder)))
    now = {}
    for page in env.found_docs - removed:
        text = Path(env.doc2path(page)).read_text(encoding="utf-8")
        now[page] = " ".join([of_library, *map(of_folder, folders_behind(text))])
    return with_another_digest(env, "book_sources", now)


def folders_behind(text: str) -> list[Path]:
    """The folders of lora_book that a page's cells import."""
    code = "\n".join(part.body for part in myst.directives(text) if part.name == "code-cell")
    names = {name.split(".")[1] for name in imports.imported(code, in_functions=True)
             if name.startswith(BOOK)}
    return [imports.ROOT / "book/lora_book" / name for name in sorted(names)]


def files(folder: Path) -> Iterator[Path]:
    """The files in a folder, at any depth, but for a page's looks and what Python has compiled."""
    return (file for file in folder.rglob("*") if file.is_file()
            and file.suffix not in (".js", ".css", ".pyc"))
