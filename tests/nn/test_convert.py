"""LoRA files from one tool's layout to another's: no bit lost, nothing guessed."""

import copy
import json
import runpy
import sys
from contextlib import nullcontext

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from torch import nn

from lora_edu.nn import convert, inject, lora_layers, save_adapter
from tests.nn.compare import assert_rounding_apart, same_bits
from tests.nn.models import adapted, net, peft_matrices

PREFIX = {"kohya": "lora_unet", "diffusers": "unet", "mlx": None}


def kohyas(folder, alphas=(), **more):
    """A file in kohya's layout of two modules of a Net, of ranks 4 and 2."""
    sides = {"lora_unet_blocks_0_q": (9, 4, 8), "lora_unet_blocks_1_v": (8, 2, 9)}
    tensors = {f"{name}.lora_{part}.weight": torch.randn(shape) for name, (d, r, k) in sides.items()
               for part, shape in (("up", (d, r)), ("down", (r, k)))}
    tensors |= {f"{name}.alpha": torch.tensor(alpha) for name, alpha in zip(sides, alphas,
                                                                            strict=False)}
    save_file(tensors | more, folder / "in.safetensors")
    return folder / "in.safetensors"


def update_in(layout, folder, name):
    """s·B·A of a module, in the words of the tool's source."""
    [file] = folder.glob("*.safetensors")
    held = load_file(file)
    if layout == "kohya":  # networks/lora.py: up @ down · alpha/dim
        name = "lora_unet_" + name.replace(".", "_")
        down = held[f"{name}.lora_down.weight"]
        return held[f"{name}.alpha"] / len(down) * held[f"{name}.lora_up.weight"] @ down
    scale = json.loads((folder / "adapter_config.json").read_text())["lora_parameters"]["scale"]
    return scale * held[f"{name}.lora_b"].T @ held[f"{name}.lora_a"].T  # mlx_lm/tuner/lora.py


@pytest.mark.claim("obs-layouts")
@pytest.mark.parametrize("layout, r, alpha, rule", [
    ("kohya", 2, 5, "lora"), ("kohya", 4, 3, "rslora"), ("diffusers", 2, 5, "lora"),
    ("diffusers", 4, 3, "rslora"), ("mlx", 4, 3, "lora"), ("mlx", 4, 3, "rslora")])
def test_there_and_back_no_bit_is_lost(tmp_path, layout, r, alpha, rule):
    model, plain = adapted(4, 3, targets=["q"], rule=rule)
    inject(model, ["v"], r, alpha, start="both random", rule=rule)
    save_adapter(model, tmp_path / "in")
    convert(tmp_path / "in", layout, tmp_path / "out", prefix=PREFIX[layout])
    if layout == "mlx":
        for source in tmp_path / "in", tmp_path / "in" / "adapter_model.safetensors":
            with pytest.raises(ValueError, match="out must not be source"):
                convert(source, layout, tmp_path / "in")
    convert(tmp_path / "out", "peft", tmp_path / "back", names=plain)
    twin = PeftModel.from_pretrained(plain, tmp_path / "back")
    for name, layer in lora_layers(model).items():
        [pair] = layer.active
        for have, want in zip(peft_matrices(twin, name), pair.parameters(), strict=True):
            assert same_bits(have, want)
        scaling = twin.base_model.model.get_submodule(name).scaling["default"]
        assert scaling == pytest.approx(pair.scaling, rel=1e-7)
        if layout != "diffusers":  # which hands its settings to PEFT
            assert_rounding_apart(update_in(layout, tmp_path / "out", name), pair.delta())


@pytest.mark.claim("obs-layouts")
def test_a_convolution_of_kohya_is_one_of_peft(tmp_path):
    plain = nn.Sequential(nn.Conv2d(3, 5, 3, padding=1))
    twin = get_peft_model(copy.deepcopy(plain), LoraConfig(
        r=2, lora_alpha=3, target_modules=["0"], init_lora_weights=False)).eval()
    twin.save_pretrained(tmp_path)
    convert(tmp_path, "kohya", tmp_path, prefix="lora_unet")
    with pytest.raises(ValueError, match=r"MLX has .* no convolutions, .* with \[4\]"):
        convert(tmp_path, "mlx", tmp_path / "mlx")
    convert(tmp_path / "lora.safetensors", "peft", tmp_path / "back", names=["0"])
    x = torch.randn(1, 3, 6, 6)
    back = PeftModel.from_pretrained(copy.deepcopy(plain), tmp_path / "back").eval()
    assert same_bits(back(x), twin(x)) and not torch.allclose(back(x), plain(x))


