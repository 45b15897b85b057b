"""Starts and traps: the curvature at a start, and the learning rate that it wants."""

import numpy as np
import pytest
import torch

from lora_edu.chapters.shared.fits import geometric_mean as mean
from lora_edu.chapters.starts import STARTS, make_data, rates, tasks
from lora_edu.chapters.starts.figures import own_rate
from lora_edu.chapters.starts.make_data import top_curvature
from lora_edu.explore.words import number

torch.set_num_threads(1)
D, K, RANK, SCALE = 4, 5, 2, 1.5


class Tiny:
    """A layer of 4 × 5 under two losses, in float64, with its Hessian in W by automatic
    differentiation of the whole."""

    def __init__(self, kind: str, seed: int = 0):
        rng = np.random.default_rng(seed)
        self.W, self.x = (torch.tensor(rng.normal(size=shape)) for shape in ((D, K), (7, K)))
        self.y = torch.tensor(rng.normal(size=(7, D)))
        self.A, self.B = (torch.tensor(rng.normal(size=shape)) for shape in ((RANK, K), (D, RANK)))
        self.base = self.W - SCALE * self.B @ self.A
        self.kind = kind

    def of_weight(self, W):
        Z = self.x @ W.T
        if self.kind == "regression":
            return ((Z - self.y)**2).sum() / (2 * len(self.x))
        return (torch.logsumexp(Z, dim=1) - Z[:, 0]).mean()

    def loss(self, pair):
        A, B = pair
        return self.of_weight(self.base + SCALE * B @ A)

    def in_weight(self):
        """(G, H as a (dk, dk) matrix) at W."""
        flat = torch.func.jacrev(torch.func.grad(lambda w: self.of_weight(w.view(D, K))))(
            self.W.flatten())
        return torch.func.grad(self.of_weight)(self.W), flat


def by_differences(loss, at, h=1e-4):
    """The Hessian from losses alone."""
    start = torch.cat([part.flatten() for part in at])

    def value(v):
        return float(loss([part.view_as(one) for part, one in
                           zip(v.split([one.numel() for one in at]), at, strict=True)]))

    n = len(start)
    steps = h * torch.eye(n, dtype=start.dtype)
    return np.array([[(value(start + a + b) - value(start + a - b) - value(start - a + b)
                       + value(start - a - b)) / (4 * h * h) for b in steps] for a in steps])


@pytest.mark.claim("obs-own-rate")
@pytest.mark.parametrize("kind", ["regression", "classes"])
def test_the_curvature_is_the_largest_eigenvalue_of_the_hessian_from_differences(kind):
    tiny = Tiny(kind)
    dense = np.linalg.eigvalsh(by_differences(tiny.loss, [tiny.A, tiny.B]))
    assert top_curvature(tiny.loss, [tiny.A, tiny.B]) == pytest.approx(dense[-1], rel=1e-4)


def test_a_larger_negative_curvature_does_not_hide_it():
    """Also at the saddle, where eigenvalues come in pairs ±."""
    tiny = Tiny("regression")
    tiny.base = tiny.W
    G, _ = tiny.in_weight()
    nothing = [0 * tiny.A, 0 * tiny.B]
    assert top_curvature(tiny.loss, nothing) == pytest.approx(
        SCALE * torch.linalg.svdvals(G)[0].item(), rel=1e-4)

    def bent(p):
        return (torch.tensor([-9.0, 2.0, 1.0, 0.5], dtype=torch.float64) * p[0]**2).sum() / 2

    assert top_curvature(bent, [torch.ones(4, dtype=torch.float64)]) == pytest.approx(2, rel=1e-4)


