"""An explorer as HTML: with all its states for a page, or bare for a notebook."""

import math
from html import escape

from lora_edu.explore.codec import pack
from lora_edu.explore.controls import Control, describe
from lora_edu.explore.first_frame import first_frame
from lora_edu.explore.page_data import data_script, headline, reading
from lora_edu.explore.plain_figure import ExploreError
from lora_edu.explore.states import MAX_PAYLOAD
from lora_edu.explore.table import table

# Added to the longest headline when the page reserves room: a shorter one can still wrap to one
# more line.
SLACK = " 00000000"
LONG = 150  # letters of a sentence that is too long to be bold
PLAY = '<button type="button" class="explorer-play" data-do="play" aria-keyshortcuts="p"></button>'
PINNED = ('<p class="explorer-pinned" hidden><span></span> <button type="button" data-do="unpin" '
          'aria-label="remove the pinned copy" title="remove the pinned copy">×</button></p>')
MOST_BUTTONS = 6  # choices that stand side by side; more are a menu
PHONE = 324  # px of a plot there
LETTER = 7  # px of a letter of a choice on a phone
AROUND = 16  # px around its text
STACKED = 1.25, 480  # two panels stacked on a phone: 1.25 × the height, at most 480 px
GONE = "The kernel behind this view is gone: run this cell again."
NO_PLOT = "Jupyter and the website draw a plot here that can be moved."
NO_SCRIPT = "<p>The controls need JavaScript; without it, this is the first position.</p>"
BUTTONS = {
    "pin": "keep a copy of the current curves, thin and dashed",
    "reset": "back to the first position",
    "link": "copy a link to this position",
    "numbers": "the drawing's coordinates and values as a table, to copy or download",
    "code": "the code of this figure",
}
WITHOUT_CONTROLS = ("numbers", "code")  # the buttons of a figure that has none


def narrow_height(height: int, figure: dict) -> int:
    """The height on a phone, in px, where two panels stand one above the other.

    The style sheet may lower these, to keep controls and plot on one screen. A panel whose scales
    are tied is as high as its width allows, if both ranges are known: those of dates, and the ones
    that plotly widens because their ends are equal, are plotly's to measure.
    """
    times, most = STACKED
    if len({trace.get("yaxis", "y") for trace in figure["data"]}) > 1:
        return min(round(times * height), most)
    x, y, margin = (figure["layout"].get(name) or {} for name in ("xaxis", "yaxis", "margin"))
    across = _length(x)
    up = _length(y)
    if not ("scaleanchor" in y and across and up and {"l", "r", "t", "b"} <= margin.keys()):
        return height
    unit = (PHONE - margin["l"] - margin["r"]) / across
    plot = unit * y.get("scaleratio", 1) * up
    return min(height, round(plot + margin["t"] + margin["b"]))


def _length(axis: dict) -> float:
    """How much an axis shows, in its own unit; 0 where its range is not two numbers."""
    ends = axis.get("range") or ()
    are_numbers = len(ends) == 2 and all(isinstance(end, (int, float)) for end in ends)
    return abs(ends[1] - ends[0]) if are_numbers else 0


def fragment(explorer, states: list[dict]) -> str:
    """The HTML of an explorer, or of a plain figure when there are no controls, with its states.

    Raises ExploreError when the states take more than MAX_PAYLOAD letters.
    """
    packed = pack(states)
    if len(packed) > MAX_PAYLOAD:
        raise ExploreError(f"{explorer.name} must add at most {MAX_PAYLOAD:,} characters to the "
                           f"page, got {len(packed):,} for {len(states)} states; give the controls "
                           "fewer values or the traces fewer points")
    start = states[start_index(explorer.controls)]
    longest = max((headline(state) for state in states), key=len)
    traces = sorted({trace.get("type", "scatter") for state in states for trace in state["data"]})
    position = describe(explorer.controls, {c.name: c.values[c.start] for c in explorer.controls})
    frame, lack = first_frame(start)
    return _figure(
        explorer, start, f'class="explorer" id="explorer-{explorer.name}"', plot=frame,
        top=f'<p class="explorer-position">{escape(position)}</p>\n' if position else "",
        said=_headline(start, longest + SLACK) if longest else "",
        end=f"{data_script(explorer, start, traces=traces, lack=lack)}\n"
            f"<noscript>{NO_SCRIPT if explorer.controls else ''}{table(start)}</noscript>"
            f'<script type="text/plain" class="explorer-states">{packed}</script>')


def live_fragment(explorer, start: dict) -> str:
    """The HTML of an explorer whose figures a kernel computes; ``start`` is the first one."""
    return _figure(
        explorer, start, 'class="explorer explorer-live"',
        top=f'<p class="explorer-dead">{GONE}</p>\n' if explorer.controls else "",
        said=_headline(start, headline(start)), end=data_script(explorer, start))


