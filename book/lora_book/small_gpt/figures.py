"""What the small GPT writes with and without its adapters."""

import re

import numpy as np

from lora_book.shared.style import (
    BLANK_AXIS,
    COLOURS,
    coloured,
    figure,
    heat,
    words,
)
from lora_book.small_gpt import results

ADAPTERS = {"none": "shakespeare", "Bible": "bible", "Devil's Dictionary": "devil"}
COLUMNS = 28  # of characters
ROWS = 12
CLEAR = "rgba(128,128,128,0)"
GAIN_COLOURS = ("rgba(204,71,120,0.75)", CLEAR, "rgba(26,147,160,0.75)")
LARGEST = 3  # nats that have the full colour


def places(text: str) -> list[tuple[int, int]]:
    """(row, column) of each character in lines of COLUMNS, broken between words."""
    positions = []
    row = 0
    column = 0
    for word in re.split(r"(?<=[ \n])", text):  # each with its space or line break
        if column and column + len(word.rstrip()) > COLUMNS:
            row += 1
            column = 0
        for character in word:
            if column >= COLUMNS and not character.isspace():  # of a word longer than a line
                row += 1
                column = 0
            positions.append((row, column))  # a space may be off the page, at its edge
            column += 1
        if word.endswith("\n"):
            row += 1
            column = 0
    return positions


def page(prompt: str, text: str, gain) -> list[dict]:
    """A prompt, in grey, and a text whose characters have cells coloured by their gain."""
    letters = prompt + text
    tenths = np.round(10 * np.clip(gain, -LARGEST, LARGEST))  # of a nat
    colours = [0.0] * len(prompt) + list(tenths)
    cells = np.zeros((ROWS, COLUMNS))
    gains = np.full(cells.shape, None)  # in nats, where the text stands
    in_prompt = []
    in_text = []
    for i, (row, column) in enumerate(places(letters)):
        if row < ROWS and column < COLUMNS:
            cells[row, column] = colours[i]
            if i >= len(prompt):
                gains[row, column] = round(float(gain[i - len(prompt)]), 2)
        if row < ROWS and letters[i] not in " \n":
            characters = in_prompt if i < len(prompt) else in_text
            characters.append((column, row, letters[i]))
    traces = [heat(cells, -10 * LARGEST, 10 * LARGEST, GAIN_COLOURS, customdata=gains)]
    for characters, font in ((in_prompt, {"color": COLOURS["frozen"]}), (in_text, {})):
        if characters:
            x, y, texts = zip(*characters, strict=True)
            traces.append(words(x, y, texts, textfont=font))
    return traces


def small_gpt(prompt: str = "And God said", adapter: str = "Bible", r: int = 8) -> dict:
    """A sample after a prompt, each character coloured by how much the adapter favoured it.

    adapter: one of ADAPTERS; without one r does not matter.
    """
    style = ADAPTERS[adapter]
    sample = results.sample(style, r if style != "shakespeare" else 0, prompt)
    text = sample["text"]
    gain = np.array(sample.get("gain", [0.0] * len(text)))
    if style == "shakespeare":
        reading = f"no adapter, after “{prompt}”"
        headline = "Without an adapter, the model writes Shakespeare"
        headings = ()
    else:
        reading = (f"{adapter}, r = {r}, after “{prompt}”: the text is {gain.mean():.2f} nats "
                   "per character more likely with the adapter than without it")
        headline = f"On average, the adapter saves {gain.mean():.2f} nats per character"
        headings = [
            f"more likely {coloured('with', 'teal')} / {coloured('without', 'rose')} the adapter"]
    return figure(page(sample["prompt"], text, gain), headline,
                  [{**BLANK_AXIS, "range": [-0.9, COLUMNS - 0.1], "constrain": "domain",
                    "constraintoward": "left"}],
                  [{**BLANK_AXIS, "range": [ROWS - 0.3, -0.7], "scaleanchor": "x",
                    "scaleratio": 1.8, "constrain": "domain"}], reading,
                  headings=headings, margin={"l": 6, "r": 6, "t": 34, "b": 6})

