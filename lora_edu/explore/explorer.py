"""``explore`` and ``show``: one figure function, alive on a static page and in a kernel.

Imports the sibling modules; ipywidgets only when a live view is made.
"""

from __future__ import annotations

import inspect
import numbers
import os
from html import escape

from lora_edu.explore import page
from lora_edu.explore.controls import make_controls, slug
from lora_edu.explore.states import evaluate, evaluate_one

STATIC = "LORA_EDU_STATIC"  # set by sphinx_ext before the kernels start: no widget is made then


class Explorer:
    """What :func:`explore` and :func:`show` return; displaying it is all there is to do.

    In a kernel it displays as ipywidgets around a live view; in a book build, as HTML that holds
    every state. ``states()`` gives the grid's figures, ``html()`` the page's fragment, ``live()``
    the widgets (``live().widget``, ``live().inputs``).
    """

    def __init__(self, function, controls, *, name: str, caption: str, height: int, source: str):
        self.function, self.controls = function, controls
        self.name, self.caption, self.height, self.source = name, caption, height, source
        self._live = None

    def start(self) -> dict:
        """The plain figure of the position shown first."""
        return evaluate_one(self.function, self.controls,
                            {c.name: c.values[c.start] for c in self.controls})

    def states(self) -> list[dict]:
        """The plain figures of all positions, the last control varying fastest."""
        return evaluate(self.function, self.controls)

    def html(self) -> str:
        """The static form. Raises ExploreError as :func:`states.evaluate` does."""
        return page.fragment(self.name, self.controls, self.states(),
                             caption=self.caption, height=self.height, source=self.source)

    def live(self):
        """The live form: a ``LiveExplorer``, made once."""
        if self._live is None:
            from lora_edu.explore.live import LiveExplorer

            start = self.start()  # a bad figure raises here, in the cell, not in a callback
            self._live = LiveExplorer(
                self.function, self.controls, start, name=self.name, caption=self.caption,
                height=self.height, height_narrow=page.narrow_height(self.height, start))
        return self._live

    def _repr_mimebundle_(self, include=None, exclude=None):
        if os.environ.get(STATIC):
            return {"text/html": self.html(), "text/plain": repr(self)}
        live = self.live()
        bundle = live.widget._repr_mimebundle_()
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        fallback = (f"<p>{escape(page.reading(live.figure))}</p>{page.table(live.figure)}"
                    f"<p>{escape(self.caption)}</p>")
        return {**data, "text/html": fallback, "text/plain": repr(self)}, metadata

    def __repr__(self) -> str:
        return f"<explorer {self.name}: {', '.join(c.name for c in self.controls) or 'one figure'}>"


def explore(function, *, name: str | None = None, caption: str = "",
            labels: dict[str, str] | None = None, height: int = 380, **controls) -> Explorer:
    """Let a reader move the arguments of a figure function.

    function: a pure function, values → plotly Figure. ``layout.meta["reading"]`` may hold the
    sentence that says what the figure shows; ``customdata`` the true values where y is only a
    coordinate. Two panels (axes x, y and x2, y2) are stacked on a phone.
    controls: as ``ipywidgets.interact``: ``r=[1, 2, 4]`` and ``r=(1, 8, 1)``, which is (min, max,
    step), make a slider, strings and ``{"text": value}`` buttons, ``bool`` or True a switch. The
    first position is the function's own default for that argument, else the first value.
    name: what links call it, ``#name?r=8`` (default: the function's name).
    caption: what to look for. labels: control → what the reader sees (``alpha`` is α already).
    height: of the plot, in px, at least 100.

    Raises TypeError or ValueError for controls that do not match the function. When it is
    displayed in a book build, raises ExploreError, naming the state, for too many states, a
    function that raises, a value that is not finite, and a payload that is too large.
    """
    if not callable(function):
        raise TypeError(f"function must be a function that returns a plotly figure, "
                        f"got {function!r}")
    _own_arguments(function, controls)
    title = name if name is not None else getattr(function, "__name__", type(function).__name__)
    return Explorer(function, make_controls(function, controls, labels or {}),
                    name=_name(title), caption=_text("caption", caption),
                    height=_height(height),
                    source=f"{getattr(function, '__module__', '')}:"
                           f"{getattr(function, '__qualname__', '')}")


def show(figure, *, name: str, caption: str = "", height: int = 380) -> Explorer:
    """Put a plain plotly figure on the page, and in a notebook, in the book's dress.

    figure: a plotly Figure. name: what links call it. caption: what to see. height: px.
    """
    return Explorer(lambda: figure, (), name=_name(name), caption=caption,
                    height=_height(height), source="")


def _own_arguments(function, controls: dict) -> None:
    """Refuse a function with arguments that have the names of explore's own."""
    own = inspect.signature(explore).parameters
    try:
        taken = [name for name in inspect.signature(function).parameters
                 if name in own and name not in ("controls", *controls)]
    except (TypeError, ValueError):
        return
    if taken:
        raise TypeError(f"explore has arguments of its own named {', '.join(taken)}: give the "
                        "figure function's another name")


def _name(title: str) -> str:
    """A name that can stand in a link and as an HTML id."""
    name = slug(_text("name", title).replace("_", "-"))
    if not name or not name[0].isalpha():
        raise ValueError(f"name must begin with a letter, got {title!r}")
    return name


def _text(name: str, value) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a text, got {value!r}")
    return value


def _height(value) -> int:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < 100:
        raise ValueError(f"height must be a whole number of pixels from 100, got {value!r}")
    return int(value)