def _figure(explorer, start: dict, attributes: str, *, said: str, end: str, top: str = "",
            plot: str = "") -> str:
    heights = (f"--rows:{sum(map(_rows, explorer.controls))};--explorer-height:{explorer.height}px;"
               f"--explorer-height-narrow:{narrow_height(explorer.height, start)}px")
    label = escape(reading(start) or explorer.caption or explorer.name)
    pinned, names = (PINNED, BUTTONS) if explorer.controls else ("", WITHOUT_CONTROLS)
    buttons = "\n".join(f'<button type="button" data-do="{name}" title="{BUTTONS[name]}">{name}'
                        "</button>" for name in names)
    controls = controls_form(explorer.name, explorer.controls, explorer.play)
    return f"""<figure {attributes} data-name="{explorer.name}" style="{heights}">
{top}<div class="explorer-view">{said}{controls}\
<div class="explorer-plot" role="img" aria-label="{label}">{plot}</div></div>
{pinned}<figcaption>{escape(explorer.caption)}</figcaption>
<div class="explorer-buttons">{buttons}</div>
{end}
</figure>"""


def _headline(start: dict, longest: str) -> str:
    kind = " explorer-long" if len(longest) > LONG else ""
    return (f'<p class="explorer-headline{kind}" data-longest="{escape(longest)}">'
            f"<span>{escape(headline(start))}</span></p>\n")


def start_index(controls: tuple[Control, ...]) -> int:
    """The number of the state shown first, counting the last control fastest."""
    index = 0
    for control in controls:
        index = index * len(control.values) + control.start
    return index


def controls_form(name: str, controls: tuple[Control, ...], play: str | None = None) -> str:
    """HTML inputs for the controls, and the button play beside a slider."""
    if not controls:
        return ""
    rows = "\n".join(_row(f"explorer-{name}-{control.name}", control, control.name == play)
                     for control in controls)
    return f"""<div class="explorer-controls" role="group" \
aria-label="controls of {name.replace("-", " ")}">
{rows}
</div>
"""


def _columns(control: Control) -> int:
    """In how many columns its choices stand on a phone: as many as there are choices, else three if
    no row stays short, else two, else one, whichever has room first."""
    count = len(control.values)
    return next(n for n in (count, 3, 2, 1) if n == 1 or (
        n * _cell(control) <= PHONE and (n != 3 or count % 3 == 0)))


def _rows(control: Control) -> int:
    """How many rows a control takes on a phone."""
    if control.kind != "choice" or len(control.values) > MOST_BUTTONS:
        return 1
    columns = _columns(control)
    beside = columns * _cell(control) + len(control.label) * LETTER <= PHONE
    return math.ceil(len(control.values) / columns) + (not beside)


def _cell(control: Control) -> int:
    return max(map(len, control.texts)) * LETTER + AROUND


def _row(id_: str, control: Control, played: bool) -> str:
    write = {"slider": _slider, "switch": _switch}.get(
        control.kind, _buttons if len(control.values) <= MOST_BUTTONS else _menu)
    row = write(id_, control)
    return f'<div class="explorer-steps">{row}{PLAY}</div>' if played else row


def _slider(id_: str, control: Control) -> str:
    text = escape(control.texts[control.start])
    return (f'<label class="explorer-slider" data-control="{control.name}">'
            f'<b>{escape(control.label)}</b>'
            f'<input type="range" name="{id_}" min="0" max="{len(control.values) - 1}" step="1" '
            f'value="{control.start}" aria-valuetext="{text}" autocomplete="off">'
            f'<output aria-hidden="true">{text}</output></label>')


def _menu(id_: str, control: Control) -> str:
    options = "".join(
        f'<option value="{control.keys[i]}"{" selected" if i == control.start else ""}>'
        f"{escape(text)}</option>" for i, text in enumerate(control.texts))
    return (f'<label class="explorer-menu" data-control="{control.name}">'
            f'<b>{escape(control.label)}</b>'
            f'<select name="{id_}" autocomplete="off">{options}</select></label>')


def _buttons(id_: str, control: Control) -> str:
    options = "".join(
        f'<label><input type="radio" name="{id_}" value="{control.keys[i]}" autocomplete="off"'
        f'{" checked" if i == control.start else ""}><span>{escape(text)}</span></label>'
        for i, text in enumerate(control.texts))
    return (f'<fieldset data-control="{control.name}"><legend>{escape(control.label)}</legend>'
            f'<div class="explorer-options" style="--columns:{_columns(control)}">{options}</div>'
            "</fieldset>")


def _switch(id_: str, control: Control) -> str:
    checked = " checked" if control.start else ""
    return (f'<label class="explorer-switch" data-control="{control.name}">'
            f'<input type="checkbox" name="{id_}" autocomplete="off"{checked}>'
            f"<b>{escape(control.label)}</b></label>")


def words(explorer, figure: dict) -> str:
    """What stands in a notebook's output for viewers that draw no widget."""
    head = headline(figure)
    sentence = reading(figure)
    sentences = [sentence] if head in sentence else [head, sentence]
    above = "".join(map(_paragraph, [*sentences, NO_PLOT]))
    return above + table(figure) + _paragraph(explorer.caption)


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>" if text else ""
