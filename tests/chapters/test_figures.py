"""What the figures show is what the mathematics says."""

import numpy as np
import pytest

from lora_edu import STARTS
from lora_edu.chapters.audit.figures import audit
from lora_edu.chapters.by_hand.figures import costs, v_curve
from lora_edu.chapters.dashboard.figures import dashboard
from lora_edu.chapters.divide_by_r.figures import best_rate, growth
from lora_edu.chapters.first_r.figures import carry, pictures, readings
from lora_edu.chapters.hundred_steps.figures import hundred_steps, spectrum
from lora_edu.chapters.hundred_steps.runs import OPTIMISERS, spectrum_path
from lora_edu.chapters.invariance.figures import invariance, slide, three_runs
from lora_edu.chapters.low_rank.figures import low_rank, parameters
from lora_edu.chapters.low_rank.runs import best_rank, picture
from lora_edu.chapters.rotated_digits.figures import moving_zero, rotated_digits
from lora_edu.chapters.shared.models import SIZES
from lora_edu.chapters.shared.style import COLOURS, ZeroLogAxis
from lora_edu.chapters.small_gpt.figures import small_gpt, verse
from lora_edu.chapters.starts.figures import spread, zoo
from lora_edu.chapters.step_size.figures import step_size, three_alphas
from lora_edu.chapters.step_zero.figures import TAUS, plane, saddle, step_zero
from lora_edu.chapters.step_zero.runs import escape_step, from_noise, one_step
from lora_edu.chapters.the_layer.figures import merging
from lora_edu.chapters.which_zero.figures import reach, which_zero
from lora_edu.explore import words as text
from lora_edu.explore.plain import plain_figure, validate


def trace(figure, name):
    return next(t for t in plain_figure(figure)["data"] if t.get("name") == name)


def said(figure):
    return plain_figure(figure)["layout"]["meta"]["reading"]


@pytest.mark.parametrize("draw", [
    audit, best_rate, carry, costs, dashboard, growth, hundred_steps, invariance, low_rank, merging,
    moving_zero, parameters, pictures, plane, reach, readings, rotated_digits, saddle, slide,
    small_gpt, spectrum, spread, step_size, step_zero, three_alphas, three_runs, v_curve, verse,
    which_zero, zoo], ids=lambda draw: draw.__name__)
def test_the_dict_is_a_figure_that_plotly_knows_in_full(draw):
    validate(draw())


@pytest.mark.parametrize("optimiser", ["SGD", "Adam"])
@pytest.mark.parametrize(("start", "zeros"), [
    ("A random, B zero", {"‖∇A‖", "‖ΔW‖"}), ("A zero, B random", {"‖∇B‖", "‖ΔW‖"}),
    ("both zero", {"‖∇A‖", "‖∇B‖", "‖ΔW‖"}), ("both random", set()), ("BA zero", {"‖ΔW‖"})])
def test_the_board_puts_exactly_the_zero_marks_at_zero(start, zeros, optimiser):
    figure = step_zero(8, 16, start, optimiser)
    at_zero = {t["name"] for t in plain_figure(figure)["data"]
               if t.get("customdata") is not None and t["customdata"][0] == 0}
    assert at_zero == zeros
    zero = ZeroLogAxis(-5, 3).zero
    for name in ("‖∇A‖", "‖∇B‖", "‖ΔW‖"):
        assert (trace(figure, name)["y"][0] == zero) == (name in zeros)


def test_the_board_says_why_rank_one_cannot_have_a_zero_product():
    assert "not possible" in said(step_zero(1, 16, "BA zero", "SGD"))


@pytest.mark.parametrize(("optimiser", "power"), [("SGD", 2), ("Adam", 1)])
def test_the_first_step_carries_s_squared_under_sgd_and_s_under_adam(optimiser, power):
    first, second = (one_step(8, alpha, STARTS[0], optimiser).delta_norm[1]
                     for alpha in (16, 64))
    assert second / first == pytest.approx(4**power, rel=1e-5)


@pytest.mark.claim("obs-escape")
@pytest.mark.parametrize("optimiser", ["SGD", "Momentum", "Adam"])
def test_only_exact_zero_never_leaves(optimiser):
    assert escape_step(from_noise(0.0, optimiser)) is None
    assert all(escape_step(from_noise(tau, optimiser)) is not None
               for tau in TAUS if tau)


@pytest.mark.parametrize("r", [1, 2, 5, 14])
def test_the_error_of_the_picture_is_the_tail_of_its_singular_values(r):
    M = picture()
    tail = np.sqrt(np.sort(np.linalg.eigvalsh(M @ M.T))[:len(M) - r].clip(0).sum())
    assert np.linalg.norm(M - best_rank(M, r)) == pytest.approx(tail, abs=1e-6)
    assert np.linalg.matrix_rank(best_rank(M, r), tol=1e-9) == r
    shown = np.array(plain_figure(low_rank(r))["data"][0]["z"])
    np.testing.assert_allclose(shown / 100, best_rank(M, r), atol=0.0051)


@pytest.mark.parametrize(("model", "r", "count"), [
    ("GPT-3", 1, 4_718_592), ("GPT-3", 4, 18_874_368), ("GPT-3", 8, 37_748_736),
    ("GPT-2 medium", 4, 393_216)])
def test_parameter_counts_are_those_of_the_paper_s_formula(model, r, count):
    assert SIZES[model].trainable("q, v", r) == count
    assert f"{count:,}" in said(parameters(model, "q, v", r))


@pytest.mark.parametrize(("d", "n", "r"), [(1024, 1024, 8), (64, 1024, 64), (64, 1, 256)])
def test_no_bar_of_the_costs_leaves_its_axis(d, n, r):
    figure = plain_figure(costs(d, n, r))
    for axis in ("y", "y2"):
        heights = sum(np.array(t["y"]) for t in figure["data"] if t["yaxis"] == axis)
        assert max(heights) < figure["layout"][axis.replace("y", "yaxis")]["range"][1]


def test_a_wakes_at_the_first_step_and_never_from_both_zero():
    assert "∇A first non-zero after step 1 " in said(hundred_steps())
    assert "∇A never wakes" in said(hundred_steps(start="both zero"))


@pytest.mark.claim("thm-column-space")
def test_under_sgd_the_update_keeps_the_rank_of_the_target():
    path = {name: spectrum_path(name, 8) for name in OPTIMISERS}
    assert path["SGD"][-1, 3] > 0.1 and path["SGD"][:, 4:].max() < 1e-14
    assert path["Momentum"][:, 4:].max() < 1e-14
    assert path["Adam"][-1, 4] > 1e-3


def test_a_run_that_diverges_is_cut_and_said():
    figure = hundred_steps(1, 64, STARTS[0], "SGD", 0.03)
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
