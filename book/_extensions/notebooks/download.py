"""Each chapter as an executed notebook that runs alone.

The notebook that a page offers is the one that the build has executed, with a first cell in front
that installs what is missing, with its text in plain Markdown, and with words where only the site's
scripts can draw. The site carries the wheels that the first cell installs. Where the build does not
know the site's address, the page offers a zip file, of the notebook and the wheels.
"""

import re
from functools import cache
from html import escape
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import nbformat
from jupyter_cache import get_cache
from myst_nb.core.utils import coalesce_streams

from lora_book.workshop.assignment import make
from lora_edu.explore.page_data import data_of_explorers

from ..myst import page_names
from .copies import FOLDER as COPIES
from .copies import copy_names
from .first_cell import first_cell
from .myst_to_markdown import Names, collect_names, rewrite
from .wheel import FOLDER, build_wheels, wheel_names

KEPT = ("kernelspec", "language_info")
FIGURE = re.compile(r'<figure class="(?:explorer|instrument).*?</figure>', re.DOTALL)
LINE = re.compile(r'<p class="instrument-line"[^>]*><span>(.*?)</span>')
BOX = "lora-from-scratch.zip"  # which For teachers links
INVITE = "Run the cells down to this one to see the plot here."


def executed(app, pagename) -> Path:
    """Where the build leaves a page's executed notebook, if it has cells."""
    return Path(app.outdir).parent / "jupyter_execute" / f"{pagename}.ipynb"


def offered(app, pagename) -> Path:
    """The notebook that a page offers."""
    return Path(app.outdir) / "_sources" / f"{pagename}.ipynb"


def keep_outputs(app, doctree) -> None:
    """Put the outputs of a page that has been read into its notebook, and number its cells, which
    run in their order: MyST-NB takes outputs from the cache for the page alone."""
    settings = app.env.mystnb_config
    file = executed(app, app.env.docname)
    if settings.execution_mode != "cache" or not file.is_file():
        return
    try:
        _, notebook = get_cache(settings.execution_cache_path).merge_match_into_notebook(
            nbformat.read(file, as_version=4))
    except KeyError:  # the page had cells in an earlier build
        file.unlink()
        return
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for count, cell in enumerate(code, start=1):
        cell.execution_count = count
        cell.outputs = coalesce_streams(cell.outputs)
    nbformat.write(notebook, file)


def offer_notebook(app, pagename, templatename, context, doctree) -> None:
    """Tell the theme which pages offer a notebook and Binder."""
    if doctree is not None and executed(app, pagename).is_file():
        context["ipynb_source"] = f"{pagename}.ipynb"


def write_notebook(app, pagename, templatename, context, doctree) -> None:
    """Write the notebook that a page offers, after the theme, which copies its own there."""
    if not context.get("ipynb_source"):
        return
    notebook = nbformat.read(executed(app, pagename), as_version=4)
    make_alone(notebook, Path(app.confdir), pagename, names_of(app))
    target = offered(app, pagename)
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, target)
    for button in every(context["header_buttons"]):
        if button.get("text") == "Binder":
            open_copy(button, pagename, copy_names(Path(app.confdir)))
    button = download_button(context)
    if not app.lora_site:
        button["url"] = button["url"].removesuffix(".ipynb") + ".zip"
        button["text"] = ".ipynb (zip)"
        button["tooltip"] = "Download notebook and its code"


def download_button(context) -> dict:
    """The theme's button for the notebook of a page that offers one."""
    return next(button for button in every(context["header_buttons"])
                if button.get("label") == "download-notebook-button")


def every(buttons: list[dict]):
    """The theme's buttons, and those in its groups of buttons."""
    for button in buttons:
        yield button
        yield from every(button.get("buttons", []))


def open_copy(button: dict, pagename: str, names: dict[str, str]) -> None:
    """Have the button for Binder lead to the copy of a page that postBuild makes."""
    button["url"] = button["url"].replace(f"/{pagename}.md", f"/{COPIES}/{names[pagename]}")


def write_wheels(app) -> None:
    """Put the wheels on the site, and, where its address is unknown, into zip files."""
    notebooks = [file for page in app.env.found_docs if (file := offered(app, page)).is_file()]
    if not notebooks:
        return
    wheels = build_wheels(Path(app.confdir), Path(app.outdir) / FOLDER)
    for notebook in notebooks if not app.lora_site else ():
        with ZipFile(notebook.with_suffix(".zip"), "w", ZIP_DEFLATED) as zipped:
            for file in (notebook, *wheels):
                zipped.write(file, f"{notebook.stem}/{file.name}")


def write_box(app) -> None:
    """Put the assignment for a class on the site."""
    make.write_box(Path(app.outdir) / BOX)


@cache
def names_of(app) -> Names:
    """What the roles of the book refer to, and the address of its site."""
    root = Path(app.confdir)
    return collect_names(root, page_names(root), app.lora_site)


def make_alone(notebook, root: Path, page: str, names: Names) -> None:
    """Change an executed notebook so that it can leave the repository at ``root``: it gets a first
    cell, keeps no settings of the build, and neither its text nor its outputs need an extension."""
    source = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    rewrite(notebook, page, names)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if html := output.get("data", {}).get("text/html"):
                output.data["text/html"] = FIGURE.sub(lambda found: in_words(found[0]), html)
    cell = nbformat.v4.new_code_cell(first_cell(source, wheel_names(root), names.site),
                                     metadata={"jupyter": {"source_hidden": True}})
    cell.id = "install-what-is-missing"
    notebook.cells = [cell, *(cell for cell in notebook.cells if cell.source)]
    notebook.metadata = {key: notebook.metadata[key] for key in KEPT if key in notebook.metadata}


def in_words(figure: str) -> str:
    """A figure as an invitation to run its cell, its sentence and its caption: a viewer takes
    its styles away, and would leave labels of axes and controls that do nothing."""
    if line := LINE.search(figure):
        return f"<p><b>{INVITE}</b> {line[1]}</p>"
    (data,) = data_of_explorers(figure)
    first = f"<b>{INVITE}</b> {escape(data['reading'])}".rstrip()
    return "".join(f"<p>{text}</p>" for text in (first, escape(data["caption"])) if text)
