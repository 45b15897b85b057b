"""The instrument as HTML: its first frame, which needs no script, and its controls."""

import base64
import json
from functools import cache
from html import escape

import numpy as np

from lora_edu.explore.first_frame.marks import png
from lora_edu.explore.page import NO_PLOT

from .pictures import LOOKS, pictures_of
from .portrait import SIDE, target
from .settings import TABLE, twin_of
from .task import STEPS, Run, trained

GRADIENT = '<span class="of-gradient">∇<span class="of-{0}">{0}</span></span>'
NORMS = {"delta": "‖ΔW‖", "gradA": f"‖{GRADIENT.format('A')}‖",
         "gradB": f"‖{GRADIENT.format('B')}‖", "loss": "loss", "decrease": "first-order decrease"}
RATES = {0.0625: "η ÷ 16", 0.125: "η ÷ 8", 0.25: "η ÷ 4", 0.5: "η ÷ 2", 1: "η", 2: "η × 2",
         4: "η × 4", 8: "η × 8", 16: "η × 16"}
RULES = {"alpha/r": "α/r", "alpha/sqrt(r)": "α/√r", "alpha": "α"}
TARGETS = {"top hat": "top hat", "cone": "cone", "word": "the word"}
FOLDED = {"start": {start: start for start in TABLE["settings"]["start"]["allowed"]},
          "optimiser": {"Adam": "Adam", "SGD": "SGD", "momentum": "SGD with momentum"},
          "rate": RATES}
IN_CHAPTERS = {"rule": RULES, "target": TARGETS, "decay": {0: "0", 0.01: "0.01", 0.1: "0.1"},
               "eps": {1e-8: "1e-8", 1e-4: "1e-4", 1e-2: "0.01"}}
NAMES = {"start": "initialisation", "optimiser": "optimiser", "rate": "learning rate", "rule": "s",
         "target": "picture to learn", "decay": "weight decay", "eps": "ε"}
TICKS = {"alpha": "α ÷ 16", "rate": "η × 4", "start": "initial A × 4", "eps": "ε ÷ 4",
         "decay": "decay ÷ 4"}
LEARNED = 0.1  # % of the loss, under which the hat is as it should be
SLIDER_END = 1000  # of the steps' slider, which moves evenly in their root
CAPTION = ("Grey: the frozen portrait W₀. Green: ΔW = s·BA, which is added to it. Purple: the "
           "gradients of A and B, each relative to its largest entry. Dark: entries below zero. "
           "The shade is |entry| to the power of {tone}, so that steps 1 and 2 are visible. The "
           "initial A is uniform, with seed {seed}. Start: the value at step 0, or step 1 if that "
           "is zero. Dashed: exactly zero. First-order decrease: by how much the loss would fall "
           "if its gradient stayed as it is at W₀. This can be more than the loss.")
SCALE = ('<thead><tr><td><span class="instrument-which">first run</span></td><th scope="col">'
         '<span>÷ 32</span> <span class="instrument-mark">start</span> <span>× 32</span></th>'
         "<td></td><td></td></tr></thead>")
LABELS = (f'<span class="instrument-names-A"><b>{GRADIENT.format("A")}</b><b class="of-A">A</b>'
          f'</span><span class="instrument-names-B"><b>{GRADIENT.format("B")}</b>'
          '<b class="of-B">B</b></span><span class="instrument-names-W">W₀, frozen, + '
          '<b class="of-delta">ΔW = s·BA</b></span>')
PAD = '<canvas class="instrument-pad" width="32" height="32"></canvas>'
CODE = """from lora_book.instrument.settings import checked
from lora_book.instrument.task import optimiser, start, task
from lora_edu import train

settings = checked(dict({settings}))
history = train(task(settings), start(settings), optimiser(settings), settings["step"])
history.delta_norm[-1], history.grad_A_norm[-1], history.grad_B_norm[-1], history.loss[-1]
"""
NO_SCRIPT = "The controls need JavaScript; without it, this is the first picture."


