"""How things are found. search.js is what Sphinx calls html_search_scorer; marks.js takes the place
of Sphinx's highlighter, which wraps words of controls and formulas too; previews.js shows what
stands behind a link."""

from __future__ import annotations

from pathlib import Path

THEIRS = "_static/sphinx_highlight.js"


def use_scorer(app, config) -> None:
    config.html_search_scorer = str(Path(__file__).parent / "search.js")


def mark_quietly(app, pagename, templatename, context, doctree) -> None:
    """Another highlighter on all pages but the search page, whose script calls Sphinx's."""
    if pagename == "search":
        return
    for file in context.get("script_files", []):
        if str(getattr(file, "filename", file)).startswith(THEIRS):
            context["script_files"].remove(file)
            app.add_js_file("marks.js", loading_method="defer")
            return
