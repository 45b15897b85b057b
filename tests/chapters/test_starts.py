"""Starts and traps: what PEFT's starting points do, and what their files are worth."""

import json
import warnings
from functools import cache

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn

from lora_edu.chapters.starts import figures
from lora_edu.chapters.starts.runs import (
    MORE_STARTS,
    PEFT_STARTS,
    ROUNDING,
    WIDTHS,
    board,
    config_for,
    quiet_peft,
)
from lora_edu.chapters.step_zero.runs import LEARNING_RATE
from lora_edu.nn import inject, load_adapter
from tests.chapters.peft_layer import TASK, W0, X, adapted, loss_of, off, original, train, trained

G0 = TASK.gradient(TASK.W0)


# What the starts do


def svd_start(r, s):
    U, S, Vt = np.linalg.svd(TASK.W0)
    root = np.sqrt(S[:r] / s)
    return root[:, None] * Vt[:r], U[:, :r] * root


def qr_start(r, s):
    Q, R = np.linalg.qr(TASK.W0)
    return R[:r], Q[:, :r]


def eva_start(r, s):
    return np.linalg.svd(TASK.X, full_matrices=False)[2][:r], np.zeros((64, r))


@pytest.mark.claim("obs-peft-starts")
@pytest.mark.parametrize("r, alpha", [(2, 4), (16, 4)])
@pytest.mark.parametrize("start, matrices", [
    ("pissa", svd_start), ("olora", qr_start), ("eva", eva_start)])
def test_the_board_is_that_of_the_start_written_out_in_numpy(start, matrices, r, alpha):
    """A, B, both gradients, and ΔW after Adam's first step, which is a sign."""
    s, eta, found = alpha / r, LEARNING_RATE["Adam"], board(start, r, alpha)
    A, B = matrices(r, s)
    grad_A, grad_B = s * B.T @ G0, s * G0 @ A.T
    for have, want in ((found.A, A), (found.B, B), (found.grad_A, grad_A), (found.grad_B, grad_B)):
        assert have[0] == pytest.approx(np.linalg.norm(want), rel=5e-3, abs=1e-6)
    after = s * ((B - eta * np.sign(grad_B)) @ (A - eta * np.sign(grad_A)) - B @ A)
    assert found.model[1] == pytest.approx(np.linalg.norm(after), rel=0.02)


@pytest.mark.claim("obs-peft-starts")
def test_lora_gas_b_is_as_long_as_the_next_singular_values():
    """A: unit rows; B: times d^¼/√16. The gradient has four singular values that are not zero."""
    lengths = np.linalg.svd(G0)[1]
    assert lengths[3] > 0.1 and lengths[4] < 1e-12
    found = board("lora_ga", 2, 4)
    assert found.A[0] == pytest.approx(2**0.5, rel=1e-5)
    assert found.B[0] == pytest.approx(64**0.25 / 16**0.5 * np.linalg.norm(lengths[2:4]), rel=1e-4)
    # A's rows are the first directions: ∇B = s·G·Aᵀ has their singular values
    assert found.grad_B[0] == pytest.approx(2 * np.linalg.norm(lengths[:2]), rel=1e-4)
    found = board("lora_ga", 8, 16)
    assert max(found.B[0], found.grad_A[0]) < ROUNDING < found.grad_B[0]


@pytest.mark.claim("obs-gaussian-rank")
@pytest.mark.parametrize("start, power", [(True, 0), ("gaussian", -1)])
def test_the_useful_part_of_adams_first_step_by_rank(start, power):
    """Under α/r: the same at every rank, and with "gaussian" as 1/r."""
    ranks, useful = (4, 8, 16, 32), []
    for r in ranks:
        gains = []
        for seed in range(32):
            model, layer = adapted(seed, r=r, init_lora_weights=start)
            train(model, torch.optim.Adam(trained(model), lr=1e-3), steps=1)
            gains.append(-(layer.get_delta_weight("default").detach().numpy() * G0).sum())
        useful.append(np.mean(gains))
    assert np.polyfit(np.log(ranks), np.log(useful), 1)[0] == pytest.approx(power, abs=0.1)


