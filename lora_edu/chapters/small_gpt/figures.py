"""One block of the small GPT, and what it writes with and without its adapters."""

from __future__ import annotations

import numpy as np

from lora_edu.chapters.shared.drawing import box, connect, drawing, fill, say
from lora_edu.chapters.shared.style import (
    COLOURS,
    coloured,
    figure,
    heat,
    layout,
    line,
    marks,
    words,
)
from lora_edu.chapters.small_gpt import results
from lora_edu.chapters.small_gpt.results import RANKS

ADAPTERS = {"none": "shakespeare", "Bible": "bible", "Devil's Dictionary": "devil"}
NAMES = {style: name for name, style in ADAPTERS.items()} | {"shakespeare": "Shakespeare"}
ENDS = (-0.4, 4.4)  # of the axis of log2 r
COLUMNS, ROWS = 28, 12  # of characters in the left panel
MARGIN = {"l": 50, "r": 12, "t": 34, "b": 46}
CLEAR = "rgba(128,128,128,0)"
GAIN = ("rgba(213,94,0,0.75)", CLEAR, "rgba(0,158,115,0.75)")
SURPRISE = (CLEAR, "rgba(170,107,192,0.9)")
UNIT, GAP = 24, 2.2  # numbers of a matrix in one unit of the drawing; between two matrices


def block(shapes: dict[str, tuple[int, int]], targets, r: int, layers: int) -> dict:
    """Draw the matrices of a block and, at the targets, A above and B beside W.

    Args:
        shapes: {name: (d, k)}: attention's q, k, v and out, then the perceptron's up and down.
        targets: Names among them.
        layers: How many such blocks there are.
    """
    *attention, up, down = shapes
    tall, thin, side = shapes[up][0] / UNIT, r / UNIT, shapes[up][1] / UNIT
    rows = tall * 0.28, -tall * 0.28  # the heights of attention and of down; up stands beside both
    right = len(attention) * (side + GAP)
    at = {name: (i * (side + GAP), rows[0]) for i, name in enumerate(attention)}
    at |= {up: (right, 0.0), down: (right - GAP - shapes[down][1] / UNIT, rows[1])}
    parts, names, numbers = [], {}, 0
    for name, (x, middle) in at.items():
        d, k = shapes[name]
        width, height = k / UNIT, d / UNIT
        parts.append(box(x, middle - height / 2, width, height, fill("frozen", 0.5)))
        names[x + width / 2, middle] = name
        if name in targets:
            parts += [box(x, middle + height / 2 + 0.2, width, thin, fill("A", 1)),
                      box(x - thin - 0.2, middle - height / 2, thin, height, fill("B", 1))]
            numbers += layers * r * (d + k)
    for row in rows:
        parts += connect((right - GAP + 0.3, row), (right - 0.3, row))
    names |= {((right - GAP) / 2, rows[0] + side / 2 + 1.5): "attention",
              (at[down][0] + shapes[down][1] / UNIT / 2, rows[1] - side / 2 - 1): "perceptron"}
    return drawing([*parts, say(names)],
                   [((-0.9, right + side + 0.5), (-tall / 2 - 0.5, tall / 2 + 1.4))],
                   f"The matrices of one of {layers} blocks, to scale. Adapters of rank {r} stand "
                   f"beside {' and '.join(targets)}; in all blocks they hold {numbers:,} numbers")


def places(text: str) -> list[tuple[int, int]]:
    """(row, column) of each character in lines of COLUMNS, broken between words."""
    found, row, column = [], 0, 0
    for paragraph in text.split("\n"):
        for word in paragraph.split(" "):
            if column and column + len(word) > COLUMNS:
                row, column = row + 1, 0
            for _ in word:
                if column >= COLUMNS:  # a word longer than a line
                    row, column = row + 1, 0
                found.append((row, column))
                column += 1
            found.append((row, column))  # the space, or the line break; off the page at its edge
            column += 1
        row, column = row + 1, 0
    return found[:-1]


def page(text: str, values, scale: tuple, largest: float, given: int = 0) -> list[dict]:
    """A text whose characters have coloured cells; the first ``given`` are grey."""
    cells = np.zeros((ROWS, COLUMNS))  # in tenths of a nat
    shown: dict[bool, list] = {True: [], False: []}
    for i, (character, (row, column)) in enumerate(zip(text, places(text), strict=True)):
        if row < ROWS and column < COLUMNS and i >= given:
            cells[row, column] = round(10 * float(np.clip(values[i], -largest, largest)))
        if row < ROWS and character not in " \n":
            shown[i < given].append((column, row, character))
    most = round(10 * largest)
    traces = [heat(cells / 100, -most if scale is GAIN else 0, most, scale)]
    for grey, characters in shown.items():
        if characters:
            font = {"color": COLOURS["frozen"]} if grey else {}
            traces.append(words(*zip(*characters, strict=True), textfont=font))
    return traces


def two_panels(left: str, right: str, yaxis: dict, reading: str) -> dict:
    """The layout: text at the left, wider than the curves against r at the right."""
    still = {"showticklabels": False, "ticks": "", "showgrid": False}
    ranks = {"range": list(ENDS), "tickvals": np.log2(RANKS).tolist(),
             "ticktext": [str(r) for r in RANKS], "title": {"text": "r"}}
    made = layout([left, right], [{**still, "range": [-0.9, COLUMNS - 0.1]}, ranks],
                  [{**still, "range": [ROWS - 0.3, -0.7]}, yaxis], reading)
    made["margin"] = MARGIN
    made["xaxis"]["domain"], made["xaxis2"]["domain"] = [0, 0.56], [0.66, 1]
    return made