@pytest.mark.claim("obs-layouts")
def test_mixed_ranks_without_alpha_at_the_command_line(tmp_path, monkeypatch, capsys):
    file, names = kohyas(tmp_path), tmp_path / "base.safetensors"
    save_file(net().state_dict(), names)
    words = f"convert {file} --to peft --out {tmp_path} --names {names}".split()
    for more, said in ([], "in.safetensors"), (["--alpha", "r"], None):
        monkeypatch.setattr(sys, "argv", words + more)
        try:
            runpy.run_module("lora_edu.nn.convert", run_name="__main__")
        except SystemExit:
            assert said and "alpha must be given, the file has none for 2 of 2" in \
                capsys.readouterr().err
    assert "r = 4, α = 4, s = 1: 1 (blocks.0.q, …)\nr = 2, α = 2" in capsys.readouterr().out
    twin = PeftModel.from_pretrained(net(), tmp_path)
    assert {path: layer.scaling["default"] for path, layer in twin.base_model.model
            .named_modules() if hasattr(layer, "lora_A")} == {"blocks.0.q": 1, "blocks.1.v": 1}
    assert twin.peft_config["default"].rank_pattern == {r"^blocks\.1\.v": 2}


ONE = torch.ones(1)
A_AND_B = {"lora_unet_a.lora_up.weight": torch.ones(2, 1),
           "lora_unet_a.lora_down.weight": torch.ones(1, 2)}
REFUSED = {  # what the file has besides, the arguments, and what is said
    "LoHa": ({"lora_unet_a.hada_w1_a": ONE}, {}, "'lora_unet_a.hada_w1_a' is not .*: LoHa"),
    "LoKr": ({"lora_unet_a.lokr_w1": ONE}, {}, "lokr_w1' is not of plain LoRA .*: LoKr"),
    "DoRA": ({"lora_unet_blocks_0_q.dora_scale": ONE}, {}, "dora_scale.*: DoRA"),
    "conv": ({"lora_unet_a.lora_mid.weight": ONE}, {}, "lora_mid.*: a convolution in three"),
    "no names": ({}, {"names": None}, "names must be given.*'blocks_0_q'"),
    "unknown": ({}, {"names": ["blocks.0.q"]}, "'blocks_1_v' with underscores .*, got none"),
    "two": ({}, {"names": ["blocks.0.q", "blocks_0.q", "blocks.1.v"]},
            r"got \['blocks.0.q', 'blocks_0.q'\]"),
    "own alpha": ({}, {"alpha": "r"}, "alpha must be left out, every module has its own, got 'r'"),
    "MLX": ({}, {"to": "mlx"}, r"MLX has one rank and one scale .*\[\(2, 1.5\), \(4, 0.5\)\]"),
    "prefix": ({}, {"to": "diffusers"}, "prefix must be what names begin with.* for diffusers"),
    "needless": ({}, {"prefix": "lora_te"}, "prefix must be left out for peft, got 'lora_te'"),
    "α of 0": ({"lora_unet_a.alpha": 0 * ONE, **A_AND_B}, {}, "alpha of 'a' must be .* got 0.0"),
    "several α": ({"lora_unet_a.alpha": torch.ones(2), **A_AND_B}, {}, "'a' must have .* one α"),
    "linear and conv": ({**A_AND_B, "lora_unet_a.lora_up.weight": torch.ones(2, 1, 1, 1)}, {},
                        "'a' must have A"),
    "rank 0": ({"lora_unet_a.lora_up.weight": torch.ones(2, 0),
                "lora_unet_a.lora_down.weight": torch.ones(0, 2)}, {}, "'a' must have A"),
    "PEFT's": ({"base_model.model.a.lora_A.weight": ONE}, {}, "must be the folder with PEFT"),
    "two models": ({"lora_te_a.alpha": ONE, "lora_te_a.lora_up.weight": torch.ones(2, 1),
                    "lora_te_a.lora_down.weight": torch.ones(1, 2)}, {},
                   "only must be one of 'lora_te', 'lora_unet', got None"),
}


