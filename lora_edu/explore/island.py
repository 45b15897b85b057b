"""What a program may want to know of an explorer, as JSON in its HTML; and reading it back.

Imports the standard library only. The browser's scripts, the build and the tests read the same.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict

SCRIPT = re.compile(r'<script [^>]*class="explorer-(data|states)"[^>]*>([^<]*)</script>')


def reading(figure: dict) -> str:
    """The sentence a figure says about itself: ``layout.meta["reading"]``."""
    return (figure["layout"].get("meta") or {}).get("reading", "")


def island(explorer, start: dict, **more) -> str:
    """The JSON that :func:`islands` reads back; for a value that JSON has not, its repr."""
    data = {"name": explorer.name, "source": explorer.source, "caption": explorer.caption,
            "reading": reading(start), "play": explorer.play, **more,
            "controls": [asdict(control) for control in explorer.controls]}
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), default=repr)
    return ('<script type="application/json" class="explorer-data">'
            + text.replace("<", "\\u003c") + "</script>")


def islands(html: str) -> list[dict]:
    """The data of every explorer in a page or a part of one, in order.

    Each has its name, source (``module:function``), caption, reading (of the first position), play
    (the slider that is played, or None) and controls (dicts with the fields of Control); on a page
    also traces (their types), lack (why there is no first frame, or ""), and states, packed as
    :func:`codec.pack` does.
    """
    found: list[dict] = []
    for kind, text in SCRIPT.findall(html):
        if kind == "data":
            found.append(json.loads(text))
        else:
            found[-1]["states"] = text
    return found
