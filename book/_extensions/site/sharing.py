"""Each page's title and whether it is indexed, the redirect from index.html, and 404.html."""

import re
from pathlib import Path

from bs4 import Tag
from docutils import nodes
from sphinx.transforms import SphinxTransform

SUBJECT = "low-rank adaptation"
HELPERS = {"search", "404"}
ANSWER = "answer-"
ICON = "touch-icon.png"
SHARED = """title, meta[name="description"], meta[property^="og:"], meta[name^="twitter:"],
            link[rel="canonical"]"""


def add_404_page(app, config) -> None:
    """404.html from its own template; no index of names or of theorems, to which nothing leads."""
    config.html_additional_pages = config.html_additional_pages | {"404": "404.html"}
    config.html_use_index = config.html_domain_indices = False


class ExplicitHeadingIds(SphinxTransform):
    """Use the explicit label "answer-…" as a heading's id: the id that docutils makes of its words
    drops Greek letters."""

    default_priority = 300  # after docutils has moved targets into their sections

    def apply(self, **kwargs) -> None:
        for section in self.document.findall(nodes.section):
            section["ids"].sort(key=lambda name: not name.startswith(ANSWER))


def add_titles(app, pagename, templatename, context, doctree) -> None:
    """The words of the browser's tab, and whether search engines may list the page."""
    book = app.config.html_title
    title = re.sub("<[^>]*>", "", context.get("title") or "")
    context["page_title"] = (f"{book}: {SUBJECT} explained" if pagename == app.config.root_doc
                             else f"{title} — {book} ({SUBJECT})")
    context["unlisted"] = pagename in HELPERS
    context["touch_icon"] = ICON
    context["home"] = app.config.root_doc


def write_redirect(site: Path, home: str, title: str, head: Tag) -> None:
    """index.html, where the book does not begin there: a redirect to Home, and what a shared link
    shows, from Home's head."""
    if home != "index":
        meta = "\n".join(map(str, head.select(SHARED)))
        (site / "index.html").write_text(
            f'<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">\n{meta}\n'
            f'<meta http-equiv="refresh" content="0; url={home}.html">\n'
            f'<p><a href="{home}.html">{title}</a></p>\n', encoding="utf-8")
