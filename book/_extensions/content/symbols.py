"""On pages whose plots show A, B and ΔW, the text writes them in their colours.

In formulas these are the letters A and B, with their gradients, and ΔW; in words the gradients and
ΔW alone, for "A" may begin a sentence. The colours are in book.css: those of the curves, darker on
light ground and lighter on dark. Links, headings, code and what changes while a reader moves a
slider stay as they are.
"""

import re

from bs4 import NavigableString, Tag

PAGES = {"book/index", "book/dashboard", "book/glossary", "book/part1/step-zero",
         "book/part1/hundred-steps", "book/part2/invariance"}
CLASSES = {"A": "of-A", "B": "of-B", "∇A": "of-A", "∇B": "of-B", "ΔW": "of-delta"}
WORD = re.compile("(‖(?:∇A|∇B|ΔW)‖|∇A|∇B|ΔW)")
LEFT_ALONE = {"script", "style", "pre", "code", "a", "h1", "h2", "h3", "h4", "h5", "h6", "text",
              "math", "button", "label"}
LEFT_CLASSES = {"explorer-headline", "admonition-title"}


def colour(article: Tag) -> None:
    """Give each symbol in a part of a page its class."""
    for text in article.find_all(string=WORD):
        if not is_left_alone(text):
            text.replace_with(*map(coloured, filter(None, WORD.split(text))))
    for letter in article.find_all("span", class_="mathnormal"):
        if letter["class"] == ["mord", "mathnormal"] and not is_left_alone(letter):
            colour_letter(letter)


def is_left_alone(node: NavigableString | Tag) -> bool:
    return any(parent.name in LEFT_ALONE or LEFT_CLASSES & set(parent.get("class", ()))
               for parent in node.parents)


def coloured(piece: str) -> NavigableString | Tag:
    """A piece of a text; in a span where it is a symbol."""
    if not WORD.fullmatch(piece):
        return NavigableString(piece)
    span = Tag(name="span", attrs={"class": CLASSES[piece.strip("‖")]})
    span.string = piece
    return span


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
