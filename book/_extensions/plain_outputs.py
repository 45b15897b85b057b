"""A downloaded notebook's outputs: what only the site's scripts can draw gives way to its words.

Imports nothing of the book. Used by the sibling notebooks.
"""

from __future__ import annotations

import re

EXPLORER = re.compile(r'<figure class="explorer".*?</figure>', re.DOTALL)
READING = re.compile(r'<p class="explorer-reading".*?<span>(.*?)</span>', re.DOTALL)
CAPTION = re.compile(r"<figcaption>(.*?)</figcaption>", re.DOTALL)
INVITES = {True: "Run the cells down to this one, and an explorer with its controls stands here.",
           False: "Run the cells down to this one, and a figure stands here."}


def plain(html: str) -> str:
    """HTML in which each explorer is an invitation to run its cell, its sentence and its caption.

    A viewer takes the styles and the drawing away, and would leave the labels of the axes and
    controls that do nothing.
    """
    return EXPLORER.sub(lambda found: _words(found[0]), html)


def _words(figure: str) -> str:
    reading, caption = (found[1] if (found := part.search(figure)) else ""
                        for part in (READING, CAPTION))
    first = f"<b>{INVITES['data-control=' in figure]}</b> {reading}".rstrip()
    return "".join(f"<p>{text}</p>" for text in (first, caption) if text)
