"""Tests of lora.py, step by step:   python test_lora.py   prints the points, pytest the details.

They need NumPy and pytest, and step 9 PyTorch. What is expected is computed in plain loops, from
the formulas of the LoRA paper (Hu et al. 2021), of Adam (Kingma and Ba 2015) and of PEFT's files.
"""

import copy
import importlib.util
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest

POINTS = {"low_rank": 2, "by_hand": 4, "step_zero": 2, "optimisers": 4, "training": 3, "scale": 1,
          "rules": 1, "load": 3, "layer": 2}
SIZES = [(1, 1, 1, 1), (2, 3, 4, 1), (5, 4, 3, 2)]  # n, d, k, r


def function(name, file="lora.py", **instead):
    """A function of yours. Functions of other steps that it calls are replaced by ours, so that
    a mistake there costs nothing here. A missing function fails only its own step."""
    spec = importlib.util.spec_from_file_location(Path(file).stem, Path(__file__).with_name(file))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not hasattr(module, name):
        pytest.fail(f"{file} does not define {name} yet")
    vars(module).update(instead)
    return getattr(module, name)


def numbers(size):
    """X, Y, D, W0, A and B, all of them random, so that no mistake hides behind a zero."""
    n, d, k, r = size
    rng = np.random.default_rng(sum(size))
    shapes = [(n, k), (n, d), (n, d), (d, k), (r, k), (d, r)]
    return [rng.normal(size=shape) for shape in shapes]


def called(function, *arguments):
    """The result of a call that must leave its arguments as they are."""
    before = copy.deepcopy(arguments)
    result = function(*arguments)
    for old, new in zip(before, arguments, strict=True):
        if isinstance(old, np.ndarray):
            assert np.array_equal(old, new), f"{function.__name__} changes one of its arguments"
    assert result is not None, f"{function.__name__} returns nothing yet"
    return result


def same(got, wanted, words):
    """Equal to a millionth of the largest entry."""
    got = np.asarray(got, dtype=float)
    wanted = np.asarray(wanted, dtype=float)
    assert got.shape == wanted.shape, f"{words}: shape {got.shape}, expected {wanted.shape}"
    assert abs(got - wanted).max() <= 1e-6 * max(abs(wanted).max(), 1e-12), (
        f"{words}: got\n{got}\nexpected\n{wanted}")


def product(P, Q):
    """P Q in three loops."""
    return [[sum(P[i][j] * Q[j][m] for j in range(len(Q))) for m in range(len(Q[0]))]
            for i in range(len(P))]


def transposed(P):
    return [list(column) for column in zip(*P, strict=True)]


def times(number, P):
    return [[number * entry for entry in row] for row in P]


def plus(P, Q):
    return [[p + q for p, q in zip(*rows, strict=True)] for rows in zip(P, Q, strict=True)]


def our_forward(X, W0, A, B, s):
    U = product(X, transposed(A))
    second = times(s, product(U, transposed(B)))
    return np.array(plus(product(X, transposed(W0)), second)), np.array(U)


def our_backward(D, X, U, W0, A, B, s):
    grad_U = times(s, product(D, B))
    grad_A = product(transposed(grad_U), X)
    grad_B = times(s, product(transposed(D), U))
    grad_X = plus(product(D, W0), product(grad_U, A))
    return np.array(grad_A), np.array(grad_B), np.array(grad_X)


def our_scale(alpha, r, *rule, **named):
    (rule,) = (*rule, *named.values()) or ("lora",)  # whatever you call it
    return {"lora": alpha / r, "rslora": alpha / math.sqrt(r), "none": alpha}[rule]


@pytest.mark.parametrize("size", SIZES)
def test_low_rank(size):
    *_, W0, A, B = numbers(size)
    update = times(0.7, product(B, A))
    same(called(function("delta"), A, B, 0.7), update, "delta is s times B A")
    same(called(function("merge"), W0, A, B, 0.7), plus(W0, update), "merge is W0 + s times B A")


@pytest.mark.parametrize("size", SIZES)
def test_by_hand(size):
    X, _, D, W0, A, B = numbers(size)
    wanted_H, wanted_U = our_forward(X, W0, A, B, 0.7)
    H, U = called(function("forward"), X, W0, A, B, 0.7)
    same(U, wanted_U, "U is X Aᵀ")
    same(H, wanted_H, "H is X W0ᵀ + s U Bᵀ")
    grads = called(function("backward"), D, X, wanted_U, W0, A, B, 0.7)
    assert len(grads) == 3, "backward must return the gradients of A, B and X, in this order"
    wanted = our_backward(D, X, wanted_U, W0, A, B, 0.7)
    same(grads[0], wanted[0], "the gradient of A")
    same(grads[1], wanted[1], "the gradient of B")
    same(grads[2], wanted[2], "the gradient of X, along both paths")


