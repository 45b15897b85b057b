"""What people type leads to what they want: in Node for a table of queries, and in the fields."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import expect

from book._extensions.content.answers import FOLDER, entries
from book._extensions.node import node_binary
from tests.book import REPOSITORY, in_toc, source
from tests.site.devices import DEVICES
from tests.site.pages import HTML

HERE = Path(__file__).parent
THEMES = yaml.safe_load((HERE / "queries.yml").read_text("utf-8"))
WANTED = {query: places for theme in THEMES.values() for query, places in theme.items()}
FORMULA = r"tfrac|mathbb|bigl|aligned|partial [A-Z]|\\[a-zA-Z]|\b[A-Za-zα-ω](_\d|\^[\d⊤]\b(?![./]))"
ANSWERS = "book/answers/answers.html"


@pytest.fixture(scope="module")
def hits():
    """Query → its three best places."""
    queries = [*WANTED, *ELSEWHERE, "how"]
    done = subprocess.run([node_binary(), HERE / "search.mjs", HTML], input=json.dumps(queries),
                          capture_output=True, text=True, check=True, cwd=REPOSITORY)
    return dict(zip(queries, json.loads(done.stdout), strict=True))


# What the book says nothing of, though some of its words stand there.
ELSEWHERE = ["banana", "best pizza near me", "buy shoes online", "chocolate cake recipe",
             "how old is the universe", "install python on windows", "javascript async await",
             "lora teapot", "lora чайник", "wie alt ist das universum", "taille de la tour eiffel",
             "ModuleNotFoundError: No module named 'pandas'"]


def names(place):
    """The three names that the table may give a place."""
    page = place["page"].removeprefix("book/")
    return {page, f"{page}#{place['id']}", place["id"]}


@pytest.mark.parametrize("query", WANTED)
def test_a_query_finds_its_place(hits, query):
    places = [names(place) for place in hits[query]]
    assert any(wanted in place for place in places for wanted in WANTED[query]), places


@pytest.mark.parametrize("query", ELSEWHERE)
def test_where_nothing_fits_there_are_no_hits(hits, query):
    assert hits[query] == []


def test_a_word_that_says_nothing_leaves_the_hits_as_they_are(hits):
    assert hits["how"] is None


def test_every_place_is_there_and_says_something():
    pages = {}
    for place in json.loads((HTML / "_static/search.json").read_text("utf-8")):
        page = place["page"]
        pages[page] = pages.get(page) or (HTML / f"{page}.html").read_text("utf-8")
        assert place["title"] and len(place["text"]) > 4, place
        assert place["of"] != place["title"]
        assert not re.search(FORMULA, place["text"]), place
        assert not place["id"] or f'id="{place["id"]}"' in pages[page], place


def answers_field(visit, device):
    tab = visit(ANSWERS, device)
    tab.page.wait_for_load_state("networkidle")
    assert not [url for url in tab.requests if "search" in url]  # all places: when they are needed
    return tab, tab.page.get_by_label("Your question")


@pytest.mark.parametrize("device", DEVICES)
def test_questions_appear_with_their_verdicts_while_one_types(visit, device):
    tab, field = answers_field(visit, device)
    field.press_sequentially("learning rate", delay=20)
    options = tab.page.get_by_role("option")
    options.first.wait_for()
    assert tab.page.locator("[role=option] strong").count() > 4
    tab.page.wait_for_timeout(600)
    assert tab.page.evaluate("shifts") == []
    last = options.count() - 1
    for key, chosen in (("ArrowDown", 0), ("ArrowDown", 1), ("ArrowUp", 0), ("ArrowUp", last)):
        field.press(key)
        expect(options.nth(chosen)).to_have_attribute("aria-selected", "true")
        id_ = options.nth(chosen).get_attribute("id")
        expect(field).to_have_attribute("aria-activedescendant", id_)
    title, page = options.first.locator(".hit-title, small").all()
    assert title.bounding_box()["y"] < page.bounding_box()["y"]
    assert tab.axe() == []
    field.fill("how old is the universe")
    expect(tab.page.get_by_role("status")).to_have_text(
        "Nothing matches. These come closest. Or see all questions.")
    expect(options).to_have_count(3)
    status = tab.page.get_by_role("status").bounding_box()
    assert status["y"] + status["height"] <= options.first.bounding_box()["y"] + 1
    field.fill("xyzzyx")
    expect(tab.page.get_by_role("status")).to_have_text(
        "Nothing matches. Try other words, or see all questions.")
    field.fill("")
    expect(options).to_have_count(0)


def test_enter_and_a_tap_open_an_answer_and_back_leads_to_the_hits(visit):
    tab, field = answers_field(visit, "phone")
    field.press_sequentially("alpha = 2r")
    answer = tab.page.get_by_role("option").first
    answer.wait_for()
    field.press("Enter")
    tab.page.wait_for_url("**/book/answers/scale.html#answer-two-r")
    tab.page.go_back()
    answer.tap()
    tab.page.wait_for_url("**/book/answers/scale.html#answer-two-r")


def test_without_scripts_all_questions_stand_there_and_open_to_their_verdicts(visit):
    page = visit(ANSWERS, java_script_enabled=False).page
    written = [entry for name in in_toc() if name.startswith(FOLDER)
               for entry in entries(source(name))]
    questions = page.locator(".answers summary:visible")
    assert questions.count() == len(written) > 80
    questions.nth(7).click()
    expect(page.locator(".answers strong:visible")).to_have_count(1)
    expect(page.locator(".answers a:visible")).to_have_count(1)
    expect(page.locator(".answers-field")).to_be_hidden()


@pytest.mark.parametrize("as_files", [False, True])
def test_the_search_page_calls_a_false_claim_one(visit, as_files):
    options = {"base": HTML.as_uri() + "/"} if as_files else {}
    page = visit("search.html?q=scale by alpha times r", **options).page
    claim = page.get_by_role("option").filter(has_text="Scale by α times r")
    assert claim.inner_text().startswith("A false claim: ")
