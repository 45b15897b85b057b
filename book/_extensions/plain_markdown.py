"""MyST Markdown as the plain Markdown that any notebook viewer shows.

Imports pybtex, which reads the references. Directives become quotations, folded parts and
headings in bold; roles become words; links that only the website can follow lead there, or, where
its address is not known, are left out.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

from pybtex.database import Entry, parse_file

ROOT = Path(__file__).parents[2]  # where the pages' names begin
FENCE = re.compile(r"(`{3,}|:{3,})(?:\{([\w:-]+)\})?\s*(.*)")
OPTION = re.compile(r":(\w+):\s*(.*)")
TARGET = re.compile(r"\([\w-]+\)=")
ROLE = re.compile(r"\{([\w:]+)\}`([^`]+)`")
LINK = re.compile(r"(?<!!)\[([^\[\]]+)\]\((?!\w+:)([^()\s]+)\)")
DEFINITION = re.compile(r"^(\S.*)\n: +", re.MULTILINE)
MATH = re.compile(r"(\${1,2})(.+?)\1", re.DOTALL)
NAMED = re.compile(r"^`{3,}\{([\w:-]+)\} (.+)\n:label: (\S+)", re.MULTILINE)
LABELLED = re.compile(r"^`{3,}\{math\}\n:label: (\S+)", re.MULTILINE)
KINDS = {"prf:theorem": "Theorem", "prf:corollary": "Corollary", "prf:lemma": "Lemma",
         "prf:observation": "Observation", "prf:remark": "Remark", "exercise": "Exercise"}


@dataclass(frozen=True)
class Names:
    """What a book's roles refer to. titles: label → "Theorem *Its title*". sources: key →
    (authors, year, address). site: the website's address with a slash at its end, or ""."""

    titles: dict[str, str] = field(default_factory=dict)
    sources: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    site: str = ""


def titles(text: str) -> dict[str, str]:
    """Label → kind and title, of the theorems and exercises of a page."""
    return {label: f"{KINDS[kind]} *{title}*" for kind, title, label in NAMED.findall(text)
            if kind in KINDS}


def sources(file) -> dict[str, tuple[str, str, str]]:
    """Key → (authors, year, address), of a BibTeX file."""
    return {key: (authors(entry), entry.fields["year"], entry.fields.get("url", ""))
            for key, entry in parse_file(str(file)).entries.items()}


def authors(entry: Entry) -> str:
    """"Hu et al.", "Kingma and Ba", or a name alone."""
    names = [" ".join(person.prelast_names + person.last_names).replace("{", "").replace("}", "")
             for person in entry.persons["author"]]
    return f"{names[0]} et al." if len(names) > 2 else " and ".join(names)


class Page:
    """Turns the Markdown cells of one page into plain Markdown."""

    def __init__(self, name: str, cells: list[str], names: Names):
        """name: the page's path in the book, without an ending. cells: all its Markdown cells."""
        self.name, self.names = name, names
        labels = [label for cell in cells for label in LABELLED.findall(cell)]
        self.equations = {label: number for number, label in enumerate(labels, 1)}

    def plain(self, text: str) -> str:
        """The text of one cell. Raises ValueError for a directive or a role that is not known."""
        done, words, lines = [], [], iter(text.splitlines())
        for line in lines:
            fence = FENCE.fullmatch(line)
            if fence is None:
                words += [] if TARGET.fullmatch(line) else [line]
                continue
            done += [self.inline("\n".join(words))] if words else []
            words = []
            ticks, directive, title = fence.groups()
            body = list(takewhile(lambda line, end=ticks: line.rstrip() != end, lines))
            done.append(self.directive(directive, title, body) if directive
                        else "\n".join([line, *body, ticks]))
        done += [self.inline("\n".join(words))] if words else []
        return re.sub(r"\n{3,}", "\n\n", "\n".join(done)).strip("\n")

    def directive(self, name: str, title: str, lines: list[str]) -> str:
        """One directive; ``lines`` are its options and its body."""
        options = dict(option.groups() for option in takewhile(bool, map(OPTION.fullmatch, lines)))
        body, title = "\n".join(lines[len(options):]).strip("\n"), self.inline(title)
        if name in ("raw", "contents"):
            return ""
        if name == "math":
            number = self.equations[options["label"]]
            return f"$$\n{body}\n\\tag{{{number}}}\n$$"
        if name == "solution":
            what = "Solution: " + self.names.titles[title].partition(" ")[2].strip("*")
            return folded(what, self.plain(body))
        body = self.plain(body)
        if name == "dropdown":
            return folded(title, body) if body else ""
        if name in ("grid", "grid-item-card"):
            return f"**{title}**\n\n{body}" if name != "grid" else body
        if name == "include":
            return self.plain(((ROOT / self.name).parent / title).read_text("utf-8"))
        if name == "admonition":
            return quoted(f"**{title}**\n\n{body}")
        if name == "prf:proof":
            return quoted(f"*Proof.* {body} ∎")
        if name == "exercise":
            return f"**Exercise: {title}.** {body}"
        if name in KINDS:
            return quoted(f"**{KINDS[name]} ({title}).** {body}")
        raise ValueError(f"{self.name}: no plain form for the directive {name!r}")

    def inline(self, text: str) -> str:
        """Definitions, roles and links."""
        text = DEFINITION.sub(r"- **\1**: ", text)
        return LINK.sub(self.link, ROLE.sub(self.role, text))

    def role(self, role: re.Match) -> str:
        name, content = role.groups()
        if name == "term":
            return content.partition(" <")[0]
        if name == "eq":
            return f"({self.equations[content]})"
        if name == "prf:ref":
            words, _, label = content.removesuffix(">").rpartition(" <")
            if label not in self.names.titles:
                raise ValueError(f"{self.name}: no block and no exercise is labelled {label!r}")
            return words or self.names.titles[label]
        if name == "cite":
            return f"({self.cited(content, '{}, {}')})"
        if name == "cite:t":
            return self.cited(content, "{} ({})")
        raise ValueError(f"{self.name}: no plain form for the role {name!r}")

    def cited(self, keys: str, form: str) -> str:
        found = [self.source(key.strip()) for key in keys.split(",")]
        return "; ".join(f"[{form.format(who, year)}]({address})" if address
                         else form.format(who, year) for who, year, address in found)

    def source(self, key: str) -> tuple[str, str, str]:
        if key not in self.names.sources:
            raise ValueError(f"{self.name}: no source in the bibliography is called {key!r}")
        return self.names.sources[key]

    def link(self, link: re.Match) -> str:
        """A slider position of this page stays: a live explorer listens for it."""
        words, (path, place) = link[1], re.fullmatch(r"([^#?]*)(.*)", link[2]).groups()
        if not path and "?" in place:
            return link[0]
        if not self.names.site:
            return words
        there = posixpath.join(posixpath.dirname(self.name), path) if path else self.name
        page = posixpath.normpath(there).removesuffix(".md")
        return f"[{words}]({self.names.site}{page}.html{place})"


def one_line(math: re.Match) -> str:
    return math[0].replace("\n", " ")


def quoted(text: str) -> str:
    """A quotation. Formulas go on one line each, for viewers take them out before they look for
    the marks of the quotation."""
    return "\n".join(f"> {line}".rstrip() for line in MATH.sub(one_line, text).splitlines())


def folded(title: str, text: str) -> str:
    """A part that opens at a click."""
    return f"<details>\n<summary><b>{title}</b></summary>\n\n{text}\n\n</details>"
