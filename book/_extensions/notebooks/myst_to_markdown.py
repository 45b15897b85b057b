"""MyST Markdown as the plain Markdown that any notebook viewer shows.

Directives become quotations, folded parts and headings in bold; roles become words; links lead to
the other notebooks beside this one, or to the website, or, where there is neither, become words.
"""

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pybtex.database import Entry, parse_file

from ..content.answers import FOLDER, entries
from ..myst import Part, directives, parts

ROOT = Path(__file__).parents[3]  # where the pages' names begin
BIBLIOGRAPHY = "book/references.bib"
LABEL = re.compile(r"^\(([\w-]+)\)=$", re.MULTILINE)
TARGET = re.compile(r"^(?:\([\w-]+\)=|% .*)\n?", re.MULTILINE)  # or a comment
ROLE = re.compile(r"\{([\w:]+)\}`([^`]+)`")
LINK = re.compile(r"\[([^\[\]]+)\]\((?!\w+:)([^()\s]+)\)")
DEFINITION = re.compile(r"^(\S.*)\n: +", re.MULTILINE)
MATH = re.compile(r"(\${1,2})(.+?)\1", re.DOTALL)
KINDS = {"prf:theorem": "Theorem", "prf:corollary": "Corollary", "prf:lemma": "Lemma",
         "prf:observation": "Observation", "prf:remark": "Remark", "exercise": "Exercise"}
FOLDED = {"hide-input", "hide-cell", "remove-input"}  # the tags of cells that a page folds
# what only the site has
LEFT_OUT = ("raw", "only", "toctree", "contents", "eval-rst", "claims", "bibliography")


@dataclass(frozen=True)
class Names:
    """What a book's roles refer to. titles: label → "Theorem *Its title*". sources: key →
    (authors, year, address). site: the website's address with a slash at its end, or "".
    files: the pages that lie beside each other → their files. homes: label → the page it is on."""

    titles: dict[str, str] = field(default_factory=dict)
    sources: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    site: str = ""
    files: dict[str, str] = field(default_factory=dict)
    homes: dict[str, str] = field(default_factory=dict)


def collect_names(root: Path, pages: Iterable[str], site: str = "", files=None) -> Names:
    """What the roles and links of the pages of the book at ``root`` refer to."""
    texts = {page: (root / f"{page}.md").read_text(encoding="utf-8") for page in pages}
    titles = {part.label: f"{KINDS[part.name]} *{part.title}*" for text in texts.values()
              for part in directives(text) if part.name in KINDS}
    homes = {label: page for page, text in texts.items() for label in LABEL.findall(text)}
    sources = {key: (authors(entry), entry.fields["year"], entry.fields.get("url", ""))
               for key, entry in parse_file(str(root / BIBLIOGRAPHY)).entries.items()}
    return Names(titles, sources, site, files or {}, homes)


def authors(entry: Entry) -> str:
    """"Hu et al.", "Kingma and Ba", or a name alone."""
    names = [" ".join(person.prelast_names + person.last_names).replace("{", "").replace("}", "")
             for person in entry.persons["author"]]
    return f"{names[0]} et al." if len(names) > 2 else " and ".join(names)


def rewrite(notebook, page: str, names: Names) -> None:
    """Turn the Markdown cells of a page's notebook into plain Markdown, and fold its cells there as
    the page does."""
    for cell in notebook.cells:
        if FOLDED & set(cell.metadata.get("tags", ())):
            cell.metadata["jupyter"] = {"source_hidden": True}
    cells = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    converter = Page(page, [cell.source for cell in cells], names)
    for cell in cells:
        cell.source = converter.plain(cell.source)


class Page:
    """Turns the Markdown cells of one page into plain Markdown."""

    def __init__(self, name: str, cells: list[str], names: Names):
        """name: the page's path in the book, without an ending. cells: all its Markdown cells."""
        self.name = name
        self.names = names
        labels = [part.label for cell in cells for part in directives(cell)
                  if part.name == "math" and part.label]
        self.equations = {label: number for number, label in enumerate(labels, 1)}

    def plain(self, text: str) -> str:
        """The text of one cell. Raises ValueError for a directive or a role that is not known."""
        done = [self.inline(TARGET.sub("", part.text)) if part.name is None
                else part.text if part.name == "" else self.directive(part) for part in parts(text)]
        return re.sub(r"\n{3,}", "\n\n", "\n".join(done)).strip("\n")

    def directive(self, part: Part) -> str:
        """One directive."""
        name = part.name
        title = self.inline(part.title)
        if name in LEFT_OUT:
            return ""
        if name == "math":
            return f"$$\n{part.body}\n\\tag{{{self.equations[part.label]}}}\n$$"
        if name == "solution":
            heading = "Solution: " + self.names.titles[title].partition(" ")[2].strip("*")
            return folded(heading, self.plain(part.body))
        if name == "literalinclude":
            file = (ROOT / self.name).parent / title
            return f"```{part.options['language']}\n{file.read_text('utf-8')}```"
        if name == "lines":
            return (f"`answer(\"{title}\")` prints the book's lines once yours are right, and "
                    f"`take(\"{title}\")` puts them into your file.")
        if name == "include":
            return self.plain(((ROOT / self.name).parent / title).read_text("utf-8"))
        if name == "glossary":
            return self.plain(re.sub(r"^(\S.*)\n +", r"**\1**: ", part.body, flags=re.MULTILINE))
        if name == "answers":
            text = (ROOT / f"{FOLDER}/{title}.md").read_text("utf-8")
            return self.inline("\n".join(f"- [{question}](#{label}) {verdict}"
                                         for label, question, verdict in entries(text)))
        body = self.plain(part.body)
        if name == "dropdown":
            return folded(title, body) if body else ""
        if name in ("grid", "container"):
            return body
        if name == "grid-item-card":
            return f"**{title}**\n\n{body}"
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
        text = ROLE.sub(self.role, DEFINITION.sub(r"- **\1**: ", text))
        return LINK.sub(self.link, text)

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
        sources = [self.source(key.strip()) for key in keys.split(",")]
        return "; ".join(f"[{form.format(who, year)}]({address})" if address
                         else form.format(who, year) for who, year, address in sources)

    def source(self, key: str) -> tuple[str, str, str]:
        if key not in self.names.sources:
            raise ValueError(f"{self.name}: no source in the bibliography is called {key!r}")
        return self.names.sources[key]

    def link(self, link: re.Match) -> str:
        """A slider position of this page stays: a live explorer listens for it."""
        words = link[1]
        path, place = re.fullmatch(r"([^#?]*)(.*)", link[2]).groups()
        if not path and "?" in place:
            return link[0]
        page = self.names.homes.get(place[1:], self.name)
        if path:
            target = posixpath.join(posixpath.dirname(self.name), path)
            page = posixpath.normpath(target).removesuffix(".md")
        if page in self.names.files:
            return f"[{words}]({self.file_of(page)}{place})"
        return f"[{words}]({self.names.site}{page}.html{place})" if self.names.site else words

    def file_of(self, page: str) -> str:
        """The file of another page, as seen from the file of this one; "" for this one."""
        if page == self.name:
            return ""
        folder = posixpath.dirname(self.names.files[self.name])
        return posixpath.relpath(self.names.files[page], folder)


def quoted(text: str) -> str:
    """A quotation. Formulas go on one line each, for viewers take them out before they look for
    the marks of the quotation."""
    text = MATH.sub(lambda math: math[0].replace("\n", " "), text)
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())


def folded(title: str, text: str) -> str:
    """A part that opens at a click."""
    return f"<details>\n<summary><b>{title}</b></summary>\n\n{text}\n\n</details>"