@pytest.mark.parametrize("more, given, said", REFUSED.values(), ids=REFUSED)
def test_nothing_is_guessed(tmp_path, more, given, said):
    file = kohyas(tmp_path, (2.0, 3.0), **more)
    with pytest.raises(ValueError, match=said):
        convert(file, **{"to": "peft", "out": tmp_path / "out", "names": net()} | given)
    assert not (tmp_path / "out").exists()


def test_no_tensor_and_no_rank_is_lost(tmp_path):
    model = nn.ModuleDict({"a": nn.ModuleDict({"b": nn.Linear(2, 2)}), "a_b": nn.Linear(2, 2)})
    inject(model, ["b", "a_b"], 1, 1)
    save_adapter(model, tmp_path)
    with pytest.raises(ValueError, match="two modules would have one name"):
        convert(tmp_path, "kohya", tmp_path / "out", prefix="lora_unet")
    said = {"peft_type": "LORA", "r": 3, "lora_alpha": 1, "target_modules": "q"}
    save_file({f"unet.q.lora_{part}.weight": torch.ones(2, 2) for part in "AB"}, tmp_path / "in.st",
              {"lora_adapter_metadata": json.dumps({f"unet.{key}": said[key] for key in said})})
    with pytest.raises(ValueError, match="'q' must have the rank 3 of its settings, got 2"):
        convert(tmp_path / "in.st", "peft", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_file_without_an_adapter(tmp_path):
    save_file({}, tmp_path / "empty.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"no header")
    for name, said in ("empty", "must hold the matrices of an adapter"), ("broken", "broken.*Err"):
        with pytest.raises(ValueError, match=said):
            convert(tmp_path / f"{name}.safetensors", "peft", tmp_path / "out", names=["a"])


@pytest.mark.parametrize("changed, said", [
    ({}, None), ({"fine_tune_type": "dora"}, "fine_tune_type must be 'lora', got 'dora'"),
    ({"lora_parameters": {}}, "alpha must be given, the file has none for 1 of 2 modules")])
def test_of_mlxs_scales_a_modules_own_goes_before_the_common_one(tmp_path, changed, said):
    save_file({f"{name}.lora_{part}": torch.ones(2, 2) for name in "qv" for part in "ab"},
              tmp_path / "adapters.safetensors")
    config = {"lora_parameters": {"scale": 20.0}, "unsloth_mlx_lora_module_scales": {"v": 0.5}}
    (tmp_path / "adapter_config.json").write_text(json.dumps(config | changed))
    with pytest.raises(ValueError, match=said) if said else nullcontext():
        assert convert(tmp_path, "peft", tmp_path / "out") == {"q": (2, 40), "v": (2, 1)}


def test_alpha_fills_in_where_a_module_has_none(tmp_path):
    file = kohyas(tmp_path, (2.0,))
    assert convert(file, "peft", tmp_path / "out", alpha=5, names=list(net().state_dict())) == {
        "blocks.0.q": (4, 2), "blocks.1.v": (2, 5)}


@pytest.mark.claim("obs-layouts")
def test_diffusers_loads_what_is_written(tmp_path):
    import diffusers

    unet = diffusers.UNet2DConditionModel(
        8, block_out_channels=(32,), layers_per_block=1, down_block_types=["CrossAttnDownBlock2D"],
        up_block_types=["CrossAttnUpBlock2D"], cross_attention_dim=16, attention_head_dim=4)
    twin = get_peft_model(copy.deepcopy(unet), LoraConfig(
        r=4, lora_alpha=6, target_modules=["to_q", "to_out.0", "conv1"], init_lora_weights=False,
        rank_pattern={"conv1": 3})).eval()
    twin.save_pretrained(tmp_path)
    x = torch.randn(1, 4, 8, 8), 1, torch.randn(1, 5, 16)
    pipeline = diffusers.StableDiffusionPipeline
    for to in ("diffusers", "kohya"):
        convert(tmp_path, to, tmp_path / to, prefix=PREFIX[to])
        state, alphas, metadata = pipeline.lora_state_dict(
            next((tmp_path / to).iterdir()), unet_config=unet.config, return_lora_metadata=True)
        loaded = copy.deepcopy(unet).eval()
        pipeline.load_lora_into_unet(state, alphas, loaded, metadata=metadata)
        assert same_bits(loaded(*x).sample, twin(*x).sample)