@pytest.mark.claim("thm-start-curvature")
@pytest.mark.parametrize("kind", ["regression", "classes"])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("lengths", [(1, 1), (0, 1), (1, 0), (0.1, 3)])
def test_the_form_and_its_bounds(kind, seed, lengths):
    tiny = Tiny(kind, seed)
    tiny.A, tiny.B = (length * part for length, part in
                      zip(lengths, (tiny.A, tiny.B), strict=True))
    tiny.base = tiny.W - SCALE * tiny.B @ tiny.A
    G, H = tiny.in_weight()
    G, H, A, B = (part.numpy() for part in (G, H, tiny.A, tiny.B))
    dense = by_differences(tiny.loss, [tiny.A, tiny.B])

    def form(D):
        return D.ravel() @ H @ D.ravel()

    rng = np.random.default_rng(seed)
    for _ in range(5):
        dA, dB = rng.normal(size=A.shape), rng.normal(size=B.shape)
        v = np.concatenate([dA.ravel(), dB.ravel()])
        q = SCALE**2 * form(B @ dA + dB @ A) + 2 * SCALE * np.vdot(G, dB @ dA)
        assert q == pytest.approx(v @ dense @ v, rel=1e-3, abs=1e-3)
    values, s = np.linalg.eigvalsh(dense), SCALE
    a, b, g = (np.linalg.norm(part, 2) for part in (A, B, G))
    h = np.linalg.eigvalsh(H).max()
    assert np.linalg.eigvalsh(H).min() > -1e-9  # H ≥ 0, so that h is its largest value
    slack = 1e-4 * max(1, values[-1])
    assert values[-1] <= s**2 * h * (a**2 + b**2) + s * g + slack
    assert values[0] >= -s * g - slack
    blocks = [np.linalg.eigvalsh(dense[part, part])[-1]
              for part in (slice(RANK * K, None), slice(RANK * K))]  # B's own, and A's own
    assert values[-1] >= max(blocks) - slack
    if kind == "regression":
        C = (tiny.x.T @ tiny.x / len(tiny.x)).numpy()
        known = [s**2 * np.linalg.eigvalsh(A @ C @ A.T)[-1],
                 s**2 * b**2 * np.linalg.eigvalsh(C)[-1]]
        np.testing.assert_allclose(blocks, known, rtol=1e-3, atol=1e-3)


@pytest.mark.claim("thm-two-over-lambda")
def test_two_over_the_curvature_on_a_quadratic():
    rng = np.random.default_rng(0)
    values = np.array([0.1, 0.7, 3.0])
    Q = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    H = (Q * values) @ Q.T
    for factor in (0.5, 0.98, 1.02, 1.5):
        eta, x = factor * 2 / values[-1], rng.normal(size=3)
        paths = [x]
        for _ in range(200):
            paths.append(paths[-1] - eta * H @ paths[-1])
        along = np.abs(np.array(paths) @ Q)
        if factor > 1:
            np.testing.assert_allclose(along[1:, 2] / along[:-1, 2], eta * values[-1] - 1)
        else:
            assert (along[1:] <= along[:-1] + 1e-12).all() and along[-1, 2] < 0.1 * along[0, 2]


@pytest.mark.claim("cor-moved-reach")
@pytest.mark.parametrize("seed", range(3))
def test_what_a_moved_base_can_reach(seed):
    """The nearest layer by alternating least squares; and a change that is reached."""
    rng = np.random.default_rng(seed)
    W0, change, A0, B0 = (rng.normal(size=shape) for shape in ((6, 5), (6, 5), (2, 5), (6, 2)))
    base = W0 - SCALE * B0 @ A0
    best = np.inf
    for _ in range(5):
        A, left = rng.normal(size=(2, 5)), W0 + change - base
        for _ in range(500):
            B = np.linalg.lstsq(SCALE * A.T, left.T, rcond=None)[0].T
            A = np.linalg.lstsq(SCALE * B, left, rcond=None)[0]
        best = min(best, np.linalg.norm(W0 + change - base - SCALE * B @ A))
    sizes = np.linalg.svd(change + SCALE * B0 @ A0, compute_uv=False)
    assert best == pytest.approx(np.linalg.norm(sizes[2:]), rel=1e-6)
    assert best > 0.1  # a change of rank 5; and one of rank 1 in another direction
    single = np.outer(rng.normal(size=6), rng.normal(size=5))
    assert np.linalg.matrix_rank(single + SCALE * B0 @ A0) == 3
    along = B0 @ rng.normal(size=(2, 5))  # of B0's columns: reached
    assert np.linalg.matrix_rank(along + SCALE * B0 @ A0, tol=1e-9) <= 2


# --- the starts on both tasks

MOVED = {"PiSSA", "MiLoRA", "OLoRA", "CorDA", "LoRA-GA"}


@pytest.mark.claim("obs-own-rate")
@pytest.mark.parametrize("task", rates.TASKS)
@pytest.mark.parametrize("name", STARTS)
def test_the_starts_are_what_they_are_called(task, name):
    given, begun = tasks.task(task, 0), tasks.start(name, task, 0)
    for W, A, B, base in zip(given.weights, begun.A, begun.B, begun.base, strict=True):
        assert (A.shape, B.shape) == ((8, W.shape[1]), (W.shape[0], 8))
        now = base + 2 * B @ A
        changed = name in ("both random", "both small")
        assert (torch.linalg.norm(now - W) > 0.01 * torch.linalg.norm(W)) == changed
        if not changed:
            torch.testing.assert_close(now, W, rtol=0, atol=2e-5 * float(W.abs().max()))
        moved = name in MOVED or "subtracted" in name
        # on the regression LoRA-GA's gradient has rank 4, so that its B is rounding
        if (name, task) != ("LoRA-GA", "regression"):
            assert (torch.linalg.norm(base - W) > 1e-3) == moved
        if name == "MiLoRA":
            least = torch.linalg.svdvals(W)[-8:].norm()
            assert torch.linalg.norm(base - W).item() == pytest.approx(least.item(), rel=1e-3)
        if name.startswith("A zero"):
            width = (3 * (8 if "wide" in name else W.shape[0]))**-0.5
            assert not A.any() and B.std().item() == pytest.approx(width, rel=0.1)


