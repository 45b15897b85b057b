"""Starts and traps: what PEFT's starting points do, and what their files are worth."""

import json
import warnings
from functools import cache

import numpy as np
import pytest
import torch
from peft import (
    EvaConfig,
    LoraConfig,
    LoraGAConfig,
    PeftModel,
    get_peft_model,
    initialize_lora_eva_weights,
)
from peft.tuners.lora.loraga import preprocess_loraga
from torch import nn

from lora_edu.chapters.starts import figures
from lora_edu.chapters.starts.runs import (
    ALPHAS,
    MORE_STARTS,
    PEFT_STARTS,
    RANKS,
    ROUNDING,
    WIDTHS,
    board,
    config_for,
    quiet_peft,
)
from lora_edu.chapters.step_zero.runs import LEARNING_RATE
from lora_edu.explore.plain import plain_figure
from lora_edu.nn import inject, load_adapter
from tests.chapters.peft_layer import (
    TASK,
    W0,
    X,
    adapted,
    loss_of,
    off,
    original,
    train,
    trained,
)

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


@pytest.mark.parametrize("r, alpha", [(2, 4), (8, 16), (16, 4)])
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


def test_olora_moves_its_base_by_s_times_the_product():
    A, B = qr_start(8, 2.0)
    found = board("olora", 8, 16)
    assert found.base[0] == pytest.approx(2 * np.linalg.norm(B @ A), rel=1e-5)


@pytest.mark.claim("obs-peft-starts")
def test_lora_gas_b_is_as_long_as_the_next_singular_values():
    """A: unit rows; B: times d^¼/√16. The gradient has four singular values that are not zero."""
    lengths = np.linalg.svd(G0)[1]
    assert lengths[3] > 0.1 and lengths[4] < 1e-12
    for r in (1, 2, 3):
        found = board("lora_ga", r, 2 * r)
        assert found.A[0] == pytest.approx(r**0.5, rel=1e-5)
        assert found.B[0] == pytest.approx(
            64**0.25 / 16**0.5 * np.linalg.norm(lengths[r:2 * r]), rel=1e-4)
    found = board("lora_ga", 8, 16)
    assert max(found.B[0], found.grad_A[0]) < ROUNDING < found.grad_B[0]


@pytest.mark.claim("obs-peft-starts")
def test_lora_ga_takes_as_rows_from_the_gradient_and_bs_columns_from_the_next_directions():
    model = original()
    config = LoraConfig(r=2, lora_alpha=4, target_modules=["0"], init_lora_weights="lora_ga",
                        lora_ga_config=LoraGAConfig())
    with quiet_peft():
        preprocess_loraga(model, config, lambda: loss_of(model).backward())
        layer = get_peft_model(model, config).base_model.model[0]
    U, lengths, Vt = np.linalg.svd(G0)
    A, B = (layer[name].weight.detach().numpy() for layer, name in (
        (layer.lora_A, "default"), (layer.lora_B, "default")))
    np.testing.assert_allclose(np.abs(A @ Vt[:2].T), np.eye(2), atol=1e-4)
    np.testing.assert_allclose(np.abs(U[:, 2:4].T @ B),
                               np.diag(lengths[2:4]) * 64**0.25 / 16**0.5, atol=1e-4)


def test_lora_gas_start_is_random_where_the_gradient_is_not_of_low_rank():
    G = torch.randn(64, 64, generator=torch.Generator().manual_seed(0))
    starts = []
    for seed in (0, 0, 1, 2):
        model = original()
        model[0]._peft_loraga_grad = G.clone()
        torch.manual_seed(seed)
        layer = get_peft_model(model, LoraConfig(
            r=2, lora_alpha=4, target_modules=["0"], init_lora_weights="lora_ga",
            lora_ga_config=LoraGAConfig())).base_model.model[0]
        starts.append(layer.get_delta_weight("default").detach())
    assert torch.equal(starts[0], starts[1])
    assert all((start - starts[0]).norm() > 0.1 * starts[0].norm() for start in starts[2:])


