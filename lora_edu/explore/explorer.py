"""``explore`` and ``show``: one figure function, alive on a static page and in a kernel.

ipywidgets and anywidget are imported only when a live view is made.
"""

import inspect
import math
import numbers
import os
from collections.abc import Callable
from dataclasses import dataclass

from lora_edu.explore import page
from lora_edu.explore.controls import Control, make_controls, slug
from lora_edu.explore.plain_figure import naming_extra, require_figure
from lora_edu.explore.states import evaluate, evaluate_one

STATIC = "LORA_EDU_STATIC"  # set by sphinx_ext before the kernels start: no widget is made then


@dataclass(eq=False, repr=False)
class Explorer:
    """The result of :func:`explore` or :func:`show`, which a cell displays.

    In a kernel it displays as a widget whose figures the kernel computes; in a book build, as HTML
    that holds every state.

    Example:
        >>> def line(slope=1):
        ...     return {"data": [{"y": [0, slope]}]}
        >>> explorer = explore(line, slope=[1, 2, 4])
        >>> explorer
        <explorer line: slope; its widget: .live()>
        >>> [figure["data"][0]["y"] for figure in explorer.states()]
        [[0, 1], [0, 2], [0, 4]]
    """

    function: Callable
    controls: tuple[Control, ...]
    name: str
    caption: str
    height: float
    source: str = ""
    play: str | None = None
    own: tuple[str, ...] = ()
    drag: tuple[str | None, ...] = ()
    _live = None

    def __post_init__(self):
        if not isinstance(self.caption, str):
            raise TypeError(f"caption must be a text, got {self.caption!r}")
        if not (isinstance(self.height, numbers.Real) and 0 < self.height < math.inf):
            raise ValueError(f"height must be a number of px above 0, got {self.height!r}")
        self.name = _name(self.name)

    def start(self) -> dict:
        """The plain figure of the position shown first."""
        return evaluate_one(self.function, self.controls,
                            {c.name: c.values[c.start] for c in self.controls}, set())

    def states(self) -> list[dict]:
        """The plain figures of all positions, the last control varying fastest."""
        return evaluate(self.function, self.controls)

    def html(self) -> str:
        """The static form: a fragment of a page.

        Raises:
            ExploreError: for too many states, a function that raises, a value that is not finite,
                and a payload that is too large; it names the state.
        """
        return page.fragment(self, self.states())

    def live(self):
        """The widget, made once, to be put beside others; ``live().values()``: where it stands."""
        if self._live is None:
            with naming_extra():
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
            own: bool | list[str] = False,
            drag: tuple[str | None, str | None] | None = None, **controls) -> Explorer:
    """Add sliders and buttons for the arguments of a function that returns a figure.

    Args:
        function: a pure function, values → plotly Figure, or a dict of its data and layout.
            ``layout.title`` is shown above the plot. ``layout.meta["reading"]`` is a sentence for
            readers who do not see the plot; it replaces a missing title.
            ``layout.meta["roll"]`` may name a path and the ball at its end, which then rolls there;
            ``"laid"`` maps and the curve around the place where each is drawn, sheared; and
            ``"pace"`` the ms from one step of a play to the next.
            ``customdata`` may hold the true values where y is only a coordinate. Two panels (axes
            x, y and x2, y2) are stacked on a phone.
        name: its name in links, ``#name?r=8`` (default: the function's name).
        caption: what to look for.
        labels: control → its label (``alpha`` is already shown as α).
        height: of the plot, in px.
        play: the slider that counts steps; a button next to it plays them.
        own: the sliders for which the function takes any number, or True for all. If Python
            runs in the page, a reader can type a number.
        drag: the slider of x and that of y, which a click on the plot sets to the nearest
            values; None for a slider that it does not set.
        controls: as ``ipywidgets.interact``: ``r=[1, 2, 4]`` and ``r=(1, 8, 1)``, which is (min,
            max, step), make a slider, strings and ``{"text": value}`` buttons, ``bool`` or True a
            switch. The first position is the function's own default, else the first value.

    Returns:
        The explorer, which a cell displays.

    Raises:
        TypeError, ValueError: for controls that do not match the function, for an argument of it
            with the name of one of these options, and for an invalid option.

    Example:
        >>> def line(slope=1, steep=False):
        ...     return {"data": [{"y": [0, 100 * slope if steep else slope]}]}
        >>> len(explore(line, slope=(1, 8), steep=bool, caption="Where does it end?").states())
        16
    """
    if not callable(function):
        raise TypeError("function must be a function that returns a figure (show takes a figure "
                        f"itself), got {function!r:.100}")
    options = inspect.signature(explore).parameters.keys() - {"controls"}
    taken = sorted(options & inspect.signature(function).parameters.keys())
    if taken:
        raise TypeError("function must have no argument with the name of an option of explore, "
                        f"got {taken[0]}: rename it in the function")
    control_parts = make_controls(function, controls, labels or {})
    sliders = [control.name for control in control_parts
               if control.kind == "slider" and len(control.values) > 1]
    typed = sliders if own is True else own or []
    for option, what, names in (("play", "a slider", [play]), ("own", "a list of sliders", typed),
                                ("drag", "a pair of sliders", drag or [])):
        if not (isinstance(names, (list, tuple))
                and all(name is None or name in sliders for name in names)):
            raise ValueError(f"{option} must be {what} with two positions or more "
                             f"({sliders or 'there is none'}), got {names!r}")
    if drag and (len(drag) != 2 or drag[0] == drag[1]):
        raise ValueError("drag must be a pair of sliders, for x and for y (None for an axis that "
                         f"no slider moves), got {drag!r}")
    if name is None:
        name = getattr(function, "__name__", type(function).__name__)
    return Explorer(function, control_parts, name=name, caption=caption, height=height, play=play,
                    own=tuple(typed), drag=tuple(drag or ()),
                    source=f"{getattr(function, '__module__', '')}:"
                           f"{getattr(function, '__qualname__', '')}")


def show(figure, *, name: str, caption: str = "", height: int = 380) -> Explorer:
    """Show a plotly figure without controls, in the book's style, on a page or in a notebook.

    Args:
        figure: a plotly Figure, or a dict of its data and layout.
        name: its name in links.
        caption: what to look for.
        height: of the plot, in px.

    Raises:
        ExploreError: for anything that is not such a figure.

    Example:
        >>> show({"data": [{"y": [1, 2]}]}, name="two points")
        <explorer two-points: one figure; its widget: .live()>
    """
    require_figure(figure, "show")
    return Explorer(lambda: figure, (), name=name, caption=caption, height=height)


def _name(title: str) -> str:
    """A name that can stand in a link and as an HTML id."""
    name = slug(title.replace("_", "-")) if isinstance(title, str) else ""
    if not name or not name[0].isalpha():
        raise ValueError(f"name must be a text that begins with a letter, got {title!r}")
    return name
