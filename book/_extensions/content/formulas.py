"""Formulas rendered while building, with KaTeX, where Node and its files are there."""

import re
import shutil
from html import unescape
from pathlib import Path

from lora_edu.explore.sphinx_ext import say_fallback

from ..node import missing, node_binary
from ..site.slim import cut_font, fonts_folder


def katex_folder(app) -> Path:
    return Path(app.confdir) / "node_modules" / "katex" / "dist"


def setup(app) -> None:
    """Set KaTeX up if it can run; else say in one line what is lost."""
    if lacks := missing(app.confdir, "katex"):
        say_fallback(f"formulas: {lacks} missing: pages fall back on MathJax, which the reader's "
                     "browser fetches from a third party")
        return
    from sphinxcontrib import katex

    katex.NODEJS_BINARY = node_binary()
    katex.KATEX_DEFAULT_OPTIONS["throwOnError"] = True  # a bad formula fails the build
    start = katex.KaTeXServer.start

    def start_patiently():
        for _ in range(4):  # the server now and then loses a race while it starts
            try:
                return start()
            except (OSError, katex.KaTeXError) as error:
                last = error
        raise last

    katex.KaTeXServer.start = start_patiently
    app.setup_extension("sphinxcontrib.katex")


def use_katex(app, config) -> None:
    if "sphinxcontrib.katex" not in app.extensions:
        return
    config.html_math_renderer = "katex"
    config.katex_prerender = True
    config.katex_css_path = "katex/katex.min.css"


def copy_katex(app) -> None:
    """The stylesheet and its woff2 fonts (every browser that runs the page reads those), cut down
    to the characters of the site's pages. book.js fetches the two of nearly every formula early.
    """
    if "sphinxcontrib.katex" not in app.extensions:
        return
    target = Path(app.outdir) / "_static" / "katex"
    (target / "fonts").mkdir(parents=True, exist_ok=True)
    style = (katex_folder(app) / "katex.min.css").read_text(encoding="utf-8")
    style = re.sub(r',url\([^)]*\.(?:woff|ttf)\) format\("[a-z]+"\)', "", style)
    used = {ord(c) for page in Path(app.outdir).rglob("*.html")
            for c in set(unescape(page.read_text(encoding="utf-8")))}
    for font in (katex_folder(app) / "fonts").glob("*.woff2"):
        copied = target / "fonts" / font.name
        shutil.copyfile(font, copied)
        cut_font(copied, used, fonts_folder(app))
    (target / "katex.min.css").write_text(style, encoding="utf-8")
