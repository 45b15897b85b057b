"""Which of lora_edu's code a page is made with: when it changes, the page is built again.

Behind a page stand lora_edu, and of its chapters those that the page names and those that these
name. Imports are not followed further: a change in lora_edu itself builds all pages again. The
modules beside a page are looked after by lora_edu.explore.sphinx_ext.
"""

import re
from collections.abc import Iterable
from pathlib import Path

import lora_edu
from lora_edu.explore.sphinx_ext import digest, with_another_digest

PACKAGE = Path(lora_edu.__file__).parent
NAMED = re.compile(r"lora_edu\.chapters(?:\.| import )(\w+)")


def pages_with_old_code(app, env, added, changed, removed) -> list[str]:
    """The pages with other code behind their cells than they were built with."""
    pages = {page: Path(env.doc2path(page)) for page in env.found_docs - removed}
    return with_another_digest(env, "book_sources", digests(pages))


def digests(pages: dict[str, Path]) -> dict[str, str]:
    """Page → the digest of all files behind it; each file is read once."""
    chapters = {folder.name: folder for folder in (PACKAGE / "chapters").glob("[a-z]*")
                if folder.is_dir()}
    library = digest(file for file in files(PACKAGE)
                     if not any(folder in file.parents for folder in chapters.values()))
    digest_of = {name: digest(files(folder)) for name, folder in chapters.items()}
    naming = {name: named(*folder.glob("*.py")) for name, folder in chapters.items()}

    def of(page: Path) -> str:
        behind: set[str] = set()
        waiting = named(page) & chapters.keys()
        while waiting:
            name = waiting.pop()
            behind.add(name)
            waiting |= (naming[name] & chapters.keys()) - behind
        return " ".join([library, *(digest_of[name] for name in sorted(behind))])

    return {page: of(file) for page, file in pages.items()}


def named(*sources: Path) -> set[str]:
    """The chapters that pages or modules name."""
    return {name for file in sources for name in NAMED.findall(file.read_text(encoding="utf-8"))}


def files(folder: Path) -> Iterable[Path]:
    """The files in a folder, at any depth, but for a page's looks and what Python has compiled."""
    return (file for file in folder.rglob("*") if file.is_file()
            and file.suffix not in (".js", ".css", ".pyc"))
