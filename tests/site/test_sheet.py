"""The site has one style sheet, and what it asks for."""

import hashlib
import re

import pytest

from tests.site.pages import HTML, all_pages

STATIC = HTML / "_static"
SHEET = STATIC / "pages.css"
pytestmark = pytest.mark.skipif(not SHEET.is_file(), reason="built without npm's packages")


def test_a_page_asks_for_one_sheet_in_its_present_version():
    version = hashlib.sha256(SHEET.read_bytes()).hexdigest()[:8]
    for page in set(all_pages()) - {"404.html"}:
        sheets = re.findall('<link[^>]* rel="stylesheet"[^>]*>', (HTML / page).read_text("utf-8"))
        assert len(sheets) == 1 and f'_static/pages.css?v={version}"' in sheets[0], page


def test_what_the_sheet_asks_for_is_there():
    sheet = SHEET.read_text("utf-8")
    for url in re.findall(r'url\("?(?!data:)([^")?]+)', sheet):
        assert (STATIC / url).is_file()
