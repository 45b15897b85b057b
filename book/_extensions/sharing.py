"""Sphinx extension: what search engines and shared links see of a page, and the page for none.

Imports Sphinx and docutils, and addresses.py's app.lora_site. It

- names the subject in every page's title, and keeps helper pages out of search engines;
- describes the book, and the questions that a page answers, as JSON-LD (where the site is known);
- gives the site's root Home's title, description and picture, and hands on to Home;
- makes 404.html, which stands alone: it is served at any address;
- lets the links to an answer's heading carry the answer's name (``answer-…``); the old ones work.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from addresses import PICTURE
from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

SUBJECT = "low-rank adaptation"
HELPERS = {"search", "genindex", "404"}
ANSWER = "answer-"
ICON = "touch-icon.png"
ASSETS = Path(__file__).parent / "assets"


def setup(app):
    app.add_transform(AnswersFirst)
    app.connect("config-inited", use_pages)
    app.connect("html-page-context", name_page)
    app.connect("html-page-context", add_data, priority=600)
    app.connect("build-finished", write_root, priority=300)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def use_pages(app, config) -> None:
    """404.html from its own template; no index of names or of theorems, to which nothing leads."""
    config.html_additional_pages = config.html_additional_pages | {"404": "404.html"}
    config.html_use_index = config.html_domain_indices = False


class AnswersFirst(SphinxTransform):
    """A heading's link is its explicit name: its own words have lost their Greek."""

    default_priority = 300  # after docutils has moved targets into their sections

    def apply(self, **kwargs) -> None:
        for section in self.document.findall(nodes.section):
            section["ids"].sort(key=lambda name: not name.startswith(ANSWER))


def parts(app) -> list[tuple[str, list[str]]]:
    """(caption, pages) of each part of the book."""
    root = app.env.get_doctree(app.config.root_doc)
    return [(tree.get("caption") or "", [page for _, page in tree["entries"]])
            for tree in root.findall(addnodes.toctree)]


def title(app, page: str) -> str:
    return app.env.titles[page].astext()


def numbered(app, page: str) -> str:
    return "".join(f"{n}. " for n in app.env.titles[page].get("secnumber") or ()) + title(app, page)


def name_page(app, pagename, templatename, context, doctree) -> None:
    """The words of the browser's tab, and whether search engines may list the page."""
    book = app.config.html_title
    own = re.sub("<[^>]*>", "", context.get("title") or "")
    context["page_title"] = (f"{book}: {SUBJECT} explained" if pagename == app.config.root_doc
                             else f"{own} — {book} ({SUBJECT})")
    context["unlisted"] = pagename in HELPERS
    context["touch_icon"] = ICON
    if pagename == "404":
        context["book_parts"] = [(caption, [(page, numbered(app, page)) for page in pages])
                                 for caption, pages in parts(app)]
        context["home"] = app.config.root_doc


def add_data(app, pagename, templatename, context, doctree) -> None:
    """JSON-LD: the book on Home, questions with their short answers where a page has some."""
    if not app.lora_site or doctree is None:
        return
    data = book(app, context) if pagename == app.config.root_doc else questions(doctree)
    if data:
        text = json.dumps({"@context": "https://schema.org"} | data, ensure_ascii=False)
        context["metatags"] += ('<script type="application/ld+json">'
                                + text.replace("</", "<\\/") + "</script>\n")


def book(app, context) -> dict:
    def address(page):
        return f"{app.lora_site}{page}.html"

    described = re.search(r'<meta content="([^"]*)" name="description"', context["metatags"])
    return {
        "@type": "Book", "name": app.config.html_title, "about": f"LoRA, {SUBJECT}",
        "url": address(app.config.root_doc), "inLanguage": "en", "isAccessibleForFree": True,
        **({"description": described[1]} if described else {}),
        "hasPart": [{"@type": "CreativeWork", "name": caption, "hasPart": [
            {"@type": "Chapter", "name": title(app, page), "url": address(page)} for page in pages]}
            for caption, pages in parts(app)]}


def questions(doctree) -> dict:
    """Each heading that is named answer-…, with the bold words that its text begins with."""
    asked = []
    for section in doctree.findall(nodes.section):
        answer = next(iter(section.findall(nodes.strong)), None)
        if section["ids"][0].startswith(ANSWER) and answer is not None:
            asked.append({"@type": "Question", "name": section[0].astext(), "acceptedAnswer": {
                "@type": "Answer", "text": answer.astext()}})
    return {"@type": "FAQPage", "mainEntity": asked} if asked else {}


SHARED = re.compile(
    r'<title>.*?</title>|<meta [^>]*(?:name="description"|(?:property|name)="(?:og|twitter):)[^>]*>'
    r'|<link rel="canonical"[^>]*>|<script type="application/ld\+json">.*?</script>', re.DOTALL)


def write_root(app, exception) -> None:
    """index.html, where the book does not begin there: what is said of Home, and the way to it."""
    home = f"{app.config.root_doc}.html"
    if exception or app.builder.format != "html":
        return
    for file in (ASSETS / ICON, ASSETS.parents[1] / "images" / PICTURE):
        shutil.copyfile(file, Path(app.outdir) / "_static" / file.name)
    if home != "index.html":
        said = "\n".join(SHARED.findall((Path(app.outdir) / home).read_text(encoding="utf-8")))
        (Path(app.outdir) / "index.html").write_text(
            f'<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">\n{said}\n'
            f'<meta http-equiv="refresh" content="0; url={home}">\n'
            f'<p><a href="{home}">{app.config.html_title}</a></p>\n', encoding="utf-8")
