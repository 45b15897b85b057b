"""Sphinx extension: explorers in a book build.

Imports Sphinx, docutils and the sibling modules. It

- tells the kernels, before they start, to display static HTML and no widget;
- adds the explorers' script and style to the pages that have one, and copies plotly.js;
- turns links such as ``#step-zero?r=8`` into checked links: a wrong name, control or value is a
  warning (an error with -W);
- says which figure has no first frame (see first_frame.py), and why;
- reads notebooks again when the package has changed;
- says which cell stopped a build, and why.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from html import unescape
from pathlib import Path
from urllib.parse import parse_qsl

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

from lora_edu.explore import assets
from lora_edu.explore.explorer import STATIC

logger = logging.getLogger(__name__)


def setup(app):
    os.environ[STATIC] = "1"
    app.connect("builder-inited", choose_plotly)
    app.connect("env-get-outdated", outdated)
    app.connect("env-purge-doc", lambda app, env, doc: known(env).pop(doc, None))
    app.connect("doctree-read", collect)
    app.connect("html-page-context", add_assets)
    app.connect("build-finished", copy_plotly)
    app.connect("build-finished", tell_cause)
    app.add_post_transform(ExplorerLinks)
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": True}


def known(env) -> dict[str, dict[str, dict[str, list[str]]]]:
    """Page → explorer → control → its keys, kept with the environment."""
    if not hasattr(env, "lora_explorers"):
        env.lora_explorers = {}
    return env.lora_explorers


def say_fallback(line: str) -> None:
    """One line of information; a warning where LORA_EDU_STRICT refuses fallbacks."""
    (logger.warning if os.environ.get("LORA_EDU_STRICT") else logger.info)(line)


def choose_plotly(app) -> None:
    """Find plotly.js: the slim npm bundles, or plotly.py's own with a line that says so."""
    found = {kind: assets.npm_file(path, Path(app.confdir))
             for kind, path in assets.NPM_FILES.items()}
    if not all(found.values()):
        say_fallback("explorers: npm files are missing (npm ci brings them): pages fall back on "
                     "the full plotly.js of plotly.py, which is some four times larger")
        found = dict.fromkeys(found, assets.python_plotly())
    app.lora_plotly = found


def outdated(app, env, added, changed, removed):
    """Every page, when the package's code is not the code it was built with."""
    folder = Path(assets.__file__).parents[1]
    digest = hashlib.sha256(b"".join(
        file.read_bytes() for file in sorted(folder.rglob("*.*")) if file.suffix in (".py", ".js")
    )).hexdigest()
    same, env.lora_package = getattr(env, "lora_package", digest) == digest, digest
    return [] if same else list(env.found_docs)


def collect(app, doctree) -> None:
    """Note the explorers of a page with their controls."""
    page: dict[str, dict[str, list[str]]] = {}
    for node in doctree.findall(nodes.raw):
        for name, body in re.findall(r'<figure class="explorer"[^>]* data-name="([^"]+)"'
                                     r"(.*?)</figure>", node.astext(), re.DOTALL):
            if name in page:
                logger.warning("two explorers are named %r on this page: give one another name",
                               name, location=app.env.docname)
            page[name] = {control: json.loads(unescape(keys)) for control, keys in re.findall(
                r'data-control="([^"]+)".*?data-keys="([^"]+)"', body)}
            for reason in re.findall(r'^[^>]*? data-no-first-frame="([^"]+)"', body):
                logger.info("%s: %s has no first frame (%s): where it is in sight, plotly.js is "
                            "fetched before the reader does anything",
                            app.env.docname, name, unescape(reason))
    if page:
        known(app.env)[app.env.docname] = page


class ExplorerLinks(SphinxPostTransform):
    """Resolve ``[text](#name?control=key)``, also with another page's path in front."""

    default_priority = 5  # before MyST looks for headings

    def run(self, **kwargs) -> None:
        for node in list(self.document.findall(pending_xref)):
            if node.get("reftype") != "myst":
                continue
            elsewhere = node.get("refdomain") == "doc"
            target = node.get("reftargetid") if elsewhere else node["reftarget"]
            page = node["reftarget"] if elsewhere else self.env.docname
            name, _, query = (target or "").partition("?")
            if not query and name not in known(self.env).get(page, {}):
                continue
            problem = link_problem(known(self.env).get(page, {}), name, query)
            if problem:
                logger.warning("link to %s: %s", target, problem, location=node)
            uri = f"#{target}" if query else f"#explorer-{name}"
            if page != self.env.docname:
                uri = self.app.builder.get_relative_uri(self.env.docname, page) + uri
            link = nodes.reference("", "", *node.children, refuri=uri, internal=True,
                                   classes=["explorer-link"] if query else [])
            node.replace_self(link)


def link_problem(explorers: dict, name: str, query: str) -> str:
    """What is wrong with a link to an explorer's position; empty if nothing is."""
    if name not in explorers:
        return f"no explorer named {name!r} there, only {', '.join(explorers) or 'none'}"
    for control, key in parse_qsl(query, keep_blank_values=True):
        keys = explorers[name].get(control)
        if keys is None:
            return f"no control {control!r}, only {', '.join(explorers[name])}"
        if key not in keys:
            return f"{control} has no position {key!r}, only {', '.join(keys)}"
    return ""


def add_assets(app, pagename, templatename, context, doctree) -> None:
    """The explorers' script and style, on the pages that have an explorer."""
    if pagename in known(app.env):
        app.add_js_file("explore.js", loading_method="defer")
        app.add_css_file("explore.css")


def tell_cause(app, exception) -> None:
    """The cell and its traceback, where a cell stopped the build: Sphinx names only the page."""
    if exception is not None and exception.__cause__ is not None:
        logger.error("%s: %s", exception, exception.__cause__)


def copy_plotly(app, exception) -> None:
    """Write explore.js, explore.css and plotly.js into the built site."""
    if exception or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    static.mkdir(exist_ok=True)
    bundles = {kind: file.name for kind, file in app.lora_plotly.items()}
    (static / "explore.js").write_text(assets.page_script(bundles), encoding="utf-8")
    (static / "explore.css").write_text(assets.read("explore.css"), encoding="utf-8")
    for file in set(app.lora_plotly.values()):
        shutil.copyfile(file, static / file.name)
