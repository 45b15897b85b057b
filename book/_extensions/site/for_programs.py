"""What programs read: llms.txt, and each page as plain Markdown beside it."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import nbformat
import yaml

from lora_edu.explore.page_data import data_of_explorers

from ..content.answers import entries
from ..notebooks.download import executed, names_of
from ..notebooks.myst_to_markdown import Names, Page

# Labels of the answers that llms.txt holds itself.
VERDICTS = ("answer-why-scale", "answer-first-r", "answer-tuning-alpha", "answer-alpha-16",
            "answer-which-rank", "answer-other-ranks", "answer-rslora", "answer-served-weak",
            "answer-halve-alpha", "answer-ten-times", "answer-as-good-as-full",
            "answer-raised-rank", "answer-weight-decay", "answer-why-zero", "answer-both-zero",
            "answer-b-stays-zero", "answer-strength", "answer-bfloat16", "answer-no-alpha-keys",
            "answer-which-modules")
TO_PLOT = re.compile(r" *\[[^\]]+\]\([^)]+\)$")  # at the end of a piece of advice
FRONT = re.compile(r"---\n(.*?)\n---\n", re.DOTALL)
HEAD = """# {title}

> {description}

Each page below is plain Markdown; with .html in place of .md it is the page with its plots.

## What is often asked
"""


def write(app) -> None:
    """Write llms.txt, and a file of Markdown beside each page."""
    pages = list(app.env.collect_relations())  # in the order of the table of contents
    names = replace(names_of(app), files={page: f"{page}.md" for page in pages})
    sources = {page: Path(app.env.doc2path(page)).read_text("utf-8") for page in pages}
    for page, source in sources.items():
        target = Path(app.outdir) / f"{page}.md"
        target.write_text("\n\n".join(plain(executed(app, page), page, source, names)) + "\n",
                          encoding="utf-8")
    titles = {page: app.env.titles[page].astext() for page in pages}
    text = llms(titles, sources, names)
    (Path(app.outdir) / "llms.txt").write_text(text, encoding="utf-8")


def llms(titles: dict[str, str], sources: dict[str, str], names: Names) -> str:
    """The text of llms.txt, with those of VERDICTS that the pages have."""
    links = {page: f"[{title}]({names.site}{page}.md)" for page, title in titles.items()}
    about = {page: _description(source) for page, source in sources.items()}
    without_links = replace(names, files={}, site="")
    answers = {}
    others = {}  # {page: the questions whose verdicts stand on it alone}
    for page, source in sources.items():
        writer = Page(page, [], without_links)
        for label, *texts, _, advice in entries(source):
            sentences = [writer.inline(TO_PLOT.sub("", text))
                         for text in (*texts, advice) if text]
            answers[label] = f"- {' '.join(sentences)} {links[page]}"
            if label not in VERDICTS:
                question = sentences[0]
                others.setdefault(page, []).append(f"  - {question}")
    home = next(iter(titles))
    lines = [HEAD.format(title=titles[home], description=about[home])]
    lines += [answers[label] for label in VERDICTS if label in answers]
    lines += ["", "## Pages", ""]
    for page, link in links.items():
        lines += [f"- {link}: {about[page]}", *others.get(page, [])]
    return "\n".join(lines) + "\n"


def _description(source: str) -> str:
    front = FRONT.match(source)
    settings = yaml.safe_load(front[1]) if front else {}
    meta = settings.get("myst", {}).get("html_meta", {})
    return meta.get("description", "").strip()


def plain(file: Path, page: str, source: str, names: Names) -> Iterator[str]:
    """The parts of a page: text, code, and what code prints. file: the executed notebook."""
    if file.is_file():
        cells = nbformat.read(file, as_version=4).cells
    else:
        cells = [nbformat.v4.new_markdown_cell(FRONT.sub("", source, count=1))]
    writer = Page(page, [cell.source for cell in cells if cell.cell_type == "markdown"], names)
    for cell in cells:
        if cell.cell_type == "markdown":
            yield writer.plain(cell.source)
        else:
            yield f"```python\n{cell.source}\n```"
            yield from filter(None, map(_output, cell.get("outputs", [])))


def _output(output) -> str:
    """An output in words; of an explorer its first sentence and its caption."""
    data = output.get("data", {})
    explorers = data_of_explorers(data.get("text/html", ""))
    if explorers:
        return "\n\n".join(f"Plot: {each['reading']}\n{each['caption']}" for each in explorers)
    if "text/html" in data:
        return ""
    if "text/markdown" in data:
        return data["text/markdown"]
    text = output.get("text") or data.get("text/plain", "")
    return f"```text\n{text.rstrip()}\n```"
