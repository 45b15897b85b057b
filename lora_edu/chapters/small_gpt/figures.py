"""What the small GPT writes with and without its adapters, character by character.

Imports NumPy, plotly, the style, and reads what compare.py measured; no torch.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import plotly.graph_objects as go

from lora_edu.chapters.shared.style import COLOURS, layout

RESULTS = Path(__file__).parent / "data" / "results.json"
ADAPTERS = {"none": "shakespeare", "Bible": "bible", "Devil's Dictionary": "devil"}
NAMES = {style: name for name, style in ADAPTERS.items()} | {"shakespeare": "Shakespeare"}
RANKS = (1, 4, 8, 16)
ENDS = (-0.4, 4.4)  # of the axis of log2 r
COLUMNS, ROWS = 28, 12  # of characters in the left panel
MARGIN = {"l": 46, "r": 12, "t": 34, "b": 46}
GAIN = [[0, "rgba(213,94,0,0.75)"], [0.5, "rgba(128,128,128,0)"], [1, "rgba(0,158,115,0.75)"]]
SURPRISE = [[0, "rgba(128,128,128,0)"], [1, "rgba(170,107,192,0.9)"]]


@cache
def results() -> dict:
    """The measurements that ship with the book."""
    return json.loads(RESULTS.read_text(encoding="utf-8"))


@cache
def row(style: str, method: str) -> dict:
    """One row of the comparison."""
    return next(row for row in results()["rows"]
                if (row["style"], row["method"]) == (style, method))


def prompts() -> list[str]:
    """The prompts of the samples, without their line break, as the buttons show them."""
    return list(dict.fromkeys(sample["prompt"].strip() for sample in results()["samples"]))


@cache
def sample(style: str, r: int, prompt: str) -> dict:
    """The sample of an adapter ("shakespeare", r = 0: of the base) after a prompt."""
    return next(s for s in results()["samples"]
                if (s["style"], s["r"], s["prompt"].strip()) == (style, r, prompt))


def places(text: str) -> list[tuple[int, int]]:
    """(row, column) of each character in lines of COLUMNS, broken between words."""
    found, row, column = [], 0, 0
    for line in text.split("\n"):
        for word in line.split(" "):
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


def page(text: str, values, scale: list, largest: float, given: int = 0) -> list[go.Scatter]:
    """A text whose characters have coloured cells; the first ``given`` are grey."""
    z = np.zeros((ROWS, COLUMNS), int)
    shown: dict[bool, list] = {True: [], False: []}
    for i, (character, (line, column)) in enumerate(zip(text, places(text), strict=True)):
        if line < ROWS and column < COLUMNS and i >= given:
            z[line, column] = round(10 * float(np.clip(values[i], -largest, largest)))
        if line < ROWS and character not in " \n":
            shown[i < given].append((column, line, character))
    low = -10 * largest if scale is GAIN else 0
    traces = [go.Heatmap(z=z, zmin=low, zmax=10 * largest, showscale=False, colorscale=scale,
                         hoverinfo="skip")]
    for grey, cells in shown.items():
        if cells:
            x, y, characters = zip(*cells, strict=True)
            traces.append(go.Scatter(
                x=x, y=y, text=characters, mode="text", hoverinfo="skip",
                textfont={"size": 13, **({"color": COLOURS["frozen"]} if grey else {})}))
    return traces


def two_panels(left: str, right: str, xaxis: dict, yaxis: dict, reading: str) -> dict:
    """The layout: text at the left, wider than the curves at the right."""
    still = {"showticklabels": False, "ticks": "", "showgrid": False}
    made = layout([left, right], [{**still, "range": [-0.5, COLUMNS - 0.5]}, xaxis],
                  [{**still, "range": [ROWS - 0.5, -0.5]}, yaxis], reading)
    made["margin"] = MARGIN
    made["xaxis"]["domain"], made["xaxis2"]["domain"] = [0, 0.56], [0.66, 1]
    return made


def line(name: str, x, y, colour: str, dash: str = "solid", symbol: str = "") -> go.Scatter:
    """A curve of the right panel, with marks if it has a symbol."""
    return go.Scatter(
        x=x, y=y, xaxis="x2", yaxis="y2", name=name, mode="lines+markers" if symbol else "lines",
        line={"color": COLOURS[colour], "width": 2.5 if symbol else 1.5, "dash": dash},
        hovertemplate=f"{name}: %{{y:.3f}}<extra></extra>",
        **({"marker": {"symbol": symbol, "size": 10, "color": COLOURS[colour]}} if symbol else {}))


def ring(x: float, y: float) -> go.Scatter:
    """What the controls have chosen, in the right panel."""
    return go.Scatter(x=[x], y=[y], xaxis="x2", yaxis="y2", name="here", mode="markers",
                      hovertemplate="%{y:.3f}<extra></extra>",
                      marker={"size": 16, "symbol": "circle-open", "color": COLOURS["B"],
                              "line": {"width": 3}})


def losses(style: str, r: int) -> list[go.Scatter]:
    """Held-out losses against r: on the adapter's own text, and on Shakespeare."""
    base, at, traces = results()["base"], np.log2(RANKS), []
    if style == "shakespeare":
        return [line("no adapter", ENDS, [base[style]["test"]] * 2, "frozen", "dash")]
    rows = [row(style, f"q, v, r = {rank}") for rank in RANKS]
    own = [float(np.mean(one["test"])) for one in rows]
    old = [float(np.mean(one["shakespeare"])) for one in rows]
    for name, quantity, y, here in (("own text", "loss", own, style),
                                    ("Shakespeare", "frozen", old, "shakespeare")):
        traces.append(line(f"{name}, no adapter", ENDS, [base[here]["test"]] * 2, quantity, "dash"))
        traces.append(line(name, at, y, quantity, symbol="circle"))
        traces.append(ring(np.log2(r), y[RANKS.index(r)]))
    return traces


