"""The same in PEFT: what its starting points do, its traps, and its other LoRAs."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import EvaConfig, LoraConfig, PeftModel, get_peft_model, initialize_lora_eva_weights
from peft.optimizers import create_loraplus_optimizer
from torch import nn

from lora_edu.explore.states import plain_figure
from lora_edu.figures import in_peft
from lora_edu.figures.peft_starts import MORE, ROUNDING, STARTS, board
from lora_edu.figures.step_zero import LEARNING_RATE, problem
from lora_edu.nn import inject, load_adapter

torch.set_num_threads(1)

CHAPTER = Path(__file__).parents[1] / "book" / "part3" / "in-peft.md"
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


@pytest.mark.parametrize("start, zeros", [
    ("True", {"A"}), ("gaussian", {"A"}), ("eva", {"A"}), ("mica", set()), ("orthogonal", set()),
    ("False", set()), ("pissa", set()), ("olora", set())])
def test_the_gradient_that_is_exactly_zero_is_as_in_the_table(start, zeros):
    found = board(start, 8, 16)
    assert {name for name in "AB" if getattr(found, f"grad_{name}")[0] == 0} == zeros
    assert np.isnan(found.grad_B).all() == (start == "mica")


def test_eva_has_the_larger_gradient_at_the_length_of_gaussian():
    eva, gaussian = board("eva", 8, 16), board("gaussian", 8, 16)
    assert eva.A[0] == pytest.approx(gaussian.A[0], rel=0.1)
    assert eva.grad_B[0] > 3 * gaussian.grad_B[0]


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


def save_and_load(start, folder, **settings):
    """Outputs of (loaded by PEFT, A and B on the original base, converted) against the trained."""
    model, _ = adapted(init_lora_weights=start, **settings)
    config = model.peft_config["default"]
    config.init_lora_weights = True
    model.save_pretrained(folder / "start")
    config.init_lora_weights = start
    train(model, torch.optim.Adam(trained(model), lr=1e-3))
    model.save_pretrained(folder / "adapter")
    model.save_pretrained(folder / "converted",
                          path_initial_model_for_weight_conversion=str(folder / "start"))
    by_peft = PeftModel.from_pretrained(original(), folder / "adapter")
    with pytest.raises(ValueError, match="init_lora_weights"):
        load_adapter(original(), folder / "adapter")
    file = folder / "adapter" / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"init_lora_weights": True}))
    alone = PeftModel.from_pretrained(original(), folder / "adapter")
    converted = PeftModel.from_pretrained(original(), folder / "converted")
    ours = original()
    load_adapter(ours, folder / "converted")
    assert off(ours, converted) < 1e-6  # an ordinary adapter
    return model, by_peft, alone, converted


@pytest.mark.filterwarnings("ignore:(PiSSA|OLoRA) changes the base weights")
@pytest.mark.parametrize("start, found_again", [("pissa", True), ("olora", True),
                                                ("pissa_niter_4", False)])
def test_a_moved_base_is_found_again_only_by_repeating_the_start(start, found_again, tmp_path):
    model, by_peft, alone, converted = save_and_load(start, tmp_path)
    assert (off(by_peft, model) < 1e-5) == found_again and (found_again or off(by_peft, model) > .1)
    assert off(alone, model) > 0.3
    assert off(converted, model) < 1e-5
    config = converted.peft_config["default"]
    assert (config.r, config.lora_alpha, config.init_lora_weights) == (16, 32, True)


@pytest.mark.filterwarnings("ignore:PiSSA changes the base weights")
def test_what_is_off_is_s_times_the_start(tmp_path):
    model, _, alone, _ = save_and_load("pissa", tmp_path)
    A, B = svd_start(8, 2.0)
    with torch.no_grad():
        gap = (alone(X) - model(X)).numpy()
    np.testing.assert_allclose(gap, TASK.X @ (2 * B @ A).T, atol=1e-4)


@pytest.mark.filterwarnings("ignore:PiSSA changes the base weights")
def test_under_rslora_the_conversion_takes_alpha_times_root_two(tmp_path):
    model, _, _, converted = save_and_load("pissa", tmp_path, use_rslora=True)
    assert converted.peft_config["default"].lora_alpha == pytest.approx(16 * 2**0.5)
    assert off(converted, model) < 1e-5


def test_an_adapter_switched_off_does_not_bring_the_model_back():
    for init, back in ((True, True), ("orthogonal", True), ("pissa", False), ("olora", False)):
        model, _ = adapted(init_lora_weights=init)
        with model.disable_adapter():
            assert (off(model, original()) == 0) == back


@pytest.mark.parametrize("dtype, alpha, arrives, back", [
    (torch.float32, 8, (0.9999, 1.0001), (0.7, 0.99)),
    (torch.bfloat16, 0.08, (0.98, 1.02), (0.9, 0.999)),
    (torch.bfloat16, 0.008, (0.15, 0.35), (0.99, 0.9999))])
def test_merging_loses_small_updates_in_bfloat16_and_unmerging_is_not_exact(
        dtype, alpha, arrives, back):
    torch.manual_seed(0)
    model = get_peft_model(nn.Sequential(nn.Linear(256, 256, bias=False)).to(dtype), LoraConfig(
        r=8, lora_alpha=alpha, target_modules=["0"], init_lora_weights=False))
    layer = model.base_model.model[0]
    before, delta = layer.base_layer.weight.detach().clone(), layer.get_delta_weight("default")
    model.merge_adapter()
    moved = (layer.base_layer.weight - before).float()
    assert arrives[0] < ((moved * delta).sum() / delta.square().sum()).item() < arrives[1]
    model.unmerge_adapter()
    assert back[0] < (layer.base_layer.weight == before).float().mean().item() < back[1]


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


@pytest.mark.parametrize("r", [4, 16])
def test_merging_knows_rslora_and_combining_does_not(r):
    """When PEFT mends add_weighted_adapter, the chapter must say so."""
    for use_rslora, factor in ((False, 1), (True, r**0.5)):
        model, layer = adapted(r=r, lora_alpha=4, init_lora_weights=False, use_rslora=use_rslora)
        model.add_weighted_adapter(["default"], [1.0], "copy", combination_type="linear")
        copy, delta = (layer.get_delta_weight(name) for name in ("copy", "default"))
        torch.testing.assert_close(copy, factor * delta, rtol=1e-4, atol=1e-6)
        before = model(X)
        torch.testing.assert_close(model.merge_and_unload()(X), before, rtol=1e-4, atol=1e-4)


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


def test_an_embedding_has_a_rate_of_its_own_under_pefts_loraplus():
    model = get_peft_model(nn.Sequential(nn.Embedding(9, 8), nn.Linear(8, 8)), LoraConfig(
        r=2, target_modules=["0", "1"]))
    rule = create_loraplus_optimizer(model, torch.optim.AdamW, lr=1e-3, loraplus_lr_ratio=16)
    rates = {id(p): group["lr"] for group in rule.param_groups for p in group["params"]}
    assert [rates[id(p)] for p in trained(model)] == [1e-6, 1e-6, 1e-3, 1.6e-2]


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
# transformers calls an old name of its own when PEFT asks it about checkpointing
OLD_NAME = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")


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
