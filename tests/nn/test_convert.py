"""LoRA files from one tool's layout to another's: no bit lost, nothing guessed."""

import copy
import json

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from torch import nn

from lora_edu.nn import inject, lora_layers, save_adapter
from lora_edu.nn.convert import convert
from tests.nn.compare import assert_rounding_apart, same_bits
from tests.nn.lora_files import a_and_b, updates, write
from tests.nn.models import adapted, assert_pefts, net, unet

PREFIX = {"kohya": "lora_unet", "diffusers": "unet", "mlx": None}


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
    ("kohya", 2, 5.3, "lora"), ("kohya", 4, 3, "rslora"), ("diffusers", 2, 5, "lora"),
    ("diffusers", 4, 3, "rslora"), ("mlx", 4, 3, "lora"), ("mlx", 4, 3, "rslora")])
def test_there_and_back_no_bit_is_lost(tmp_path, layout, r, alpha, rule):
    model, plain = adapted(4, 3, targets=["q"], rule=rule)
    inject(model, ["v"], r, alpha, start="both random", rule=rule)
    save_adapter(model, tmp_path / "in")
    convert(tmp_path / "in", layout, tmp_path / "out", prefix=PREFIX[layout], names=plain)
    convert(tmp_path / "out", "peft", tmp_path / "back", names=plain)
    twin = PeftModel.from_pretrained(plain, tmp_path / "back")
    assert_pefts(model, twin, tolerance=1e-7)
    if layout != "diffusers":  # which hands its settings to PEFT
        for name, layer in lora_layers(model).items():
            [pair] = layer.active
            assert_rounding_apart(update_in(layout, tmp_path / "out", name), pair.delta())


FLOAT8 = {"dtypes": (torch.float8_e4m3fn, torch.float8_e5m2)}
ALPHAS = {"alphas": (2.0, 3.0)}
OWN = (2 / 4, 3 / 2)  # the scales that these give
RANKS = (1, 1)  # where α is the rank of each
DIFFUSERS = ALPHAS | {"layout": "diffusers"}


def case(scales, written, **options):
    """The scales of a file's modules, how it is written, and what is said of it."""
    return scales, written, {"names": net()} | options


RIGHT = {
    "α of other dtypes": case((3 / 4, 1 / 2), {
        "alphas": (torch.tensor(3), torch.ones(1, dtype=torch.bfloat16))}),
    "one α filled in": case((2 / 4, 5 / 2), {"alphas": (2.0,)}, alpha=5),
    "the rank of each": case(RANKS, {}, alpha="r", names=net().state_dict()),
    "float8": case(OWN, ALPHAS | FLOAT8),
    "one of two models": case(OWN, ALPHAS | {"more": a_and_b("lora_te_a")}, only="lora_unet"),
    "diffusers' settings": case((8 / 4**0.5, 3 / 2**0.5), {
        "layout": "diffusers", "settings": {"use_rslora": True, "alpha_pattern": {"v": 3}}}),
    "keys for α, as ComfyUI reads them": case(OWN, DIFFUSERS, alpha="file"),
    "keys for α, as diffusers' UNet reads them": case(RANKS, DIFFUSERS, alpha="r"),
    "keys for α that agree with settings": case(
        (8 / 4, 8 / 2), DIFFUSERS | {"alphas": (8.0, 8.0), "settings": {}}),
    "settings of another model": case(RANKS, {
        "layout": "diffusers", "begin": "transformer.",
        "settings": '{"unet.r": 4, "unet.lora_alpha": 4}'}, alpha="r"),
    "MLX's scale, and Unsloth's of a module": case((20, 0.5), {"layout": "mlx", "settings": {
        "lora_parameters": {"scale": 20.0},
        "unsloth_mlx_lora_module_scales": {"blocks.1.v": 0.5}}}),
    "MLX without a scale": case((4 / 4, 4 / 2), {"layout": "mlx", "settings": {}}, alpha=4),
    "PEFT's patterns": case((8 / 4, 3 / 2), {
        "layout": "peft", "settings": {
            "alpha_pattern": {"^blocks.1": 1, "v": 3}, "target_modules": ["q", "v"],
            "exclude_modules": ["0.v", "1.q"]}}),
}


@pytest.mark.parametrize("case", RIGHT)
def test_what_peft_loads_is_the_update_that_was_in_the_file(tmp_path, case):
    scales, written, options = RIGHT[case]
    convert(write(tmp_path, **written), "peft", tmp_path / "out", **options)
    twin = PeftModel.from_pretrained(net(), tmp_path / "out")
    want = updates(scales, **FLOAT8 if case == "float8" else {})
    assert set(want) == set(twin.targeted_module_names)
    for name, update in want.items():
        layer = twin.base_model.model.get_submodule(name)
        assert_rounding_apart(layer.get_delta_weight("default"), update)