def curve(name: str, x, y, colour: str, dash: str = "solid", symbol: str = "") -> dict:
    """A curve of the right panel, with marks if it has a symbol."""
    drawn = {"mode": "lines+markers", "width": 2.5, "marker": {
        "symbol": symbol, "size": 10, "color": COLOURS[colour]}} if symbol else {"width": 1.5}
    return line(x, y, colour, panel=2, dash=dash, name=name,
                hovertemplate=f"{name}: %{{y:.3f}}<extra></extra>", **drawn)


def ring(x: float, y: float) -> dict:
    """A ring around the chosen setting, in the right panel."""
    return marks([x], [y], "B", "circle-open", 16, panel=2, stroke=3, name="here",
                 hovertemplate="%{y:.3f}<extra></extra>")


def losses(style: str, r: int) -> list[dict]:
    """Held-out losses against r: on the adapter's own text, and on Shakespeare."""
    base, at, traces = results.read()["base"], np.log2(RANKS), []
    if style == "shakespeare":
        return [curve("no adapter", ENDS, [base[style]["test"]] * 2, "frozen", "dash")]
    rows = [results.row(style, f"q, v, r = {rank}") for rank in RANKS]
    own = [float(np.mean(one["test"])) for one in rows]
    old = [float(np.mean(one["shakespeare"])) for one in rows]
    for name, quantity, y, here in (("own text", "loss", own, style),
                                    ("Shakespeare", "frozen", old, "shakespeare")):
        traces += [
            curve(f"{name}, no adapter", ENDS, [base[here]["test"]] * 2, quantity, "dash"),
            curve(name, at, y, quantity, symbol="circle"), ring(np.log2(r), y[RANKS.index(r)])]
    return traces


def small_gpt(prompt: str = "And God said", adapter: str = "Bible", r: int = 8) -> dict:
    """Left: a sample, coloured by what the adapter changed. Right: held-out losses against r."""
    style = ADAPTERS[adapter]
    made = results.sample(style, r if style != "shakespeare" else 0, prompt)
    start, text = made["prompt"], made["text"]
    gain = np.array(made.get("gain", [0.0] * len(text)))
    traces = page(start + text, [0.0] * len(start) + list(gain), GAIN, 3.0, given=len(start))
    base = results.read()["base"]
    if style == "shakespeare":
        said = (f"no adapter, after “{prompt}”: the base writes, at a loss of "
                f"{base[style]['test']:.2f} on held-out Shakespeare, whatever r is")
    else:
        one = results.row(style, f"q, v, r = {r}")
        said = (f"{adapter}, r = {r}, after “{prompt}”: held-out loss "
                f"{np.mean(one['test']):.2f} on its text (no adapter: {base[style]['test']:.2f}), "
                f"{np.mean(one['shakespeare']):.2f} on Shakespeare (no adapter: "
                f"{base['shakespeare']['test']:.2f}); the adapter's log-probability of what it "
                f"wrote is {gain.mean():.2f} nats a character above the base's")
    right = f"{coloured('● its text', 'loss')}  {coloured('● Shakespeare', 'frozen')}"
    if style == "shakespeare":
        right = coloured("┅ Shakespeare", "frozen")
    return figure(traces + losses(style, r), two_panels(
        f"likelier {coloured('with', 'delta')} / {coloured('without', 'B')} the adapter", right,
        {"range": [1.3, 2.7], "title": {"text": "loss, nats a character"}}, said))


def verse(text: str = "Bible", adapter: str = "none", r: int = 8) -> dict:
    """Left: held-out text, coloured by surprise. Right: the mean surprise of each adapter."""
    passage = next(p for p in results.read()["passages"] if NAMES[p["style"]] == text)
    key = "none" if adapter == "none" else f"{ADAPTERS[adapter]}-r{r}"
    values = passage["surprise"][key]
    letters = passage["text"]
    traces = page(letters, [0.0, *values], SURPRISE, 5.0, given=1)
    x = np.log2(RANKS)
    means = {name: float(np.mean(v)) for name, v in passage["surprise"].items()}
    traces.append(curve("none", ENDS, [means["none"]] * 2, "frozen", "dash"))
    for name, dash, symbol in (("Bible", "solid", "circle"),
                               ("Devil's Dictionary", "dot", "diamond")):
        y = [means[f"{ADAPTERS[name]}-r{rank}"] for rank in RANKS]
        traces.append(curve(name, x, y, "loss", dash, symbol))
    traces.append(ring(np.log2(r), means[key]))
    with_ = "no adapter" if adapter == "none" else f"the adapter {adapter}, r = {r}"
    most = int(np.argmax(values))
    right = f"{coloured('┅ none', 'frozen')}  {coloured('● Bible  ◆ Devil', 'loss')}"
    return figure(traces, two_panels(
        coloured("■ not expected", "loss"), right,
        {"range": [1.0, 3.0], "title": {"text": "mean surprise, nats"}},
        f"{text}, with {with_}: {means[key]:.2f} nats a character (none: {means['none']:.2f}); "
        f"least expected: “{letters[most + 1]}” after “{letters[max(0, most - 8):most + 1]}”, "
        f"{values[most]:.1f} nats".replace("\n", " ")))
