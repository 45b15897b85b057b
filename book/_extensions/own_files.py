"""Sphinx extension: the book's own scripts and style sheets, copied before any page is written.

Sphinx puts the checksum of such a file into the links to it, so that no browser takes an old one
for it. It reads the file in the site: copied later, the checksum would be that of the last build.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

HERE = Path(__file__).parent
FILES = [HERE / "book.css", HERE / "book.js", HERE / "self_check.css", HERE / "self_check.js",
         *(HERE / "assets" / name for name in ("finding.css", "marks.js", "previews.js"))]


def setup(app):
    app.connect("builder-inited", copy)
    app.connect("env-updated", outdated)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def copy(app) -> None:
    if app.builder.format == "html":
        static = Path(app.outdir) / "_static"
        static.mkdir(parents=True, exist_ok=True)
        for file in FILES:
            shutil.copyfile(file, static / file.name)


def outdated(app, env) -> list[str]:
    """The pages to write again: all, where a file is not the one that they link to."""
    now = hashlib.sha256(b"".join(file.read_bytes() for file in FILES)).hexdigest()
    before, env.own_files = getattr(env, "own_files", now), now
    return sorted(env.found_docs) if before != now else []
