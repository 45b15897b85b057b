"""The instrument on Home: what moves it, what it says, and what it does with a bad address."""

import json
import re

import numpy as np
import pytest
from playwright.sync_api import expect

from lora_book.instrument.portrait import picture
from lora_book.instrument.task import run

HOME = "book/index.html"
PIXELS = "(canvas) => canvas.toDataURL()"


def instrument(here):
    return here.page.locator(".instrument")


def line(here):
    return here.page.locator(".instrument-line")


def matrix(here, name):
    return here.page.locator(f'.instrument-run:first-child [data-matrix="{name}"]')


def pixels(here, name="delta"):
    return matrix(here, name).evaluate(PIXELS)


def press(here, action):
    here.page.locator(f'[data-do="{action}"]').click()


def phrase(here, name):
    here.page.locator(f'a[href="#hat?show={name}"]').click()


def norm(here, name):
    return here.page.locator(f'[data-norm="{name}"] td:nth-child(3)').inner_text()


def bars(here):
    """In octaves, of which the mark is at the fifth."""
    fields = here.page.locator(".instrument-norms i")
    lengths = fields.evaluate_all(
        "(all) => all.map((bar) => bar.style.getPropertyValue('--octaves'))")
    return dict(zip(("delta", "gradA", "gradB", "loss", "decrease"), map(float, lengths),
                    strict=True))


def test_play_shows_step_0_first_and_then_a_hat(visit):
    here = visit(HOME)
    press(here, "play")
    expect(line(here)).to_contain_text("Step 0")
    bare = pixels(here)
    expect(line(here)).to_contain_text("have learned the hat", timeout=20_000)
    assert pixels(here) != bare


def test_a_phrase_stops_a_play_and_stays(visit):
    here = visit(HOME)
    press(here, "play")
    expect(line(here)).to_contain_text("Step 0")
    phrase(here, "zero")
    expect(line(here)).to_contain_text("so training can begin")
    here.page.wait_for_timeout(900)  # it fades there
    before = pixels(here)
    here.page.wait_for_timeout(1200)
    assert pixels(here) == before
    assert [norm(here, name) for name in ("delta", "gradA")] == ["exactly 0", "exactly 0"]


PHRASES = {
    "scale": "a quarter of s",
    "constant": "r = 1, 4, 16",
    "adam": "16 times under SGD",
    "roughly": "of 4,096 entries.",
    "start": "all 4,096 entries of ΔW are equal in every bit",
    "first": "α = 8 and s = 1",
    "retune": "at r = 16",
    "random": "Only B moves in step 1",
}


def test_a_phrase_says_its_line(visit):
    here = visit(HOME)
    for name, words in PHRASES.items():
        phrase(here, name)
        expect(line(here)).to_contain_text(words)
        here.page.wait_for_url(f"**#hat?show={name}")


def test_the_norms_are_those_of_train(visit):
    here = visit(f"{HOME}#hat?step=8&r=2&optimiser=sgd&start=both-random")
    expect(line(here)).to_contain_text("Step 8")
    trained = run(step=8, r=2, optimiser="SGD", start="both random")
    shown = [float(norm(here, name)) for name in ("delta", "gradA", "gradB", "loss")]
    wanted = [*trained.norms(8).values()][:4]
    assert shown == pytest.approx(wanted, rel=0.006)  # three digits


def test_the_bars_compare_with_the_first_step(visit):
    here = visit(HOME)
    of_the_page = bars(here)
    here.open(f"{HOME}#hat?step=5")
    expect(line(here)).to_contain_text("Step 5")
    early = [run().norms(step) for step in (0, 1, 5)]
    for name, octaves in bars(here).items():
        mark = early[0][name] or early[1][name]
        assert octaves == pytest.approx(min(10.5, 5 + np.log2(early[2][name] / mark)))
    here.open(f"{HOME}#hat?step=20")
    expect(line(here)).to_contain_text("Step 20")
    assert bars(here) == pytest.approx(of_the_page, rel=0.006)


@pytest.mark.parametrize("name", ["top hat", "cone", "word"])
def test_the_line_says_that_r_is_below_the_rank_of_the_target(visit, name):
    rank = np.linalg.matrix_rank(picture(name))
    here = visit(HOME)
    for r in (1, 2, 4, 6, 7, 16):
        here.open(f"{HOME}#hat?target={name.replace(' ', '-')}&step=120&rate=0.25&r={r}")
        expect(line(here)).to_contain_text(
            "A larger r can draw more" if r < rank else f"{128 * r:,} numbers")


def test_the_code_makes_what_is_shown(visit):
    here = visit(f"{HOME}#hat?step=8&r=2&start=both-random&optimiser=sgd")
    expect(line(here)).to_contain_text("Step 8")
    here.page.locator("summary", has_text="code").click()
    expect(here.page.locator(".instrument-code pre")).to_contain_text("step=8")
    namespace = {}
    exec(here.page.locator(".instrument-code pre").inner_text(), namespace)
    here.page.locator("summary", has_text="numbers").click()
    numbers = here.page.locator(".instrument-numbers textarea")
    expect(numbers).not_to_have_value("")
    adapter = namespace["history"].adapter
    for name in ("A", "B"):
        np.testing.assert_allclose(json.loads(numbers.input_value())[name],
                                   getattr(adapter, name), atol=1e-12)


