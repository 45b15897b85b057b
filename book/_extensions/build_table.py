"""Sphinx extension: the table at a build's end, a line a chapter: what it took and what it weighs.

Imports Sphinx and MyST-NB's notes. Seconds are those in which the page's cells ran, beside other
pages'; a page that did not have to run again has none. Bytes are the page's as a server sends them.
"""

from __future__ import annotations

import gzip
import math
from pathlib import Path

from sphinx.util import logging

logger = logging.getLogger(__name__)
HEAD = f"{'':32}{'seconds':>8}{'explorers':>11}{'states':>8}{'kB, gzip':>10}"


def setup(app):
    app.connect("env-before-read-docs", note_what_is_read)
    app.connect("build-finished", tell, priority=990)  # when the pages are as they will be
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def note_what_is_read(app, env, docnames) -> None:
    app.lora_read = set(docnames)


def rows(app) -> list[tuple[str, float | None, int, int, float]]:
    """Page, seconds, explorers, states, kB; of the pages that have cells."""
    notes, explorers = getattr(app.env, "nb_metadata", {}), getattr(app.env, "lora_explorers", {})
    found = []
    for page in sorted(page for page in notes if notes[page].get("exec_data")):
        seconds = notes[page]["exec_data"]["runtime"] if page in app.lora_read else None
        mine = explorers.get(page, {}).values()
        states = sum(math.prod(len(keys) for keys in controls.values()) for controls in mine)
        built = (Path(app.outdir) / f"{page}.html").read_bytes()
        found.append((page, seconds, len(mine), states, len(gzip.compress(built)) / 1000))
    return found


def tell(app, exception) -> None:
    """Print the table."""
    if exception or app.builder.format != "html":
        return
    table = rows(app)
    lines = [f"{page.removeprefix('book/'):32}{'' if seconds is None else f'{seconds:.1f}':>8}"
             f"{explorers or '':>11}{states or '':>8}{size:>10.0f}"
             for page, seconds, explorers, states, size in table]
    total = [sum(row[i] or 0 for row in table) for i in range(1, 5)]
    lines.append("{:32}{:>8.1f}{:>11}{:>8}{:>10.0f}".format("all", *total))
    logger.info("\n".join(["", HEAD, *lines, ""]))
