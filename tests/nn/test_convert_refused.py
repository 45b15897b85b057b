"""What the converter refuses: each file by what is wrong with it, and nothing is written."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from lora_edu.nn.convert import convert
from tests.nn.lora_files import a_and_b, write
from tests.nn.models import net

ONE = torch.ones(1)
UP = "lora_unet_blocks_0_q.lora_up.weight"
ALPHAS = {"alphas": (2.0, 3.0)}
DIFFUSERS = {"layout": "diffusers"}
PEFT = {"layout": "peft", "settings": {}}


def kohya(tensors):
    """A file of kohya's with further tensors; with None in the place of one it is left out."""
    return ALPHAS | {"more": tensors}


def mlx(**settings):
    return {"layout": "mlx", "settings": {"lora_parameters": {"scale": 20.0}} | settings}


def mlx_embedding(name):
    return mlx() | {"more": {f"{name}.lora_{part}": torch.ones(2, 2) for part in "ab"}}


def case(written, **options):
    """How a file is written, and what is said of it."""
    return written, options


REFUSED = {  # the message, and its case
    "'a' must be plain LoRA .* got LoHa": case(kohya({"lora_unet_a.hada_w1_a": ONE})),
    "'blocks_0_q' must be plain LoRA .* got DoRA": case(
        kohya({"lora_unet_blocks_0_q.dora_scale": ONE})),
    "'a' must be .*convolution in three": case(kohya({"lora_unet_a.lora_mid.weight": ONE})),
    "'blocks.0.q' must have one α, got 1 from its key and 8 from": case(
        PEFT | {"more": {"base_model.model.blocks.0.q.alpha": ONE}}),
    "names must be given.*'blocks_0_q'": case(ALPHAS, names=None),
    "names must be the model, .* got 5": case(ALPHAS, names=5),
    "'blocks_1_v' with dots.*, got none": case(ALPHAS, names=["blocks.0.q"]),
    r"got \['blocks.0.q', 'blocks_0.q'\]": case(
        ALPHAS, names=["blocks.0.q", "blocks_0.q", "blocks.1.v"]),
    "names must contain 'blocks.0.q', because": case(mlx(), names=nn.Linear(2, 2)),
    "alpha must be given: the file has none for 2 of 2": case({}),
    "alpha must be left out, .* its own, got 'r'": case(ALPHAS, alpha="r"),
    "alpha, unless it is a number, must be .* got '16'": case(ALPHAS, alpha="16"),
    "alpha of 'a' must be .* got 0.0": case(kohya(a_and_b() | {"lora_unet_a.alpha": 0 * ONE})),
    "'blocks.0.q' must have an α that makes s a usable number": case(
        PEFT | {"settings": {"lora_alpha": 1e-46}}, to="kohya", prefix="lora_unet"),
    "all tensors must belong to plain LoRA .* got 'lora_unet_a.alpha' and 0 more": case(
        kohya(a_and_b() | {"lora_unet_a.alpha": torch.ones(2)})),
    "alpha must be given, .* Pass 'file'": case(DIFFUSERS | ALPHAS),
    "alpha_pattern must have one value for 'blocks.1.v', got .*4.*9": case(
        PEFT | {"settings": {"alpha_pattern": {"v": 4, "blocks.1.v": 9}}}),
    "'blocks.1.v' must have the rank 4 of its settings, got 2": case(
        DIFFUSERS | {"settings": {"rank_pattern": {}}}),
    "in.safetensors: lora_adapter_metadata in its metadata: .* not JSON: Expect": case(
        DIFFUSERS | {"settings": "{"}),
    r"alpha must be given: .* there is no adapter_config\.json beside it": case(
        {"layout": "mlx"}),
    r"adapter_config\.json: this is a pointer of Git LFS: git lfs pull": case(
        {"layout": "mlx", "settings": "version https://git-lfs.github.com/spec/v1\noid sha256:0"}),
    r"adapter_config\.json: scale must be a number, got '20'": case(
        mlx(lora_parameters={"scale": "20"})),
    "fine_tune_type must be 'lora', got 'dora'": case(mlx(fine_tune_type="dora")),
    "'embed_tokens' must not be an embedding": case(mlx_embedding("embed_tokens")),
    r"source must have one rank, .*\[\(2, 1.5\), \(4, 0.5\)\]": case(ALPHAS, to="mlx"),
    "prefix must be one of 'unet', .* got None": case(ALPHAS, to="diffusers"),
    "prefix must be left out for peft": case(ALPHAS, prefix="lora_te"),
    "out must be a path, or None, got 5": case(ALPHAS, out=5),
    "only must be one of 'lora_te', 'lora_unet', got None": case(
        kohya(a_and_b("lora_te_a"))),
    "'blocks.0.q' must begin with the model .* pass only=''": case(
        DIFFUSERS | {"begin": ""}, alpha="r"),
    "'a' must have A .* for a convolution": case(kohya(a_and_b(B=(2, 1, 1, 1)))),
    "'a' must have A": case(kohya(a_and_b(A=(0, 2), B=(2, 0)))),
    "'blocks_0_q' must have A": case(kohya({UP: None})),
    "B of 'blocks_0_q' must be finite, got 36 non-finite entries of 36": case(
        kohya({UP: torch.full((9, 4), torch.nan)})),
    "must have a floating dtype, got I8": case(ALPHAS | {"dtypes": [torch.int8] * 2}),
    "a Linear or a Conv2d called 'tokens', but it has a Emb": case(
        kohya(a_and_b("lora_unet_tokens")), alpha="r"),
    "'a.base_layer.out_proj' must be a name in the model": case(  # of MultiheadAttention
        PEFT | {"more": {"base_model.model.a.base_layer.out_proj.lora_A.weight": ONE}}),
    "names must remain different .* got": case(PEFT | {"more": {
        f"base_model.model.blocks_0.q.lora_{part}.weight": torch.ones(4, 4) for part in "AB"}},
        to="kohya", prefix="lora_unet", names=None),
    "'blocks.0.q' must begin with the model that it belongs to": case({"layout": "loralib"}),
    r"got 'base_model.model.head.bias' and 1 more that .* \(--lora-only\)": case(PEFT | {"more": {
        f"base_model.model.head.{name}": torch.ones(1) for name in ("weight", "bias")}}),
    r"target_modules chooses in names, but it has none for .*'blocks.1.v'": case(
        PEFT | {"more": dict.fromkeys(
            f"base_model.model.blocks.1.v.lora_{part}.weight" for part in "AB")}),
}


