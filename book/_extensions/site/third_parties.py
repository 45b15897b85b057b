"""third-parties.txt: what others made of what the site carries, with their licences.

Nothing is listed by hand. It holds npm's packages whose files were copied, or whose code esbuild
has put into a bundle; Python's extensions and themes that have brought scripts or style sheets;
and what lies in the wheels.
"""

import json
import re
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution, packages_distributions
from pathlib import Path
from zipfile import ZipFile

from fontTools.ttLib import TTFont

from lora_edu.explore import bundle

from ..in_page.pyodide_wheel import PACKAGE as PYODIDE
from ..node import package_of
from .fonts import FACE, KATEX, has_face, npm_folder

FILE = "third-parties.txt"
HEAD = """\
The book "LoRA, from scratch" has its own licences, in its file LICENSE.
This site also carries work of others, under the licences below.
"""
PYTHON = """\
Pyodide is under the Mozilla Public License 2.0, https://www.mozilla.org/MPL/2.0/
Its source is at the address beside its name above.
It holds Python, whose licence is at https://docs.python.org/3/license.html
"""
LICENCE = re.compile(r"licen[sc]e|copying|notice", re.IGNORECASE)
BROUGHT = (".css", ".js")  # by Python's packages
OFL = 13  # the entry of a font that holds its licence
RULE = "=" * 78


def write(app) -> None:
    """Write the file into the site."""
    parts = [HEAD, *_sources_of_data(Path(app.confdir)), *map(_of_python, _distributions(app))]
    parts += [_of_npm(Path(app.confdir, "node_modules", name))
              for name in sorted(_npm_packages(app))]
    if app.npm:
        font = TTFont(npm_folder(app, KATEX) / "dist/fonts/KaTeX_Main-Regular.woff2")
        parts.append(_section("The fonts of KaTeX, cut", [font["name"].getDebugName(OFL)]))
    if app.run_page:
        parts += [_section("Pyodide and Python", [PYTHON]), _of_wheel(app.run_page.wheel)]
    (Path(app.outdir) / FILE).write_text("\n".join(parts), encoding="utf-8")


def _npm_packages(app) -> set[str]:
    """The npm packages that the site has files or code of."""
    if not app.npm:
        return set()
    plotly = map(package_of, bundle.NPM_FILES.values())
    page_python = [package_of(f"{PYODIDE}/")] if app.run_page else []
    face = [FACE] if has_face(app) else []
    return {"esbuild", KATEX, *face, *filter(None, plotly), *page_python, *app.bundled}


def _distributions(app) -> list[Distribution]:
    """The Python packages that have brought scripts or style sheets, and what colours code."""
    names_of = packages_distributions()
    modules = {extension.partition(".")[0] for extension in app.extensions}
    names = {name for module in modules for name in names_of.get(module, ())}
    extensions = [distribution(name) for name in sorted(names - {"lora_edu"})]
    brought = [each for each in extensions
               if any(file.suffix in BROUGHT for file in each.files or ())]
    return [*brought, distribution("pygments")]


def _sources_of_data(root: Path) -> Iterator[str]:
    """Where the data of the book's own wheel come from."""
    for file in sorted(root.glob("book/lora_book/*/data/SOURCES.md")):
        yield _section(file.relative_to(root).as_posix(), [file.read_text(encoding="utf-8")])


def _of_python(package: Distribution) -> str:
    facts = package.metadata
    texts = [file.read_text(encoding="utf-8") for file in package.files or ()
             if LICENCE.search(file.name) and file.suffix not in (".py", ".pyc")]
    address = facts.get("Home-page") or next(iter(facts.get_all("Project-URL") or []), "")
    return _section(f"{facts['Name']} {package.version} ({address})", texts)


def _of_npm(folder: Path) -> str:
    facts = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    repository = facts.get("repository", "")
    address = repository if isinstance(repository, str) else repository["url"]
    texts = [file.read_text(encoding="utf-8") for file in sorted(folder.iterdir())
             if LICENCE.search(file.name) and file.is_file()]
    title = f"{facts['name']} {facts['version']}, {facts['license']} ({address})"
    return _section(title, texts)


def _of_wheel(wheel: Path) -> str:
    with ZipFile(wheel) as files:
        texts = [files.read(name).decode() for name in files.namelist()
                 if LICENCE.search(Path(name).name) and not name.endswith(".py")]
    return _section(wheel.name, texts)


def _section(title: str, texts: list[str]) -> str:
    return "\n".join([RULE, title, RULE, "", *(text.strip() + "\n" for text in texts)])
