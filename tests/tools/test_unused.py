"""The site keeps the rules and icons of the theme that a page, a script or a reader may use."""

import pytest
from node import node_binary
from unused import cut_sheets, used_icons

from tests.book import REPOSITORY

NODE = node_binary()
NAMES = ("styles/pydata-sphinx-theme.css", "styles/sphinx-book-theme.css", "mystnb.0123abcd.css")
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


@pytest.fixture
def site(tmp_path):
    """A site of one page and one script, with SHEET for each of its style sheets."""
    for name in NAMES:
        (tmp_path / "_static" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "_static" / name).write_text(SHEET)
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "page.html").write_text(
        '<html data-theme="dark"><p class="on-a-page"><i class="fa-solid fa-luna"></i></p></html>')
    (tmp_path / "_static" / "own.js").write_text('a.className = "by-a-script"; b = "fa-sun up";')
    return tmp_path


@pytest.mark.skipif(not NODE or not (REPOSITORY / "node_modules/purgecss").is_dir(),
                    reason="needs npm ci")
def test_rules_stay_whose_words_stand_somewhere(site):
    cut_sheets(site, NODE)
    for name in NAMES:
        kept = (site / "_static" / name).read_text()
        for rule in (":root", ".on-a-page{", ".by-a-script[data-way=up]", "dark] .on-a-page:not",
                     "blockquote"):
            assert rule in kept
        assert "{color:red}" in kept and ".nowhere{" not in kept and "marquee" not in kept
        assert "@media" not in kept


@pytest.mark.skipif(not NODE, reason="needs Node")
@pytest.mark.parametrize("script", ["process.stderr.write('no room'); process.exit(1)",
                                    "process.stderr.write('no room')"])
def test_a_purge_that_fails_leaves_the_sheets_and_says_why(site, tmp_path, script):
    (tmp_path / "purge.js").write_text(script)
    with pytest.raises(RuntimeError, match="PurgeCSS: no room"):
        cut_sheets(site, NODE, tmp_path / "purge.js")
    assert {(site / "_static" / name).read_text() for name in NAMES} == {SHEET}


def test_icons_stay_that_are_named_or_placed(site):
    (site / "_static" / "icons.css").write_text(ICONS)
    assert used_icons(site) == {0xF185, 0xF186, 0xF0C1}
