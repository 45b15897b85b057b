"""The instrument as what a cell displays: on a page HTML, in a notebook a widget.

On a page the scripts beside this file move it (book/_extensions/content/instruments.py).
"""

import os

from lora_edu.explore.explorer import STATIC

from .markup import figure_html, words
from .settings import checked
from .task import CODES


class Instrument:
    """What :func:`instrument` returns; a cell displays it."""

    def __init__(self, name: str, settings: dict, full: bool, code: str):
        self.name = name
        self.settings = checked(settings)
        self.full = full
        self.code = code

    def html(self) -> str:
        """A fragment of a page."""
        return figure_html(self.name, self.settings, self.full)

    def _repr_mimebundle_(self, include=None, exclude=None):
        if os.environ.get(STATIC):
            return {"text/html": self.html(), "text/plain": repr(self)}
        from .live import LiveInstrument

        data, metadata = LiveInstrument(self)._repr_mimebundle_()
        plain = {"text/html": words(self.settings), "text/plain": repr(self)}
        return {**data, **plain}, metadata

    def __repr__(self) -> str:
        return f"<instrument {self.name}>"


def instrument(name: str = "hat", *, full: bool = True, code: str = CODES[0], **settings
               ) -> Instrument:
    """A hat that A and B draw on a frozen portrait, live under every setting.

    Args:
        name: What links call it, ``#hat?r=8``.
        full: Whether rule, target, decay and ε have controls, too, and none is folded.
        code: Who trains in a notebook: "the book's" package, or "yours", the reader's lora.py. A
            page's runs are always the engine's.
        settings: Those of the first frame, as in ``settings.json``.

    Raises:
        ValueError: For a setting or a value that is not in the table.
    """
    return Instrument(name, settings, full, code)