def test_step_zero():
    start = function("start")
    A, B = called(start, 20, 300, 40, np.random.default_rng(1))
    assert np.shape(A) == (40, 300) and np.shape(B) == (20, 40), "A must be (r, k) and B (d, r)"
    assert not np.any(B), "B must be zero at the start"
    bound = 1 / math.sqrt(300)
    assert np.abs(A).max() <= bound * (1 + 1e-9), "an entry of A lies outside ±1/√k"
    assert np.min(A) < -0.99 * bound and np.max(A) > 0.99 * bound, "A does not reach ±1/√k"
    assert np.std(A) == pytest.approx(bound / math.sqrt(3), rel=0.03), "A must be uniform"
    again, other = (start(20, 300, 40, np.random.default_rng(seed))[0] for seed in (1, 2))
    assert np.array_equal(A, again), "the same seed must give the same A: draw from rng alone"
    assert not np.array_equal(A, other), "another seed must give another A"


@pytest.mark.parametrize("settings", [(), (0.8, 0.9, 0.3)])
def test_optimisers(settings):
    beta1, beta2, eps = settings or (0.9, 0.999, 1e-8)
    sgd = function("sgd")
    adam = function("adam")
    gradients = np.array([[0.5, -2.0], [0.01, -0.3], [4.0, 1.0]])
    p = np.array([1.0, 1.0])
    same(called(sgd, p, gradients[0], None, 0.1)[0], [0.95, 1.2], "sgd's parameter")
    wanted = [1.0, 1.0]
    m = [0.0, 0.0]
    v = [0.0, 0.0]
    state = None
    for t, g in enumerate(gradients, 1):
        p, state = called(adam, p, g, state, 0.1, *settings)
        for i in range(2):
            m[i] = beta1 * m[i] + (1 - beta1) * g[i]
            v[i] = beta2 * v[i] + (1 - beta2) * g[i] * g[i]
            root = math.sqrt(v[i] / (1 - beta2**t))
            wanted[i] -= 0.1 * m[i] / (1 - beta1**t) / (root + eps)
        same(p, wanted, f"adam's parameter after step {t}")


def half_after_the_first(p, g, state, lr):
    """An optimiser that needs its state: every step after the first is halved."""
    return p - lr * g / (state or 1), 2


@pytest.mark.parametrize("size", SIZES)
def test_training(size):
    X, Y, _, W0, A, B = numbers(size)
    train = function("train", forward=our_forward, backward=our_backward)
    got = called(train, X, Y, W0, A, B, 0.7, 0.1, 3, half_after_the_first)
    assert len(got) == 3, "train must return A, B and the list of losses"
    losses = []
    for lr in (0.1, 0.05, 0.05):
        H, U = our_forward(X, W0, A, B, 0.7)
        losses.append(sum(entry**2 for row in H - Y for entry in row) / (2 * len(X)))
        grad_A, grad_B, _ = our_backward((H - Y) / len(X), X, U, W0, A, B, 0.7)
        A = A - lr * grad_A
        B = B - lr * grad_B
    same(got[0], A, "A after three steps")
    same(got[1], B, "B after three steps")
    same(got[2], losses, "the losses")


def test_scale():
    scale = function("scale")
    for alpha, r, wanted in [(16, 8, 2), (1, 4, 0.25), (5, 2, 2.5), (8, 8, 1)]:
        same(called(scale, alpha, r), wanted, f"scale({alpha}, {r})")


def test_rules():
    scale = function("scale")
    for rule, wanted in [("lora", 16 / 9), ("rslora", 16 / 3), ("none", 16)]:
        same(called(scale, 16, 9, rule), wanted, f"scale(16, 9, {rule!r})")
    same(called(scale, 16, 9), 16 / 9, "scale(16, 9), with no rule given")