@pytest.mark.claim("obs-gaussian-rank")
@pytest.mark.parametrize("k", WIDTHS)
@pytest.mark.parametrize("r", [4, 64])
def test_the_spreads_are_those_that_are_drawn(k, r):
    curves = [dict(zip(t["x"], t["y"], strict=True)) for t in figures.spread(k)["data"]]
    torch.manual_seed(0)
    stored_wrong = torch.empty(k, r)
    nn.init.kaiming_uniform_(stored_wrong, a=5**0.5)
    drawn = []
    for init in (True, "gaussian"):
        model = get_peft_model(nn.Sequential(nn.Linear(k, 4)), LoraConfig(
            r=r, target_modules=["0"], init_lora_weights=init))
        drawn.append(model.base_model.model[0].lora_A["default"].weight.detach())
    for A, curve in zip([*drawn, stored_wrong], curves, strict=True):
        assert A.std().item() == pytest.approx(curve[r], rel=4 / (2 * k * r) ** 0.5)


MOVES_BASE = {"pissa", "pissa_niter_4", "olora", "corda"}


@pytest.mark.claim("obs-peft-starts")
@pytest.mark.parametrize("start", PEFT_STARTS + MORE_STARTS)
@pytest.mark.parametrize("r", [2, 8, 32])
def test_each_start_is_of_its_kind(start, r):
    found = board(start, r, 16)
    if start == "False":
        assert found.model[0] > 0.5 and found.base[0] == 0
    elif start in MOVES_BASE:
        assert found.base[0] > 0.5 and found.model[0] < ROUNDING
    elif start == "lora_ga":
        assert found.model[0] < ROUNDING
        assert (found.base[0] > 0.5) == (r == 2)  # the gradient's rank is 4
    else:
        assert found.base[0] == 0 and found.model[0] < ROUNDING
        assert (found.model[0] == 0) == (start != "orthogonal")
    assert (found.grad_A[0] == 0) == (start in ("True", "gaussian", "eva"))
    assert np.isnan(found.grad_B).all() == (start == "mica") and found.grad_B[0] != 0
    assert found.model[1] > 1e-3  # every start is left


@pytest.mark.claim("obs-peft-starts")
def test_eva_has_the_larger_gradient_at_the_length_of_gaussian():
    eva = board("eva", 8, 16)
    for seed in range(12):
        gaussian = board("gaussian", 8, 16, seed=seed)
        assert eva.A[0] == pytest.approx(gaussian.A[0], rel=0.1)
        assert eva.grad_B[0] > 1.5 * gaussian.grad_B[0]


@pytest.mark.claim("obs-moved-base-bfloat16")
@pytest.mark.parametrize("start, s, off", [
    ("orthogonal", 2, 0.0004), ("pissa", 2, 0.002), ("olora", 2, 0.003), ("olora", 8, 0.012)])
def test_a_moved_base_in_bfloat16_moves_the_model(start, s, off):
    length = np.linalg.norm(TASK.W0)
    half, whole = (board(start, 8, 8 * s, dtype=dtype) for dtype in ("bfloat16", "float32"))
    assert half.model[0] / length == pytest.approx(off, rel=0.2)
    assert whole.model[0] / length < 1e-6


@pytest.mark.claim("obs-moved-base-bfloat16")
def test_the_residual_and_a_and_b_are_rounded_to_the_bases_precision():
    layer = get_peft_model(original().bfloat16(), LoraConfig(
        r=8, lora_alpha=16, target_modules=["0"], init_lora_weights="pissa")).base_model.model[0]
    A, B = (part["default"].weight.detach() for part in (layer.lora_A, layer.lora_B))
    U, S, Vt = torch.linalg.svd(W0.bfloat16().double())
    exact = (U[:, 8:] * S[8:]) @ Vt[8:]
    # all but a few ties
    assert (layer.base_layer.weight == exact.bfloat16()).float().mean() > 0.99
    assert A.dtype == B.dtype == torch.float32
    assert torch.equal(A, A.bfloat16().float()) and torch.equal(B, B.bfloat16().float())


