"""The instrument (lora_book.instrument) on pages: its script, and links such as ``#hat?r=8``.

Its script is bundled by esbuild; without npm's files a page keeps the instrument's first frame.
"""

import re
from pathlib import Path
from urllib.parse import parse_qsl

from docutils import nodes

from lora_edu.explore.controls import slug
from lora_edu.explore.sphinx_ext import ExplorerLinks

from ..node import esbuild

SOURCES = Path(__file__).parents[2] / "lora_book/instrument"
SCRIPTS = [*SOURCES.glob("*.js"), *SOURCES.glob("*.json")]
SHEET = SOURCES / "instrument.css"
SCRIPT = "instrument.js"
NAME = re.compile(r'<figure class="instrument[\w -]*" id="([\w-]+)"')
NOT_SETTINGS = {"show"}  # a phrase, which the script knows


def setup(app) -> None:
    app.connect("builder-inited", bundle_script)
    app.connect("env-purge-doc", forget_page)
    app.connect("doctree-read", collect)
    app.connect("html-page-context", add_script)
    app.add_post_transform(InstrumentLinks)


def names_by_page(env) -> dict[str, list[str]]:
    """Page → its instruments, kept with the environment."""
    return env.__dict__.setdefault("lora_instruments", {})


def bundle_script(app) -> None:
    if app.npm and app.builder.format == "html":
        esbuild(app.confdir, SOURCES / "page.js", "--bundle", "--minify", "--format=iife",
                "--target=es2022", f"--outfile={Path(app.outdir) / '_static' / SCRIPT}")


def forget_page(app, env, docname) -> None:
    names_by_page(env).pop(docname, None)


def collect(app, doctree) -> None:
    """Note the instruments of a page."""
    names = [name for node in doctree.findall(nodes.raw) for name in NAME.findall(node.astext())]
    if names:
        names_by_page(app.env)[app.env.docname] = names


def add_script(app, pagename, templatename, context, doctree) -> None:
    if app.npm and pagename in names_by_page(app.env):
        app.add_js_file(SCRIPT, loading_method="defer")


class InstrumentLinks(ExplorerLinks):
    """Resolve ``[text](#hat?r=8)``; a setting or a value that the instrument does not have is a
    warning."""

    default_priority = 4  # before those to explorers
    link_class = "instrument-link"
    anchor = "#"

    def problem(self, page: str, name: str, query: str) -> str | None:
        return link_problem(query) if name in names_by_page(self.env).get(page, []) else None


def link_problem(query: str) -> str:
    """What is wrong with a link to a state of the instrument; empty if nothing is."""
    from lora_book.instrument.settings import TABLE

    rules = TABLE["settings"]
    for key, value in parse_qsl(query, keep_blank_values=True):
        rule = rules.get(key.removeprefix("was."))
        if rule is None and key not in NOT_SETTINGS:
            return f"no setting {key!r}, only {', '.join(rules)}"
        if rule and rule["kind"] == "choice":
            allowed = [slug(str(choice)) for choice in rule["allowed"]]  # as address.js writes it
            if value not in allowed:
                return f"{key} has no value {value!r}, only {', '.join(allowed)}"
    return ""
