"""Begin a chapter: python -m book.new part2/name

Writes the page, the chapter's folder, its test, and its lines in _toc.yml and in the README. What
is left to write stands in capitals.
"""

import re
import sys
from pathlib import Path

PAGE = """\
---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  name: python3
  display_name: Python 3 (ipykernel)
  language: python
myst:
  html_meta:
    description: {upper} IN ONE SENTENCE.
---

# {title}

*WHICH QUESTION?* [The short answer](#{name}-answer).

```{{code-cell}} ipython3
:tags: [hide-input]

from lora_edu.chapters.{folder} import figures
from lora_edu.explore import explore

explore(figures.{folder}, r=[1, 2, 4, 8], caption="WHAT TO SEE.")
```

```{{admonition}} The answer
:class: important
:name: {name}-answer
THE ANSWER.
```
"""
FIGURES = '''\
"""Figures of the chapter {title}."""

import numpy as np


def {folder}(r: int = 1) -> dict:
    """WHAT IT SHOWS."""
    x = np.linspace(0, 1, 50)
    return {{"data": [{{"x": x, "y": x**r, "mode": "lines"}}],
            "layout": {{"xaxis": {{"range": [0, 1]}}, "yaxis": {{"range": [0, 1]}},
                       "meta": {{"reading": f"x to the power of {{r}}"}}}}}}
'''
TEST = '''\
"""The claims of the chapter {title}."""

from lora_edu.chapters.{folder} import figures


def test_the_figure_shows_the_power():
    (curve,) = figures.{folder}(2)["data"]
    assert (curve["y"] == curve["x"] ** 2).all()
'''


def begin(place: str, root: Path) -> list[str]:
    """Write a chapter's stubs below ``root``; the files that are new or changed.

    place: "part2/name". Raises ValueError for a place that is none, FileExistsError for a page that
    is there.
    """
    found = re.fullmatch(r"(part[1-4])/([a-z][a-z0-9-]*)", place)
    if not found:
        raise ValueError(f"place is {place!r}; give a part and a name, such as part2/first-r")
    part, name = found.groups()
    words = {"name": name, "folder": name.replace("-", "_"), "upper": name.upper(),
             "title": name.replace("-", " ").capitalize()}
    files = {f"book/{place}.md": PAGE,
             f"lora_edu/chapters/{words['folder']}/__init__.py": "",
             f"lora_edu/chapters/{words['folder']}/figures.py": FIGURES,
             f"tests/chapters/test_{words['folder']}.py": TEST}
    for file, text in files.items():
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        with (root / file).open("x", encoding="utf-8") as opened:
            opened.write(text.format(**words))
    last_line(root / "_toc.yml", rf" *- file: book/{part}/", f"      - file: book/{place}")
    last_line(root / "README.md", rf"\| \[.*\]\(book/{part}/",
              f"| [{words['title']}](book/{place}.md) | WHICH QUESTION |")
    return [*files, "_toc.yml", "README.md"]


def last_line(file: Path, pattern: str, line: str) -> None:
    """Put a line behind the last one that begins with a pattern."""
    lines = file.read_text(encoding="utf-8").splitlines()
    at = max(number for number, text in enumerate(lines) if re.match(pattern, text))
    file.write_text("\n".join([*lines[:at + 1], line, *lines[at + 1:]]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__.splitlines()[0])
    try:
        print("\n".join(begin(sys.argv[1], Path(__file__).parents[1])))
    except (ValueError, FileExistsError) as error:
        sys.exit(str(error))
