"""The chapter Forward and backward by hand, on the code that it prints."""

import tracemalloc

import numpy as np
import pytest
import torch

from lora_edu.chapters.by_hand import runs
from lora_edu.chapters.by_hand.figures import costs, two_paths
from tests.book import notebook

torch.set_num_threads(1)
CELLS = [cell.source for cell in notebook("book/part1/by-hand").cells if cell.cell_type == "code"]


def printed(*names, **given):
    """The functions that the page prints, by the cells that define them."""
    space = {"np": np, **given}
    for name in names:
        cell = next(source for source in CELLS if f"def {name}(" in source)
        exec(cell.partition("\nkept = ")[0], space)
    return [space[name] for name in names]


def arrays(n, d, k, r):
    """X, W0, A and B of normal numbers."""
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape) for shape in ((n, k), (d, k), (r, k), (d, r))]


@pytest.mark.claim("thm-backward")
@pytest.mark.parametrize(("n", "d", "k", "r"), [(20, 5, 6, 2), (7, 6, 3, 9)])
def test_the_printed_backward_pass_is_torchs(n, d, k, r):
    forward, backward = printed("forward", "backward")
    X, W0, A, B = given = arrays(n, d, k, r)
    s, (tX, tW0, tA, tB) = 1.7, (torch.tensor(array, requires_grad=True) for array in given)
    tH = tX @ tW0.T + s * (tX @ tA.T) @ tB.T
    tH.retain_grad()
    torch.logsumexp(tH, 1).sum().backward()
    H, U = forward(X, W0, A, B, s)
    D, G = tH.grad.numpy(), tW0.grad.numpy()
    grad_A, grad_B, grad_X = backward(D, X, U, W0, A, B, s)
    for mine, theirs in ((H, tH.detach()), (U, X @ A.T), (D.T @ X, G), (grad_X, tX.grad),
                         (grad_A, tA.grad), (s * B.T @ G, tA.grad),
                         (grad_B, tB.grad), (s * G @ A.T, tB.grad)):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.claim("obs-v-curve")
def test_differences_have_a_best_step_and_the_complex_step_has_none():
    exponents = np.array(runs.EXPONENTS)
    found = [dict(zip(runs.EXPONENTS, runs.errors(scheme), strict=True))
             for scheme in runs.SCHEMES]
    right = exponents[(exponents >= -3) & (exponents <= -1)]
    for error, order in zip(found, (1, 2, 2), strict=True):
        slope = np.polyfit(right, [np.log10(error[e]) for e in right], 1)[0]
        assert slope == pytest.approx(order, abs=0.05)
    *differences, complex_step = found
    for error, best, least in zip(differences, (-8, -5), (1e-7, 1e-10), strict=True):
        assert min(error, key=error.get) == best and 0.3 < error[best] / least < 3
        assert (np.diff([error[e] for e in range(best, -15, -2)]) > 0).all()
        assert 0.5 < error[-16] < 10
    assert max(complex_step[e] for e in range(-16, -7)) < 1e-15


@pytest.mark.claim("obs-v-curve")
def test_at_the_smallest_step_the_arguments_differ_and_the_losses_cannot():
    A, B, h = runs.small_layer()[0].A, runs.small_layer()[0].B, 1e-16
    assert (A + h != A - h).all()
    largest_change = ((A + h) - (A - h)).max() * np.abs(runs.exact_gradient()).max()
    assert largest_change < np.spacing(runs.loss(A, B)) / 2


class Counted(np.ndarray):
    """An array that counts the multiplications of its matrix products."""

    done = 0

    def __matmul__(self, other):
        Counted.done += self.shape[0] * self.shape[1] * other.shape[1]
        return (np.asarray(self) @ np.asarray(other)).view(Counted)


@pytest.mark.claim("thm-two-thirds")
@pytest.mark.parametrize(("d", "r", "n"), [(8, 1, 3), (12, 4, 5), (6, 6, 2)])
def test_the_multiplications_of_a_step(d, r, n):
    X, W0, A, B = (array.view(Counted) for array in arrays(n, d, d, r))
    forward, backward = printed("forward", "backward")
    U = X @ A.T

    def count(step):
        before = Counted.done
        step()
        return Counted.done - before

    product = count(lambda: X @ W0.T)  # each of full fine-tuning's three
    there = count(lambda: forward(X, W0, A, B, 1.0))
    back = count(lambda: backward(X, X, U, W0, A, B, 1.0))
    lowest = there + count(lambda: (X.T @ U, (X @ B).T @ X))  # no gradient of the input
    assert (there + back) / (3 * product) == pytest.approx(2 / 3 + 2 * r / d, rel=1e-12)
    assert lowest / (2 * product) == pytest.approx(1 / 2 + 5 * r / (2 * d), rel=1e-12)
    assert lowest / (3 * product) == pytest.approx(1 / 3 + 5 * r / (3 * d), rel=1e-12)
    counts = runs.multiplications(d, d, n, r)
    assert [sum(way.values()) for way in counts.values()] == [3 * product, there + back]


@pytest.mark.claim("obs-memory")
def test_what_is_kept_is_what_is_counted():
    n, d, r = 512, 768, 8
    X, W0, A, B = arrays(n, d, d, r)
    forward, backward = printed("forward", "backward")
    makers = printed("full_memory", "lora_memory", X=X, D=X, W0=W0, A=A, B=B,
                     forward=forward, backward=backward)
    kept, measured = runs.memory(d, d, n, r), []
    for counts, make in zip(kept.values(), makers, strict=True):
        tracemalloc.start()
        held = make()
        measured.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        assert measured[-1] == pytest.approx(8 * sum(counts.values()), rel=0.01)
        del held
    assert measured[1] < 0.4 * measured[0]
    assert kept["LoRA"]["weights"] >= d * d and kept["LoRA"]["inputs kept"] >= n * d


def test_the_frozen_weight_alone_has_no_gradient():
    back = {word for trace in two_paths()["data"] if trace["xaxis"] == "x2"
            for word in trace["text"]}
    assert back == {"∇X", "W₀", "∇A", "∇U", "∇B", "D", "◂"}


@pytest.mark.parametrize(("d", "n", "r"), [(64, 1024, 64), (64, 1, 256)])
def test_no_bar_of_the_costs_leaves_its_axis(d, n, r):
    bars, layout = costs(d, n, r)["data"], costs(d, n, r)["layout"]
    for axis in ("y", "y2"):
        heights = sum(np.array(bar["y"]) for bar in bars if bar["yaxis"] == axis)
        assert max(heights) < layout[axis.replace("y", "yaxis")]["range"][1]
