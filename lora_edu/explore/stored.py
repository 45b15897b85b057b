"""The states of explorers in files beside the page, which fetches them when a reader comes near.

Imports the standard library only. A file is a script, for a page that is opened without a server
may load no other kind; its name holds a digest of what is in it, so that no browser takes an old
one for it.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

FOLDER = "explorers"  # beside explore.js
SCRIPT = '<script type="text/plain" class="explorer-states"'
STATES = re.compile(SCRIPT + r">([^<]*)</script>")
REFERENCE = re.compile(SCRIPT + r' data-src="([^"]*)"></script>')
FILE = re.compile(r'exploreStates\("[^"]*", "([^"]*)"\);\n')


def part(html: str, folder: Path) -> tuple[str, set[str]]:
    """Write the states in ``html`` into files in ``folder``: the HTML that refers to them, and
    the names of the files."""
    names: set[str] = set()

    def moved(found: re.Match) -> str:
        name = hashlib.sha256(found[1].encode()).hexdigest()[:16] + ".js"
        folder.mkdir(parents=True, exist_ok=True)
        text = f'exploreStates("{FOLDER}/{name}", "{found[1]}");\n'
        (folder / name).write_text(text, encoding="ascii")
        names.add(name)
        return f'{SCRIPT} data-src="{FOLDER}/{name}"></script>'

    return STATES.sub(moved, html), names


def whole(html: str, static: Path) -> str:
    """The HTML with its states in place: what :func:`part` was given. static: where FOLDER is."""
    def back(found: re.Match) -> str:
        text = (static / found[1]).read_text(encoding="ascii")
        return f"{SCRIPT}>{FILE.fullmatch(text)[1]}</script>"

    return REFERENCE.sub(back, html)


def publish(names: set[str], source: Path, target: Path) -> None:
    """Copy the files ``names`` from ``source`` to ``target``, and delete all others in both."""
    target.mkdir(parents=True, exist_ok=True)
    for file in (*source.glob("*.js"), *target.glob("*.js")):
        if file.name not in names:
            file.unlink()
    for name in names:
        shutil.copyfile(source / name, target / name)
