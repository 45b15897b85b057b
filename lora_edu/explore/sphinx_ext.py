"""Sphinx extension: explorers in a book build.

- The kernels are told, before they start, to display static HTML and no widget.
- The explorers' scripts and plotly.js go into the site, and are added to pages that have one.
- The states of explorers go into files of their own (see page_data.py).
- Links such as ``#step-zero?r=8`` are checked: a wrong name, control or value is a warning.
- A page is read again when its explorers, or the modules beside it, have changed.
- The cell that stopped a build is named, with why; where no cell is run there is a warning.
"""

import hashlib
import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from urllib.parse import parse_qsl

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

from lora_edu.explore import bundle, page_data
from lora_edu.explore.explorer import STATIC

logger = logging.getLogger(__name__)
HERE = Path(__file__).parent


def setup(app):
    os.environ[STATIC] = "1"
    app.connect("builder-inited", tell_unexecuted)
    app.connect("builder-inited", write_scripts)
    app.connect("env-updated", pages_with_old_scripts)
    app.connect("env-get-outdated", pages_with_old_code)
    app.connect("env-purge-doc", forget_page)
    app.connect("doctree-read", collect_explorers)
    app.connect("html-page-context", add_assets)
    app.connect("build-finished", copy_states)
    app.connect("build-finished", tell_cause)
    app.add_post_transform(ExplorerLinks)
    app.add_post_transform(CodeAtTheFoot)
    return {"version": "1", "env_version": 3, "parallel_read_safe": False,
            "parallel_write_safe": True}


def explorers_by_page(env) -> dict[str, dict[str, dict[str, list[str]]]]:
    """Page → explorer → control → its keys, kept with the environment."""
    return env.__dict__.setdefault("lora_explorers", {})


def state_files_by_page(env) -> dict[str, set[str]]:
    """Page → names of the files with its explorers' states, kept with the environment."""
    return env.__dict__.setdefault("lora_states", {})


def states_folder(app) -> Path:
    """Where the states lie until the site is written: beside the doctrees that refer to them."""
    return Path(app.doctreedir) / "explorers"


def forget_page(app, env, docname) -> None:
    for kept in (explorers_by_page(env), state_files_by_page(env)):
        kept.pop(docname, None)


def say_fallback(line: str) -> None:
    """One line of information; a warning where LORA_EDU_STRICT refuses fallbacks."""
    (logger.warning if os.environ.get("LORA_EDU_STRICT") else logger.info)(line)


def tell_unexecuted(app) -> None:
    """Warn where no cell is run: what a notebook has stored is a widget, which needs a kernel."""
    if getattr(app.config, "nb_execution_mode", "") == "off":
        logger.warning("explorers: nb_execution_mode is off, so there are no sliders: they are "
                       "created when the build runs the cells")


def write_scripts(app) -> None:
    """Write explore.js, explore.css and plotly.js into the site, before any page is written: Sphinx
    puts the checksum of what is there into the page."""
    if app.builder.format != "html":
        return
    plotly = bundle.plotly_files(Path(app.confdir))
    bundle.write(Path(app.outdir) / "_static", plotly)
    if bundle.python_plotly() in plotly.values():
        from plotly.offline import get_plotlyjs_version

        wanted = " ".join(f"{file.split('/')[0]}@{get_plotlyjs_version()}"
                          for file in bundle.NPM_FILES.values())
        say_fallback(f"explorers: npm files are missing (npm install {wanted} brings them): pages "
                     f"fall back on plotly.py's full plotly.js, which is about four times larger")


def pages_with_old_code(app, env, added, changed, removed):
    """The pages with other code behind their cells than they were built with."""
    of_explore = digest(HERE.rglob("*.py"))
    beside = cache(lambda folder: digest(folder.glob("*.py")))
    return with_another_digest(env, "lora_sources", {
        page: of_explore + beside(Path(env.doc2path(page)).parent)
        for page in env.found_docs - removed})


