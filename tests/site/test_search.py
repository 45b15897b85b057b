"""Searching leads to the page that one wants, and leaves its controls and formulas alone."""

import re
from urllib.parse import quote

import pytest

from tests.site.pages import HTML

WANTED = {  # what people type → the page, or the place in it, that should be among three hits
    "alpha": "part2/step-size", "α": "part2/step-size", "Alpha": "part2/step-size",
    "learning rate": "part4/answers", "lr": "part2/step-size", "eta": "part2/step-size",
    "η": "part2/step-size", "rslora": "part2/divide-by-r", "rsLoRA": "part2/divide-by-r",
    "merge": "part3/the-layer", "merging": "part3/the-layer",
    "weight decay": "part1/hundred-steps", "lora+": "part2/invariance", "LoRA+": "part4/answers",
    "both zero": "part1/step-zero", "why is B zero": "part4/answers#answer-why-zero",
    "NaN": "part4/answers#answer-nan", "rank 1": "part2/first-r",
    "gaussian init": "part3/starts", "PiSSA": "part4/answers#answer-pissa",
    "saddle": "part1/step-zero", "invariance": "part2/invariance",
    "qlora": "part3/in-practice#cit-qlora", "QLoRA": "part3/in-practice#cit-qlora",
    "learning rate when r changes": "part4/answers#answer-other-ranks",
    "alpha when rank goes from 8 to 64": "part4/answers#answer-other-ranks",
    "tuning alpha is roughly the same as tuning the learning rate":
        "part4/answers#answer-tuning-alpha",
    "catastrophic forgetting": "part3/rotated-digits", "warm-up": "part4/answers",
    "warmup": "part4/answers#answer-warm-up", "adam epsilon": "part1/hundred-steps",
    "4bit": "part3/in-practice#a-base-in-four-bits",
    "8bit": "part3/in-practice#a-base-in-four-bits",
    "target_modules": "part3/in-peft", "modules_to_save": "part3/in-peft",
    "target_parameters": "part3/in-peft",
}
HITS = """() => [...document.querySelectorAll("ul.search li")].map((hit) => ({
  href: hit.querySelector("a").getAttribute("href"), title: hit.querySelector("a").textContent,
  said: hit.querySelector("p.context")?.textContent }))"""
SHOWN = """() => document.querySelector(".search-summary")?.textContent
  && [...document.querySelectorAll("ul.search li")].every((hit) => hit.querySelector("p, span"))"""


def search(visit, query):
    here = visit(f"search.html?q={quote(query)}")
    here.page.wait_for_function(SHOWN)
    return here, here.page.evaluate(HITS)


@pytest.mark.parametrize("query", WANTED)
def test_a_query_leads_to_its_page_within_three_hits(visit, query):
    page, _, place = WANTED[query].partition("#")
    if not (HTML / "book" / f"{page}.html").is_file():
        pytest.skip(f"{page} is not built")
    hits = [re.sub(r"^.*?book/", "", hit["href"]) for hit in search(visit, query)[1][:3]]
    assert any(hit.startswith(f"{page}.html") and hit.endswith(place) for hit in hits), hits


def test_a_word_of_the_text_leads_to_the_section_that_has_it(visit):
    hits = search(visit, "validation loss")[1]
    (hit,) = [each for each in hits if "in-practice.html" in each["href"]]
    assert hit["href"].endswith("#choosing") and hit["title"] == "In practice › Choosing"
    assert "validation loss" in hit["said"]


def test_what_is_nowhere_is_not_found(visit):
    here, hits = search(visit, "zyxwv")
    assert hits == [] and "did not match" in here.page.locator(".search-summary").inner_text()


def test_snippets_show_a_formula_once_and_no_list_of_contents(visit):
    _, hits = search(visit, "saddle")
    said = " ".join(hit["said"] or "" for hit in hits)
    assert "\\" not in said and "Link to this" not in said and "All questions on" not in said
    assert "≠0" in said and re.search(r"A=0", said) and not re.search(r"A=0A=0|A = 0A=0", said)


def test_the_words_searched_for_are_marked_but_not_in_controls_formulas_or_the_page(visit):
    here, _ = search(visit, "both zero")
    here.page.evaluate(
        "localStorage.setItem('sphinx_highlight_terms', 'both zero random loss w')")
    before = visit("book/part1/step-zero.html").page.locator("article").inner_html()
    here.open("book/part1/step-zero.html")
    marks = here.page.evaluate("""() => {
      const found = [...CSS.highlights.get("searched")];
      const inside = (range) => range.startContainer.parentElement.closest(".explorer, .katex");
      return [found.length, found.filter(inside).length, found.map(String)]; }""")
    assert marks[0] > 20 and marks[1] == 0
    assert {"both", "zero", "random"} <= {word.lower() for word in marks[2]}
    assert here.page.locator(".highlighted").count() == 0
    drawn = r'<(figure|svg|script).*?</\1>'  # explorers come to life on their own
    after = here.page.locator("article").inner_html()
    plain = [re.sub(drawn, "", html, flags=re.DOTALL) for html in (before, after)]
    assert plain[0] == plain[1]
    here.page.keyboard.press("Escape")
    assert not here.page.evaluate("CSS.highlights.has('searched')")
    here.open("book/part1/step-zero.html")  # once, after the search
    assert not here.page.evaluate("CSS.highlights.has('searched')")


@pytest.mark.parametrize("device", ["desk", "phone"])
def test_the_magnifier_stands_beside_the_first_letter(visit, device):
    here = visit("search.html?q=zero", device)
    ends, starts = here.page.locator(".bd-main form.bd-search").evaluate("""(form) => {
      const field = form.querySelector("input"), style = getComputedStyle(field);
      return [form.querySelector("i, svg").getBoundingClientRect().right,
              field.getBoundingClientRect().left + parseFloat(style.paddingLeft)]; }""")
    assert ends <= starts
