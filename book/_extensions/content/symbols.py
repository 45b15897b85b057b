"""The text writes A, B and ΔW in the colours of their curves.

These are A and B, with their gradients, and ΔW; in words an "A" only where it is no article. The
colours are in book.css: those of the curves, darker on light ground and lighter on dark. Links,
headings, code and what changes while a reader moves a slider stay as they are.
"""

import re
from collections.abc import Iterator

from bs4 import NavigableString, Tag

CLASSES = {"A": "of-A", "B": "of-B", "∇A": "of-A", "∇B": "of-B", "ΔW": "of-delta"}
WORD = re.compile("(‖(?:∇A|∇B|ΔW)‖|∇A|∇B|ΔW)")
LETTER = re.compile(r"((?<=[a-z,] )A\b|\bA(?=[’',]| (?:and|or|is|does|moves|takes)\b)|\bB\b)")
LEFT_ALONE = {"script", "style", "pre", "code", "a", "h1", "h2", "h3", "h4", "h5", "h6", "text",
              "math", "button", "label"}
LEFT_CLASSES = {"explorer-headline", "admonition-title", "mathnormal", "of-A", "of-B"}


def colour(article: Tag) -> None:
    """Give each symbol in a part of a page its class."""
    for text in article.find_all(string=WORD):
        if not is_left_alone(text):
            text.replace_with(*coloured(WORD.split(text)))
    for letter in article.find_all("span", class_="mathnormal"):
        if letter["class"] == ["mord", "mathnormal"] and not is_left_alone(letter):
            colour_letter(letter)
    for paragraph in article(["p", "td"]):
        for text in paragraph.find_all(string=LETTER):
            if not is_left_alone(text):
                text.replace_with(*coloured(LETTER.split(text)))


def is_left_alone(node: NavigableString | Tag) -> bool:
    return any(parent.name in LEFT_ALONE or LEFT_CLASSES & set(parent.get("class", ()))
               for parent in node.parents)


def coloured(pieces: list[str]) -> Iterator[NavigableString | Tag]:
    """Every other piece is a symbol, and stands in a span."""
    for i, piece in enumerate(pieces):
        if i % 2:
            span = Tag(name="span", attrs={"class": [CLASSES[piece.strip("‖")]]})
            span.string = piece
            yield span
        else:
            yield NavigableString(piece)


def colour_letter(letter: Tag) -> None:
    """Colour a letter of a formula, and the sign of the gradient or the change before it."""
    before = letter.previous_sibling
    if before is None and letter.parent.get("class") == ["mord"]:
        before = letter.parent.previous_sibling
    signed = [letter]
    if isinstance(before, Tag) and before.get("class") == ["mord"] and before.string in ("∇", "Δ"):
        signed = [before, letter]
    name = "".join(part.get_text() for part in signed)
    for part in signed:
        if name in CLASSES:
            part["class"].append(CLASSES[name])
