"""The chapter Forward and backward by hand, on the code that it prints."""

import tracemalloc

import numpy as np
import pytest
import torch

from lora_edu.chapters.by_hand import runs as by_hand
from lora_edu.chapters.by_hand.figures import costs, two_paths
from tests.book import notebook

torch.set_num_threads(1)


CELLS = [cell.source for cell in notebook("book/part1/by-hand").cells if cell.cell_type == "code"]


def printed(*names, **given):
    """The functions that the chapter prints, by the cells that define them."""
    space = {"np": np, **given}
    for name in names:
        cell = next(source for source in CELLS if f"def {name}(" in source)
        exec(cell[:cell.find("\nkept = ")] if "\nkept = " in cell else cell, space)
    return [space[name] for name in names]


@pytest.mark.claim("thm-backward")
@pytest.mark.parametrize(("n", "d", "k", "r"), [(20, 5, 6, 2), (7, 6, 3, 9)])
def test_the_printed_backward_pass_is_torchs(n, d, k, r):
    forward, backward = printed("forward", "backward")
    rng, s = np.random.default_rng(0), 1.7
    shapes = {"X": (n, k), "W0": (d, k), "A": (r, k), "B": (d, r)}
    X, W0, A, B = arrays = [rng.normal(size=shape) for shape in shapes.values()]
    tX, tW0, tA, tB = (torch.tensor(array, requires_grad=True) for array in arrays)
    tU = tX @ tA.T
    tH = tX @ tW0.T + s * tU @ tB.T
    for tensor in (tU, tH):
        tensor.retain_grad()
    torch.logsumexp(tH, 1).sum().backward()
    H, U = forward(X, W0, A, B, s)
    D, G = tH.grad.numpy(), tH.grad.numpy().T @ X
    np.testing.assert_allclose(H, tH.detach().numpy(), rtol=1e-12)
    found = backward(D, X, U, W0, A, B, s)
    for mine, tensor in zip(found, (tA, tB, tX), strict=True):
        np.testing.assert_allclose(mine, tensor.grad.numpy(), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(s * D @ B, tU.grad.numpy(), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(G, tW0.grad.numpy(), rtol=1e-9, atol=1e-12)
    for mine, formula in zip(found, (s * B.T @ G, s * G @ A.T), strict=False):
        np.testing.assert_allclose(mine, formula, rtol=1e-9, atol=1e-12)


@pytest.mark.claim("obs-v-curve")
def test_differences_have_a_best_step_and_the_complex_step_has_none():
    exponents = np.array(by_hand.EXPONENTS)
    right = (exponents >= -3) & (exponents <= -1)
    for scheme, order in zip(by_hand.SCHEMES, (1, 2, 2), strict=True):
        slope = np.polyfit(exponents[right], np.log10(by_hand.errors(scheme)[right]), 1)[0]
        assert slope == pytest.approx(order, abs=0.05)
    forward, central, complex_step = (dict(zip(exponents, by_hand.errors(scheme), strict=True))
                                      for scheme in by_hand.SCHEMES)
    assert min(forward, key=forward.get) == -8 and min(central, key=central.get) == -5
    assert 3e-8 < forward[-8] < 3e-7 and 3e-11 < central[-5] < 3e-10
    for error, best in ((forward, -8), (central, -5)):
        left = [error[best - 2 * i] for i in range(5) if best - 2 * i >= -14]
        assert (np.diff(left) > 0).all()
        assert 0.5 < error[-16] < 10
    assert max(complex_step[e] for e in range(-16, -7)) < 1e-15


@pytest.mark.claim("obs-v-curve")
def test_at_the_smallest_step_the_arguments_differ_and_the_losses_cannot():
    adapter, *_ = by_hand.small_layer()
    A, h = adapter.A, 1e-16
    assert (A + h != A - h).all()
    apart = ((A + h) - (A - h)).max()  # as rounded
    between = apart * np.abs(by_hand.exact_gradient()).max()  # the largest change of the loss
    assert between < np.spacing(by_hand.loss(A, adapter.B)) / 2


@pytest.mark.claim("thm-two-thirds")
@pytest.mark.parametrize(("d", "r", "n"), [(8, 1, 3), (12, 4, 5), (6, 6, 2)])
def test_a_step_takes_two_thirds_and_two_r_over_d_of_the_multiplications(d, r, n):
    """Counted by the arrays that take part, not by the formulas of the figure."""
    class Counted(np.ndarray):
        multiplications = 0

        def __matmul__(self, other):
            Counted.multiplications += self.shape[0] * self.shape[1] * other.shape[1]
            return (np.asarray(self) @ np.asarray(other)).view(Counted)

    def count(step):
        Counted.multiplications = 0
        step()
        return Counted.multiplications

    forward, backward = printed("forward", "backward")
    X, D, W0, A, B = (np.ones(shape).view(Counted)
                      for shape in ((n, d), (n, d), (d, d), (r, d), (d, r)))

    def full(needs_input):
        return X @ W0.T, D.T @ X, *([D @ W0] if needs_input else [])

    def lora():
        _, U = forward(X, W0, A, B, 1.0)
        return backward(D, X, U, W0, A, B, 1.0)

    def lowest():  # no gradient of the input: the last line of the backward pass is left out
        _, U = forward(X, W0, A, B, 1.0)
        return D.T @ U, (D @ B).T @ X

    ratio = count(lora) / count(lambda: full(True))
    assert ratio == pytest.approx(2 / 3 + 2 * r / d, rel=1e-12) and ratio > 2 / 3
    lower = count(lowest)
    assert lower / count(lambda: full(False)) == pytest.approx(0.5 + 2.5 * r / d, rel=1e-12)
    assert lower / count(lambda: full(True)) == pytest.approx((1 + 5 * r / d) / 3, rel=1e-12)
    counts = by_hand.multiplications(d, d, n, r)
    assert [sum(counts[way].values()) for way in ("full", "LoRA")] == [
        count(lambda: full(True)), count(lora)]


@pytest.mark.claim("obs-memory")
def test_what_is_kept_is_what_is_counted():
    n, d, r = 512, 768, 8
    rng = np.random.default_rng(0)
    X, D, W0, A, B = (rng.normal(size=shape)
                      for shape in ((n, d), (n, d), (d, d), (r, d), (d, r)))
    forward, backward = printed("forward", "backward")
    full, lora = printed("full_memory", "lora_memory", X=X, D=D, W0=W0, A=A, B=B,
                         forward=forward, backward=backward)
    kept, measured = by_hand.memory(d, d, n, r), {}
    for name, make in (("full", full), ("LoRA", lora)):
        tracemalloc.start()
        arrays = make()
        measured[name] = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert measured[name] == pytest.approx(8 * sum(kept[name].values()), rel=0.01)
        del arrays
    assert measured["LoRA"] < 0.4 * measured["full"]
    assert kept["LoRA"]["weights"] >= d * d and kept["LoRA"]["inputs kept"] >= n * d


def test_both_paths_are_to_scale_and_the_frozen_weight_alone_has_no_gradient():
    n, d, k, r = 3, 4, 5, 1
    figure = two_paths(n, d, k, r)
    drawn = [(box["x1"] - box["x0"], box["y1"] - box["y0"])
             for box in figure["layout"]["shapes"] if box["type"] == "rect"]
    np.testing.assert_allclose(
        drawn, 2 * [(k, n), (k, d), (k, r), (r, n), (r, d), (d, n)])  # X, W₀, A, U, B, H
    back = {word for trace in figure["data"] if trace["xaxis"] == "x2" for word in trace["text"]}
    assert back == {"∇X", "W₀", "∇A", "∇U", "∇B", "D", "◂"}


@pytest.mark.parametrize(("d", "n", "r"), [(1024, 1024, 8), (64, 1024, 64), (64, 1, 256)])
def test_no_bar_of_the_costs_leaves_its_axis(d, n, r):
    figure = costs(d, n, r)
    for axis in ("y", "y2"):
        heights = sum(np.array(t["y"]) for t in figure["data"] if t["yaxis"] == axis)
        assert max(heights) < figure["layout"][axis.replace("y", "yaxis")]["range"][1]
