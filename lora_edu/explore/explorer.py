"""``explore`` and ``show``: one figure function, alive on a static page and in a kernel.

Imports the sibling modules; ipywidgets and anywidget only when a live view is made.
"""

from __future__ import annotations

import inspect
import numbers
import os

from lora_edu.explore import page
from lora_edu.explore.controls import Control, make_controls, slug
from lora_edu.explore.plain import extra
from lora_edu.explore.states import evaluate, evaluate_one

STATIC = "LORA_EDU_STATIC"  # set by sphinx_ext before the kernels start: no widget is made then


class Explorer:
    """What :func:`explore` and :func:`show` return; displaying it is all there is to do.

    In a kernel it displays as a widget whose figures the kernel computes; in a book build, as HTML
    that holds every state. ``states()`` gives the grid's figures, ``html()`` the page's fragment,
    ``live()`` the widget, to be put beside others, and ``live().inputs`` its controls.

    >>> def line(slope=1):
    ...     return {"data": [{"y": [0, slope]}]}
    >>> explorer = explore(line, slope=[1, 2, 4])
    >>> explorer
    <explorer line: slope; its widget: .live()>
    >>> [figure["data"][0]["y"] for figure in explorer.states()]
    [[0, 1], [0, 2], [0, 4]]
    """

    def __init__(self, function, controls, *, name: str, caption: str, height: int, source: str,
                 play: str | None = None):
        self.function, self.controls, self.play = function, controls, play
        self.name, self.caption, self.height, self.source = name, caption, height, source
        self._live = None

    def start(self) -> dict:
        """The plain figure of the position shown first."""
        return evaluate_one(self.function, self.controls,
                            {c.name: c.values[c.start] for c in self.controls}, set())

    def states(self) -> list[dict]:
        """The plain figures of all positions, the last control varying fastest."""
        return evaluate(self.function, self.controls)

    def html(self) -> str:
        """The static form. Raises ExploreError as :func:`states.evaluate` does."""
        return page.fragment(self, self.states())

    def live(self):
        """The live form: a ``LiveExplorer``, made once."""
        if self._live is None:
            with extra():
                from lora_edu.explore.live import LiveExplorer

            self._live = LiveExplorer(self)  # a bad first figure raises here, in the cell
        return self._live

    def _repr_mimebundle_(self, include=None, exclude=None):
        if os.environ.get(STATIC):
            return {"text/html": self.html(), "text/plain": repr(self)}
        live = self.live()
        data, metadata = live._repr_mimebundle_()
        plain = {"text/html": page.words(self, live.figure), "text/plain": repr(self)}
        return {**data, **plain}, metadata

    def __repr__(self) -> str:
        controls = ", ".join(control.name for control in self.controls) or "one figure"
        return f"<explorer {self.name}: {controls}; its widget: .live()>"  # in ipywidgets' errors


def explore(function, *, name: str | None = None, caption: str = "",
            labels: dict[str, str] | None = None, height: int = 380, play: str | None = None,
            **controls) -> Explorer:
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
    play: the slider that counts steps: a button beside it plays them, a few a second.

    Raises TypeError or ValueError for controls that do not match the function, and for a ``play``
    that is none of its sliders. When it is displayed in a book build, raises ExploreError, naming
    the state, for too many states, a function that raises, a value that is not finite, and a
    payload that is too large.

    >>> def line(slope=1, steep=False):
    ...     return {"data": [{"y": [0, 100 * slope if steep else slope]}]}
    >>> len(explore(line, slope=(1, 8), steep=bool, caption="Where does it end?").states())
    16
    """
    if not callable(function):
        raise TypeError(f"function must be a function that returns a plotly figure, "
                        f"got {function!r}")
    _own_arguments(function, controls)
    title = name if name is not None else getattr(function, "__name__", type(function).__name__)
    made = make_controls(function, controls, labels or {})
    return Explorer(function, made, name=_name(title), caption=_text("caption", caption),
                    height=_height(height), play=_play(play, made),
                    source=f"{getattr(function, '__module__', '')}:"
                           f"{getattr(function, '__qualname__', '')}")


def show(figure, *, name: str, caption: str = "", height: int = 380) -> Explorer:
    """Put a plain plotly figure on the page, and in a notebook, in the book's dress.

    figure: a plotly Figure. name: what links call it. caption: what to see. height: px.

    >>> show({"data": [{"y": [1, 2]}]}, name="two points")
    <explorer two-points: one figure; its widget: .live()>
    """
    return Explorer(lambda: figure, (), name=_name(name), caption=_text("caption", caption),
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


def _play(name, controls: tuple[Control, ...]) -> str | None:
    sliders = [control.name for control in controls
               if control.kind == "slider" and len(control.values) > 1]
    if name is not None and name not in sliders:
        raise ValueError(f"play must be the name of a slider with two positions or more "
                         f"({', '.join(sliders) or 'there is none'}), got {name!r}")
    return name


def _height(value) -> int:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < 100:
        raise ValueError(f"height must be a whole number of pixels from 100, got {value!r}")
    return int(value)
