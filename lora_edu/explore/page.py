"""The static form of an explorer: HTML that needs no kernel, no server and no network.

Imports the sibling modules controls, codec and first_frame, and NumPy.
"""

from __future__ import annotations

import json
from html import escape

import numpy as np

from lora_edu.explore.axis import Unknown
from lora_edu.explore.codec import pack
from lora_edu.explore.controls import Control
from lora_edu.explore.first_frame import first_frame
from lora_edu.explore.states import ExploreError

SLACK = " 00000000"  # a shorter sentence may break into more lines than the longest one
MAX_PAYLOAD = 400_000  # bytes of packed states in the HTML of one explorer


def reading(figure: dict) -> str:
    """The sentence a figure says about itself: ``layout.meta["reading"]``."""
    return (figure["layout"].get("meta") or {}).get("reading", "")


def panels(figure: dict) -> int:
    """How many panels a figure has: the y axes that its traces use."""
    return len({trace.get("yaxis", "y") for trace in figure["data"]}) or 1


def narrow_height(height: int, figure: dict) -> int:
    """The height on a phone, where two panels stand one above the other."""
    return height if panels(figure) == 1 else round(1.5 * height)


def fragment(name: str, controls: tuple[Control, ...], states: list[dict], *, caption: str,
             height: int, source: str) -> str:
    """The HTML of an explorer, or of a plain figure when there are no controls.

    Raises ExploreError when the packed states take more than MAX_PAYLOAD bytes.
    """
    packed = pack(states)
    if len(packed) > MAX_PAYLOAD:
        raise ExploreError(f"{name}: {len(states)} states take {len(packed):,} bytes of the page, "
                           f"at most {MAX_PAYLOAD:,} are allowed; give the controls fewer values "
                           "or the traces fewer points")
    start = states[start_index(controls)]
    longest = max((reading(state) for state in states), key=len)
    traces = sorted({trace.get("type", "scatter") for state in states for trace in state["data"]})
    said = reading(start)
    frame, lacking = drawn(start, height)
    reading_line = ('<p class="explorer-reading" aria-live="polite" '
                    f'data-longest="{escape(longest + SLACK)}">'
                    f"<span>{escape(said)}</span></p>") if longest else ""
    pinned = '<p class="explorer-pinned" hidden></p>' if controls else ""
    return f"""<figure class="explorer" id="explorer-{name}" data-name="{name}" \
data-traces="{' '.join(traces)}" data-source="{escape(source)}"{lacking} \
style="--explorer-height:{height}px;--explorer-height-narrow:{narrow_height(height, start)}px">
{controls_form(name, controls)}<div class="explorer-plot" role="img" \
aria-label="{escape(said or caption or name)}">{frame}</div>
{reading_line}{pinned}<figcaption>{escape(caption)}</figcaption>
{no_script(start)}<script type="text/plain" class="explorer-states">{packed}</script>
</figure>"""


def drawn(figure: dict, height: int) -> tuple[str, str]:
    """The first frame; or nothing, and an attribute that says which feature stands against it."""
    try:
        return first_frame(figure, height, narrow_height(height, figure)), ""
    except Unknown as lack:
        return "", f' data-no-first-frame="{escape(str(lack))}"'


def start_index(controls: tuple[Control, ...]) -> int:
    """The number of the state shown first, counting the last control fastest."""
    index = 0
    for control in controls:
        index = index * len(control.values) + control.start
    return index


def controls_form(name: str, controls: tuple[Control, ...]) -> str:
    """HTML inputs for the controls, and the buttons pin, reset and link."""
    if not controls:
        return ""
    rows = "\n".join(_WRITERS[control.kind](f"explorer-{name}-{control.name}", control)
                     for control in controls)
    return f"""<div class="explorer-controls" role="group" aria-label="controls">
{rows}
<div class="explorer-buttons">
<button type="button" data-do="pin" aria-pressed="false" \
title="keep the present curves as a faint ghost">pin</button>
<button type="button" data-do="reset" title="back to the first position">reset</button>
<button type="button" data-do="link" title="copy a link to this position">link</button>
</div></div>
"""


def _data(control: Control) -> str:
    return (f'data-control="{control.name}" data-kind="{control.kind}" '
            f'data-values="{escape(json.dumps(control.values))}" '
            f'data-keys="{escape(json.dumps(control.keys))}" '
            f'data-texts="{escape(json.dumps(control.texts, ensure_ascii=False))}"')


def _slider(id_: str, control: Control) -> str:
    text = escape(control.texts[control.start])
    return (f'<label class="explorer-slider" {_data(control)}><b>{escape(control.label)}</b>'
            f'<input type="range" id="{id_}" min="0" max="{len(control.values) - 1}" step="1" '
            f'value="{control.start}" aria-valuetext="{text}" autocomplete="off">'
            f"<output>{text}</output></label>")


def _choice(id_: str, control: Control) -> str:
    options = "".join(
        f'<label><input type="radio" name="{id_}" value="{control.keys[i]}" autocomplete="off"'
        f'{" checked" if i == control.start else ""}><span>{escape(text)}</span></label>'
        for i, text in enumerate(control.texts))
    return (f"<fieldset {_data(control)}><legend>{escape(control.label)}</legend>"
            f'<div class="explorer-options">{options}</div></fieldset>')


def _switch(id_: str, control: Control) -> str:
    checked = " checked" if control.start else ""
    return (f'<label class="explorer-switch" {_data(control)}>'
            f'<input type="checkbox" id="{id_}" autocomplete="off"{checked}>'
            f"<b>{escape(control.label)}</b></label>")


_WRITERS = {"slider": _slider, "choice": _choice, "switch": _switch}


def no_script(figure: dict) -> str:
    """What a reader without JavaScript gets beside the first frame: its numbers as a table."""
    hidden = ".explorer-controls,.explorer-plot:empty,.explorer-pinned{display:none!important}"
    return f"<noscript><style>{hidden}</style>{table(figure)}</noscript>"


def table(figure: dict) -> str:
    """A table of a figure's named traces: x and value at the first, middle and last points.

    ``customdata`` holds the true values where y is only a plotting coordinate.
    """
    rows = []
    for trace in figure["data"]:
        values = trace.get("customdata", trace.get("y"))
        if not trace.get("name") or values is None or not len(values) or np.ndim(values) > 1:
            continue
        x = trace.get("x", range(len(values)))
        picks = sorted({0, len(values) // 2, len(values) - 1})
        cells = "".join(f"<td>{_cell(x[i])}: {_cell(values[i])}</td>" for i in picks)
        rows.append(f"<tr><th>{escape(str(trace['name']))}</th>{cells}</tr>")
    return f"<table><tbody>{''.join(rows)}</tbody></table>" if rows else ""


def _cell(value) -> str:
    return f"{value:.3g}" if isinstance(value, (int, float)) else escape(str(value))
