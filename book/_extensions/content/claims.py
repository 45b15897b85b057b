"""The register of claims, held against the chapters and the tests.

A claim is a labelled block of a chapter: ``thm-…``, ``cor-…`` and ``lem-…`` are proved, ``obs-…``
is observed (``{prf:observation}``), ``cit-…`` is cited (``{prf:remark}``). What was observed has an
entry in ``chapter.claims.yml``, beside ``chapter.md``; another claim may have one:

    obs-some-name:
      setup: task, seeds and spread
      says: the claim in a line, no stronger than its block   (else the block's first sentence)

A test names what it holds: ``@pytest.mark.claim("obs-some-name")``. A cited claim is held by its
source, which its block cites. ``{claims}`` shows the register; ``problems`` says what is missing.
"""

import ast
import re
from collections import Counter
from functools import cached_property
from pathlib import Path

import yaml
from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from .. import myst
from . import answers

HOME = Path(__file__).parents[3]
KINDS = {"thm": "proved", "cor": "proved", "lem": "proved", "obs": "observed", "cit": "cited"}
REFERENCE = re.compile(r"\{prf:ref\}`(?:[^`<]*<)?([\w-]+)>?`")
FIRST = re.compile(r"^(.+?[.:])(?:\s|$)", re.DOTALL)  # sentence
CITED = re.compile(r"\{cite(?::t)?\}`([^`]+)`")
TITLE = re.compile(r"^# (.+)$", re.MULTILINE)
ANSWER = re.compile(r"^:name: ([\w-]+-answer)\n(.*?)^```", re.MULTILINE | re.DOTALL)


class Register:
    """What a checkout of the book claims and tests. ``home``: its top folder."""

    def __init__(self, home: Path = HOME):
        self.home = home

    @cached_property
    def pages(self) -> dict[str, str]:
        """The text of each page that _toc.yml names, such as "book/part1/step-zero", in order."""
        return {page: (self.home / f"{page}.md").read_text("utf-8")
                for page in myst.page_names(self.home)}

    @cached_property
    def blocks(self) -> dict[str, tuple[str, myst.Part]]:
        """Label → (page, block), of every labelled block that a claim can stand in. (Sphinx warns
        of two blocks with one label.)"""
        return {part.label: (page, part) for page, text in self.pages.items()
                for part in myst.directives(text) if part.name.startswith("prf:") and part.label}

    @cached_property
    def entries(self) -> dict[str, dict[str, dict[str, str]]]:
        """Page → label → fields, of the files beside the pages."""
        files = {page: self.home / f"{page}.claims.yml" for page in self.pages}
        return {page: yaml.safe_load(file.read_text("utf-8"))
                for page, file in files.items() if file.is_file()}

    def fields(self, label: str) -> dict[str, str]:
        """What the register says of a claim."""
        page, block = self.blocks[label]
        first = FIRST.match(block.body.strip())
        inferred = {"says": first[1]} if first else {}
        return inferred | self.entries.get(page, {}).get(label, {})

    @cached_property
    def tests(self) -> dict[str, list[tuple[str, str]]]:
        """Label → (file, function), of the tests that name it."""
        tests: dict[str, list[tuple[str, str]]] = {}
        for file in sorted((self.home / "tests").rglob("test_*.py")):
            text = file.read_text("utf-8")
            if "mark.claim(" not in text:
                continue
            for function in ast.walk(ast.parse(text)):
                for mark in getattr(function, "decorator_list", ()):
                    if ast.unparse(mark).startswith("pytest.mark.claim("):
                        for label in mark.args:
                            tests.setdefault(ast.literal_eval(label), []).append(
                                (file.relative_to(self.home).as_posix(), function.name))
        return tests

    def problems(self) -> list[str]:
        """What keeps the register from being complete and true to the pages, a line each."""
        return [*self._blocks_and_entries(), *self._blocks_and_tests(), *self._answers()]

    def _blocks_and_entries(self):
        for label, (page, _) in self.blocks.items():
            if label.partition("-")[0] not in KINDS:
                yield f"{page}: the label {label} must begin with one of {', '.join(KINDS)}"
                continue
            needed = {"says", "setup"} if kind(label) == "observed" else {"says"}
            fields = set(self.fields(label))
            if fields != needed:
                yield (f"{page}.claims.yml: {label} must have {' and '.join(sorted(needed))}; "
                       f"it has {', '.join(sorted(fields))}")
        for page, claims in self.entries.items():
            for label in claims.keys() - self.blocks.keys():
                yield f"{page}.claims.yml: no block is labelled {label}"

    def _blocks_and_tests(self):
        for label, (page, block) in self.blocks.items():
            if label.startswith("cit-"):
                if not CITED.search(block.body):
                    yield f"{page}: {label} cites nothing"
            elif label not in self.tests:
                yield f'{page}: no test is marked @pytest.mark.claim("{label}")'
        for label, tests in self.tests.items():
            if label not in self.blocks:
                yield f"{tests[0][0]}: {tests[0][1]} names {label}, which no block has"

    def _answers(self):
        """The answer of each chapter, and each on the pages of answers, rests on a claim."""
        for page, text in self.pages.items():
            for name, answer in ANSWER.findall(text):
                if not self.rests(answer):
                    yield f"{page}: {name} rests on no claim"
            if page not in answers.PAGES:
                continue
            for question in re.split(r"^### ", text, flags=re.M)[1:]:
                if not self.rests(question):
                    yield f"{page}: rests on no claim: {question.splitlines()[0]}"

    def rests(self, text: str) -> bool:
        """Whether a text refers to a claim."""
        return any(label in self.blocks for label in REFERENCE.findall(text))


