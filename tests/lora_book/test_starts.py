"""Starts and traps: what PEFT's starting points do, and what their files are worth."""

import json

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from scipy.stats import kstest
from torch import nn

from lora_book.shared.norm_board import LEARNING_RATE
from lora_book.starts import figures
from lora_book.starts.runs import MORE_STARTS, PEFT_STARTS, ROUNDING, board
from lora_book.starts.runs_saved_files import off, original, train_and_save
from lora_edu.nn import inject, load_adapter
from tests.lora_book.figure_words import reading
from tests.lora_book.peft_layer import TASK, W0, adapted, train, trained

G0 = TASK.gradient(TASK.W0)


# What the starts do


def by_numpy(start, r, s):
    """(A, B) of a start of the board."""
    if start == "eva":
        return np.linalg.svd(TASK.X, full_matrices=False)[2][:r], np.zeros((64, r))
    if start == "olora":
        Q, R = np.linalg.qr(TASK.W0)
        return R[:r], Q[:, :r]
    if start == "lora_ga":  # the gradient's first directions, and the next ones times d^¼/√16
        U, S, Vt = np.linalg.svd(G0)
        return Vt[:r], U[:, r:2 * r] * S[r:2 * r] * 64**0.25 / 16**0.5
    U, S, Vt = np.linalg.svd(TASK.W0)
    root = np.sqrt(S[:r] / s)
    return root[:, None] * Vt[:r], U[:, :r] * root


@pytest.mark.claim("obs-peft-starts", "thm-moved-base")
@pytest.mark.parametrize("start, r, alpha", [
    ("pissa", 2, 4), ("pissa", 16, 4), ("olora", 2, 4), ("eva", 16, 4), ("lora_ga", 2, 4)])
def test_the_board_beside_the_start_in_numpy(start, r, alpha):
    """A, B, both gradients, and ΔW after Adam's first step, which is a sign."""
    norms = board(start, r, alpha)
    eta = LEARNING_RATE["Adam"]
    s = alpha / r
    A, B = by_numpy(start, r, s)
    grad_A = s * B.T @ G0
    grad_B = s * G0 @ A.T
    after = s * ((B - eta * np.sign(grad_B)) @ (A - eta * np.sign(grad_A)) - B @ A)
    for shown, matrix in ((norms.A, A), (norms.B, B), (norms.grad_A, grad_A),
                          (norms.grad_B, grad_B)):
        assert shown[0] == pytest.approx(np.linalg.norm(matrix), rel=5e-3, abs=1e-6)
    assert norms.model[1] == pytest.approx(np.linalg.norm(after), rel=0.02)
    assert f"base moved by {norms.base[0]:.3g}" in reading(figures.zoo(start, r, alpha))


@pytest.mark.claim("obs-peft-starts")
@pytest.mark.parametrize("start", PEFT_STARTS + MORE_STARTS)
@pytest.mark.parametrize("r", [2, 8, 32])
def test_each_start_is_of_its_kind(start, r):
    norms = board(start, r, 16)
    B_is_zero = start in ("True", "gaussian", "eva")
    base_moves = start in ("pissa", "pissa_niter_4", "olora", "corda") or (
        start == "lora_ga" and r == 2)
    if start == "lora_ga" and not base_moves:  # the gradient's rank is 4
        assert max(norms.base[0], norms.B[0], norms.grad_A[0]) < ROUNDING < norms.grad_B[0]
    else:
        assert norms.base[0] > 0.5 if base_moves else norms.base[0] == 0
    assert norms.model[0] > 0.5 if start == "False" else norms.model[0] < ROUNDING
    assert norms.model[0] == 0 or not (B_is_zero or start == "mica")
    assert (norms.grad_A[0] == 0) == B_is_zero
    assert np.isnan(norms.grad_B).all() == (start == "mica") and norms.grad_B[0] != 0


@pytest.mark.claim("obs-peft-starts")
def test_eva_has_the_larger_gradient_at_gaussians_length():
    eva = board("eva", 8, 16)
    for seed in range(12):
        gaussian = board("gaussian", 8, 16, seed=seed)
        assert eva.A[0] == pytest.approx(gaussian.A[0], rel=0.1)
        assert eva.grad_B[0] > 1.5 * gaussian.grad_B[0]


@pytest.mark.claim("obs-moved-base-bfloat16")
@pytest.mark.parametrize("start, s, share", [
    ("orthogonal", 2, 0.0004), ("pissa", 2, 0.002), ("olora", 2, 0.003), ("olora", 8, 0.011)])
def test_a_moved_base_in_bfloat16_moves_the_model(start, s, share):
    length = np.linalg.norm(TASK.W0)
    half, whole = (board(start, 8, 8 * s, dtype=dtype) for dtype in ("bfloat16", "float32"))
    assert half.model[0] / length == pytest.approx(share, rel=0.2)
    assert whole.model[0] / length < 1e-6


@pytest.mark.claim("obs-moved-base-bfloat16")
def test_base_and_a_and_b_are_rounded():
    _, layer = adapted(model=original().bfloat16(), init_lora_weights="pissa")
    U, S, Vt = torch.linalg.svd(W0.bfloat16().double())
    exact = (U[:, 8:] * S[8:]) @ Vt[8:]
    assert (layer.base_layer.weight == exact.bfloat16()).float().mean() > 0.99  # but for ties
    for part in (layer.lora_A["default"].weight, layer.lora_B["default"].weight):
        assert part.dtype == torch.float32 and torch.equal(part, part.bfloat16().float())


