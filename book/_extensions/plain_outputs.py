"""A downloaded notebook's outputs: what only the site's scripts can draw gives way to its words.

Imports of the package what reads an explorer's data. Used by the sibling notebooks.
"""

from __future__ import annotations

import re
from html import escape

from lora_edu.explore.island import islands

EXPLORER = re.compile(r'<figure class="explorer".*?</figure>', re.DOTALL)
INVITES = {True: "Run the cells down to this one, and an explorer with its controls stands here.",
           False: "Run the cells down to this one, and a figure stands here."}


def plain(html: str) -> str:
    """HTML in which each explorer is an invitation to run its cell, its sentence and its caption.

    A viewer takes the styles and the drawing away, and would leave the labels of the axes and
    controls that do nothing.
    """
    return EXPLORER.sub(lambda found: _words(found[0]), html)


def _words(figure: str) -> str:
    (data,) = islands(figure)
    first = f"<b>{INVITES[bool(data['controls'])]}</b> {escape(data['reading'])}".rstrip()
    return "".join(f"<p>{text}</p>" for text in (first, escape(data["caption"])) if text)
