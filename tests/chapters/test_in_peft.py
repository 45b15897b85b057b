"""Using PEFT: the same numbers as ours, its fields, its other LoRAs, merging and combining."""

import json
import re
from collections import OrderedDict

import numpy as np
import pytest
import torch
from peft import (
    EvaConfig,
    LoraConfig,
    PeftModel,
    get_peft_model,
    initialize_lora_eva_weights,
)
from peft.optimizers import create_loraplus_optimizer
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lora_edu.chapters.in_peft import combining, figures
from lora_edu.explore.plain import validate
from lora_edu.nn import (
    inject,
    load_adapter,
    lora_layers,
    loraplus_groups,
    merge,
    save_adapter,
)
from tests.book import REPOSITORY, printed_solution
from tests.chapters.peft_layer import W0, X, adapted, loss_of, original, train, trained

# transformers calls an old name of its own when PEFT asks it about checkpointing
OLD_NAME = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")
CHAPTER = REPOSITORY / "book" / "part3" / "in-peft.md"


def test_a_fast_path_of_pytorch_reads_past_pefts_adapter():
    torch.manual_seed(0)
    plain = nn.TransformerEncoderLayer(32, 4, 64, dropout=0, batch_first=True)
    x = torch.randn(4, 9, 32)
    with torch.no_grad():
        base = plain.eval()(x)
        model = get_peft_model(plain, LoraConfig(
            target_modules=["linear1", "linear2"], init_lora_weights=False))
        trained = model.train()(x)
        assert torch.equal(model.eval()(x), base)
        assert (trained - base).norm() > 0.05 * base.norm()
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            torch.testing.assert_close(model(x), trained)
        finally:
            torch.backends.mha.set_fastpath_enabled(True)


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


# Merging, combining, and names


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


def peft_combination(kind, adapters, weights):
    """The same by PEFT: what the combined adapter adds to the frozen weight; each has scale 1."""
    r = len(adapters[0][0])
    config = LoraConfig(r=r, lora_alpha=r, target_modules=["0"])
    model = get_peft_model(nn.Sequential(nn.Linear(64, 64, bias=False)), config, "0")
    model.add_adapter("1", config)
    layer = model.base_model.model[0]
    with torch.no_grad():
        for name, (A, B) in zip("01", adapters, strict=True):
            layer.lora_A[name].weight.copy_(torch.tensor(A))
            layer.lora_B[name].weight.copy_(torch.tensor(B))
    model.add_weighted_adapter(["0", "1"], weights, "both", combination_type=kind)
    return layer.get_delta_weight("both").detach().numpy()


@pytest.mark.claim("thm-linear")
@pytest.mark.parametrize("kind", combining.KINDS)
@pytest.mark.parametrize("one_draw", [False, True])
@pytest.mark.parametrize("weight", [-0.5, 0.0, 2.0])
def test_the_combination_is_pefts(kind, one_draw, weight):
    adapters = combining.pair(4, one_draw, np.random.default_rng(1))
    theirs = peft_combination(kind, adapters, [1.0, weight])
    ours = combining.combined(kind, adapters, [1.0, weight])
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.claim("thm-linear")
@pytest.mark.parametrize("one_draw", [False, True])
def test_what_linear_gives_by_peft(one_draw):
    """The formula with its cross terms, and the one for a common A."""
    (A1, B1), (A2, B2) = pair = combining.pair(8, one_draw, np.random.default_rng(2))
    u, v = 0.25, 2.25
    found = peft_combination("linear", pair, [u, v])
    wanted = u * B1 @ A1 + v * B2 @ A2 + (u * v)**0.5 * (B1 @ A2 + B2 @ A1)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    factors = combining.arrives(found, pair)
    if one_draw:
        np.testing.assert_allclose(factors, [2 * 0.5, 2 * 1.5], rtol=1e-4)
    else:
        cross = (u * v)**0.5 * (B1 @ A2 + B2 @ A1)
        assert np.linalg.norm(cross) > 0.3 * np.linalg.norm(wanted)


@pytest.mark.parametrize("draws", figures.DRAWS)
def test_every_state_of_the_combination_is_on_its_axes(draws):
    validate(figures.combine(draws))
    for r in (4, 16, 32):
        for weight in figures.WEIGHTS:
            figure = figures.combine(draws, r, weight)
            for n in ("", "2"):
                low, high = figure["layout"][f"yaxis{n}"]["range"]
                values = np.concatenate([np.asarray(trace["y"], dtype=float)
                                         for trace in figure["data"] if trace["yaxis"] == f"y{n}"])
                assert low < values.min() and values.max() < high


@pytest.mark.claim("obs-rslora-file")
def test_an_rslora_file_is_a_plain_one_with_another_alpha(tmp_path):
    model, _ = adapted(r=16, lora_alpha=4, use_rslora=True, init_lora_weights=False)
    model.save_pretrained(tmp_path)
    file = tmp_path / "adapter_config.json"
    settings = json.loads(file.read_text())

    def served(**changed):
        file.write_text(json.dumps(settings | changed))
        return PeftModel.from_pretrained(original(), tmp_path)(X)

    base = original()(X)
    assert torch.equal(served(use_rslora=False, lora_alpha=16), model(X))
    weak = (served(use_rslora=False) - base).norm() / (model(X) - base).norm()
    assert weak.item() == pytest.approx(1 / 4, rel=1e-4)


@pytest.mark.parametrize("settings", [
    {}, {"use_rslora": True}, {"rank_pattern": {"up": 2}}, {"alpha_pattern": {"down": 6}},
    {"rank_pattern": {"up": 2}, "alpha_pattern": {"up": 6}, "use_rslora": True}])
@pytest.mark.filterwarnings("ignore:Using Rank-Stabilized LoRA with rank_pattern")
def test_the_scale_that_the_exercise_asks_for_is_pefts(settings):
    model = get_peft_model(made(), LoraConfig(
        r=4, lora_alpha=12, target_modules=["up", "down"], **settings))
    config = model.peft_config["default"].to_dict()
    for name in ("up", "down"):
        layer = model.base_model.model.get_submodule(name)
        assert layer.scaling["default"] == pytest.approx(
            printed_solution("ex-scale-in-file")(config, name))