def test_ten_steps_of_sgd_are_those_of_the_two_gradients_formula():
    """One run of a stack of two."""
    given, begun = tasks.task("regression", 0), tasks.start("default", "regression", 0)
    A, B = begun.A[0], begun.B[0]
    for eta in (0.01, 0.1):
        found = make_data.losses("regression", "default", "SGD", 0, rates=[eta, 1e-9])
        a, b = A.clone(), B.clone()
        for _ in range(10):
            leaf = (begun.base[0] + 2 * b @ a).requires_grad_()
            given.loss([leaf]).backward()
            a, b = a - eta * 2 * b.T @ leaf.grad, b - eta * 2 * leaf.grad @ a.T
        assert found[0, 1] == pytest.approx(given.loss([begun.base[0] + 2 * b @ a]).item())
        assert found[1, -1] == pytest.approx(found[1, 0], rel=1e-5)


# --- the stored results

@pytest.mark.claim("obs-own-rate")
@pytest.mark.parametrize(("task", "start", "seed"), [
    ("regression", "PiSSA", 1), ("regression", "EVA", 4), ("digits", "PiSSA", 1),
    ("digits", "OLoRA", 2)])
def test_the_stored_curvature_is_found_again(task, start, seed):
    stored = rates.stored()[f"{task} curvature"][STARTS.index(start), seed]
    assert make_data.curvature(task, start, seed) == pytest.approx(stored, rel=2e-3)


@pytest.mark.claim("obs-own-rate", "obs-small-start")
@pytest.mark.parametrize(("task", "start", "optimiser"), [
    ("regression", "default", "SGD"), ("regression", "both small", "Adam"),
    ("digits", "PiSSA", "SGD"), ("digits", "default", "Adam")])
def test_the_stored_losses_are_found_again(task, start, optimiser):
    at, tried = STARTS.index(start), rates.RATES[optimiser]
    stored = rates.stored()[f"{task} {optimiser} ends"][at, 0]
    curves = rates.stored()[f"{task} {optimiser} curves"][at]
    some = np.array([stored.argmin() - 4, stored.argmin() - 2])  # not at the cliff
    found = make_data.losses(task, start, optimiser, 0, rates=tried[some])
    np.testing.assert_allclose(found[:, -1], stored[some], rtol=0.02)
    np.testing.assert_allclose(found, curves[some], rtol=0.03)


def of(task):
    """({start: its curvature}, {optimiser: {start: its best rate}}), means over the seeds."""
    rows = [rates.stored()[f"{task} curvature"], *(rates.best(task, rule) for rule in rates.RATES)]
    curvature, *best = (dict(zip(STARTS, mean(row), strict=True)) for row in rows)
    return curvature, dict(zip(rates.RATES, best, strict=True))


def ranks(values):
    """From the smallest up; those that are equal but for rounding share the mean of theirs."""
    logs = np.log(list(values.values())).round(6)
    return [(logs < value).sum() + (logs == value).sum() / 2 for value in logs]


@pytest.mark.claim("obs-own-rate")
@pytest.mark.parametrize(("task", "curvatures", "shares", "correlations", "diverge"), [
    ("regression", (5, 4900), (0.4, 1.8), (-0.97, -0.41), 10),
    ("digits", (23, 27000), (1.0, 2.5), (-0.73, 0.14), 6)])
def test_what_is_said_of_both_tasks(task, curvatures, shares, correlations, diverge):
    curvature, best = of(task)
    assert [min(curvature.values()), max(curvature.values())] == pytest.approx(
        curvatures, rel=0.1)
    found = [best["SGD"][start] * curvature[start] / 2 for start in STARTS]
    assert [min(found), max(found)] == pytest.approx(shares, abs=0.05)
    for rule, wanted in zip(rates.RATES, correlations, strict=True):
        assert np.corrcoef(ranks(curvature), ranks(best[rule]))[0, 1] == pytest.approx(
            wanted, abs=0.006)
    for rule, many in (("SGD", diverge), ("Adam", 0)):
        ends = rates.stored()[f"{task} {rule} ends"]  # starts, seeds, rates
        lost = dict(zip(STARTS, (ends[:, :, mean(ends[0].T).argmin()] == rates.LOST).any(
            axis=1), strict=True))
        assert sum(lost.values()) == many
        assert lost["PiSSA"] == lost["OLoRA"] == (rule == "SGD")


