"""What a program may want to know of an explorer, as JSON in its HTML; and reading it back.

Imports the standard library only. The browser's scripts, the build and the tests read the same.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from html.parser import HTMLParser


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


class _Islands(HTMLParser):
    """Collects what stands in the scripts of explorers."""

    def __init__(self):
        super().__init__()
        self.found, self.kind, self.text = [], None, ""

    def handle_starttag(self, tag, attributes):
        self.kind, self.text = dict(attributes).get("class") if tag == "script" else None, ""

    def handle_data(self, data):
        if self.kind:
            self.text += data

    def handle_endtag(self, tag):
        if self.kind == "explorer-data":
            self.found.append(json.loads(self.text))
        elif self.kind == "explorer-states":
            self.found[-1]["states"] = self.text
        self.kind = None


def islands(html: str) -> list[dict]:
    """The data of every explorer in a page or a part of one, in order.

    Each has its name, source (``module:function``), caption, reading (of the first position), play
    (the slider that is played, or None) and controls (dicts with the fields of Control); on a page
    also traces (their types), lack (why there is no first frame, or ""), and states, packed as
    :func:`codec.pack` does.
    """
    reader = _Islands()
    reader.feed(html)
    reader.close()
    return reader.found
