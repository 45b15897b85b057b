"""The pictures with which chapters open: what is drawn is what is computed, and to scale."""

import re

import numpy as np
import pytest

from lora_edu import STARTS, scaling
from lora_edu.chapters.by_hand.figures import two_paths
from lora_edu.chapters.divide_by_r.figures import two_sums
from lora_edu.chapters.first_r.scales_figure import scales
from lora_edu.chapters.hundred_steps.figures import first_steps
from lora_edu.chapters.low_rank.figures import TWO_TERMS, outer_products
from lora_edu.chapters.rotated_digits.figures import three_tasks
from lora_edu.chapters.shared.drawing import fill
from lora_edu.chapters.small_gpt.figures import UNIT, block
from lora_edu.chapters.step_size.figures import two_slopes
from lora_edu.chapters.step_zero.figures import five_starts
from lora_edu.chapters.the_layer.figures import between_marks
from lora_edu.chapters.which_zero.figures import on_its_side, wide_layer
from lora_edu.explore.plain import plain_figure, validate
from lora_edu.explore.still import first_frame
from tests.book import REPOSITORY

SHAPES = {name: (96, 96) for name in ("q", "k", "v", "out")} | {"up": (384, 96), "down": (96, 384)}
EMPTY = fill("A", 0)
OPENINGS = {"low-rank-update": outer_products, "by-hand": two_paths, "step-zero": five_starts,
            "hundred-steps": first_steps, "divide-by-r": two_sums, "step-size": two_slopes,
            "first-r": scales, "which-zero": on_its_side, "wide layer": wide_layer,
            "the-layer": between_marks, "rotated-digits": three_tasks,
            "small-gpt": lambda: block(SHAPES, ["q", "v"], 8, 4)}


def traces(figure, name):
    return [trace for trace in figure["data"] if trace.get("name") == name]


def said(figure):
    return figure["layout"]["meta"]["reading"]


def boxes(figure):
    """[(width, height, colour of the inside)] of the rectangles."""
    return [(round(shape["x1"] - shape["x0"], 6), round(shape["y1"] - shape["y0"], 6),
             shape["fillcolor"]) for shape in figure["layout"]["shapes"] if shape["type"] == "rect"]


def written(figure):
    """{word: its place} of all words."""
    return {word: place for trace in figure["data"] if trace["mode"] == "text" for word, place in
            zip(trace["text"], zip(trace["x"], trace["y"], strict=True), strict=True)}


@pytest.mark.parametrize("draw", OPENINGS.values(), ids=OPENINGS)
def test_an_opening_is_known_to_plotly_says_what_it_shows_and_is_light(draw):
    figure = draw()
    validate(figure)
    assert len(said(figure)) > 40
    assert len(first_frame(plain_figure(figure), 260, 390)) < 16_000


def test_the_terms_are_outer_products_and_add_up():
    figure, (B, A) = outer_products(), map(np.array, TWO_TERMS)
    numbers = [int(word) for word in figure["data"][-1]["text"] if word.isdigit()]
    parts = [B[:, :1], A[:1], B[:, :1] * A[:1], B[:, 1:], A[1:], B[:, 1:] * A[1:], B, A]
    before = [number for part in parts for number in part.ravel()]
    assert numbers[:len(before)] == before
    np.testing.assert_array_equal(np.reshape(numbers[len(before):], (3, 4)), parts[2] + parts[5])
    assert len(boxes(figure)) == len(numbers)
    zeros = [colour == EMPTY for _, _, colour in boxes(figure)]
    assert zeros == [number == 0 for number in numbers]
    assert "of rank 1 and 1; their sum, BA, has rank 2" in said(figure)
    page = (REPOSITORY / "book/part1/low-rank-update.md").read_text(encoding="utf-8")
    assert f"B = np.array({B.tolist()})" in page and f"A = np.array({A.tolist()})" in page


