"""The site has one style sheet, of the theme's rules those that a page, a script or a reader may
use, and no more icons than it places."""

import hashlib
import re

import pytest
from fontTools.ttLib import TTFont

from tests.site.pages import HTML, all_pages

STATIC = HTML / "_static"
SHEET = STATIC / "pages.css"
pytestmark = pytest.mark.skipif(not SHEET.is_file(), reason="built without npm's packages")


def test_a_page_asks_for_one_sheet_in_its_present_version():
    version = hashlib.sha256(SHEET.read_bytes()).hexdigest()[:8]
    for page in set(all_pages()) - {"404.html"}:
        sheets = re.findall('<link[^>]* rel="stylesheet"[^>]*>', (HTML / page).read_text("utf-8"))
        assert len(sheets) == 1 and f'_static/pages.css?v={version}"' in sheets[0], page


def test_the_sheet_holds_what_may_be_used():
    """In the order in which pages would have asked; and what it asks for is there."""
    sheet = SHEET.read_text("utf-8")
    places = [sheet.index(word) for word in (
        "tap-highlight", ".sd-card", "--serif", ".explorer-frame")]
    assert places == sorted(places)
    assert "[data-mode=" in sheet and "hr{" in sheet  # a script's, and a reader's
    assert not re.search("accordion|btn-danger|fa-star|@import", sheet)
    for url in re.findall(r'url\("?(?!data:)([^")?]+)', sheet):
        assert (STATIC / url).is_file()
    with TTFont(STATIC / "vendor/fontawesome/webfonts/fa-solid-900.woff2") as icons:
        assert 0xF185 in icons.getBestCmap() and 0xF005 not in icons.getBestCmap()  # sun, star
