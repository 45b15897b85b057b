"""The same in PEFT: what its starting points do, its traps, and its other LoRAs."""

import json
import re
import warnings
from collections import OrderedDict
from functools import cache

import numpy as np
import pytest
import torch
from chapters import REPOSITORY
from peft import (
    EvaConfig,
    LoraConfig,
    LoraGAConfig,
    PeftModel,
    get_peft_model,
    initialize_lora_eva_weights,
)
from peft.optimizers import create_loraplus_optimizer
from peft.tuners.lora.loraga import preprocess_loraga
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lora_edu.chapters.in_peft import figures as in_peft
from lora_edu.chapters.in_peft.runs import MORE, ROUNDING, STARTS, board, config_for, quiet_peft
from lora_edu.chapters.step_zero.figures import LEARNING_RATE, problem
from lora_edu.explore.states import plain_figure
from lora_edu.nn import (
    inject,
    load_adapter,
    lora_layers,
    loraplus_groups,
    merge,
    save_adapter,
)

torch.set_num_threads(1)

# transformers calls an old name of its own when PEFT asks it about checkpointing
OLD_NAME = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")
CHAPTER = REPOSITORY / "book" / "part3" / "in-peft.md"
TASK = problem()
G0 = TASK.gradient(TASK.W0)
W0 = torch.tensor(TASK.W0, dtype=torch.float32)
X = torch.tensor(TASK.X, dtype=torch.float32)
TARGET = X @ torch.tensor(TASK.W_star.T, dtype=torch.float32)


def original():
    model = nn.Sequential(nn.Linear(64, 64, bias=False))
    with torch.no_grad():
        model[0].weight.copy_(W0)
    return model


def adapted(seed=0, **settings):
    """(the model in PEFT, its adapted layer)."""
    torch.manual_seed(seed)
    model = get_peft_model(original(), LoraConfig(
        **{"r": 8, "lora_alpha": 16, "target_modules": ["0"]} | settings))
    return model, model.base_model.model[0]


def loss_of(model):
    return ((model(X) - TARGET) ** 2).sum() / (2 * len(X))


def train(model, rule, steps=30):
    for _ in range(steps):
        rule.zero_grad()
        loss_of(model).backward()
        rule.step()


def trained(model):
    return [p for p in model.parameters() if p.requires_grad]


def off(model, right):
    with torch.no_grad():
        return ((model(X) - right(X)).norm() / right(X).norm()).item()


# The same numbers


NAMES = ["tokens", "up", "down"]
IDS_AND_LABELS = torch.from_numpy(np.random.default_rng(0).integers(0, 50, (2, 200)))


def made():
    """The chapter's model: an embedding and two linear layers."""
    torch.manual_seed(0)
    return nn.Sequential(OrderedDict(
        tokens=nn.Embedding(50, 32), up=nn.Linear(32, 64), act=nn.Tanh(), down=nn.Linear(64, 50)))


def peft_pairs(theirs):
    """PEFT's (A, B) of each layer, in the order of NAMES."""
    layers = [theirs.base_model.model.get_submodule(name) for name in NAMES]
    return [(layer.lora_embedding_A["default"], layer.lora_embedding_B["default"])
            if layer.lora_embedding_A else
            (layer.lora_A["default"].weight, layer.lora_B["default"].weight) for layer in layers]


def our_pairs(ours):
    return [tuple(lora_layers(ours)[name].active[0].parameters()) for name in NAMES]


def flat(pairs):
    return [matrix for pair in pairs for matrix in pair]


def compared(ours, theirs):
    """Largest relative difference of two lists of tensors; 0 only where every bit agrees."""
    return max(0.0 if torch.equal(a, b) else max(((a - b).norm() / b.norm()).item(), 1e-12)
               for a, b in zip(ours, theirs, strict=True))


@pytest.mark.claim("obs-same-as-peft")
@pytest.mark.parametrize("r, alpha, rule, bits", [
    (4, 8, "lora", True), (4, 1, "rslora", True), (3, 8, "lora", False), (16, 7, "rslora", False)])