def kind(label: str) -> str:
    """ "proved", "observed" or "cited"."""
    return KINDS[label.partition("-")[0]]


def warn_of_problems(app) -> None:
    """Say what the register lacks, as warnings of the build."""
    for problem in Register().problems():
        logging.getLogger(__name__).warning("claims: %s", problem)


class Claims(SphinxDirective):
    """``{claims}``: the whole register, a fold a page."""

    def run(self) -> list[nodes.Node]:
        register = Register()
        for pattern in ("book/**/*.md", "book/**/*.claims.yml", "tests/**/test_*.py"):
            for file in HOME.glob(pattern):
                self.env.note_dependency(str(file))
        labels = {}
        for label, (page, _) in register.blocks.items():
            labels.setdefault(page, []).append(label)
        lines = (line for page, claims in labels.items()
                 for line in chapter(register, page, claims))
        parsed = self.parse_text_to_nodes("\n".join(lines))
        return [nodes.container("", *parsed, classes=["claims"])]


def chapter(register: Register, page: str, labels: list[str]):
    """The register's lines for one page, in Markdown: a fold that counts them."""
    title = TITLE.search(register.pages[page])[1]
    numbers = Counter(map(kind, labels))
    counted = ", ".join(f"{numbers[name]} {name}" for name in sorted(numbers, reverse=True))
    yield f"\n:::{{dropdown}} {title}: {counted}\n[{title}](/{page}.md)\n"
    for label in labels:
        _, block = register.blocks[label]
        fields = register.fields(label)
        yield f"- {{prf:ref}}`{label}` · *{block.title}* · {kind(label)}. {fields['says']}"
        if "setup" in fields:
            yield f"\n  Set-up: {fields['setup']}\n"
        if kind(label) == "cited":
            keys = ",".join(dict.fromkeys(CITED.findall(block.body)))
            yield f"\n  Source: {{cite:t}}`{keys}`.\n"
        else:
            tests = ", ".join(f"`{name}`" for _, name in dict.fromkeys(register.tests[label]))
            files = ", ".join(sorted({f"`{file}`" for file, _ in register.tests[label]}))
            yield f"\n  Test: {tests} in {files}.\n"
    yield ":::"
