"""The pages of the site ask for one style sheet, which holds what theirs did, in their order."""

import hashlib
import re

import pytest
from node import missing
from one_sheet import in_order, join_sheets, with_one_sheet

from tests.book import REPOSITORY

needs_esbuild = pytest.mark.skipif(bool(missing(REPOSITORY, "esbuild")), reason="needs npm ci")
NO_SCRIPT = '<noscript><link rel="stylesheet" href="../_static/no_script.css"></noscript>'
SHEETS = {
    "styles/theme.css": '@charset "UTF-8";\n@import "../basic.css";\n.theme{color:red}',
    "basic.css": ".basic{background:url(dot.png)}",
    "icons/icons.css": "@font-face{font-family:I;src:url('fonts/i.woff2?v=1') format('woff2')}",
    "own.css": ".own{color:red;background:url(data:image/gif;base64,R0lGOD)}",
}


def page(*names):
    links = "\n".join(f'  <link href="../_static/{name}?v=1" rel="stylesheet" />' for name in names)
    return f"<head>{links}\n{NO_SCRIPT}<title>a page</title></head>"


@pytest.fixture
def site(tmp_path):
    """A site with SHEETS, of two pages: the second asks for all, the first for two of them."""
    for name, text in SHEETS.items():
        (tmp_path / "_static" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "_static" / name).write_text(text)
    (tmp_path / "_static/dot.png").write_bytes(b"png")
    (tmp_path / "_static/icons/fonts").mkdir()
    (tmp_path / "_static/icons/fonts/i.woff2").write_bytes(b"woff2")
    (tmp_path / "book").mkdir()
    (tmp_path / "book/a.html").write_text(page("styles/theme.css", "own.css"))
    (tmp_path / "book/b.html").write_text(page("styles/theme.css", "icons/icons.css", "own.css"))
    return tmp_path


def links(site, name):
    return re.findall(r'href="([^"]+)"', (site / "book" / name).read_text())


def address(site):
    """The one sheet's, which names what is in it: no browser takes an old one for it."""
    made = (site / "_static/pages.css").read_bytes()
    return f"../_static/pages.css?v={hashlib.sha256(made).hexdigest()[:8]}"


@needs_esbuild
def test_every_page_asks_for_one_sheet_that_holds_all_in_their_order(site):
    join_sheets(site, REPOSITORY)
    for name in ("a.html", "b.html"):
        assert links(site, name) == [address(site), "../_static/no_script.css"]
        assert NO_SCRIPT in (site / "book" / name).read_text()
    made = (site / "_static/pages.css").read_text()
    places = [made.index(word) for word in (".basic", ".theme", "@font-face", ".own")]
    assert places == sorted(places)
    for url in re.findall(r'url\("?(?!data:)([^")?]+)', made):  # from where the sheet stands
        assert (site / "_static" / url).read_bytes() in (b"png", b"woff2")
    assert "base64,R0lGOD" in made and "@import" not in made


@needs_esbuild
def test_a_page_written_anew_does_not_take_the_others_sheets_away(site):
    join_sheets(site, REPOSITORY)
    (site / "book/a.html").write_text(page("styles/theme.css", "own.css"))
    (site / "_static/own.css").write_text(".own{color:green}")
    join_sheets(site, REPOSITORY)
    made = (site / "_static/pages.css").read_text()
    assert "@font-face" in made and ".own{color:green}" in made
    assert links(site, "a.html")[0] == links(site, "b.html")[0] == address(site)
    (site / "_static/icons/icons.css").unlink()  # a sheet that is no longer made
    join_sheets(site, REPOSITORY)
    assert "@font-face" not in (site / "_static/pages.css").read_text()


@needs_esbuild
def test_a_failure_leaves_the_pages_and_says_why(site):
    (site / "_static/own.css").write_text(".own{background:url(nowhere.png)}")
    with pytest.raises(RuntimeError, match=r"esbuild: .*nowhere\.png"):
        join_sheets(site, REPOSITORY)
    assert links(site, "a.html")[0] == "../_static/styles/theme.css?v=1"


def test_a_sheet_that_only_some_pages_have_stands_after_the_one_before_it():
    assert in_order([["a", "c"], ["a", "b", "c", "d"], ["0", "d"]]) == ["0", "a", "b", "c", "d"]


def test_a_page_without_sheets_stays():
    assert with_one_sheet(f"<head>{NO_SCRIPT}</head>", "1") == f"<head>{NO_SCRIPT}</head>"