def test_a_file_of_ours_trains_in_peft_as_here(r, alpha, rule, bits, tmp_path):
    ids, labels = IDS_AND_LABELS
    ours = made()
    inject(ours, NAMES, r, alpha, rule=rule, rng=np.random.default_rng(0), start="both random")
    save_adapter(ours, tmp_path)
    theirs = PeftModel.from_pretrained(made(), tmp_path, is_trainable=True)
    assert compared(flat(our_pairs(ours)), flat(peft_pairs(theirs))) == 0
    found = [compared([ours(ids)], [theirs(ids)])]
    assert compared([ours(ids)], [made()(ids)]) > 0.01  # a file that is not read would show
    for model in (ours, theirs):
        rule = torch.optim.AdamW(trained(model), lr=0.01)
        for _ in range(10):
            rule.zero_grad()
            nn.functional.cross_entropy(model(ids), labels).backward()
            rule.step()
    pairs = flat(our_pairs(ours)), flat(peft_pairs(theirs))
    found += [compared(*pairs), compared(*([p.grad for p in side] for side in pairs)),
              compared([ours(ids)], [theirs(ids)])]
    merge(ours)
    theirs.merge_adapter()
    found += [compared([ours.get_submodule(name).merged_weight],
                       [theirs.base_model.model.get_submodule(name).base_layer.weight])
              for name in NAMES]
    assert all(one == 0 if bits else one < 1e-4 for one in found)
    assert bits or any(found)


@pytest.mark.claim("obs-same-as-peft")
def test_a_file_of_pefts_is_read_bit_for_bit(tmp_path):
    torch.manual_seed(1)
    theirs = get_peft_model(made(), LoraConfig(
        r=4, lora_alpha=8, target_modules=NAMES, init_lora_weights=False))
    theirs.save_pretrained(tmp_path)
    ours = made()
    assert load_adapter(ours, tmp_path) == NAMES
    assert compared(flat(our_pairs(ours)), flat(peft_pairs(theirs))) == 0
    assert torch.equal(ours(IDS_AND_LABELS[0]), theirs(IDS_AND_LABELS[0]))


def test_an_adapter_is_loaded_to_be_used_unless_it_is_to_be_trained(tmp_path):
    adapted()[0].save_pretrained(tmp_path)
    for settings, count in (({}, 0), ({"is_trainable": True}, 2)):
        assert len(trained(PeftModel.from_pretrained(original(), tmp_path, **settings))) == count


@pytest.mark.claim("obs-default-alpha")
@pytest.mark.parametrize("r, s", [(4, 2), (8, 1), (64, 1 / 8)])
def test_alpha_stays_when_r_changes(r, s):
    config = LoraConfig(r=r, target_modules=["0"])
    assert config.lora_alpha == 8
    layer = get_peft_model(original(), config).base_model.model[0]
    assert layer.scaling["default"] == s


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
@pytest.mark.parametrize("start", STARTS + MORE)
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


@pytest.mark.parametrize("start", STARTS + MORE)
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


@pytest.mark.parametrize("start", STARTS)
def test_every_state_of_the_board_is_drawn_and_said(start):
    for r in in_peft.RANKS:
        for alpha in in_peft.ALPHAS:
            figure = plain_figure(in_peft.zoo(start, r, alpha))
            impossible = start == "orthogonal" and r == 1
            assert ("not possible" in figure["layout"]["meta"]["reading"]) == impossible
            assert len(figure["data"]) == (2 if impossible else 7)


def test_zero_rounding_and_values_have_places_of_their_own():
    axis = in_peft.RoundingAxis()
    zero, rounding, value = axis.place([0.0, 3e-7, 1.0])
    assert zero < rounding < -3 < value == 0
    ticks = axis.axis()
    assert ticks["ticktext"][ticks["tickvals"].index(zero)] == "exactly 0"
    assert ticks["ticktext"][ticks["tickvals"].index(rounding)] == "rounding"


@pytest.mark.claim("obs-gaussian-rank")
@pytest.mark.parametrize("k", in_peft.WIDTHS)
@pytest.mark.parametrize("r", [4, 64])
def test_the_spreads_are_those_that_are_drawn(k, r):
    curves = [dict(zip(t["x"], t["y"], strict=True)) for t in
              plain_figure(in_peft.spread(k))["data"]]
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