def digest(files: Iterable[Path]) -> str:
    """One digest of the names and contents of files."""
    whole = hashlib.sha256()
    for file in sorted(files):
        whole.update(str(file).encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return whole.hexdigest()


def with_another_digest(env, memory: str, now: dict[str, str]) -> list[str]:
    """The pages whose digest is not that of the last build, which is kept with the environment
    under the name ``memory``."""
    before = getattr(env, memory, {})
    setattr(env, memory, now)
    return [page for page in now if before.get(page, now[page]) != now[page]]


def pages_with_old_scripts(app, env) -> list[str]:
    """The pages to write again: all with an explorer, where its scripts have changed."""
    return with_another_digest(env, "lora_scripts",
                               dict.fromkeys(explorers_by_page(env), bundle.digest()))


def collect_explorers(app, doctree) -> None:
    """Note the explorers of a page with their controls, and put their states into files."""
    page: dict[str, dict[str, list[str]]] = {}
    for node in list(doctree.findall(nodes.raw)):
        html, names = page_data.move_states_to_files(node.astext(), states_folder(app))
        if names:
            state_files_by_page(app.env).setdefault(app.env.docname, set()).update(names)
            node.children = [nodes.Text(html)]
        for data in page_data.data_of_explorers(html):
            name = data["name"]
            if name in page:
                logger.warning("two explorers are named %r on this page: rename one",
                               name, location=app.env.docname)
            page[name] = {control["name"]: control["keys"] for control in data["controls"]}
    if page:
        explorers_by_page(app.env)[app.env.docname] = page


class ExplorerLinks(SphinxPostTransform):
    """Resolve ``[text](#name?control=key)``, also with another page's path in front."""

    default_priority = 5  # before MyST looks for headings
    link_class = "explorer-link"
    anchor = "#explorer-"  # with the name, where a link asks for no position

    def run(self, **kwargs) -> None:
        for node in list(self.document.findall(pending_xref)):
            if node.get("reftype") != "myst":
                continue
            other_page = node.get("refdomain") == "doc"
            target = node.get("reftargetid") if other_page else node["reftarget"]
            page = node["reftarget"] if other_page else self.env.docname
            name, _, query = (target or "").partition("?")
            problem = self.problem(page, name, query)
            if problem is None:
                continue
            if problem:
                logger.warning("link to %s: %s", target, problem, location=node)
            uri = f"#{target}" if query else self.anchor + name
            if page != self.env.docname:
                uri = self.app.builder.get_relative_uri(self.env.docname, page) + uri
            node.replace_self(nodes.reference(
                "", "", *node.children, refuri=uri, internal=True,
                classes=[self.link_class] if query else []))

    def problem(self, page: str, name: str, query: str) -> str | None:
        """What is wrong with a link; None where it leads to no explorer, which may be right."""
        explorers = explorers_by_page(self.env).get(page, {})
        return link_problem(explorers, name, query) if query or name in explorers else None


class CodeAtTheFoot(SphinxPostTransform):
    """Put the folded code of a cell that shows an explorer below it."""

    default_priority = 200  # MyST-NB has made the folds
    formats = ("html",)

    def run(self, **kwargs) -> None:
        for cell in list(self.document.findall(nodes.container)):
            fold = cell.children[0] if cell.get("hide_mode") == "input" else None
            if fold is not None and any('<figure class="explorer"' in node.astext()
                                        for node in cell.findall(nodes.raw)):
                fold["prompt_show"] = fold["prompt_hide"] = "code"
                fold["classes"] = ["explorer-code"]
                cell.remove(fold)
                cell.append(fold)


def link_problem(explorers: dict, name: str, query: str) -> str:
    """What is wrong with a link to an explorer's position; empty if nothing is."""
    if name not in explorers:
        return f"no explorer named {name!r} there, only {', '.join(explorers) or 'none'}"
    for control, key in parse_qsl(query, keep_blank_values=True):
        keys = explorers[name].get(control)
        if keys is None:
            return f"no control {control!r}, only {', '.join(explorers[name])}"
        if not any(_same(key, position) for position in keys):
            return f"{control} has no position {key!r}, only {', '.join(keys)}"
    return ""


def _same(key: str, position: str) -> bool:
    """Whether a link's key names a position; a number may be written in any way: 2.0 is 2."""
    try:
        return key == position or float(key) == float(position)
    except ValueError:
        return False


def add_assets(app, pagename, templatename, context, doctree) -> None:
    """The explorers' script and style, on the pages that have an explorer."""
    if pagename in explorers_by_page(app.env):
        app.add_js_file("explore.js", loading_method="defer")
        app.add_css_file("explore.css")


def tell_cause(app, exception) -> None:
    """The cell and its traceback, where a cell stopped the build: Sphinx names only the page."""
    if exception is not None and exception.__cause__ is not None:
        logger.error("%s: %s", exception, exception.__cause__)


def copy_states(app, exception) -> None:
    """Write the states that pages refer to into the built site; stale files are deleted."""
    if not exception and app.builder.format == "html":
        page_data.publish_states(
            set().union(*state_files_by_page(app.env).values()), states_folder(app),
            Path(app.outdir) / "_static" / page_data.FOLDER)
