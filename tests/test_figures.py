"""What the figures show is what the mathematics says."""

import numpy as np
import pytest

from lora_edu import STARTS
from lora_edu.chapters.hundred_steps import figures as hundred_steps
from lora_edu.chapters.low_rank import figures as low_rank
from lora_edu.chapters.shared.style import COLOURS, ZeroLogAxis
from lora_edu.chapters.step_zero import figures as step_zero
from lora_edu.chapters.step_zero import saddle
from lora_edu.explore import words as text
from lora_edu.explore.states import plain_figure


def trace(figure, name):
    return next(t for t in plain_figure(figure)["data"] if t.get("name") == name)


def said(figure):
    return plain_figure(figure)["layout"]["meta"]["reading"]


@pytest.mark.parametrize("optimiser", ["SGD", "Adam"])
@pytest.mark.parametrize(("start", "zeros"), [
    ("A random, B zero", {"‖∇A‖", "‖ΔW‖"}), ("A zero, B random", {"‖∇B‖", "‖ΔW‖"}),
    ("both zero", {"‖∇A‖", "‖∇B‖", "‖ΔW‖"}), ("both random", set()), ("BA zero", {"‖ΔW‖"})])
def test_the_board_puts_exactly_the_zero_marks_at_zero(start, zeros, optimiser):
    figure = step_zero.step_zero(8, 16, start, optimiser)
    at_zero = {t["name"] for t in plain_figure(figure)["data"]
               if t.get("customdata") is not None and t["customdata"][0] == 0}
    assert at_zero == zeros
    zero = ZeroLogAxis(-5, 3).zero
    for name in ("‖∇A‖", "‖∇B‖", "‖ΔW‖"):
        assert (trace(figure, name)["y"][0] == zero) == (name in zeros)


def test_the_board_says_why_rank_one_cannot_have_a_zero_product():
    assert "not possible" in said(step_zero.step_zero(1, 16, "BA zero", "SGD"))


@pytest.mark.parametrize(("optimiser", "power"), [("SGD", 2), ("Adam", 1)])
def test_the_first_step_carries_s_squared_under_sgd_and_s_under_adam(optimiser, power):
    first, second = (step_zero.one_step(8, alpha, STARTS[0], optimiser).delta_norm[1]
                     for alpha in (16, 64))
    assert second / first == pytest.approx(4**power, rel=1e-5)


@pytest.mark.claim("obs-escape")
@pytest.mark.parametrize("optimiser", ["SGD", "Momentum", "Adam"])
def test_only_exact_zero_never_leaves(optimiser):
    assert saddle.escape_step(saddle.from_noise(0.0, optimiser)) is None
    assert all(saddle.escape_step(saddle.from_noise(tau, optimiser)) is not None
               for tau in saddle.TAUS if tau)


@pytest.mark.parametrize("r", [1, 2, 5, 14])
def test_the_error_of_the_picture_is_the_tail_of_its_singular_values(r):
    M = low_rank.picture()
    tail = np.sqrt(np.sort(np.linalg.eigvalsh(M @ M.T))[:len(M) - r].clip(0).sum())
    assert np.linalg.norm(M - low_rank.best_rank(M, r)) == pytest.approx(tail, abs=1e-6)
    assert np.linalg.matrix_rank(low_rank.best_rank(M, r), tol=1e-9) == r
    shown = np.array(plain_figure(low_rank.low_rank(r))["data"][0]["z"])
    np.testing.assert_allclose(shown / 100, low_rank.best_rank(M, r), atol=0.0051)


@pytest.mark.parametrize(("model", "r", "count"), [
    ("GPT-3", 1, 4_718_592), ("GPT-3", 4, 18_874_368), ("GPT-3", 8, 37_748_736),
    ("GPT-2 medium", 4, 393_216)])
def test_parameter_counts_are_those_of_the_paper_s_formula(model, r, count):
    assert low_rank.trainable(model, "q, v", r)[0] == count
    assert f"{count:,}" in said(low_rank.parameters(model, "q, v", r))


def test_a_wakes_at_the_first_step_and_never_from_both_zero():
    assert "∇A first non-zero after step 1 " in said(hundred_steps.hundred_steps())
    assert "∇A never wakes" in said(hundred_steps.hundred_steps(start="both zero"))


@pytest.mark.claim("thm-column-space")
def test_under_sgd_the_update_keeps_the_rank_of_the_target():
    path = {name: hundred_steps.spectrum_path(name, lr, 8)
            for name, lr in (("SGD", 0.1), ("Momentum", 0.02), ("Adam", 0.01))}
    assert path["SGD"][-1, 3] > 0.1 and path["SGD"][:, 4:].max() < 1e-14
    assert path["Momentum"][:, 4:].max() < 1e-14
    assert path["Adam"][-1, 4] > 1e-3


def test_a_run_that_diverges_is_cut_and_said():
    figure = hundred_steps.hundred_steps(1, 64, STARTS[0], "SGD", 0.03)
    assert "diverges" in said(figure)
    assert max(trace(figure, "loss")["customdata"]) < 1e6


@pytest.mark.parametrize(("value", "words"), [
    (0.0, "0 exactly"), (0.12345, "0.123"), (1536.0, "1,536"), (1e-8, "1.00·10⁻⁸"),
    (2.5e7, "2.50·10⁷")])
def test_numbers_as_words(value, words):
    assert text.number(value) == words


@pytest.mark.parametrize(("value", "words"), [(1e-8, "10⁻⁸"), (0.003, "0.003"), (2e-6, "2·10⁻⁶")])
def test_short_numbers(value, words):
    assert text.short(value) == words


def test_a_positive_value_is_never_drawn_as_zero():
    axis = ZeroLogAxis(-5, 3)
    assert axis.place([0.0])[0] == axis.zero < axis.low <= axis.place([1e-5])[0]
    assert axis.place([1e9])[0] == axis.high and axis.symbols("A", [1e9]) == ["triangle-up"]
    with pytest.raises(ValueError, match="at least 1e-5"):
        axis.place([1e-7])


@pytest.mark.parametrize("colour", COLOURS.values())
def test_colours_stand_three_to_one_against_white_and_dark(colour):
    def luminance(hex_colour):
        channels = [int(hex_colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return np.dot(linear, [0.2126, 0.7152, 0.0722])

    for ground in ("#ffffff", "#121212"):
        high, low = sorted((luminance(colour), luminance(ground)), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 3
