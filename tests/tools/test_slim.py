"""The site keeps of the theme what a page, a script or a reader may use, in one style sheet."""

import hashlib
import re

import pytest

from book._extensions.node import missing, node_binary
from book._extensions.site.slim import cut_sheets, in_order, join_sheets, used_icons, with_one_sheet
from tests.book import REPOSITORY

pytestmark = pytest.mark.skipif(bool(missing(REPOSITORY, "purgecss")), reason="needs npm ci")
THEIRS = ("styles/pydata-sphinx-theme.css", "styles/sphinx-book-theme.css", "mystnb.0123abcd.css")
SHEET = """
:root{--used:1px}
.on-a-page{color:red}
.nowhere{color:red}
.by-a-script[data-way=up]{color:red}
html[data-theme=dark] .on-a-page:not(.nowhere):hover{color:red}
blockquote{color:red}
marquee{color:red}
@media (min-width:600px){.nowhere{color:red}}
"""
ICONS = (r'.fa-sun:before{content:"\f185"}.fa-moon:before,.fa-luna:before{content:"\f186"}'
         r'.fa-star:before{content:"\f005"}.placed:after{content:"\f0c1"}.word:after{content:"x"}')
SHEETS = {
    "styles/theme.css": '@charset "UTF-8";\n@import "../basic.css";\n.theme{color:red}',
    "basic.css": ".basic{background:url(dot.png)}",
    "icons/icons.css": "@font-face{font-family:I;src:url('fonts/i.woff2?v=1') format('woff2')}",
    "own.css": ".own{color:red;background:url(data:image/gif;base64,R0lGOD)}",
}


def write(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def test_rules_stay_whose_words_stand_somewhere(tmp_path):
    write(tmp_path, {f"_static/{name}": SHEET for name in THEIRS} | {
        "below/page.html": '<html data-theme="dark"><p class="on-a-page"></p></html>',
        "_static/own.js": 'a.className = "by-a-script";'})
    cut_sheets(tmp_path, node_binary())
    for name in THEIRS:
        kept = (tmp_path / "_static" / name).read_text()
        for rule in (":root", ".on-a-page{", ".by-a-script[data-way=up]", "dark] .on-a-page:not",
                     "blockquote"):
            assert rule in kept
        assert ".nowhere{" not in kept and "marquee" not in kept and "@media" not in kept


def test_icons_stay_that_are_named_or_placed(tmp_path):
    write(tmp_path, {"_static/icons.css": ICONS, "page.html": '<i class="fa-solid fa-luna"></i>',
                     "_static/own.js": 'b = "fa-sun up";'})
    assert used_icons(tmp_path) == {0xF185, 0xF186, 0xF0C1}


def page(*names):
    return "<head>" + "\n".join(
        f'  <link href="../_static/{name}?v=1" rel="stylesheet" />' for name in names) + "</head>"


@pytest.fixture
def site(tmp_path):
    """A site with SHEETS, of two pages: the second asks for all, the first for two of them."""
    write(tmp_path, {f"_static/{name}": text for name, text in SHEETS.items()} | {
        "_static/dot.png": b"png", "_static/icons/fonts/i.woff2": b"woff2",
        "book/a.html": page("styles/theme.css", "own.css"),
        "book/b.html": page("styles/theme.css", "icons/icons.css", "own.css")})
    return tmp_path


def links(site, name):
    return re.findall(r'href="([^"]+)"', (site / "book" / name).read_text())


def address(site):
    """The one sheet's, which names what is in it: no browser takes an old one for it."""
    made = (site / "_static/pages.css").read_bytes()
    return [f"../_static/pages.css?v={hashlib.sha256(made).hexdigest()[:8]}"]


def test_every_page_asks_for_one_sheet_that_holds_all_in_their_order(site):
    join_sheets(site, REPOSITORY)
    assert links(site, "a.html") == links(site, "b.html") == address(site)
    made = (site / "_static/pages.css").read_text()
    places = [made.index(word) for word in (".basic", ".theme", "@font-face", ".own")]
    assert places == sorted(places)
    for url in re.findall(r'url\("?(?!data:)([^")?]+)', made):  # from where the sheet stands
        assert (site / "_static" / url).read_bytes() in (b"png", b"woff2")
    assert "base64,R0lGOD" in made and "@import" not in made


def test_a_page_written_anew_does_not_take_the_others_sheets_away(site):
    join_sheets(site, REPOSITORY)
    write(site, {"book/a.html": page("styles/theme.css", "own.css"),
                 "_static/own.css": ".own{color:green}"})
    join_sheets(site, REPOSITORY)
    made = (site / "_static/pages.css").read_text()
    assert "@font-face" in made and ".own{color:green}" in made
    assert links(site, "a.html") == links(site, "b.html") == address(site)


def test_a_failure_leaves_the_pages_and_says_why(site):
    write(site, {"_static/own.css": ".own{background:url(nowhere.png)}"})
    with pytest.raises(RuntimeError, match=r"esbuild: .*nowhere\.png"):
        join_sheets(site, REPOSITORY)
    assert links(site, "a.html")[0] == "../_static/styles/theme.css?v=1"


def test_a_sheet_that_only_some_pages_have_stands_after_the_one_before_it():
    assert in_order([["a", "c"], ["a", "b", "c", "d"], ["0", "d"]]) == ["0", "a", "b", "c", "d"]
    assert with_one_sheet("<head></head>", "1") == "<head></head>"