# "gaussian", and an embedding


@pytest.mark.claim("obs-gaussian-rank")
@pytest.mark.parametrize("start, power", [(True, 0), ("gaussian", -1)])
def test_the_useful_part_of_adams_first_step(start, power):
    """Under α/r: the same at every rank, and with "gaussian" as 1/r."""
    ranks = (4, 8, 16, 32)
    useful = np.zeros((4, 32))
    for i, seed in np.ndindex(useful.shape):
        model, layer = adapted(seed, r=ranks[i], init_lora_weights=start)
        train(model, torch.optim.Adam(trained(model), lr=1e-3), steps=1)
        useful[i, seed] = -(layer.get_delta_weight("default").detach().numpy() * G0).sum()
    slope = np.polyfit(np.log(ranks), np.log(useful.mean(axis=1)), 1)[0]
    assert slope == pytest.approx(power, abs=0.1)


@pytest.mark.claim("obs-gaussian-rank")
@pytest.mark.parametrize("k", [64, 3072])
@pytest.mark.parametrize("r", [4, 64])
def test_the_spreads_are_those_that_are_drawn(k, r):
    draws = []
    for start in (True, "gaussian"):
        _, layer = adapted(model=nn.Sequential(nn.Linear(k, 4)), r=r, init_lora_weights=start)
        draws.append(layer.lora_A["default"].weight.detach())
    draws.append(nn.init.kaiming_uniform_(torch.empty(k, r), a=5**0.5))  # stored the wrong way
    spreads = (3 * k) ** -0.5, 1 / r, (3 * r) ** -0.5
    for A, spread in zip(draws, spreads, strict=True):
        assert A.std().item() == pytest.approx(spread, rel=4 / (2 * k * r) ** 0.5)


@pytest.mark.claim("obs-embedding-start")
@pytest.mark.parametrize("by", ["PEFT", "inject"])
def test_an_embedding_starts_at_zero_and_learns_by_columns(by):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(90, 500))
    if by == "PEFT":
        model = get_peft_model(model, LoraConfig(r=32, target_modules=["0"]))
        layer = model.base_model.model[0]
        A, B = layer.lora_embedding_A["default"], layer.lora_embedding_B["default"]
    else:
        inject(model, ["0"], 32, 8, rng=np.random.default_rng(0))
        A, B = model[0].active[0].parameters()
    assert not A.any() and kstest(B.detach().ravel(), "norm").pvalue > 0.01
    model(torch.tensor([3, 14, 15, 3])).square().sum().backward()
    assert A.grad.any(dim=0).nonzero().ravel().tolist() == [3, 14, 15]


# A base that has moved


def load(folder, seed=1, draws=0):
    """PEFT's model, loaded after some more draws than there were before training."""
    torch.manual_seed(seed)
    model = original()
    torch.rand(draws)
    return PeftModel.from_pretrained(model, folder)


@pytest.mark.claim("obs-moved-base-files", "thm-moved-base")
@pytest.mark.filterwarnings("ignore:`corda_config` specified but")
@pytest.mark.parametrize("start, r, by_peft, alone", [  # off by, with three other seeds; or None
    (True, 8, (0, 0), 0), ("mica", 8, (0, 0), 0), ("pissa", 8, (0, 0), 0.63),
    ("olora", 8, (0, 0), 1.04), ("pissa_niter_4", 8, (0.32, 0.43), 0.61),
    ("pissa_niter_16", 8, (0.14, 0.25), 0.62), ("pissa_niter_64", 8, (0.004, 0.08), 0.63),
    ("lora_ga", 2, (0.30, 0.30), 0.30), ("corda", 8, None, 0.82)])
def test_what_a_file_is_worth(start, r, by_peft, alone, tmp_path):
    """By PEFT, whose warnings would be errors here; A and B alone on W0; and converted."""
    model = train_and_save(start, r, tmp_path)
    file = tmp_path / "adapter"
    if by_peft is None:
        with pytest.raises(ValueError, match="eigens"):
            load(file)
    else:
        gaps = [off(load(file, seed), model) for seed in (1, 2, 3)]
        assert [min(gaps), max(gaps)] == pytest.approx(by_peft, abs=0.01 if any(by_peft) else 0)
    if str(start).startswith("pissa_niter"):  # comes back with the draws of training only
        assert off(load(file, seed=0), model) == 0
        assert off(load(file, seed=0, draws=1), model) > 0.003
    if start != "mica":
        converted = load(tmp_path / "converted")
        ours = original()
        config = converted.peft_config["default"]
        assert (config.r, config.lora_alpha, config.init_lora_weights) == (2 * r, 4 * r, True)
        load_adapter(ours, tmp_path / "converted")
        assert off(converted, model) < 1e-6 and off(ours, converted) < 1e-6
    settings = json.loads((file / "adapter_config.json").read_text())
    (file / "adapter_config.json").write_text(json.dumps(settings | {"init_lora_weights": True}))
    assert off(load(file), model) == pytest.approx(alone, abs=0.01 if alone else 0)
