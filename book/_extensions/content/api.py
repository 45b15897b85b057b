"""The library's docstrings on the page "The library".

A docstring explains its arguments in a paragraph that begins "name: meaning"; on
the page each becomes an entry of a list. Signatures are without types: the words give them.
"""

from __future__ import annotations

import re
from itertools import groupby

NAME = r"(?:``)?\*{0,2}[A-Za-z]\w*(?:``)?"
ENTRY = re.compile(rf"(?:^|(?<=\. )|(?<=\.\n))({NAME}(?:, {NAME})*): (?=\S)", re.MULTILINE)


def setup(app) -> None:
    app.setup_extension("sphinx.ext.autodoc")
    app.setup_extension("sphinx.ext.napoleon")  # for docstrings in Google's style
    app.config.autodoc_typehints = "none"
    app.config.toc_object_entries_show_parents = "hide"
    app.connect("autodoc-process-docstring", list_arguments)


def list_arguments(app, what, name, thing, options, lines: list[str]) -> None:
    """Turn the paragraphs of "name: meaning" into definition lists, in place."""
    paragraphs = ["\n".join(group) for some, group in groupby(lines, key=bool) if some]
    lines[:] = [*"\n\n".join(map(listed, paragraphs)).split("\n"), ""]


def listed(paragraph: str) -> str:
    """A paragraph as a definition list, if it begins with an entry."""
    if not ENTRY.match(paragraph):
        return paragraph
    _, *parts = ENTRY.split(paragraph)
    return ".. container:: arguments\n\n" + "\n".join(
        "    " + ", ".join(f"``{name.strip('`')}``" for name in names.split(", "))
        + "\n        " + " ".join(meaning.split())
        for names, meaning in zip(parts[::2], parts[1::2], strict=True))