@pytest.mark.claim("obs-bfloat16-merge")
@pytest.mark.parametrize("dtype, alpha, size, arrives", [
    (torch.float32, 8, 0.6, (0.998, 1.002)), (torch.float32, 0.08, 0.006, (0.998, 1.002)),
    (torch.float32, 0.008, 0.0006, (0.998, 1.002)), (torch.bfloat16, 8, 0.6, (0.998, 1.002)),
    (torch.bfloat16, 0.08, 0.006, (0.998, 1.002)), (torch.bfloat16, 0.008, 0.0006, (0.2, 0.3))])
def test_merging_loses_small_updates_in_bfloat16_and_unmerging_is_not_exact(
        dtype, alpha, size, arrives):
    torch.manual_seed(0)
    model = get_peft_model(nn.Sequential(nn.Linear(256, 256, bias=False)).to(dtype), LoraConfig(
        r=8, lora_alpha=alpha, target_modules=["0"], init_lora_weights=False))
    layer = model.base_model.model[0]
    before, delta = layer.base_layer.weight.detach().clone(), layer.get_delta_weight("default")
    assert (delta.norm() / before.norm()).item() == pytest.approx(size, rel=0.1)
    model.merge_adapter()
    moved = (layer.base_layer.weight - before).float()
    assert arrives[0] < ((moved * delta).sum() / delta.square().sum()).item() < arrives[1]
    model.unmerge_adapter()
    assert 0.5 < (layer.base_layer.weight == before).float().mean().item() < 0.9999


@pytest.mark.claim("obs-bfloat16-merge")
def test_a_small_adapter_survives_in_float32_only():
    """Merged in float32 and rounded afterwards, as much is lost as by merging in bfloat16."""
    torch.manual_seed(0)
    model = get_peft_model(nn.Sequential(nn.Linear(256, 256, bias=False)).bfloat16(), LoraConfig(
        r=8, lora_alpha=0.008, target_modules=["0"], init_lora_weights=False))
    layer = model.base_model.model[0]
    before = layer.base_layer.weight.detach().float()
    delta = layer.get_delta_weight("default").detach().float()
    x = torch.randn(64, 256).bfloat16()
    apart = model(x)
    model.merge_adapter()
    assert (model(x) - apart).norm() / apart.norm() > 1.5 * delta.norm() / before.norm()

    def arrives(merged):
        return (((merged.float() - before) * delta).sum() / delta.square().sum()).item()

    assert arrives(before + delta) == pytest.approx(1, abs=1e-4)
    assert 0.15 < arrives((before + delta).bfloat16()) < 0.35
    assert arrives((before + delta).bfloat16()) == pytest.approx(
        arrives(layer.base_layer.weight.detach()), abs=0.01)


def as_if_trained(model):
    with torch.no_grad():
        for p in trained(model):
            p.add_(0.1 * torch.randn_like(p))


def two_adapters(**settings):
    """(model, layer) with two adapters of rank 16 that could have been trained."""
    model, layer = adapted_square(**settings)
    as_if_trained(model)
    model.add_adapter("second", LoraConfig(r=16, lora_alpha=4, target_modules=["0"], **settings))
    model.set_adapter("second")
    as_if_trained(model)
    return model, layer


def adapted_square(**settings):
    torch.manual_seed(0)
    model = get_peft_model(nn.Sequential(nn.Linear(64, 64)), LoraConfig(
        r=16, lora_alpha=4, target_modules=["0"], **settings))
    return model, model.base_model.model[0]


@pytest.mark.claim("obs-combine")
@pytest.mark.parametrize("kind, off_by", [("linear", 1.00), ("svd", 0.37), ("cat", 0)])
def test_linear_adds_the_matrices_and_not_the_updates(kind, off_by):
    model, layer = two_adapters()
    names = ["default", "second"]
    total = sum(layer.get_delta_weight(name) for name in names).detach()
    model.add_weighted_adapter(names, [1.0, 1.0], kind, combination_type=kind)
    found = layer.get_delta_weight(kind).detach()
    gap = ((found - total).norm() / total.norm()).item()
    assert gap == pytest.approx(off_by, abs=0.005 if off_by else 1e-6)
    if kind == "linear":
        A, B = (sum(part[name].weight for name in names) for part in (layer.lora_A, layer.lora_B))
        torch.testing.assert_close(found, layer.scaling["default"] * B @ A)
    if kind == "svd":
        least = torch.linalg.svdvals(total)[16:].norm() / total.norm()
        assert gap == pytest.approx(least.item(), rel=1e-4)


