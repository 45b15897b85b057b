"""The live form of an explorer: a widget whose figures the kernel computes."""

import json

import anywidget
import ipywidgets
import traitlets

from lora_edu.explore import bundle, page
from lora_edu.explore.controls import describe
from lora_edu.explore.plain_figure import as_lists, paths
from lora_edu.explore.states import evaluate_one

BESIDE_OTHERS = {"flex": "1 1 auto", "width": "auto", "min_width": "0"}


class PlotlyBundle(anywidget.AnyWidget):
    """Holds plotly.js, gzipped, once a kernel; every view refers to it."""

    _esm = "export default { render() {} };"
    gzipped = traitlets.Bytes().tag(sync=True)


_bundle: PlotlyBundle | None = None


def shared_bundle() -> PlotlyBundle:
    """The one PlotlyBundle of this kernel."""
    global _bundle
    if _bundle is None or _bundle.comm is None:
        _bundle = PlotlyBundle(gzipped=bundle.gzipped_plotly())
    return _bundle


class LiveExplorer(anywidget.AnyWidget):
    """The page's explorer with a kernel behind it: ``position`` asks, ``answer`` has the figure.

    position: for each control the index of its value. answer: JSON of the figure on show, the
    position that it was asked for, and what went wrong there, if anything.
    """

    _esm = bundle.live_module()
    _css = bundle.read("explore.css")
    bundle = traitlets.Instance(ipywidgets.Widget).tag(sync=True, **ipywidgets.widget_serialization)
    html = traitlets.Unicode().tag(sync=True)
    position = traitlets.List(traitlets.Int()).tag(sync=True)
    answer = traitlets.Unicode().tag(sync=True)

    def __init__(self, explorer):
        self.explorer = explorer
        self.figure = explorer.start()
        self._validated = paths(self.figure)
        position = [control.start for control in explorer.controls]
        super().__init__(
            bundle=shared_bundle(), html=page.live_fragment(explorer, self.figure),
            position=position, answer=self._answer(position), layout=BESIDE_OTHERS)
        self.observe(lambda change: self._compute(), "position")

    def values(self) -> dict:
        """The present position: control name → value."""
        return {control.name: control.values[index] for control, index in zip(
            self.explorer.controls, self.position, strict=True)}

    def _compute(self) -> None:
        """Show the figure of the present position, or report why it cannot be drawn."""
        controls = self.explorer.controls
        error = ""
        try:
            values = self.values()
            self.figure = evaluate_one(self.explorer.function, controls, values, self._validated)
        except KeyboardInterrupt:
            error = (f"state ({describe(controls, values)}): interrupted; the next move "
                     "computes again")
        except Exception as bad:  # said in the view: a widget callback has nowhere to raise to
            error = str(bad)
        self.answer = self._answer(self.position, error)

    def _answer(self, position: list[int], error: str = "") -> str:
        answer = {"figure": as_lists(self.figure), "position": position, "error": error}
        return json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
