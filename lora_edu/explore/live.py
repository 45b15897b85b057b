"""The live form of an explorer: ipywidgets controls around a view that draws with render.js.

Imports NumPy, ipywidgets and anywidget, and the sibling modules. Nothing here runs in a book
build.
"""

from __future__ import annotations

import base64
import json
from html import escape

import anywidget
import ipywidgets
import numpy as np
import traitlets

from lora_edu.explore import assets
from lora_edu.explore.controls import Control
from lora_edu.explore.states import evaluate_one

LONG = 32  # numbers: from here on an array is sent in binary


class PlotlyBundle(anywidget.AnyWidget):
    """Holds plotly.js, gzipped, once a kernel; every view refers to it."""

    _esm = "export default { render() {} };"
    gzipped = traitlets.Bytes().tag(sync=True)


class PlotView(anywidget.AnyWidget):
    """Draws the figure it holds, says its reading, and keeps a ghost for comparison."""

    _esm = assets.live_module()
    _css = assets.read("explore.css")
    bundle = traitlets.Instance(ipywidgets.Widget).tag(sync=True, **ipywidgets.widget_serialization)
    name = traitlets.Unicode().tag(sync=True)
    figure = traitlets.Unicode().tag(sync=True)  # a plain figure as JSON
    error = traitlets.Unicode().tag(sync=True)
    caption = traitlets.Unicode().tag(sync=True)
    height = traitlets.Int(380).tag(sync=True)
    height_narrow = traitlets.Int(380).tag(sync=True)
    controls = traitlets.Bool().tag(sync=True)


_bundle: PlotlyBundle | None = None


def shared_bundle() -> PlotlyBundle:
    """The one PlotlyBundle of this kernel."""
    global _bundle
    if _bundle is None or _bundle.comm is None:
        _bundle = PlotlyBundle(gzipped=assets.gzipped_plotly())
    return _bundle


def figure_json(figure: dict) -> str:
    """A plain figure (see states.py) as JSON; long arrays in plotly's binary form."""
    return json.dumps(figure, default=_array, ensure_ascii=False, separators=(",", ":"))


def _array(array: np.ndarray) -> dict | list:
    """Short arrays stay lists, for plotly takes an axis range in no other form."""
    if array.size < LONG:
        return array.tolist()
    return {"dtype": "f8", "bdata": base64.b64encode(array.astype("<f8").tobytes()).decode(),
            "shape": ", ".join(map(str, array.shape))}


class LiveExplorer:
    """Controls and a view, joined: a move of a control computes the figure and sends it.

    ipywidgets holds back a slider's messages while the kernel is busy and then sends the newest
    value only, so a held arrow key never queues. ``figure`` is the plain figure on show.
    """

    def __init__(self, function, controls: tuple[Control, ...], figure: dict, **view):
        self.function, self.controls, self.figure = function, controls, figure
        self.inputs = {control.name: _input(control) for control in controls}
        self.view = PlotView(bundle=shared_bundle(), controls=bool(controls),
                             figure=figure_json(figure), **view)
        self._moving_many = False
        for widget in self.inputs.values():
            widget.observe(lambda change: self.update(), names="value")
        self.view.on_msg(self._message)
        row = ipywidgets.HBox([_labelled(control, self.inputs[control.name])
                               for control in controls]).add_class("explorer-inputs")
        self.widget = ipywidgets.VBox([row, self.view] if controls else [self.view]
                                      ).add_class("explorer-widgets")

    def values(self) -> dict:
        """The present position: control name → value."""
        return {name: widget.value for name, widget in self.inputs.items()}

    def update(self) -> None:
        """Compute the figure of the present position and hand it to the view."""
        if self._moving_many:
            return
        try:
            self.figure = evaluate_one(self.function, self.controls, self.values(), checked=True)
        except Exception as error:  # said in the view: a widget callback has nowhere to raise to
            self.view.error = str(error)
            return
        with self.view.hold_sync():
            self.view.error = ""
            self.view.figure = figure_json(self.figure)

    def move(self, positions: dict[str, int]) -> None:
        """Move several controls (name → index of the value), computing once."""
        self._moving_many = True
        try:
            for control in self.controls:
                if control.name in positions:
                    value = control.values[positions[control.name]]
                    self.inputs[control.name].value = value
        finally:
            self._moving_many = False
        self.update()

    def _message(self, view, content: dict, buffers) -> None:
        if content.get("reset"):
            self.move({control.name: control.start for control in self.controls})
        if "go" in content:
            self.move({control.name: control.keys.index(content["go"][control.name])
                       for control in self.controls
                       if content["go"].get(control.name) in control.keys})


def _input(control: Control) -> ipywidgets.Widget:
    """The ipywidget of a control; only a checkbox carries its own label."""
    options = list(zip(control.texts, control.values, strict=True))
    value = control.values[control.start]
    if control.kind == "slider":
        return ipywidgets.SelectionSlider(options=options, value=value, continuous_update=True)
    if control.kind == "choice":
        return ipywidgets.ToggleButtons(options=options, value=value,
                                        style={"button_width": "auto"})
    return ipywidgets.Checkbox(value=value, description=control.label, indent=False)


def _labelled(control: Control, widget: ipywidgets.Widget) -> ipywidgets.Widget:
    """A control beside its label, which is HTML: JupyterLab hands every ``description`` to MathJax,
    and where nothing else has loaded MathJax that fetches .85 MB."""
    if control.kind == "switch":
        return widget
    label = ipywidgets.HTML(f"<label>{escape(control.label)}</label>")
    return ipywidgets.HBox([label, widget]).add_class("explorer-control")