def test_both_zero_stays_for_ever(visit):
    here = visit(HOME)
    phrase(here, "both")
    expect(line(here)).to_contain_text("nothing has moved, and nothing ever will")
    before = pixels(here)
    steps = here.page.locator(".instrument-step output")
    expect(steps).to_have_text(re.compile(r"1[3-9]\d|[2-9]\d\d"))  # beyond the slider's 120
    assert pixels(here) == before
    press(here, "play")
    expect(here.page.locator('[data-do="play"]')).to_have_text("▶ play")
    press(here, "off")
    expect(here.page.locator('[data-do="off"]')).to_have_text("ΔW on")
    paused = int(steps.inner_text())
    expect(line(here)).to_contain_text(f"After {paused} steps")
    assert paused > 120
    press(here, "play")
    expect(steps).not_to_have_text(str(paused))
    assert int(steps.inner_text()) > paused


def test_taking_delta_w_off_leaves_the_portrait_and_keeps_a_and_b(visit):
    here = visit(f"{HOME}#hat?step=0")
    expect(line(here)).to_contain_text("Step 0")
    bare = pixels(here)
    here.open(f"{HOME}#hat?step=30")
    expect(line(here)).to_contain_text("Step 30")
    learned = pixels(here, "B")
    press(here, "off")
    expect(line(here)).to_contain_text("s = 0")
    here.page.wait_for_timeout(900)  # it fades
    assert pixels(here) == bare
    assert pixels(here, "B") == learned
    assert [norm(here, name) for name in ("delta", "gradA", "loss")] == [
        "exactly 0", "exactly 0", "204"]


def test_a_drawing_goes_into_the_address_and_back(visit):
    here = visit(HOME)
    press(here, "draw")
    box = here.page.locator(".instrument-pad").bounding_box()
    here.page.mouse.move(box["x"] + 40, box["y"] + 40)
    here.page.mouse.down()
    here.page.mouse.move(box["x"] + 160, box["y"] + 60, steps=4)
    here.page.mouse.up()
    here.page.wait_for_url("**bits=*")
    address = here.page.url
    expect(line(here)).to_contain_text("Step 0")
    press(here, "done")
    expect(here.page.locator('[data-do="play"]')).to_have_text("❚❚ pause")
    press(here, "draw")
    press(here, "undo")
    expect(line(here)).to_contain_text("Draw on the portrait")
    here.open(HOME + "#" + address.partition("#")[2] + "&step=120")
    expect(line(here)).to_contain_text("Step 120")
    assert "bits=" in here.page.url


def test_a_phrase_puts_the_drawing_away(visit):
    here = visit(HOME)
    press(here, "draw")
    expect(here.page.locator(".instrument-pad")).to_be_visible()
    phrase(here, "scale")
    expect(here.page.locator(".instrument-pad")).to_be_hidden()


@pytest.mark.parametrize(("query", "words"), [
    ("r=17", "r must be a whole number from 1 to 16, got 17"),
    ("r=abc", "r must be a whole number from 1 to 16, got \"abc\""),
    ("was.alpha=a", "256, got \"a\""),
    ("rnk=8", "rnk is not a setting"), ("alpha=3", "alpha must be one of 1, 2, 4"),
    ("show=hat", "show must be one of random"), ("target=drawn&bits=*", "bits must be"),
    ("alpha=256&rate=16&optimiser=sgd&step=30", "is the last that is finite")])
def test_what_cannot_be_shown_is_said(visit, query, words):
    here = visit(f"{HOME}#hat?{query}")
    expect(line(here)).to_contain_text(words)


def test_a_key_moves_one_step_and_what_is_read_aloud_follows(visit):
    here = visit(f"{HOME}#hat?step=30")
    expect(line(here)).to_contain_text("Step 30")
    slider = here.page.locator(".instrument-step input")
    slider.focus()
    here.page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "step 31")
    here.page.keyboard.press("ArrowLeft")
    here.page.keyboard.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuetext", "step 29")
    expect(line(here)).to_contain_text("Step 29")
    assert line(here).get_attribute("aria-live") == "polite"


def test_the_script_paints_the_first_frame_that_stands_in_the_page(visit):
    """Without a script there are the picture and its numbers; with it nothing changes."""
    shot = {}
    for is_on in (False, True):
        here = visit(HOME, java_script_enabled=is_on)
        stage = here.page.locator(".instrument-run").first
        shot[is_on] = stage.screenshot()
        assert float(norm(here, "loss")) > 0
    assert shot[False] == shot[True]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_with_two_runs(visit, theme):
    here = visit(HOME, color_scheme=theme)
    phrase(here, "start")
    expect(line(here)).to_contain_text("equal in every bit")
    assert here.axe() == []