def _canvas(name: str, pixels: np.ndarray | None = None) -> str:
    """A matrix of the picture; its first frame lies behind what the script paints."""
    if pixels is None:
        return f'<canvas data-matrix="{name}"></canvas>'
    data = base64.b64encode(png(pixels)).decode()
    return (f'<canvas data-matrix="{name}" width="{pixels.shape[1]}" height="{pixels.shape[0]}" '
            f'style="background-image:url(data:image/png;base64,{data})"></canvas>')


def _run(pixels: dict, role: str, which: str, more: str = "") -> str:
    """A run's five matrices. which: its name where there are two."""
    canvases = "".join(_canvas(name, pixels.get(name))
                       for name in ("gradA", "A", "gradB", "B", "delta"))
    return (f'<div class="instrument-run" {role}>{canvases}{LABELS}'
            f'<span class="instrument-which">{which}</span>{more}</div>')


def short(value: float) -> str:
    """Three digits, as the script writes them."""
    return "exactly 0" if value == 0 else f"{float(f'{value:.3g}'):g}"


def _row(name: str, value: float, mark: float) -> str:
    """As bars.js writes it."""
    is_scaled = value > 0 and mark > 0
    octaves = np.log2(value / mark) if is_scaled else -5
    factor = ""
    if abs(octaves) > 5:
        factor = f"÷ {short(mark / value)}" if octaves < 0 else f"× {short(value / mark)}"
    return (f'<tr data-norm="{name}"><th scope="row">{NORMS[name]}</th>'
            f'<td class="{"instrument-zero" if value == 0 else ""}">'
            f'<i style="--octaves:{min(10.5, max(0.1 * is_scaled, 5 + octaves)):.3g}"></i></td>'
            f"<td>{short(value)}</td><td>{factor}</td></tr>")


def _norms(run: Run, norms: dict[str, float]) -> str:
    early = [run.norms(step) for step in range(min(2, len(run.A)))]
    rows = "".join(_row(name, norms[name], early[0][name] or early[-1][name]) for name in NORMS)
    return f'<table class="instrument-norms">{SCALE}<tbody>{rows}</tbody></table>'


def _slider(name: str, label: str, values: list, value) -> str:
    return (f'<label class="instrument-slider"><b>{label}</b><input type="range" min="0" '
            f'max="{len(values) - 1}" value="{values.index(value)}" data-setting="{name}" '
            f'data-values="{json.dumps(values)}" aria-valuetext="{value}" autocomplete="off">'
            f'<output aria-hidden="true">{value}</output></label>')


def _steps(step: int) -> str:
    place = round(SLIDER_END * (step / STEPS) ** 0.5)
    return (f'<label class="instrument-slider instrument-step"><b>step</b><input type="range" '
            f'min="0" max="{SLIDER_END}" value="{place}" aria-valuetext="step {step}" '
            f'autocomplete="off"><output aria-hidden="true">{step}</output></label>')


def _menu(name: str, texts: dict, value) -> str:
    if value not in texts:
        texts = {**texts, value: str(value)}
    options = "".join(f'<option{" selected" if each == value else ""}>{escape(text)}</option>'
                      for each, text in texts.items())
    return (f'<label class="instrument-menu"><b>{NAMES[name]}</b><select data-setting="{name}" '
            f'data-values="{escape(json.dumps([*texts]))}" autocomplete="off">{options}</select>'
            "</label>")


def _ticks(follows: str) -> str:
    """Which settings of the second run follow the change of unit."""
    boxes = "".join(
        f'<label class="instrument-tick"><input type="checkbox" data-tick="{name}" '
        f'autocomplete="off"{" checked" if name in follows.split("-") else ""}>{text}</label>'
        for name, text in TICKS.items())
    return ('<div class="instrument-legend"><p>Left: the difference, on a log scale from 1e-16 '
            f"to 1. The second run has</p>{boxes}</div>")


def _twin(second: str) -> str:
    checked_box = " checked" if second else ""
    return (f'<label class="instrument-tick"><input type="checkbox" class="instrument-twin" '
            f'autocomplete="off"{checked_box}>a second run, in a unit 4 times smaller</label>')


def _button(action: str, text: str) -> str:
    return f'<button type="button" data-do="{action}">{text}</button>'