def test_the_board_says_its_start():
    reading = figures.zoo("pissa", 8, 16)["layout"]["meta"]["reading"]
    assert f"base moved by {board('pissa', 8, 16).base[0]:.3g}" in reading
    assert "‖ΔW‖ rounding → " in reading
    assert "not possible" in figures.zoo("orthogonal", 1, 16)["layout"]["meta"]["reading"]


# Traps


@pytest.mark.claim("obs-embedding-start")
def test_an_embedding_starts_with_a_zero_and_only_columns_looked_up_get_a_gradient():
    torch.manual_seed(0)
    theirs = get_peft_model(nn.Sequential(nn.Embedding(90, 500)), LoraConfig(
        r=32, target_modules=["0"])).base_model.model[0]
    ours = nn.Sequential(nn.Embedding(90, 500))
    inject(ours, ["0"], 32, 8, rng=np.random.default_rng(0))
    for model, A, B in (
            (theirs, theirs.lora_embedding_A["default"], theirs.lora_embedding_B["default"]),
            (ours, ours[0].active[0].lora_A, ours[0].active[0].lora_B)):
        assert not A.any() and B.std().item() == pytest.approx(1, rel=0.03)
        assert (B.abs() < 1).float().mean().item() == pytest.approx(0.6827, abs=0.015)
        model(torch.tensor([3, 14, 15, 3])).square().sum().backward()
        assert A.grad.any(dim=0).nonzero().ravel().tolist() == [3, 14, 15]


@pytest.mark.claim("thm-moved-base")
@pytest.mark.parametrize("d, k, r, s", [(5, 7, 2, 1.5), (6, 4, 3, 2 / 3)])
def test_a_start_that_moves_the_base_in_float64(d, k, r, s):
    """All three parts, with autograd for the gradients and any A and B for the trained ones."""
    rng = np.random.default_rng(0)
    W, A0, B0, A, B, x = (torch.tensor(rng.normal(size=shape)) for shape in (
        (d, k), (r, k), (d, r), (r, k), (d, r), (9, k)))
    frozen = W - s * B0 @ A0

    def loss(weight):
        return torch.logsumexp(x @ weight.T, dim=1).sum()

    leaf, a, b = (matrix.clone().requires_grad_() for matrix in (W, A0, B0))
    torch.testing.assert_close(frozen + s * b @ a, W)
    loss(leaf).backward()
    loss(frozen + s * b @ a).backward()
    torch.testing.assert_close(a.grad, s * B0.T @ leaf.grad)
    torch.testing.assert_close(b.grad, s * leaf.grad @ A0.T)
    layer = frozen + s * B @ A
    A1, B1 = torch.cat([A, A0]), torch.cat([B, -B0], dim=1)
    torch.testing.assert_close(W + s * B1 @ A1, layer)
    torch.testing.assert_close(W + s * B @ A - layer, s * B0 @ A0)


MOVED_BASE_NOISE = ("(PiSSA|OLoRA|CorDA) changes the base weights", "`corda_config` specified but")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """start, r → (the trained model, its folder): adapter, start and, if possible, converted."""

    @cache
    def save(start, r=8):
        folder = tmp_path_factory.mktemp(str(start))
        with warnings.catch_warnings(), quiet_peft():
            for message in MOVED_BASE_NOISE:
                warnings.filterwarnings("ignore", message=message)
            torch.manual_seed(0)
            base = original()
            config = config_for(base, start, r, 2 * r, X, loss_of)
            model = get_peft_model(base, config)
            config.init_lora_weights = True
            model.save_pretrained(folder / "start")
            config.init_lora_weights = start
            train(model, torch.optim.Adam(trained(model), lr=1e-3), steps=100)
            model.save_pretrained(folder / "adapter")
            if start != "mica":
                model.save_pretrained(
                    folder / "converted",
                    path_initial_model_for_weight_conversion=str(folder / "start"))
        return model, folder

    return save