@pytest.mark.parametrize("message", REFUSED)
def test_nothing_is_guessed_and_nothing_written(tmp_path, message):
    written, options = REFUSED[message]
    source = write(tmp_path, **written)
    with pytest.raises((OSError, TypeError, ValueError), match=message):
        convert(**{"source": source, "to": "peft", "out": tmp_path / "out", "names": net()}
                | options)
    assert not (tmp_path / "out").exists()


SHAPES = {  # the layer, and the shapes of A and B in the file
    "transposed": (nn.Linear(6, 6), (6, 2), (2, 6)),
    "of a convolution": (nn.Linear(6, 5), (2, 6, 1, 1), (5, 2, 1, 1)),
    "with the kernel on B": (nn.Conv2d(4, 6, 3), (2, 4, 1, 1), (6, 2, 3, 3)),
}


@pytest.mark.parametrize("case", SHAPES)
def test_shapes_are_those_of_the_model(tmp_path, case):
    layer, *shapes = SHAPES[case]
    model = nn.ModuleDict({"a": layer})
    file = tmp_path / "in.safetensors"
    save_file(a_and_b("lora_unet_a", *shapes), file)
    for names in (model, model.state_dict()):
        with pytest.raises(ValueError, match="'a' must have A"):
            convert(file, "peft", None, alpha="r", names=names)


def test_no_file_is_lost(tmp_path):
    write(tmp_path, "peft", settings={"rank_pattern": {"v": 2}, "alpha_pattern": {"v": 4}})
    convert(tmp_path, "diffusers", tmp_path, prefix="unet")
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(ValueError, match=r"one of .*got .*'adapter_model.safetensors', 'pytorch_"):
        convert(tmp_path, "kohya", None, prefix="lora_unet")
    source = tmp_path / "adapter_model.safetensors"
    with pytest.raises(ValueError, match=r"overwrite must be True to replace .*pytorch_lora_wei"):
        convert(source, "diffusers", tmp_path, prefix="unet")
    with pytest.raises(ValueError, match="out must be a folder, got the file"):
        convert(source, "peft", source)
    with pytest.raises(ValueError, match="out must not be the source's folder"):
        convert(source, "peft", tmp_path, overwrite=True)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    convert(source, "diffusers", tmp_path, prefix="transformer", overwrite=True)
    assert (tmp_path / "pytorch_lora_weights.safetensors").read_bytes() != before[
        "pytorch_lora_weights.safetensors"]


def test_a_file_without_an_adapter(tmp_path):
    save_file({}, tmp_path / "empty.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"no header")
    for name, message in (("empty", "matrices of exactly one adapter"),
                          ("broken", "broken.*must be a safetensors file"),
                          ("absent", "there is no .*absent"),
                          ("lora-00001-of-00002", "must be a complete file, got .*00001")):
        with pytest.raises((OSError, ValueError), match=message):
            convert(tmp_path / f"{name}.safetensors", "peft", tmp_path / "out", names=["a"])
