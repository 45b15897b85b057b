"""The one reader of MyST: which directives a page has, and what stands between them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import takewhile
from pathlib import Path

from markdown_it import MarkdownIt
from mdit_py_plugins.colon_fence import colon_fence_plugin

FENCES = MarkdownIt("commonmark").disable("code").use(colon_fence_plugin)
NAMED = re.compile(r"\{([\w:-]+)\}\s*(.*)")
OPTION = re.compile(r":([\w-]+):\s*(.*)")
LISTED = re.compile(r"^(?:root| *- file): *(\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Part:
    """A part of a page. name: of a directive; "" for code in a fence, None for text between."""

    name: str | None
    text: str  # as it stands in the page
    title: str = ""
    body: str = ""
    options: dict[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return self.options.get("label", "")


def parts(text: str) -> Iterator[Part]:
    """The parts of a text in their order; what stands in a directive is in its body."""
    lines = text.splitlines()
    done = 0
    for token in FENCES.parse(text):
        if token.type not in ("fence", "colon_fence") or token.level:
            continue
        start, end = token.map
        if done < start:
            yield Part(None, "\n".join(lines[done:start]))
        yield directive("\n".join(lines[start:end]), token)
        done = end
    if done < len(lines):
        yield Part(None, "\n".join(lines[done:]))


def directive(text: str, token) -> Part:
    """A fence, as code or as a directive with its options."""
    named = NAMED.fullmatch(token.info.strip())
    if not named:
        return Part("", text, token.info.strip(), token.content)
    body = token.content.rstrip("\n").split("\n")
    options = dict(option.groups() for option in takewhile(bool, map(OPTION.fullmatch, body)))
    return Part(named[1], text, named[2], "\n".join(body[len(options):]).strip("\n"), options)


@cache
def directives(text: str) -> tuple[Part, ...]:
    """All directives of a text, those inside others after them."""
    all_parts = []
    for part in parts(text):
        if part.name:
            all_parts.append(part)
            if part.name not in ("code-cell", "math", "raw", "eval-rst"):
                all_parts += directives(part.body)
    return tuple(all_parts)


def has_cells(text: str) -> bool:
    """Whether a page holds code cells."""
    return any(part.name == "code-cell" for part in parts(text))


def page_names(root: Path) -> list[str]:
    """Every page that the book's table of contents names, in its order.

    Example:
        >>> page_names(Path(__file__).parents[2])[:2]
        ['book/index', 'book/thirty-minutes']
    """
    return LISTED.findall((root / "_toc.yml").read_text(encoding="utf-8"))