OF_UNET = "mid_block.attentions.0.transformer_blocks.0"
OF_TEXT = "text_model.encoder.layers.0.self_attn"
KEYS = {  # a key of A and B as a tool writes it, and the name of the module
    f"unet.{OF_UNET}.attn1.to_k.lora.DOWN.weight": f"{OF_UNET}.attn1.to_k",  # diffusers, now
    f"unet.{OF_UNET}.attn1.processor.to_q_lora.DOWN.weight": f"{OF_UNET}.attn1.to_q",
    f"{OF_UNET}.attn1.processor.to_out_lora.DOWN.weight": f"{OF_UNET}.attn1.to_out.0",
    f"text_encoder.{OF_TEXT}.to_q_lora.DOWN.weight": f"{OF_TEXT}.q_proj",
    f"text_encoder.{OF_TEXT}.out_proj.lora_linear_layer.DOWN.weight": f"{OF_TEXT}.out_proj",
    "transformer_blocks.0.attn.to_k.lora_DOWN.weight": "transformer_blocks.0.attn.to_k",
    "double_blocks.0.processor.proj_lora1.DOWN.weight": "double_blocks.0.img_attn.proj",  # XLabs
    "double_blocks.0.processor.qkv_lora2.DOWN.weight": "double_blocks.0.txt_attn.qkv",
    "base_model.model.layers.0.q_proj.lora_A.weight": "layers.0.q_proj",  # without settings
    "layers.0.q_proj.lora_A": "layers.0.q_proj"}  # loralib


@pytest.mark.parametrize("key", KEYS)
def test_keys_are_read_as_tools_write_them(tmp_path, key):
    up = key.replace("DOWN", "up").replace("lora_A", "lora_B")
    A = torch.randn(2, 6)
    B = torch.randn(4, 2)
    save_file({key.replace("DOWN", "down"): A, up: B}, tmp_path / "lora.safetensors")
    begins = key.startswith(("unet.", "text_encoder.", "base_model.", OF_UNET))
    convert(tmp_path / "lora.safetensors", "peft", tmp_path / "out", alpha="r",
            only=None if begins else "")
    held = load_file(tmp_path / "out" / "adapter_model.safetensors")
    want = {f"base_model.model.{KEYS[key]}.lora_{side}.weight" for side in "AB"}
    assert held.keys() == want
    assert same_bits(held[min(want)], A) and same_bits(held[max(want)], B)


def test_what_is_no_lora_is_left_aside_where_that_is_said(tmp_path):
    twin = get_peft_model(net(), LoraConfig(r=2, target_modules=["q"], modules_to_save=["head"],
                                            bias="lora_only", init_lora_weights=False))
    twin.save_pretrained(tmp_path)
    convert(tmp_path, "peft", tmp_path / "out", lora_only=True, names=net())
    back = PeftModel.from_pretrained(net(), tmp_path / "out")
    assert_rounding_apart(back.base_model.model.blocks[0].q.get_delta_weight("default"),
                          twin.base_model.model.blocks[0].q.get_delta_weight("default"))


@pytest.mark.claim("obs-layouts")
def test_a_convolution_of_kohya_is_one_of_peft(tmp_path):
    plain = nn.Sequential(nn.Conv2d(3, 5, 3, padding=1))
    twin = get_peft_model(copy.deepcopy(plain), LoraConfig(
        r=2, lora_alpha=3, target_modules=["0"], init_lora_weights=False)).eval()
    twin.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"no convolutions for MLX, .* with \[4\]"):
        convert(tmp_path, "mlx", tmp_path / "mlx")
    convert(tmp_path, "kohya", tmp_path, prefix="lora_unet")
    convert(tmp_path / "lora.safetensors", "peft", tmp_path / "back", names=plain)
    x = torch.randn(1, 3, 6, 6)
    back = PeftModel.from_pretrained(copy.deepcopy(plain), tmp_path / "back").eval()
    assert same_bits(back(x), twin(x)) and not torch.allclose(back(x), plain(x))


@pytest.mark.claim("obs-layouts")
def test_diffusers_loads_what_is_written_and_writes_what_is_read(tmp_path):
    import diffusers

    plain, x = unet()
    config = LoraConfig(r=4, lora_alpha=6, target_modules=["to_q", "to_out.0", "conv1"],
                        init_lora_weights=False, rank_pattern={"conv1": 3})
    twin = get_peft_model(copy.deepcopy(plain), config).eval()
    twin.save_pretrained(tmp_path)
    pipeline = diffusers.StableDiffusionPipeline
    for to in ("diffusers", "kohya"):
        convert(tmp_path, to, tmp_path / to, prefix=PREFIX[to])
        state, alphas, metadata = pipeline.lora_state_dict(
            next((tmp_path / to).iterdir()), unet_config=plain.config, return_lora_metadata=True)
        loaded = copy.deepcopy(plain).eval()
        pipeline.load_lora_into_unet(state, alphas, loaded, metadata=metadata)
        assert same_bits(loaded(*x).sample, twin(*x).sample)

    loaded.save_lora_adapter(tmp_path / "whole names", adapter_name="default_0")
    convert(tmp_path / "whole names", "peft", tmp_path / "back", names=plain)
    back = PeftModel.from_pretrained(plain, tmp_path / "back").eval()
    assert same_bits(back(*x).sample, twin(*x).sample)