@pytest.mark.claim("obs-combine")
def test_two_active_adapters_add_up():
    model, layer = two_adapters()
    model.base_model.set_adapter(["default", "second"])
    x = torch.randn(50, 64)
    total = sum(layer.get_delta_weight(name) for name in ("default", "second"))
    torch.testing.assert_close(model(x), layer.base_layer(x) + x @ total.T, rtol=1e-4, atol=1e-5)


@pytest.mark.claim("obs-combine")
@pytest.mark.parametrize("setting", ["", "use_rslora", "lora_bias", "use_dora"])
def test_a_copy_with_weight_one_is_right_for_plain_lora_only(setting):
    """When PEFT mends one of these, the chapter must say so."""
    model, layer = adapted_square(**({setting: True} if setting else {}))
    as_if_trained(model)
    x = torch.randn(50, 64)
    with torch.no_grad():
        base, before = layer.base_layer(x), model(x)
        model.add_weighted_adapter(["default"], [1.0], "copy")
        model.set_adapter("copy")
        after = model(x)
    bias = layer.lora_B["default"].bias
    want = {"": before, "use_rslora": base + 4 * (before - base),
            "lora_bias": before - layer.scaling["default"] * bias if bias is not None else None,
            "use_dora": None}[setting]
    if want is not None:
        torch.testing.assert_close(after, want, rtol=1e-4, atol=1e-4)
    else:  # m is that of the copy's own start, the lengths of the rows of V
        m = layer.lora_magnitude_vector
        V = layer.base_layer.weight + layer.get_delta_weight("default")
        assert not torch.allclose(m["copy"].weight, m["default"].weight, rtol=0.01)
        assert not torch.allclose(m["default"].weight, V.norm(dim=1), rtol=0.01)
    if setting:
        assert ((after - before).norm() / (before - base).norm()).item() > 0.2


@pytest.mark.claim("obs-combine")
def test_merging_knows_rslora():
    model, _ = adapted_square(use_rslora=True)
    as_if_trained(model)
    x = torch.randn(50, 64)
    before = model(x)
    torch.testing.assert_close(model.merge_and_unload()(x), before, rtol=1e-4, atol=1e-4)


def test_the_version_in_the_text_is_the_one_that_is_known_to_work():
    named = set(re.findall(r"PEFT (\d+\.\d+\.\d+)", CHAPTER.read_text(encoding="utf-8")))
    [pinned] = re.findall(r"^peft==(.*)$", (REPOSITORY / "constraints.txt").read_text(), re.M)
    assert named == {pinned}


def blocks():
    torch.manual_seed(0)
    return nn.ModuleDict({"layers": nn.ModuleList(
        nn.ModuleDict({"q": nn.Linear(8, 8), "v": nn.Linear(8, 8)}) for _ in range(3))})


def test_one_name_that_matches_hides_one_that_does_not():
    with pytest.raises(ValueError, match="not found"):
        get_peft_model(blocks(), LoraConfig(target_modules=["query"]))
    assert len(get_peft_model(blocks(), LoraConfig(
        target_modules=["q", "value"])).targeted_module_names) == 3
    with pytest.raises(ValueError, match="nothing matches 'value'"):
        inject(blocks(), ["q", "value"], 2, 4, rng=np.random.default_rng(0))


# What the table of LoraConfig says


def test_fields_that_choose_layers_and_ranks():
    model = get_peft_model(blocks(), LoraConfig(
        target_modules=["q", "v"], layers_to_transform=[0, 2], layers_pattern="layers",
        rank_pattern={"v": 2}, alpha_pattern={"v": 6}))
    assert sorted(model.targeted_module_names) == [
        f"layers.{i}.{name}" for i in (0, 2) for name in "qv"]
    ours = blocks()
    rng = np.random.default_rng(0)
    inject(ours, r"layers\.[02]\.q", 8, 8, rng=rng)
    inject(ours, r"layers\.[02]\.v", 2, 6, rng=rng)
    for path in model.targeted_module_names:
        theirs = model.base_model.model.get_submodule(path)
        [mine] = ours.get_submodule(path).active
        assert (mine.r, mine.scaling) == (theirs.r["default"], theirs.scaling["default"])


