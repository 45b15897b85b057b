"""Sphinx extension: how things are found, by searching and by pointing at a link.

Imports Sphinx. The scripts and the style lie beside it, in assets/; search.js is what Sphinx calls
html_search_scorer. marks.js takes the place of Sphinx's highlighter, which wraps words of controls
and formulas too. previews.js shows what stands behind a link.
"""

from __future__ import annotations

from pathlib import Path

ASSETS = Path(__file__).parent / "assets"
THEIRS = "_static/sphinx_highlight.js"


def setup(app):
    app.connect("config-inited", use_scorer)
    app.connect("html-page-context", mark_quietly, priority=850)  # before scripts are sorted
    app.add_js_file("previews.js", loading_method="defer")
    app.add_css_file("finding.css")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def use_scorer(app, config) -> None:
    config.html_search_scorer = str(ASSETS / "search.js")


def mark_quietly(app, pagename, templatename, context, doctree) -> None:
    """Another highlighter on all pages but the search page, whose script calls Sphinx's."""
    if pagename == "search":
        return
    for file in context.get("script_files", []):
        if str(getattr(file, "filename", file)).startswith(THEIRS):
            context["script_files"].remove(file)
            app.add_js_file("marks.js", loading_method="defer")
            return