def small_gpt(prompt: str = "And God said", adapter: str = "Bible", r: int = 8) -> go.Figure:
    """Left: a sample, coloured by what the adapter changed. Right: held-out losses against r."""
    style = ADAPTERS[adapter]
    made = sample(style, r if style != "shakespeare" else 0, prompt)
    start, text = made["prompt"], made["text"]
    gain = np.array(made.get("gain", [0.0] * len(text)))
    traces = page(start + text, [0.0] * len(start) + list(gain), GAIN, 3.0, given=len(start))
    base = results()["base"]
    if style == "shakespeare":
        said = (f"no adapter, after “{prompt}”: the base writes, at a loss of "
                f"{base[style]['test']:.2f} on held-out Shakespeare, whatever r is")
    else:
        one = row(style, f"q, v, r = {r}")
        said = (f"{adapter}, r = {r}, after “{prompt}”: held-out loss "
                f"{np.mean(one['test']):.2f} on its text (no adapter: {base[style]['test']:.2f}), "
                f"{np.mean(one['shakespeare']):.2f} on Shakespeare (no adapter: "
                f"{base['shakespeare']['test']:.2f}); the adapter's log-probability of what it "
                f"wrote is {gain.mean():.2f} nats a character above the base's")
    right = (f'<span style="color:{COLOURS["loss"]}">● its text</span>  '
             f'<span style="color:{COLOURS["frozen"]}">● Shakespeare</span>')
    if style == "shakespeare":
        right = f'<span style="color:{COLOURS["frozen"]}">┅ Shakespeare</span>'
    return go.Figure(traces + losses(style, r), two_panels(
        f'likelier <span style="color:{COLOURS["delta"]}">with</span> / '
        f'<span style="color:{COLOURS["B"]}">without</span> the adapter', right,
        {"range": list(ENDS), "tickvals": list(np.log2(RANKS)), "ticktext": list(map(str, RANKS)),
         "title": {"text": "r"}},
        {"range": [1.3, 2.7], "title": {"text": "loss, nats a character"}}, said))


def verse(text: str = "Bible", adapter: str = "none", r: int = 8) -> go.Figure:
    """Left: held-out text, coloured by surprise. Right: the mean surprise of each adapter."""
    passage = next(p for p in results()["passages"] if NAMES[p["style"]] == text)
    key = "none" if adapter == "none" else f"{ADAPTERS[adapter]}-r{r}"
    values = passage["surprise"][key]
    words = passage["text"]
    traces = page(words, [0.0, *values], SURPRISE, 5.0, given=1)
    x = np.log2(RANKS)
    means = {name: float(np.mean(v)) for name, v in passage["surprise"].items()}
    traces.append(line("none", ENDS, [means["none"]] * 2, "frozen", "dash"))
    for name, dash, symbol in (("Bible", "solid", "circle"),
                               ("Devil's Dictionary", "dot", "diamond")):
        y = [means[f"{ADAPTERS[name]}-r{rank}"] for rank in RANKS]
        traces.append(line(name, x, y, "loss", dash, symbol))
    traces.append(ring(np.log2(r), means[key]))
    with_ = "no adapter" if adapter == "none" else f"the adapter {adapter}, r = {r}"
    most = int(np.argmax(values))
    right = (f'<span style="color:{COLOURS["frozen"]}">┅ none</span>  '
             f'<span style="color:{COLOURS["loss"]}">● Bible  ◆ Devil</span>')
    return go.Figure(traces, two_panels(
        f'<span style="color:{COLOURS["loss"]}">■ not expected</span>', right,
        {"range": list(ENDS), "tickvals": list(x), "ticktext": list(map(str, RANKS)),
         "title": {"text": "r"}},
        {"range": [1.0, 3.0], "title": {"text": "mean surprise, nats"}},
        f"{text}, with {with_}: {means[key]:.2f} nats a character (none: {means['none']:.2f}); "
        f"least expected: “{words[most + 1]}” after “{words[max(0, most - 8):most + 1]}”, "
        f"{values[most]:.1f} nats".replace("\n", " ")))
