"""Two builds are compared number by number; what may differ is only what is listed."""

import pytest
import yaml

from lora_edu.explore.codec import pack
from tests import verify
from tests.book import in_toc
from tests.verify import ALLOWED, Allowed, compare, differences, near

PAGE = """<section class="tex2jax_ignore" id="cost"><h1>Cost</h1>
<pre>loss 0.125 after 3 steps</pre>
</section><section id="speed"><h2>Speed</h2>
<pre>r = 8: 0.50 s of CPU</pre></section>
<script type="text/plain" class="explorer-states">{states}</script>"""


def page(change=("", ""), y=(1.0, 2.0)) -> str:
    packed = pack([{"data": [{"y": list(y)}]}, {"data": [{"y": [3.0, 4.0]}]}])
    return PAGE.replace("{states}", packed).replace(*change)


def found(*pages, allowed=()):
    return list(differences("book/page", *pages, allowed))


def test_the_same_page_twice_has_no_differences():
    assert found(page(), page()) == []


@pytest.mark.parametrize(("change", "place", "words"), [
    (("0.125", "0.126"), "cost", "0.126"), (("3 steps", "4 steps"), "cost", "4 steps"),
    (("Speed<", "Pace<"), "speed", "Pace"), (("0.50 s", "0.51 s"), "speed", "0.51"),
])
def test_a_number_or_a_word_that_differs_is_told_with_its_section(change, place, words):
    (difference,) = found(page(), page(change))
    assert difference.startswith(f"book/page, {place}: ") and words in difference


def test_a_state_of_an_explorer_that_differs_is_told_as_numbers():
    (difference,) = found(page(), page(y=(1.0, 2.5)))
    assert "2.0" in difference and "2.5" in difference


def test_a_line_too_many_is_told():
    (difference,) = found(page(), page(("<pre>r", "<p>\n<pre>r")))
    assert "became" in difference and "book/page" in difference


def test_a_listed_line_may_differ_by_its_tolerance_and_no_more():
    allowed = [Allowed("book/page", "^speed: .* s of CPU", "time", 0.5)]
    assert found(page(), page(("0.50 s", "0.90 s")), allowed=allowed) == []
    assert len(found(page(), page(("0.50 s", "1.10 s")), allowed=allowed)) == 1
    assert len(found(page(), page(("r = 8: 0.50 s", "rank 8: 0.50 s")), allowed=allowed)) == 1
    assert len(found(page(), page(("0.125", "0.126")), allowed=allowed)) == 1
    assert len(found(page(), page(("0.50 s", "0.90 s")),
                     allowed=[Allowed("book/other", ".* s of CPU", "time", 0.5)])) == 1


def test_a_listed_line_without_a_tolerance_may_be_anything():
    allowed = [Allowed("book/page", "s of CPU", "the fastest method is named")]
    assert found(page(), page(("r = 8: 0.50", "r = 4: 9.9")), allowed=allowed) == []


@pytest.mark.parametrize(("one", "two", "same"), [
    ("2.0", "2.1", True), ("2.0", "3.0", False), ("−2", "-2", True), ("1e-8", "1.05e-8", True),
    ("1e-8", "1e-7", False), ("a 0", "a 0.0", True), ("0", "0.1", False), ("5 MB", "5 kB", False),
])
def test_numbers_are_near_as_a_share_of_the_larger(one, two, same):
    assert near(one, two, 0.1) is same


def test_all_pages_of_both_sites_are_compared(tmp_path):
    for site, pages in (("one", {"a.html": "1", "b/c.html": "2"}), ("two", {"a.html": "1.5"})):
        for name, text in pages.items():
            file = tmp_path / site / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    assert compare(tmp_path / "one", tmp_path / "two", []) == [
        "b/c.html: built once only", "a, : …'1' became …'1.5'"]


def test_what_is_listed_names_pages_of_the_book():
    entries = [Allowed(**entry) for entry in yaml.safe_load(ALLOWED.read_text(encoding="utf-8"))]
    assert [entry.page for entry in entries if entry.page not in in_toc()] == []
    assert all(entry.why and (entry.tolerance is None or 0 < entry.tolerance <= 1)
               for entry in entries)


def test_a_build_s_extensions_are_found_from_where_its_configuration_lies(monkeypatch, tmp_path):
    monkeypatch.setattr(verify.subprocess, "run", lambda *command, **settings: None)
    verify.build(tmp_path / "built", {})
    config = yaml.safe_load((tmp_path / "built" / "_config.yml").read_text(encoding="utf-8"))
    found = config["sphinx"]["local_extensions"]
    assert found and all((tmp_path / "built" / folder / f"{name}.py").is_file()
                         for name, folder in found.items())
