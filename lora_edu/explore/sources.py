"""Which code a page is made with, as one digest a page: when it changes, the page is built again.

Behind a page stand lora_edu, the modules beside the page, and of lora_edu's chapters those that the
page names and those that these name. Imports are not followed further: a change in lora_edu
itself builds all pages again.
"""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
NAMED = re.compile(r"lora_edu\.chapters(?:\.| import )(\w+)")


def digests(pages: Iterable[Path]) -> dict[Path, str]:
    """Page → the digest of all files behind it; each file is read once."""
    chapters = {folder.name: folder for folder in (PACKAGE / "chapters").glob("[a-z]*")
                if folder.is_dir()}
    library = digest(file for file in files(PACKAGE)
                     if not any(folder in file.parents for folder in chapters.values()))
    made = {name: digest(files(folder)) for name, folder in chapters.items()}
    naming = {name: named(*folder.glob("*.py")) for name, folder in chapters.items()}

    def of(page: Path) -> str:
        behind: set[str] = set()
        waiting = named(page) & made.keys()
        while waiting:
            name = waiting.pop()
            behind.add(name)
            waiting |= (naming[name] & made.keys()) - behind
        beside = digest(page.parent.glob("*.py"))
        parts = library, beside, *(made[name] for name in sorted(behind))
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()

    return {page: of(page) for page in pages}


def named(*sources: Path) -> set[str]:
    """The chapters that pages or modules name."""
    return {name for file in sources for name in NAMED.findall(file.read_text(encoding="utf-8"))}


def files(folder: Path) -> Iterable[Path]:
    """The files in a folder, at any depth, but for a page's looks and what Python has compiled."""
    return (file for file in folder.rglob("*") if file.is_file()
            and file.suffix not in (".js", ".css", ".pyc"))


def digest(found: Iterable[Path]) -> str:
    """One digest of the names and contents of files."""
    whole = hashlib.sha256()
    for file in sorted(found):
        whole.update(str(file).encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return whole.hexdigest()