@cache
def _buttons() -> str:
    watching = _button("play", "▶ play") + _button("off", "ΔW off") + _button(
        "hat", "another hat") + _button("draw", "draw")
    drawing = _button("undo", "undo") + _button("clear", "clear") + _button("done", "learn it")
    return (f'<div class="instrument-buttons"><span class="instrument-watch">{watching}</span>'
            f'<span class="instrument-draw">{drawing}</span></div>')


def _line(settings: dict, norms: dict[str, float]) -> str:
    """What stands under the first frame of a run."""
    step = settings["step"]
    left = 100 * norms["loss"] / ((target(settings) ** 2).sum() / 2)
    left = float(f"{left:.{3 if left > 99 else 2}g}")
    numbers = 2 * SIDE * settings["r"]
    if settings["twin"]:
        return f"Step {step} of the two runs."
    if step == 0 and norms["delta"] == 0:
        return "Step 0: ΔW is exactly 0, so the portrait is unchanged."
    if left < LEARNED:
        return (f"Step {step}: A and B have learned the hat with {numbers:,} numbers. The "
                "portrait’s 4,096 are unchanged.")
    return (f"Step {step}: {left:g}\u00a0% of the loss is left. {numbers:,} numbers are trained, "
            "and the portrait’s 4,096 are frozen.")


def _shown_norms(run: Run, settings: dict) -> dict[str, float]:
    """Those of the step that is asked for, or of the last where the run diverged before it."""
    return run.norms(min(settings["step"], len(run.A) - 1))


def words(settings: dict) -> str:
    """The first frame's sentence and numbers, for a viewer that has neither styles nor scripts."""
    norms = _shown_norms(trained(settings), settings)
    numbers = ", ".join(f"{text} = {short(norms[name])}" for name, text in NORMS.items())
    return f"<p>{escape(_line(settings, norms))} {numbers}.</p><p>{NO_PLOT}</p>"


def figure_html(name: str, settings: dict, full: bool) -> str:
    """The instrument's figure, as a fragment of a page. full: with the controls of chapters."""
    run = trained(settings)
    norms = _shown_norms(run, settings)
    second = {}
    if settings["twin"]:
        second = pictures_of(trained(twin_of(settings)), settings)
    menus = FOLDED | (IN_CHAPTERS if full else {})
    folded = "".join(_menu(name, texts, settings[name]) for name, texts in menus.items())
    line = escape(_line(settings, norms))
    role = f'role="img" aria-label="A grey, frozen portrait with ΔW on it in green. {line}"'
    two = " instrument-two" if second else ""
    return f"""<figure class="instrument{two}" id="{name}" style="--r:{settings["r"]}" \
data-settings="{escape(json.dumps(settings))}">
<div class="instrument-stage">
<div class="instrument-picture">{_run(pictures_of(run, settings), role, "first run", PAD)}\
{_run(second, 'aria-hidden="true"', "second, as ticked")}
<div class="instrument-run instrument-gap" aria-hidden="true"><canvas></canvas>\
<span class="instrument-which">difference</span></div>
{_ticks(settings["twin"])}
</div>
<p class="instrument-line" aria-live="polite"><span>{line}</span></p>
{_buttons()}
{_steps(settings["step"])}
</div>
<div class="instrument-panel">
<div class="instrument-sizes">
{_slider("r", "r", [1, 2, 4, 8, 16], settings["r"])}
{_slider("alpha", "α", TABLE["settings"]["alpha"]["allowed"], settings["alpha"])}
</div>
{_norms(run, norms)}
<details class="instrument-more"{" open" if full else ""}><summary>initialisation, \
optimiser, learning rate …</summary>{folded}{_twin(settings["twin"])}</details>
<details class="instrument-numbers"><summary>numbers</summary><textarea readonly rows="8" \
aria-label="A, B, ΔW and the gradients, as JSON"></textarea></details>
<details class="instrument-code"><summary>code</summary><pre tabindex="0">{escape(CODE)}</pre>\
</details>
<noscript><p>{NO_SCRIPT}</p></noscript>
</div>
<figcaption>{CAPTION.format(tone=LOOKS["tone"], seed=settings["seed"])}</figcaption>
</figure>"""