def test_both_paths_have_their_matrices_to_scale_and_only_the_frozen_one_has_no_gradient():
    n, d, k, r = 3, 4, 5, 1
    figure = two_paths(n, d, k, r)
    sizes = [(k, n), (k, d), (k, r), (r, n), (r, d), (d, n)]  # X, W₀, A, U, B, H
    assert [box[:2] for box in boxes(figure)] == 2 * sizes
    back = {word for trace in figure["data"] if trace["xaxis"] == "x2" for word in trace["text"]}
    assert back == {"∇X", "W₀", "∇A", "∇U", "∇B", "D", "◂"}
    assert f"A and B have {r * d + r * k} numbers, W₀ has {d * k}" in said(figure)


@pytest.mark.claim("thm-step-zero")
def test_the_boxes_are_full_where_there_is_a_number():
    """By rows of A and columns of B at r = 2; each gradient is full where the other matrix is."""
    figure = five_starts(answers=True)
    full = np.reshape([colour != EMPTY for _, _, colour in boxes(figure)], (len(STARTS), 9))
    A, B, grad_A, grad_B, delta = np.split(full, [2, 4, 6, 8], axis=1)
    np.testing.assert_array_equal(grad_A, B)
    np.testing.assert_array_equal(grad_B, A)
    assert A.tolist() == [[1, 1], [0, 0], [0, 0], [1, 1], [1, 0]]
    assert B.tolist() == [[0, 0], [1, 1], [0, 0], [1, 1], [0, 1]]
    assert delta.ravel().tolist() == [0, 0, 0, 1, 0]
    for start, row in zip(STARTS, full, strict=True):
        (zero,) = re.findall(rf"{start}: zero are ([^·]*)", said(figure))
        assert ("ΔW" in zero, "∇A" in zero) == (not row[8], not row[4:6].any())


def test_before_the_prediction_the_gradients_are_question_marks():
    figure = five_starts()
    assert len(boxes(figure)) == 4 * len(STARTS)
    assert [t["text"] for t in figure["data"] if "?" in t["text"]] == [["?"] * 3 * len(STARTS)]


def test_only_the_gradient_of_a_begins_at_exactly_zero():
    figure = first_steps()
    A, B = (trace["customdata"] for name in ("‖∇A‖", "‖∇B‖") for trace in traces(figure, name))
    assert A[0] == 0 < A[1:].min() and B.min() > 0
    assert "‖∇A‖ is 0 exactly at the start" in said(figure)


@pytest.mark.parametrize("r", [4, 16, 64])
def test_arrows_have_length_one_and_random_sums_are_about_the_root_of_r(r):
    figure = two_sums(r, walks=200)
    for path in traces(figure, "unrelated"):
        np.testing.assert_allclose(np.hypot(np.diff(path["x"]), np.diff(path["y"])), 1)
    (ends,), (straight,) = traces(figure, "their sums"), traces(figure, "one direction")
    assert straight["x"][-1] == r
    assert np.mean(ends["x"]**2 + ends["y"]**2) == pytest.approx(r, rel=0.25)
    (ring,) = traces(figure, "√r")
    np.testing.assert_allclose(np.hypot(ring["x"], ring["y"]), r**0.5)


@pytest.mark.claim("thm-first-step")
@pytest.mark.parametrize(("name", "slope"), [("SGD", 2), ("Adam", 1)])
def test_the_slope_is_the_power_of_the_scale(name, slope):
    figure = two_slopes()
    (line,) = traces(figure, f"‖ΔW₁‖, {name}")
    np.testing.assert_allclose(np.diff(np.log(line["y"])) / np.diff(np.log(line["x"])), slope)
    assert f"by {2**slope} under {name}" in said(figure)


