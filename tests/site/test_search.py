"""Searching leads to the page, or the place in it, that one wants."""

import re
from urllib.parse import quote

import pytest

WANTED = {  # what people type → the page, or the place in it, that should be among three hits
    "alpha": "part2/step-size", "η": "part2/step-size", "lr": "part2/step-size",
    "learning rate": "part4/answers", "rslora": "part2/divide-by-r", "LoRA+": "part4/answers",
    "merging": "part3/the-layer", "weight decay": "part4/answers#answer-weight-decay",
    "conv2d": "part4/answers",
    "why is B zero": "part4/answers#answer-why-zero", "NaN": "part4/answers#answer-nan",
    "QLoRA": "part3/in-practice#cit-qlora", "saddle": "part1/step-zero",
    "alpha when rank goes from 8 to 64": "part4/answers#answer-other-ranks",
    "warmup": "part4/answers#answer-warm-up", "4bit": "part3/in-practice#a-base-in-four-bits",
    "target_modules": "part3/in-peft", "quantization": "part3/in-practice",
    "GPU memory 24GB": "laboratory/memory", "stable diffusion": "part4/your-settings",
    "loss does not go down": "part4/answers",
}
HITS = """() => [...document.querySelectorAll("ul.search li")].map((hit) => ({
  href: hit.querySelector("a").getAttribute("href"),
  said: hit.querySelector("p.context")?.textContent || "" }))"""
SHOWN = """() => document.querySelector(".search-summary")?.textContent
  && [...document.querySelectorAll("ul.search li")].every((hit) => hit.querySelector("p, span"))"""


def search(visit, query):
    page = visit(f"search.html?q={quote(query)}").page
    page.wait_for_function(SHOWN)
    return page.evaluate(HITS)


@pytest.mark.parametrize("query", WANTED)
def test_a_query_finds_its_page(visit, query):
    page, _, place = WANTED[query].partition("#")
    hits = [re.sub(r"^.*?book/", "", hit["href"]) for hit in search(visit, query)[:3]]
    assert any(hit.startswith(f"{page}.html") and hit.endswith(place) for hit in hits), hits


def test_a_hit_has_readable_words(visit):
    said = " ".join(hit["said"] for hit in search(visit, "saddle"))
    assert "≠0" in said and not re.search(r"\\|Link to this|A=0A=0|A = 0A=0", said)
