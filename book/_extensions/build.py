"""The conductor: all that this book adds to Sphinx, in the order in which it runs.

A page's way: its cells are executed (notebooks/execute), MyST-NB and lora_edu.explore.sphinx_ext
read it, content/ changes what was read, the theme writes HTML from it, and the steps below change
what is written. See ARCHITECTURE.md for the picture.

Modules keep on app what several steps need: addresses.setup sets lora_repository and lora_site,
check_tools npm (whether its packages run) and bundled (those whose code is in our scripts),
run_page.bundle_scripts run_page (a Runtime or None); at the end slim.write_one_sheet sheet_version,
and finish.finish_pages characters (of all pages).
"""

import shutil
from pathlib import Path

from pybtex.backends.plaintext import Backend
from pybtex.plugin import register_plugin

from lora_edu.explore.sphinx_ext import digest, say_fallback, with_another_digest

from . import sources
from .content import answers, bibliography, claims, formulas, instruments, lines, self_check
from .in_page import run_page
from .node import missing
from .notebooks import download, execute
from .search import index
from .site import addresses, finish, fonts, for_programs, sharing, slim, theme, third_parties

HERE = Path(__file__).parent
OWN_FILES = [*HERE.glob("site/*.css"), *HERE.glob("site/*.js"), *HERE.glob("content/*.css"),
             *HERE.glob("content/*.js"), HERE / "search/search.css", HERE / "in_page/cells.css",
             HERE / "site/touch-icon.png",
             instruments.SHEET, HERE.parent / "images" / addresses.PICTURE]
# before and after the theme's own steps, which have Sphinx's 500
EARLY = 100
LATE = 900


def setup(app):
    addresses.setup(app)
    check_tools(app)
    formulas.setup(app)
    instruments.setup(app)
    bibliography.setup()
    # Asked for at each citation, and otherwise looked for among all packages each time.
    register_plugin("pybtex.backends", "plaintext", Backend, force=True)
    for extension in ("sphinx.ext.autodoc", "sphinx.ext.napoleon"):  # docstrings on "The library"
        app.setup_extension(extension)
    app.config.autodoc_typehints = "none"  # the words give them
    app.config.napoleon_use_param = False  # arguments that share a meaning stay together
    app.config.toc_object_entries_show_parents = "hide"
    app.add_directive("claims", claims.Claims)
    app.add_directive("answers", answers.Answers)
    app.add_directive("lines", lines.Lines)
    app.add_node(self_check.Tag, html=(self_check.visit, self_check.depart))
    app.add_transform(sharing.ExplicitHeadingIds)
    for transform in (self_check.SelfChecks, theme.KeepTogether, theme.MarkColumns):
        app.add_post_transform(transform)
    for sheet in ("book.css", "search.css"):
        app.add_css_file(sheet)
    for sheet in ("explore.css", "self_check.css", "cells.css", "instrument.css"):
        app.add_css_file(sheet, priority=LATE)
    if app.npm:
        app.add_css_file(slim.PAGES)
    if fonts.has_face(app):
        app.add_css_file(fonts.SHEET, priority=LATE)

    in_turn(app, "config-inited", LATE, theme.set_options, addresses.set_options,
            sharing.add_404_page, formulas.use_katex)
    in_turn(app, "builder-inited", EARLY, claims.warn_of_problems, copy_own_files,
            run_page.bundle_scripts, index.replace_search)
    app.connect("env-get-outdated", sources.pages_with_old_code)
    in_turn(app, "env-before-read-docs", LATE, execute.execute_ahead)
    in_turn(app, "doctree-read", LATE, download.keep_outputs)
    app.connect("env-updated", pages_to_write_again)
    in_turn(app, "html-page-context", EARLY, download.offer_notebook, sharing.add_titles,
            addresses.add_meta, index.keep_places)
    in_turn(app, "html-page-context", LATE, self_check.add_script, download.write_notebook,
            run_page.add_button, theme.add_icon, theme.add_script, theme.drop_scripts,
            slim.link_one_sheet)
    in_turn(app, "build-finished", LATE, download.write_wheels, download.write_box,
            run_page.write_runtime, fonts.copy_fonts, slim.write_one_sheet,
            finish.finish_pages, fonts.cut_fonts, index.write_search, for_programs.write,
            third_parties.write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def in_turn(app, event: str, priority: int, *steps) -> None:
    """Run steps one after the other at an event; at the end of a build only if a site was built."""
    def run(app, *arguments):
        if event == "build-finished":
            (exception,) = arguments
            if exception or app.builder.format != "html":
                return
            arguments = ()
        for step in steps:
            step(app, *arguments)

    app.connect(event, run, priority=priority)


def check_tools(app) -> None:
    """Find out whether npm's packages run; else say in one line what the site lacks."""
    lacks = missing(app.confdir)
    app.npm = not lacks
    app.bundled = set()
    if lacks:
        say_fallback(f"{lacks} missing: formulas are drawn by MathJax, which the reader's browser "
                     "fetches from a third party, the search is Sphinx's, style sheets are whole "
                     "and many, and no page has a button to run it")


def copy_own_files(app) -> None:
    """Copy our scripts and style sheets before any page is written: Sphinx puts the checksum of
    what the site has into the links to them, so that no browser takes an old one for it."""
    static = Path(app.outdir) / "_static"
    static.mkdir(parents=True, exist_ok=True)
    for file in OWN_FILES:
        shutil.copyfile(file, static / file.name)


def pages_to_write_again(app, env) -> list[str]:
    """All pages if one of our scripts or style sheets has changed, and those of which the search
    knows nothing yet."""
    version = app.run_page.version if app.run_page else ""
    own_files = digest([*OWN_FILES, *instruments.SCRIPTS])
    now = dict.fromkeys(env.found_docs, own_files + version)
    return [*with_another_digest(env, "own_files", now), *index.pages_without_places(app)]