@OLD_NAME
def test_all_linear_leaves_the_head_and_none_goes_by_architecture():
    from transformers import LlamaConfig, LlamaForCausalLM

    def targets(**settings):
        torch.manual_seed(0)
        model = LlamaForCausalLM(LlamaConfig(
            vocab_size=40, hidden_size=32, intermediate_size=48, num_hidden_layers=1,
            num_attention_heads=2))
        found = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **settings))
        return sorted(name.rpartition(".")[2] for name in found.targeted_module_names)

    assert targets() == ["q_proj", "v_proj"]
    assert targets(target_modules="all-linear") == [
        f"{name}_proj" for name in ("down", "gate", "k", "o", "q", "up", "v")]


@pytest.mark.filterwarnings("ignore:Careful, disabling adapter layers with bias")
def test_a_trained_bias_stays_when_the_adapter_is_off():
    model = get_peft_model(nn.Sequential(nn.Linear(8, 8)), LoraConfig(
        r=2, target_modules=["0"], bias="all"))
    x = torch.randn(3, 8)
    with model.disable_adapter():
        before = model(x)
    rule = torch.optim.SGD(trained(model), lr=0.1)
    model(x).square().sum().backward()
    rule.step()
    with model.disable_adapter():
        assert not torch.allclose(model(x), before)


def test_the_chapter_describes_fields_that_exist():
    lines = re.search(r"LINES = \{(.*?)\n\}", CHAPTER.read_text(encoding="utf-8"), re.DOTALL)[1]
    named = set(re.findall(r'^    "(\w+)":', lines, re.MULTILINE))
    assert len(named) > 15 and named <= set(LoraConfig().to_dict())


# DoRA and LoRA+


@pytest.mark.claim("obs-dora")
@pytest.mark.parametrize("r, alpha", [(8, 16), (3, 7)])
def test_dora_starts_as_lora_and_is_the_formula(r, alpha):
    (dora, layer), (plain, twin) = (adapted(r=r, lora_alpha=alpha, use_dora=use_dora)
                                    for use_dora in (True, False))
    assert torch.equal(dora(X), original()(X))
    for model in (dora, plain):
        loss_of(model).backward()
    for name in ("lora_A", "lora_B"):
        assert torch.equal(*(getattr(one, name)["default"].weight.grad for one in (layer, twin)))
    A, B = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    m = layer.lora_magnitude_vector["default"].weight
    assert m.shape == (64,) and m.grad.norm() > 0.1 and not A.grad.any()
    with torch.no_grad():
        B.normal_(std=0.1), m.mul_(torch.rand(64) + 0.5)
        V = W0 + alpha / r * B @ A
        torch.testing.assert_close(dora(X), X @ (m[:, None] * V / V.norm(dim=1, keepdim=True)).T,
                                   rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rows", [1, 100])
def test_dora_forms_the_whole_product_in_every_forward_pass(rows):
    """At least the 2·d·r·k operations of BA, however few the rows; LoRA never does."""
    counts = []
    for use_dora in (False, True):
        torch.manual_seed(0)
        model = get_peft_model(nn.Sequential(nn.Linear(64, 48)), LoraConfig(
            r=8, target_modules=["0"], use_dora=use_dora))
        with FlopCounterMode(display=False) as counter:
            model(torch.randn(rows, 64))
        counts.append(counter.get_total_flops())
    assert counts[0] == 2 * rows * (64 * 48 + 8 * (64 + 48))
    assert counts[1] - counts[0] >= 2 * 48 * 8 * 64


@pytest.mark.claim("obs-loraplus-groups")
@pytest.mark.parametrize("ratio", [4, 16])
def test_loraplus_in_peft_is_alpha_to_the_bit(ratio):
    def run(alpha, ratio, eps_follows):
        model, layer = adapted(lora_alpha=alpha)
        rule = create_loraplus_optimizer(model, torch.optim.Adam, lr=1e-4, loraplus_lr_ratio=ratio)
        for group in rule.param_groups:
            if group["lr"] == 1e-4 * ratio and eps_follows:
                group["eps"] /= ratio
        train(model, rule, steps=50)
        return layer.get_delta_weight("default")

    plain = run(8 * ratio, 1, False)
    assert torch.equal(run(8, ratio, True), plain)
    kept = run(8, ratio, False)
    assert not torch.equal(kept, plain) and (kept - plain).norm() < 1e-4 * plain.norm()


@pytest.mark.claim("obs-loraplus-groups")
def test_an_embedding_has_a_rate_of_its_own_under_pefts_loraplus():
    model = get_peft_model(nn.Sequential(nn.Embedding(9, 8), nn.Linear(8, 8)), LoraConfig(
        r=2, target_modules=["0", "1"]))
    rule = create_loraplus_optimizer(model, torch.optim.AdamW, lr=1e-3, loraplus_lr_ratio=16)
    rates = {id(p): group["lr"] for group in rule.param_groups for p in group["params"]}
    assert [rates[id(p)] for p in trained(model)] == [1e-6, 1e-6, 1e-3, 1.6e-2]
    decays = [{group["weight_decay"] for group in create_loraplus_optimizer(
        model, torch.optim.AdamW, lr=1e-3, loraplus_lr_ratio=16, **settings).param_groups}
        for settings in ({"weight_decay": 0.1}, {"loraplus_weight_decay": 0.1})]
    assert decays[0] == {0.0} and 0.1 in decays[1]
    ours = nn.Sequential(nn.Embedding(9, 8), nn.Linear(8, 8))
    inject(ours, ["0", "1"], 2, 8, rng=np.random.default_rng(0))
    groups = loraplus_groups(ours, lr=1e-3, ratio=16)
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}
    assert [rates[id(p)] for p in trained(ours)] == [1e-3, 1.6e-2, 1e-3, 1.6e-2]