def load(folder, seed=1, draws=0):
    """PEFT's model, loaded after some more draws than there were before training."""
    torch.manual_seed(seed)
    model = original()
    torch.rand(draws)
    return PeftModel.from_pretrained(model, folder)


def alone(folder):
    """PEFT's model of the file's A and B on the original base, whatever the start's name."""
    file = folder / "adapter" / "adapter_config.json"
    settings = json.loads(file.read_text())
    file.write_text(json.dumps(settings | {"init_lora_weights": True}))
    try:
        return load(folder / "adapter")
    finally:
        file.write_text(json.dumps(settings))


@pytest.mark.claim("obs-moved-base-files")
@pytest.mark.parametrize("start", [True, "mica", "pissa", "olora"])
def test_what_is_loaded_with_the_bits_of_the_trained_model(start, saved):
    model, folder = saved(start)
    assert off(load(folder / "adapter"), model) == 0  # a warning would be an error here
    if start in ("pissa", "olora"):
        with pytest.raises(ValueError, match="init_lora_weights"):
            load_adapter(original(), folder / "adapter")
    else:
        assert off(alone(folder), model) == 0


@pytest.mark.claim("obs-moved-base-files")
@pytest.mark.parametrize("iterations, low, high", [(4, 0.32, 0.43), (16, 0.14, 0.25),
                                                   (64, 0.004, 0.08)])
def test_a_random_decomposition_comes_back_with_its_draws_only(iterations, low, high, saved):
    """The first edition called a start lost that was not saved."""
    model, folder = saved(f"pissa_niter_{iterations}")
    gaps = [off(load(folder / "adapter", seed), model) for seed in (1, 2, 3)]
    assert min(gaps) == pytest.approx(low, abs=0.01)
    assert max(gaps) == pytest.approx(high, abs=0.01)
    assert off(load(folder / "adapter", seed=0), model) == 0
    assert off(load(folder / "adapter", seed=0, draws=1), model) > 0.003


@pytest.mark.claim("obs-moved-base-files")
def test_lora_ga_loads_silently_as_another_model_and_corda_does_not_load(saved):
    model, folder = saved("lora_ga", r=2)
    assert off(load(folder / "adapter"), model) == pytest.approx(0.30, abs=0.01)
    with pytest.raises(ValueError, match="eigens"):
        load(saved("corda")[1] / "adapter")


@pytest.mark.claim("obs-moved-base-files", "thm-moved-base")
@pytest.mark.filterwarnings(f"ignore:{MOVED_BASE_NOISE[1]}")
@pytest.mark.parametrize("start, r, alone_off", [
    (True, 8, 0), ("pissa", 8, 0.63), ("olora", 8, 1.04), ("pissa_niter_4", 8, 0.61),
    ("pissa_niter_16", 8, 0.62), ("pissa_niter_64", 8, 0.63), ("lora_ga", 2, 0.30),
    ("corda", 8, 0.82)])
def test_a_converted_file_is_an_ordinary_adapter(start, r, alone_off, saved):
    model, folder = saved(start, r=r)
    converted = load(folder / "converted")
    config = converted.peft_config["default"]
    assert (config.r, config.lora_alpha, config.init_lora_weights) == (2 * r, 4 * r, True)
    ours = original()
    load_adapter(ours, folder / "converted")
    assert off(converted, model) < 1e-6 and off(ours, converted) < 1e-6
    assert off(alone(folder), model) == pytest.approx(alone_off, abs=0.01)