def test_every_rule_has_its_scale_and_the_first_rank_has_scale_one():
    figure, r1 = scales(8), 8
    for name, alpha, rule in (("α kept", lambda r: r1, "lora"), ("α = r", lambda r: r, "lora"),
                              ("α = 2r", lambda r: 2 * r, "lora"),
                              ("rsLoRA", lambda r: r1**0.5, "rslora")):
        (line,) = traces(figure, name)
        np.testing.assert_allclose(line["y"], [scaling(r, alpha(r), rule) for r in line["x"]])
    assert traces(figure, "α kept")[0]["y"][line["x"].index(r1)] == 1


def test_on_its_side_is_the_transpose_cell_by_cell():
    d, k, r = 4, 6, 2
    left, right = [], []
    for shape in on_its_side(d, k, r)["layout"]["shapes"]:
        (left if shape["xref"] == "x" else right).append(shape["fillcolor"])

    def split(colours, *shapes):
        sizes = np.cumsum([rows * columns for rows, columns in shapes])
        assert sizes[-1] == len(colours)
        return [np.reshape(part, shape) for part, shape in
                zip(np.split(colours, sizes[:-1]), shapes, strict=True)]

    B, W, A = split(left, (d, r), (d, k), (r, k))
    beside, turned, above = split(right, (k, r), (k, d), (r, d))
    for there, here in ((beside, A.T), (turned, W.T), (above, B.T)):
        np.testing.assert_array_equal(there, here)
    assert set(B.ravel()) == {EMPTY} != set(A.ravel())


def test_the_ends_and_the_thickness_of_the_adapter_stay_as_the_layer_grows():
    drawn = [(4 * width, 4 * height) for width, height, _ in boxes(wide_layer((32, 64)))]
    for n, layer in ((32, drawn[:6]), (64, drawn[6:])):  # P, A, B, W, Xᵀ, T
        assert layer == [(n, 8), (n, 4), (4, n), (n, n), (8, n), (8, 8)]
        assert (f"n = {n}: W has {n * n:,} numbers, A and B have {4 * n + n * 4}, T has {8 * 8}"
                in said(wide_layer()))


def test_what_is_stored_is_the_nearest_number_of_bfloat16():
    torch = pytest.importorskip("torch")
    figure = between_marks()
    w = float(re.search(r"w = ([\d.]+)", said(figure))[1])
    lines = {trace["x"][0] for trace in traces(figure, "bfloat16")}
    for exact, stored in zip(traces(figure, "w + Δw"), traces(figure, "what is stored"),
                             strict=True):
        (sum_,), (kept,) = exact["x"], stored["x"]
        assert min(lines, key=lambda mark: abs(mark - sum_)) == pytest.approx(kept)
    # the lines are torch's neighbours of w: one step of the last of 8 bits apart
    weight = torch.tensor(w, dtype=torch.bfloat16)
    step = (torch.nextafter(weight, torch.tensor(1.0, dtype=torch.bfloat16)) - weight).item()
    np.testing.assert_allclose(np.diff(sorted(lines)), 100 * step / weight.item(), rtol=1e-3)


def test_the_block_is_to_scale_and_counts_its_adapters():
    figure, r, layers = block(SHAPES, ["q", "v"], 8, 4), 8, 4
    grey = [(width * UNIT, height * UNIT) for width, height, colour in boxes(figure)
            if colour == fill("frozen", 0.5)]
    assert grey == [(k, d) for d, k in SHAPES.values()]
    strips = [width * height * UNIT**2 for width, height, colour in boxes(figure)
              if colour in (fill("A", 1), fill("B", 1))]
    assert layers * sum(strips) == pytest.approx(2 * layers * r * (96 + 96))
    assert f"{2 * layers * r * (96 + 96):,} numbers" in said(figure)


def test_the_inverted_digits_are_one_minus_the_upright_ones():
    z = three_tasks()["data"][0]["z"] / 100
    rows = [z[10 * i:10 * i + 8, :8] for i in range(3)]  # the digit 0, three times
    np.testing.assert_allclose(rows[2], 1 - rows[0], atol=0.011)
    np.testing.assert_allclose(rows[1], np.rot90(rows[0]), atol=0.011)