def test_evas_directions_are_those_about_the_mean():
    model = get_peft_model(original(), LoraConfig(
        r=8, target_modules=["0"], init_lora_weights="eva", eva_config=EvaConfig(rho=1.0)),
        low_cpu_mem_usage=True)
    initialize_lora_eva_weights(
        model, [X], forward_fn=lambda model, batch: model(batch), show_progress_bar=False,
        prepare_model_inputs_fn=None, prepare_layer_inputs_fn=None)
    A = model.base_model.model[0].lora_A["default"].weight.detach()
    centred, raw = ((A * torch.linalg.svd(inputs, full_matrices=False)[2][:8]).sum(1).abs().min()
                    for inputs in (X - X.mean(0), X))
    assert centred > 0.9995 and raw < 0.998


@pytest.mark.parametrize("r", [1, 3, 7])
def test_orthogonal_needs_an_even_rank(r):
    with pytest.raises(ValueError, match="to be even"):
        adapted(r=r, init_lora_weights="orthogonal")


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


KEEPS = {"True", "gaussian", "eva", "orthogonal", "mica"}
MOVES_BASE = {"pissa", "pissa_niter_4", "olora", "corda"}


@pytest.mark.claim("obs-peft-starts")
@pytest.mark.parametrize("start", PEFT_STARTS + MORE_STARTS)
@pytest.mark.parametrize("r", [2, 8, 32])
def test_each_start_is_of_its_kind(start, r):
    found = board(start, r, 16)
    if start == "False":
        assert found.model[0] > 0.5 and found.base[0] == 0
    elif start in KEEPS:
        assert found.base[0] == 0
        assert (found.model[0] == 0) == (start != "orthogonal") and found.model[0] < ROUNDING
    elif start in MOVES_BASE:
        assert found.base[0] > 0.5 and found.model[0] < ROUNDING
    else:
        assert start == "lora_ga" and found.model[0] < ROUNDING
        assert (found.base[0] > 0.5) == (r == 2)  # the gradient's rank is 4
    assert found.model[1] > 1e-3  # every start is left


@pytest.mark.parametrize("start", PEFT_STARTS + MORE_STARTS)
def test_no_start_is_stuck(start):
    found = board(start, 8, 16)
    assert max(found.grad_A[0], np.nan_to_num(found.grad_B[0])) > 0.1


@pytest.mark.claim("obs-peft-starts")
@pytest.mark.parametrize("start, zeros", [
    ("True", {"A"}), ("gaussian", {"A"}), ("eva", {"A"}), ("mica", set()), ("orthogonal", set()),
    ("False", set()), ("pissa", set()), ("olora", set())])
def test_the_gradient_that_is_exactly_zero_is_as_in_the_table(start, zeros):
    found = board(start, 8, 16)
    assert {name for name in "AB" if getattr(found, f"grad_{name}")[0] == 0} == zeros
    assert np.isnan(found.grad_B).all() == (start == "mica")


@pytest.mark.claim("obs-peft-starts")
def test_eva_has_the_larger_gradient_at_the_length_of_gaussian():
    eva = board("eva", 8, 16)
    for seed in range(12):
        gaussian = board("gaussian", 8, 16, seed=seed)
        assert eva.A[0] == pytest.approx(gaussian.A[0], rel=0.1)
        assert eva.grad_B[0] > 1.5 * gaussian.grad_B[0]


def test_both_gradients_of_orthogonal_are_there():
    found = board("orthogonal", 8, 16)
    assert min(found.A[0], found.B[0], found.grad_A[0], found.grad_B[0]) > 0.5


@pytest.mark.claim("obs-moved-base-bfloat16")
@pytest.mark.parametrize("start, s, off", [
    ("orthogonal", 2, 0.0004), ("pissa", 2, 0.002), ("olora", 2, 0.003), ("olora", 8, 0.012)])
def test_a_moved_base_in_bfloat16_moves_the_model(start, s, off):
    length = np.linalg.norm(TASK.W0)
    half, whole = (board(start, 8, 8 * s, dtype=dtype) for dtype in ("bfloat16", "float32"))
    assert half.model[0] / length == pytest.approx(off, rel=0.2)
    assert whole.model[0] / length < 1e-6
    assert half.base[0] == pytest.approx(whole.base[0], rel=1e-3)


