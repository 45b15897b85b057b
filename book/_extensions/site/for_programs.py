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

FRONT = re.compile(r"---\n(.*?)\n---\n", re.DOTALL)
HEAD = """# {title}

> {description}

Each page below is plain Markdown; with .html in place of .md it is the page with its plots.
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
    """The text of llms.txt: each page with what it is about, and the questions that it answers."""
    home = next(iter(titles))
    lines = [HEAD.format(title=titles[home], description=_description(sources[home]))]
    for page, title in titles.items():
        lines.append(f"- [{title}]({names.site}{page}.md): {_description(sources[page])}")
        writer = Page(page, [], replace(names, files={}, site=""))
        lines += [f"  - {writer.inline(question)}" for _, question, _ in entries(sources[page])]
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