@pytest.mark.claim("obs-own-rate")
@pytest.mark.parametrize(("task", "rate", "exceptions"), [
    ("regression", 2**-6, {"A zero, wide": 1.7, "both random": 3.8}),
    ("digits", 2**-5, {"EVA": 3.0, "A zero, wide": 1.5, "LoRA-GA": 1.7, "CorDA": 22.9})])
def test_with_adam_most_starts_do_well_at_the_defaults_rate(task, rate, exceptions):
    loss = mean(rates.stored()[f"{task} Adam ends"].swapaxes(1, 2))  # starts, rates
    at = rates.RATES["Adam"].tolist().index(rate)
    assert loss[STARTS.index("default")].argmin() == at
    least = dict(zip(STARTS, loss.min(axis=1) / loss[0].min(), strict=True))
    if task == "digits":
        assert [least[name] for name in ("LoRA-GA", "PiSSA", "CorDA")] == pytest.approx(
            [0.006, 0.06, 4.5], rel=0.05)
    else:
        assert min(least[name] for name in ("PiSSA", "OLoRA", "CorDA")) > 20_000
    price = dict(zip(STARTS, loss[:, at] / loss.min(axis=1), strict=True))
    assert {start: value for start, value in price.items() if value > 1.02} == pytest.approx(
        exceptions, abs=0.06)


@pytest.mark.claim("obs-own-rate")
def test_under_sgd_the_best_rate_is_mostly_the_last_that_does_not_diverge():
    last = total = 0
    for task in rates.TASKS:
        ends = rates.stored()[f"{task} SGD ends"].reshape(-1, len(rates.RATES["SGD"]))
        total += len(ends)
        last += sum(row[row.argmin() + 1] >= rates.LOST for row in ends)
    assert (last, total) == (88, 120)


def test_the_digits_curvature_is_mostly_that_of_the_saddle():
    given = tasks.task("digits", 0)
    leaves = [W.clone().requires_grad_() for W in given.weights]
    lengths = [2 * torch.linalg.svdvals(G)[0].item() for G in
               torch.autograd.grad(given.loss(leaves), leaves)]
    assert rates.stored()["digits curvature"][0, 0] == pytest.approx(max(lengths), rel=1e-3)
    assert sum(22.9 < value < 25.1 for value in of("digits")[0].values()) == 8


@pytest.mark.claim("obs-small-start")
def test_what_is_said_of_a_small_start():
    least, begin = {}, {}
    for task in rates.TASKS:
        ends, curves = (rates.stored()[f"{task} Adam {kind}"] for kind in ("ends", "curves"))
        least[task] = dict(zip(STARTS, mean(ends.swapaxes(1, 2)).min(axis=1), strict=True))
        begin[task] = dict(zip(STARTS, curves[:, 0, 0], strict=True))
    found = least["regression"]
    assert found["both small"] == pytest.approx(found["default"], rel=0.1)
    assert found["both small, subtracted"] == pytest.approx(400 * found["both small"], rel=0.1)
    assert found["default"] < found["both random"] < 0.01 * found["both random, subtracted"]
    found = least["digits"]
    for size in ("both small", "both random"):
        assert found[size] < found["default"] and found[f"{size}, subtracted"] < found["default"]
        assert found[f"{size}, subtracted"] == pytest.approx(found[size], rel=0.25)
    assert found["PiSSA"] < found["default"]
    each = dict(zip(STARTS, rates.stored()["digits Adam ends"].min(axis=2), strict=True))
    for start, other, low, high in (("both small, subtracted", "both small", 0.56, 1.21),
                                    ("both random, subtracted", "both random", 0.99, 1.96),
                                    ("LoRA-GA", "default", 0.0033, 0.0146)):
        ratio = each[start] / each[other]
        assert [ratio.min(), ratio.max()] == pytest.approx([low, high], rel=0.02)
    assert begin["regression"]["both small"] / begin["regression"]["default"] == pytest.approx(
        1.04, abs=0.01)
    begun, given = tasks.start("both small", "regression", 0), tasks.task("regression", 0)
    assert torch.linalg.norm(2 * begun.B[0] @ begun.A[0]).item() == pytest.approx(0.19, abs=0.01)
    assert torch.linalg.norm(given.weights[0]).item() == pytest.approx(8, abs=0.1)


@pytest.mark.parametrize("task", rates.TASKS)
def test_the_explorer_says_the_curvature_and_the_best_rate(task):
    curvature, best = of(task)
    assert (f"PiSSA has λ = {number(curvature['PiSSA'])} and its best η = "
            f"{number(best['SGD']['PiSSA'])}") in own_rate("PiSSA", "SGD", task)["layout"]["meta"][
                "reading"]