def saved(folder, use_rslora):
    """An adapter as PEFT saves it: 0 has r = 2, and block.1.q a rank and an α of its own, which
    block.10.xq does not have, though its name ends alike. All entries are eighths, so that every
    order of adding them up gives the same bits."""
    layers = {"0": (3, 5, 2), "block.1.q": (4, 3, 3), "block.10.xq": (3, 4, 2)}
    matrices = {}
    header = {"__metadata__": {"format": "pt"}}
    content = b""
    for name, (d, k, r) in layers.items():
        for letter, (rows, columns) in {"B": (d, r), "A": (r, k)}.items():
            M = (np.arange(rows * columns).reshape(rows, columns) * 5 % 17 - 8).astype("<f4") / 8
            matrices[name, letter] = M
            header[f"base_model.model.{name}.lora_{letter}.weight"] = {
                "dtype": "F32", "shape": M.shape,
                "data_offsets": [len(content), len(content) + M.nbytes]}
            content += M.tobytes()
    head = json.dumps(header).encode()
    (folder / "adapter_model.safetensors").write_bytes(
        len(head).to_bytes(8, "little") + head + content)
    settings = {"peft_type": "LORA", "r": 2, "lora_alpha": 8, "rank_pattern": {"1.q": 3}}
    if use_rslora:  # else the keys are missing, as in older files
        settings |= {"use_rslora": True, "alpha_pattern": {"1.q": 6, "q": 5}}
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    return matrices


@pytest.mark.parametrize("use_rslora", [False, True])
def test_load(tmp_path, use_rslora):
    matrices = saved(tmp_path, use_rslora)
    folder = tmp_path if use_rslora else str(tmp_path)
    layers = called(function("load", scale=our_scale), folder)
    alphas = {"0": 8, "block.1.q": 6 if use_rslora else 8, "block.10.xq": 8}
    assert set(layers) == set(alphas), "the keys must be layers' names, without base_model.model."
    for name, (A, B, s) in layers.items():
        assert np.array_equal(A, matrices[name, "A"]), f"A of {name}"
        assert np.array_equal(B, matrices[name, "B"]), f"B of {name}"
        rule = "rslora" if use_rslora else "lora"
        same(s, our_scale(alphas[name], len(A), rule), f"s of {name}")


def test_layer():
    torch = pytest.importorskip("torch", reason="step 9 needs PyTorch")
    LoRALinear = function("LoRALinear", "lora_torch.py")
    # in eighths, so that every order of a sum gives the same bits
    X, _, D, W0, A, B = (np.round(8 * M) / 8 for M in numbers((2, 3, 4, 5)))
    base = torch.nn.Linear(4, 3, dtype=torch.float64)
    with torch.no_grad():
        base.weight.copy_(torch.tensor(W0))
        base.bias.fill_(0.5)
    layer = LoRALinear(base, A, B, 0.7)
    H = layer(torch.tensor(X))
    assert H is not None, "forward returns nothing yet"
    second = np.array(product(product(X, transposed(A)), transposed(B))) * 0.7
    wanted = np.array(product(X, transposed(W0))) + 0.5 + second
    same(H.detach(), wanted, "the output")
    assert np.array_equal(H.detach(), wanted), "the last bits are not PEFT's: multiply by s last"
    H.backward(torch.tensor(D))
    trained = {name: value for name, value in layer.named_parameters() if value.requires_grad}
    assert set(trained) == {"A", "B"}, "A and B must be trained, and nothing else"
    grad_A, grad_B, _ = our_backward(D, X, X @ A.T, W0, A, B, 0.7)
    for name, wanted in {"A": grad_A, "B": grad_B}.items():
        assert trained[name].grad is not None, f"{name} gets no gradient"
        same(trained[name].grad, wanted, f"the gradient of {name}")


class Score:
    """The points: a step earns them if all its tests pass."""

    def __init__(self):
        self.outcomes = {}

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or report.outcome != "passed":
            step = report.nodeid.split("::test_")[1].split("[")[0]
            self.outcomes.setdefault(step, []).append(report.outcome)

    def pytest_terminal_summary(self, terminalreporter):
        total = 0
        for step, points in POINTS.items():
            outcomes = self.outcomes.get(step, [])
            got = points if outcomes and set(outcomes) == {"passed"} else 0
            total += got
            note = "  (not run: it needs PyTorch)" if "skipped" in outcomes else ""
            terminalreporter.write_line(f"{step:11} {got} of {points}{note}")
        terminalreporter.write_line(f"{'all':11} {total} of {sum(POINTS.values())}")


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, "-q", "--tb=short", "-p", "no:cacheprovider"],
                         plugins=[Score()]))