# With a transformers model


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A random Llama in a folder, as from the hub; the hub itself is out of reach."""
    from transformers import LlamaConfig, LlamaForCausalLM
    from transformers.utils import logging

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    logging.disable_progress_bar()
    torch.manual_seed(0)
    LlamaForCausalLM(LlamaConfig(
        vocab_size=40, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=2, max_position_embeddings=64)).save_pretrained(tmp_path / "model")
    return tmp_path


IDS = torch.arange(24).reshape(2, 12)
@OLD_NAME
def test_train_save_load_and_merge_a_model_from_a_folder(folder):
    from transformers import AutoModelForCausalLM

    def load():
        return AutoModelForCausalLM.from_pretrained(folder / "model").eval()

    model = get_peft_model(load(), LoraConfig(
        r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"))
    rule = torch.optim.AdamW(trained(model), lr=1e-2)
    losses = []
    for _ in range(15):
        rule.zero_grad()
        loss = model(input_ids=IDS, labels=IDS).loss
        loss.backward()
        rule.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.1
    model.save_pretrained(folder / "adapter")
    again = PeftModel.from_pretrained(load(), folder / "adapter")
    ours = load()
    load_adapter(ours, folder / "adapter")
    want = model.eval()(IDS).logits
    assert torch.equal(again(IDS).logits, want) and torch.equal(ours(IDS).logits, want)
    merged = again.merge_and_unload()
    assert type(merged) is type(load())
    torch.testing.assert_close(merged(IDS).logits, want, rtol=1e-4, atol=1e-5)


@pytest.mark.claim("obs-float32-adapters")
@OLD_NAME
def test_on_a_bfloat16_base_a_and_b_are_float32(folder):
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(folder / "model", dtype=torch.bfloat16)
    model = get_peft_model(base, LoraConfig(r=4, target_modules=["q_proj"]))
    assert {p.dtype for p in trained(model)} == {torch.float32}
    assert {p.dtype for p in model.parameters() if not p.requires_grad} == {torch.bfloat16}


@OLD_NAME
def test_eva_shares_out_ranks_and_keeps_the_scale(folder):
    from transformers import AutoModelForCausalLM

    model = get_peft_model(AutoModelForCausalLM.from_pretrained(folder / "model"), LoraConfig(
        r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "down_proj"],
        task_type="CAUSAL_LM", init_lora_weights="eva", eva_config=EvaConfig(rho=2.0)),
        low_cpu_mem_usage=True)
    initialize_lora_eva_weights(model, [{"input_ids": IDS}] * 3, show_progress_bar=False)
    layers = [m for m in model.modules() if hasattr(m, "lora_A")]
    ranks = [layer.r["default"] for layer in layers]
    assert len(ranks) == 6 and sum(ranks) == 24 and len(set(ranks)) > 1
    assert {layer.scaling["default"] for layer in layers} == {2.0}
    assert not any(layer.lora_B["default"].weight.any() for layer in layers)
    with torch.no_grad():
        for layer in layers:
            layer.lora_B["default"].weight.normal_()
    model.save_pretrained(folder / "adapter")
    settings = json.loads((folder / "adapter" / "adapter_config.json").read_text())
    assert sorted(settings["rank_pattern"].values()) == sorted(r for r in ranks if r != 4)
    ours = AutoModelForCausalLM.from_pretrained(folder / "model")
    load_adapter(ours, folder / "adapter")
    assert torch.equal(ours(IDS).logits, model(IDS).logits)


@pytest.mark.parametrize("scale", [1, 1e-3])
def test_eva_shares_by_the_share_of_variance_and_may_leave_a_layer_without(scale):
    """The four directions come first though the other inputs vary more, when scaled down."""
    torch.manual_seed(0)
    x = torch.randn(4096, 64)
    plain = nn.ModuleDict({"flat": nn.Linear(64, 8), "steep": nn.Linear(64, 8)})
    model = get_peft_model(plain, LoraConfig(
        r=2, lora_alpha=4, target_modules=["flat", "steep"], init_lora_weights="eva",
        eva_config=EvaConfig(rho=2.0)), low_cpu_mem_usage=True)

    def forward(model, batch):
        """All directions alike for the one layer, four directions for the other."""
        layers = model.base_model.model
        layers["flat"](batch), layers["steep"](100 * scale * batch[:, :4] @ torch.eye(4, 64))

    initialize_lora_eva_weights(
        model, [x, x], forward_fn=forward, prepare_model_inputs_fn=None,
        prepare_layer_inputs_fn=None, show_progress_bar=False)
    flat, steep = model.base_model.model["flat"], model.base_model.model["steep"]
    assert type(flat) is nn.Linear  # no adapter any more
    assert steep.r["default"] == 4 and steep.scaling["default"] == 2


@pytest.mark.claim("obs-float32-adapters")
def test_a_step_below_a_512th_of_a_bfloat16_number_is_rounded_away():
    """All positive normal numbers of the format, in both directions."""
    numbers = torch.arange(2**15, dtype=torch.int16).view(torch.bfloat16)
    numbers = numbers[numbers.isfinite() & (numbers >= torch.finfo(torch.bfloat16).tiny)]
    assert len(numbers) > 30_000
    for sign in (1, -1):
        for step, stays in ((1 / 513, True), (1 / 255, False)):
            moved = (numbers.double() * (1 + sign * step)).bfloat16()
            assert torch.equal(moved, numbers) if stays else (moved != numbers).all()


@OLD_NAME
def test_transformers_trainer_takes_the_model_as_it_is(folder):
    from transformers import AutoModelForCausalLM, Trainer, TrainingArguments

    model = get_peft_model(AutoModelForCausalLM.from_pretrained(folder / "model"), LoraConfig(
        r=4, target_modules=["q_proj"], task_type="CAUSAL_LM"))
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    settings = TrainingArguments(
        output_dir=folder / "runs", max_steps=3, per_device_train_batch_size=1, learning_rate=0.01,
        use_cpu=True, report_to="none", save_strategy="no", logging_strategy="no",
        disable_tqdm=True)
    data = [{"input_ids": row, "labels": row} for row in IDS]
    Trainer(model=model, args=settings, train_dataset=data).train()
    moved = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    assert moved == {name for name in before if "lora_" in name}