@pytest.mark.claim("obs-moved-base-bfloat16")
def test_the_residual_and_a_and_b_are_rounded_to_the_bases_precision():
    torch.manual_seed(0)
    layer = get_peft_model(original().bfloat16(), LoraConfig(
        r=8, lora_alpha=16, target_modules=["0"], init_lora_weights="pissa")).base_model.model[0]
    A, B = (part["default"].weight.detach() for part in (layer.lora_A, layer.lora_B))
    residual = layer.base_layer.weight.detach()
    U, S, Vt = torch.linalg.svd(W0.bfloat16().double())
    exact = (U[:, 8:] * S[8:]) @ Vt[8:]
    assert (residual == exact.bfloat16()).float().mean() > 0.99  # all but a few ties
    assert residual.dtype == torch.bfloat16 and A.dtype == B.dtype == torch.float32
    assert torch.equal(A, A.bfloat16().float()) and torch.equal(B, B.bfloat16().float())
    rounded = ((residual.float() + 2 * B @ A - W0.bfloat16()).norm() / W0.norm()).item()
    assert rounded == pytest.approx(((W0.bfloat16() - W0).norm() / W0.norm()).item(), rel=0.3)


def test_pefts_false_draws_b_without_regard_to_the_width():
    for d in (64, 1024):
        torch.manual_seed(0)
        layer = get_peft_model(nn.Sequential(nn.Linear(d, d)), LoraConfig(
            r=16, target_modules=["0"], init_lora_weights=False)).base_model.model[0]
        assert layer.lora_B["default"].weight.abs().max().item() == pytest.approx(0.25, rel=0.01)
        assert layer.lora_A["default"].weight.abs().max().item() == pytest.approx(
            d**-0.5, rel=0.01)


def test_alpha_moves_oloras_base_and_not_pissas():
    pissa, olora = ([board(start, 8, alpha).base[0] for alpha in (8, 64)]
                    for start in ("pissa", "olora"))
    assert pissa[1] == pytest.approx(pissa[0], rel=1e-5)
    assert olora[1] == pytest.approx(8 * olora[0], rel=1e-5)
    assert olora[1] > 3 * np.linalg.norm(TASK.W0)


def test_the_step_that_oloras_large_alpha_makes_raises_the_loss():
    loss = {start: board(start, 8, 64).loss for start in ("olora", "pissa")}
    assert loss["olora"][1] > 2 * loss["olora"][0] and loss["pissa"][1] < loss["pissa"][0]


@pytest.mark.parametrize("r, longer, shorter", [(8, "gaussian", "True"), (64, "True", "gaussian")])
def test_gaussian_is_longer_at_a_small_rank_and_shorter_at_a_large_one(r, longer, shorter):
    assert board(longer, r, 64).A[0] > 1.5 * board(shorter, r, 64).A[0]


def test_pissa_at_full_rank_leaves_a_base_of_rounding():
    _, layer = adapted(r=64, lora_alpha=64, init_lora_weights="pissa")
    assert layer.base_layer.weight.norm() < ROUNDING * W0.norm()


# The figures


@pytest.mark.parametrize("start", PEFT_STARTS)
def test_every_state_of_the_board_is_drawn_and_said(start):
    for r in RANKS:
        for alpha in ALPHAS:
            figure = plain_figure(figures.zoo(start, r, alpha))
            impossible = start == "orthogonal" and r == 1
            assert ("not possible" in figure["layout"]["meta"]["reading"]) == impossible
            assert len(figure["data"]) == (2 if impossible else 7)


def test_zero_rounding_and_values_have_places_of_their_own():
    axis = figures.RoundingAxis()
    zero, rounding, value = axis.place([0.0, 3e-7, 1.0])
    assert zero < rounding < -3 < value == 0
    ticks = axis.axis()
    assert ticks["ticktext"][ticks["tickvals"].index(zero)] == "exactly 0"
    assert ticks["ticktext"][ticks["tickvals"].index(rounding)] == "rounding"


@pytest.mark.claim("obs-gaussian-rank")
@pytest.mark.parametrize("k", WIDTHS)
@pytest.mark.parametrize("r", [4, 64])
def test_the_spreads_are_those_that_are_drawn(k, r):
    curves = [dict(zip(t["x"], t["y"], strict=True)) for t in
              plain_figure(figures.spread(k))["data"]]
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
    assert stored_wrong.std() / drawn[0].std() == pytest.approx((k / r) ** 0.5, rel=0.2)


# Traps


