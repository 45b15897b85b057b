"""A page's MyST Markdown for JupyterLab, which shows directives but knows one page only.

Imports pybtex through plain_markdown. What needs the whole book is replaced: sources have their
authors and year, blocks and formulas the numbers that the website gives them, references to other
pages become links, words of the glossary say what they mean when the mouse rests on them. The rest
is left to jupyterlab-myst.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from pathlib import Path

from plain_markdown import KINDS, ROLE, Names, Page, sources, titles

FENCE = re.compile(r"(`{3,}|:{3,})(?:\{([\w:-]+)\})?")
CODE = (None, "code-cell", "raw", "eval-rst")
LABEL = re.compile(r"^:label: (\S+)$", re.MULTILINE)
PROOF = re.compile(r"^(`{3,}\{prf:proof\}[^\n]*)$", re.MULTILINE)
OPENED = re.compile(r"^[`:]{3,}\{([\w:-]+)\}[^\n]*(?:\n:label: (\S+))?", re.MULTILINE)
GLOSSARY = re.compile(r"^```\{glossary\}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ENTRY = re.compile(r"^((?:\S[^\n]*\n)+)((?:[ ]+[^\n]+\n?)+)", re.MULTILINE)
WHERE = re.compile(r"\s*\[[^\]]*\]\([^)]*\)\.?\s*$")  # the link at an entry's end
HEADER = re.compile(r"\A---\n.*?\n---\n+", re.DOTALL)
SETTINGS = "---\nnumbering:\n  equation: false\n---\n\n"  # only formulas that are given a number
LETTERS = {r"\Delta": "Δ", r"\alpha": "α", r"\eta": "η", r"\sigma": "σ", r"\nabla": "∇",
           r"\beta": "β", r"\epsilon": "ε", r"\lambda": "λ", r"\tau": "τ", r"\sqrt": "√",
           r"\times": "×", r"\cdot": "·", r"\le": "≤", r"\ge": "≥", r"\star": "⋆", r"\sum": "∑",
           r"\dots": "…", r"\langle": "⟨", r"\rangle": "⟩", r"\text": "", r"\,": " "}


@dataclass(frozen=True)
class Book(Names):
    """Names, and besides: numbers: label → (page, kind, number on the website); meanings: word of
    the glossary → what it means, as plain text."""

    numbers: dict[str, tuple[str, str, int]] = field(default_factory=dict)
    meanings: dict[str, str] = field(default_factory=dict)


def book(root: Path, site: str = "") -> Book:
    """What the roles of the book in the repository at ``root`` refer to."""
    toc = (root / "_toc.yml").read_text(encoding="utf-8")
    pages = {page: (root / f"{page}.md").read_text(encoding="utf-8")
             for page in re.findall(r"(?:root|file): (\S+)", toc)}
    return Book({label: title for text in pages.values() for label, title in titles(text).items()},
                sources(root / "book/references.bib"), site, numbers(pages),
                meanings(pages["book/glossary"]))


def numbers(pages: dict[str, str]) -> dict[str, tuple[str, str, int]]:
    """Label → (page, kind, number), of blocks, exercises and formulas: each kind is counted
    through the book, as the website does."""
    count: dict[str, int] = {}
    found = {}
    for page, text in pages.items():
        for directive, label in OPENED.findall(text):
            if directive in KINDS or (directive == "math" and label):
                kind = KINDS.get(directive, "")
                count[kind] = count.get(kind, 0) + 1
                found[label] = page, kind, count[kind]
    return found


def meanings(text: str) -> dict[str, str]:
    """Word → its meaning as plain text, of the page with the glossary."""
    return {word.casefold(): words_of(WHERE.sub("", meaning)) for part in GLOSSARY.findall(text)
            for words, meaning in ENTRY.findall(part) for word in words.splitlines()}


def words_of(text: str) -> str:
    """Markdown with small formulas as plain text."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", re.sub(r"\{\w+\}`([^`<]+)[^`]*`", r"\1", text))
    for command in sorted(LETTERS, key=len, reverse=True):
        text = re.sub(re.escape(command) + r" *(?![a-z])", LETTERS[command], text)
    return re.sub(r"\s+", " ", re.sub(r"[$*`{}]", "", text)).strip()


def for_lab(text: str, page: str, names: Book, ending: str = ".md") -> str:
    """A page's text for jupyterlab-myst; what stands in fences of code is as it was.

    page: its path, such as "book/part1/step-zero". ending: of the files that links to other pages
    lead to. Raises ValueError for what ``names`` does not know.
    """
    lab = ForLab(page, [], names, ending)
    header = HEADER.match(text)
    start = header[0] + SETTINGS if header else ""
    return start + "".join(part if code else lab.inline(part)
                           for code, part in parts(text[len(header[0]) if header else 0:]))


def parts(text: str):
    """(whether it is code, text) of the parts of a page in their order; the fences of directives
    belong to the text."""
    part, opened, code = "", [], ""
    for line in text.splitlines(keepends=True):
        fence, ended = FENCE.match(line), False
        if code:
            ended = line.rstrip() == code
        elif fence and opened and line.rstrip() == opened[-1]:
            opened.pop()
        elif fence and fence[2] in CODE:
            yield False, part
            part, code = "", fence[1]
        elif fence:
            opened.append(fence[1])
        part += line
        if ended:
            yield True, part
            part, code = "", ""
    yield bool(code), part


class ForLab(Page):
    """Rewrites the roles of one page, and has its blocks numbered as on the website."""

    def __init__(self, name: str, cells: list[str], names: Book, ending: str):
        super().__init__(name, cells, names)
        self.ending = ending

    def inline(self, text: str) -> str:
        text = PROOF.sub(r"\1\n:nonumber:", LABEL.sub(self.label, text))
        return ROLE.sub(self.role, text)

    def label(self, option: re.Match) -> str:
        if option[1] not in self.names.numbers:
            return option[0]
        _, kind, number = self.names.numbers[option[1]]
        return f"{option[0]}\n:number: {number}" + ("" if kind else "\n:enumerated: true")

    def role(self, role: re.Match) -> str:
        name, content = role.groups()
        if name == "term":
            words, _, word = content.removesuffix(">").rpartition(" <")
            return self.to("book/glossary", words or word, "", self.meaning(word))
        if name not in ("prf:ref", "eq"):
            return super().role(role)
        words, _, label = content.removesuffix(">").rpartition(" <")
        if label not in self.names.numbers:
            raise ValueError(f"{self.name}: no block and no formula is labelled {label!r}")
        page, kind, number = self.names.numbers[label]
        if page == self.name:  # jupyterlab-myst finds it, and shows it beside the link
            return role[0]
        title = self.names.titles.get(label, "").partition(" ")[2].strip("*")
        return self.to(page, words or (f"{kind} {number}" if kind else f"({number})"), label, title)

    def meaning(self, word: str) -> str:
        if word.casefold() not in self.names.meanings:
            raise ValueError(f"{self.name}: the glossary does not have {word!r}")
        return self.names.meanings[word.casefold()]

    def to(self, page: str, words: str, place: str, title: str) -> str:
        """A link to another page, which says ``title`` when the mouse rests on it: jupyterlab-myst
        drops the titles of links, and reads an abbreviation up to a round bracket."""
        there = posixpath.relpath(page, posixpath.dirname(self.name)) + self.ending
        title = words_of(title).replace("(", "[").replace(")", "]")
        if title and not re.search(r"[$*()\[\]\n]", words):
            words = f"{{abbr}}`{words} ({title})`"
        return f"[{words}]({there}{'#' * bool(place)}{place})"
