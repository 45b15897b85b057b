"""What a program may want to know of an explorer, as JSON in its HTML, and its states.

The browser's scripts, the build and the tests read the same. In a book the states stand in files
beside the page, which fetches them when a reader comes near. Such a file is a script, for a page
that is opened without a server may load no other kind; its name holds a digest of what is in it,
so that no browser takes an old one for it.
"""

import hashlib
import inspect
import json
import re
import shutil
from dataclasses import asdict
from pathlib import Path

FOLDER = "explorers"  # of the files with states, beside explore.js
TAG = '<script type="text/plain" class="explorer-states"'
SCRIPT = re.compile(r'<script [^>]*class="explorer-(data|states)"[^>]*>([^<]*)</script>')
TAG_OF_WORDS = re.compile(  # which plotly's titles may hold; what else looks like one is words
    r"</?(?:a|b|br|em|i|s|span|sub|sup|u)\b[^>]*>")
STATES = re.compile(TAG + r">([^<]*)</script>")


def reading(figure: dict) -> str:
    """The sentence a figure says about itself: ``layout.meta["reading"]``, else its headline."""
    return (figure["layout"].get("meta") or {}).get("reading") or _title(figure)


def headline(figure: dict) -> str:
    """What stands above the plot: the words of ``layout.title``, else the reading."""
    return _title(figure) or reading(figure)


def _title(figure: dict) -> str:
    return TAG_OF_WORDS.sub("", (figure["layout"].get("title") or {}).get("text") or "")


def data_script(explorer, start: dict, **more) -> str:
    """The JSON that :func:`data_of_explorers` reads; for a value that JSON has not, its repr."""
    data = {"name": explorer.name, "source": explorer.source, "caption": explorer.caption,
            "reading": reading(start), "play": explorer.play,
            "own": {c.name: _takes(explorer.function, c) for c in explorer.controls
                    if c.name in explorer.own},
            "drag": explorer.drag, **more,
            "controls": [asdict(control) for control in explorer.controls]}
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), default=repr)
    return ('<script type="application/json" class="explorer-data">'
            + text.replace("<", "\\u003c") + "</script>")


def _takes(function, control) -> str:
    """"whole" or "any": what numbers a function takes for a control. Where the values are whole
    others have to be, unless its annotation says float."""
    argument = inspect.signature(function).parameters.get(control.name)
    is_float = argument is not None and argument.annotation in (float, "float")
    is_whole = all(type(value) is int for value in control.values)
    return "whole" if is_whole and not is_float else "any"


def data_of_explorers(html: str) -> list[dict]:
    """The data of every explorer in a page or a part of one, in order.

    Each has its name, source (``module:function``), caption, reading (of the first position), play
    (the slider that is played, or None), own (the sliders for which other numbers may be given →
    "whole" or "any"), drag (those that a place on the plot sets) and controls (dicts with the
    fields of Control); on a page also traces (their types), lack (why there is no first frame, or
    ""), and states, as :func:`codec.pack` writes them.
    """
    explorers: list[dict] = []
    for kind, text in SCRIPT.findall(html):
        if kind == "data":
            explorers.append(json.loads(text))
        else:
            explorers[-1]["states"] = text
    return explorers


def move_states_to_files(html: str, folder: Path) -> tuple[str, set[str]]:
    """Write the states in ``html`` into files in ``folder``: the HTML that refers to them, and
    the names of the files."""
    names: set[str] = set()

    def move(states: re.Match) -> str:
        name = hashlib.sha256(states[1].encode()).hexdigest()[:16] + ".js"
        folder.mkdir(parents=True, exist_ok=True)
        text = f'exploreStates("{FOLDER}/{name}", {states[1]});'
        (folder / name).write_text(text, encoding="ascii")
        names.add(name)
        return f'{TAG} data-src="{FOLDER}/{name}"></script>'

    return STATES.sub(move, html), names


def publish_states(names: set[str], source: Path, target: Path) -> None:
    """Copy the files ``names`` from ``source`` to ``target``, and delete all others in both."""
    for file in source.glob("*.js"):
        if file.name not in names:
            file.unlink()
    shutil.rmtree(target, ignore_errors=True)
    if names:
        shutil.copytree(source, target)
