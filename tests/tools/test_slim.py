"""The site has one style sheet, of the theme's rules those that a page, a script or a reader may
use, and no more icons than it places."""

import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pydata_sphinx_theme
import pytest
from bs4 import BeautifulSoup
from fontTools.ttLib import TTFont

from book._extensions.node import missing
from book._extensions.site import slim
from tests.book import REPOSITORY
from tests.small_book import write

pytestmark = pytest.mark.skipif(bool(missing(REPOSITORY)), reason="needs npm ci")
FONT = "vendor/fontawesome/webfonts/fa-solid-900.woff2"
THEIRS = "styles/pydata-sphinx-theme.css"
FILES = {
    "styles/theme.css": '@charset "UTF-8";\n@import "../basic.css";\n.theme{color:red}',
    "basic.css": "p{background:url(dot.png)}",
    THEIRS: """
        :root{--used:1px}
        .on-a-page{color:blue}
        .nowhere{color:red}
        .by-a-script[data-way=up]{color:red}
        html[data-theme=dark] .on-a-page:not(.nowhere):hover{color:red}
        blockquote{color:red}
        marquee{color:red}
        .fa-sun:before{content:"\\f185"}
        .fa-star:before{content:"\\f005"}
        @font-face{font-family:I;src:url('../vendor/fontawesome/webfonts/fa-solid-900.woff2?v=1')}
        @media (min-width:600px){.nowhere{color:red}}""",
    "own.css": ".own{background:url(data:image/gif;base64,R0lGOD)}",
    "dot.png": "png",
    "own.js": 'a.className = "by-a-script";',
    "../book/a.html": '<html data-theme="dark"><link href="../_static/pages.css" rel="stylesheet">'
                      '<p class="on-a-page fa-sun"></p></html>',
}


@pytest.fixture
def app(tmp_path):
    """A build of one page, which asks for two sheets beside those of the theme."""
    write(tmp_path / "_static", FILES)
    fonts = Path(pydata_sphinx_theme.__file__).parent.glob(f"theme/*/static/{FONT}")
    (tmp_path / "_static" / FONT).parent.mkdir(parents=True)
    shutil.copy(next(fonts), tmp_path / "_static" / FONT)
    sheets = [SimpleNamespace(filename=f"_static/{name}", priority=priority) for name, priority in (
        ("own.css", 900), (THEIRS, 200), ("pages.css", 500), ("gone.css", 500))]
    return SimpleNamespace(outdir=tmp_path, doctreedir=tmp_path / "kept", confdir=REPOSITORY,
                           npm=True, builder=SimpleNamespace(_css_files=sheets))


def test_a_page_asks_for_one_sheet_alone(app):
    context = {"css_files": app.builder._css_files}
    slim.link_one_sheet(app, "a", "", context, None)
    assert [sheet.filename for sheet in context["css_files"]] == ["_static/pages.css"]


def test_the_sheet_holds_what_may_be_used(app):
    """In the order in which pages would have asked; and what it asks for is there."""
    slim.write_one_sheet(app)
    made = (app.outdir / "_static/pages.css").read_text()
    places = [made.index(word) for word in ("dot.png", ".theme", "--used", ".own")]
    assert places == sorted(places) and "base64,R0lGOD" in made and "@import" not in made
    for rule in (".on-a-page{", ".by-a-script[data-way=up]", "dark] .on-a-page:not", "blockquote"):
        assert rule in made
    assert not re.search(r"\.nowhere\{|marquee|@media|fa-star", made)
    for url in re.findall(r'url\("?(?!data:)([^")?]+)', made):
        assert (app.outdir / "_static" / url).is_file()


@pytest.mark.parametrize("asks", ["pages.css", "pages.css?v=1"])
def test_a_page_names_its_version(asks):
    page = BeautifulSoup(f'<link href="../_static/{asks}"/>', "html.parser")
    slim.name_version(page, "2")
    assert str(page) == '<link href="../_static/pages.css?v=2"/>'


def test_icons_stay_that_the_sheet_places(app):
    font = app.outdir / "_static" / FONT
    whole = font.read_bytes()
    for _ in range(2):  # the second build takes the font that the first has cut
        font.write_bytes(whole)
        slim.write_one_sheet(app)
        with TTFont(font) as cut:
            assert set(cut.getBestCmap()) == {0xF185}