@pytest.mark.claim("obs-embedding-start")
def test_only_the_columns_that_were_looked_up_get_a_gradient():
    torch.manual_seed(0)
    theirs = get_peft_model(nn.Sequential(nn.Embedding(90, 16)), LoraConfig(
        r=4, target_modules=["0"])).base_model.model[0]
    ours = nn.Sequential(nn.Embedding(90, 16))
    inject(ours, ["0"], 4, 8, rng=np.random.default_rng(0))
    for model, A in ((theirs, theirs.lora_embedding_A["default"]),
                     (ours, ours[0].active[0].lora_A)):
        assert not A.any()
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
    assert (A1.shape, B1.shape) == ((2 * r, k), (d, 2 * r))
    torch.testing.assert_close(W + s * B1 @ A1, layer)
    torch.testing.assert_close(W + s * B @ A - layer, s * B0 @ A0)


MOVED_BASE_NOISE = ("(PiSSA|OLoRA|CorDA) changes the base weights", "`corda_config` specified but")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """start, … → (the trained model, its folder): adapter, start and, if possible, converted."""

    @cache
    def save(start, r=8, use_rslora=False):
        folder = tmp_path_factory.mktemp(str(start))
        with warnings.catch_warnings(), quiet_peft():
            for message in MOVED_BASE_NOISE:
                warnings.filterwarnings("ignore", message=message)
            torch.manual_seed(0)
            base = original()
            config = config_for(base, start, r, 2 * r, X, loss_of)
            config.use_rslora = use_rslora
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
    moved = start in ("pissa", "olora")
    if moved:
        with pytest.raises(ValueError, match="init_lora_weights"):
            load_adapter(original(), folder / "adapter")
    else:
        ours = original()
        load_adapter(ours, folder / "adapter")
        assert off(ours, model) < 1e-6 < off(original(), model)
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
    for seed in (0, 1):
        assert off(load(folder / "adapter", seed), model) == pytest.approx(0.30, abs=0.01)
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
    assert off(converted, model) < 1e-6
    config = converted.peft_config["default"]
    assert (config.r, config.lora_alpha, config.init_lora_weights) == (2 * r, 4 * r, True)
    ours = original()
    load_adapter(ours, folder / "converted")
    assert off(ours, converted) < 1e-6
    assert off(alone(folder), model) == pytest.approx(alone_off, abs=0.01)


def test_under_rslora_the_conversion_takes_alpha_times_root_two(saved):
    model, folder = saved("pissa", use_rslora=True)
    converted = load(folder / "converted")
    assert converted.peft_config["default"].lora_alpha == pytest.approx(16 * 2**0.5)
    assert off(converted, model) < 1e-5


@pytest.mark.filterwarnings("ignore:Using Rank-Stabilized LoRA with rank_pattern")
@pytest.mark.parametrize("pattern", ["rank_pattern", "alpha_pattern"])
def test_the_conversion_is_refused_where_rslora_meets_a_pattern(pattern, tmp_path):
    model, _ = adapted(use_rslora=True, init_lora_weights="pissa", **{pattern: {"0": 4}})
    with pytest.raises(ValueError, match="not supported"):
        model.save_pretrained(tmp_path, path_initial_model_for_weight_conversion=str(tmp_path))


def test_with_a_gap_in_the_spectrum_any_seed_finds_the_decomposition(tmp_path):
    U, S, Vt = torch.linalg.svd(W0)
    S[8:] /= 4

    def gapped():
        model = original()
        with torch.no_grad():
            model[0].weight.copy_((U * S) @ Vt)
        return model

    torch.manual_seed(0)
    model = get_peft_model(gapped(), LoraConfig(
        r=8, target_modules=["0"], init_lora_weights="pissa_niter_16"))
    train(model, torch.optim.Adam(trained(model), lr=1e-3))
    model.save_pretrained(tmp_path)
    for seed in (1, 2):
        torch.manual_seed(seed)
        assert off(PeftModel.from_pretrained(gapped(), tmp_path), model) < 1e-4


@pytest.mark.filterwarnings("ignore:PiSSA changes the base weights")
def test_what_is_off_is_s_times_the_start(saved):
    model, folder = saved("pissa")
    A, B = svd_start(8, 2.0)
    with torch.no_grad():
        gap = (alone(folder)(X) - model(X)).numpy()
    np.testing.assert_allclose(gap, TASK.X @ (2 * B @ A).T, atol=1e-4)


def test_an_adapter_switched_off_does_not_bring_the_model_back():
    for init, back in ((True, True), ("orthogonal", True), ("pissa", False), ("olora", False)):
        model, _ = adapted(init_lora_weights=init)
        with model.disable_adapter():
            assert (off(model, original()) == 0) == back
