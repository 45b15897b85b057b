"""What the converter refuses: each file by what is wrong with it, and nothing is written."""

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from torch import nn

from lora_edu.nn import convert, inject, save_adapter
from tests.nn.lora_files import write
from tests.nn.models import net

ONE = torch.ones(1)
NOT_FINITE = torch.full((9, 4), torch.nan)
ALPHAS = {"alphas": (2.0, 3.0)}
DIFFUSERS = {"layout": "diffusers"}
PEFT = {"layout": "peft", "settings": {}}
A_AND_B = {"lora_unet_a.lora_up.weight": torch.ones(2, 1),
           "lora_unet_a.lora_down.weight": torch.ones(1, 2)}


def kohya(**more):
    return ALPHAS | {"more": more}


def mlx(**settings):
    return {"layout": "mlx", "settings": {"lora_parameters": {"scale": 20.0}} | settings}


def mlx_embedding(name):
    return mlx() | {"more": {f"{name}.lora_{part}": torch.ones(2, 2) for part in "ab"}}


REFUSED = {  # how the file is written, what is said, and the message
    "LoHa": (kohya(**{"lora_unet_a.hada_w1_a": ONE}), {}, "'lora_unet_a.hada_w1_a' is .*: LoHa"),
    "LoKr": (kohya(**{"lora_unet_a.lokr_w1": ONE}), {}, "lokr_w1' is not of plain .*: LoKr"),
    "DoRA": (kohya(**{"lora_unet_blocks_0_q.dora_scale": ONE}), {}, "dora_scale.*: DoRA"),
    "Tucker": (kohya(**{"lora_unet_a.lora_mid.weight": ONE}), {}, "lora_mid.*convolution in three"),
    "α of PEFT by key": (PEFT | {"more": {"base_model.model.blocks.0.q.alpha": ONE}}, {},
                         r"q.alpha' is not of plain LoRA in the layout of peft"),
    "no names": (ALPHAS, {"names": None}, "names must be given.*'blocks_0_q'"),
    "names of another kind": (ALPHAS, {"names": 5}, "names must be the model, .* got 5"),
    "a single name": (ALPHAS, {"names": "blocks.0.q"}, "names must be .* got 'blocks.0.q'"),
    "a name of another kind": (ALPHAS, {"names": [5]}, "each of names must be a str, got 5"),
    "an unknown name": (ALPHAS, {"names": ["blocks.0.q"]}, "'blocks_1_v' with under.*, got none"),
    "an ambiguous name": (ALPHAS, {"names": ["blocks.0.q", "blocks_0.q", "blocks.1.v"]},
                          r"got \['blocks.0.q', 'blocks_0.q'\]"),
    "a name that the model has not": (mlx(), {"names": nn.Linear(2, 2)},
                                      "names must have 'blocks.0.q', for which"),
    "no α": ({}, {}, "alpha must be given, the file has none for 2 of 2"),
    "own α": (ALPHAS, {"alpha": "r"}, "alpha must be left out, .* its own, got 'r'"),
    "α in words": (ALPHAS, {"alpha": "16"}, "alpha, unless it is a number, must be .* got '16'"),
    "α of 0": (kohya(**A_AND_B, **{"lora_unet_a.alpha": 0 * ONE}), {},
               "alpha of 'a' must be .* got 0.0"),
    "α of 0 in float32": (PEFT | {"settings": {"lora_alpha": 1e-46}},
                          {"to": "kohya", "prefix": "lora_unet"},
                          "alpha of 'blocks.0.q', a float32 .* at least 1.17.*got 1e-46"),
    "several α": (kohya(**A_AND_B, **{"lora_unet_a.alpha": torch.ones(2)}), {},
                  "'a' must have .* one α"),
    "keys for α that diffusers passes over": (DIFFUSERS | ALPHAS, {},
                                              "alpha must be given: .* Say 'file'"),
    "two α": (DIFFUSERS | ALPHAS | {"settings": {}}, {},
              "'blocks.0.q' must have one α, got 2 from its key and 8 from"),
    "two patterns": (PEFT | {"settings": {"alpha_pattern": {"v": 4, "blocks.1.v": 9}}}, {},
                     "alpha_pattern must have one value for 'blocks.1.v', got .*4.*9"),
    "another rank in the settings": (DIFFUSERS | {"settings": {"rank_pattern": {}}}, {},
                                     "'blocks.1.v' must have the rank 4 of its settings, got 2"),
    "settings that are no JSON": (DIFFUSERS | {"settings": "{"}, {},
                                  "in.safetensors, lora_adapter_metadata in its metadata: Expect"),
    "MLX's settings missing": ({"layout": "mlx"}, {}, r"No such file.*adapter_config\.json"),
    "MLX's settings of another kind": ({"layout": "mlx", "settings": [1]}, {},
                                       r"adapter_config\.json: MLX's settings must be a dict"),
    "MLX's scale in letters": (mlx(lora_parameters={"scale": "20"}), {},
                               r"adapter_config\.json: scale must be a number, got '20'"),
    "MLX's DoRA": (mlx(fine_tune_type="dora"), {}, "fine_tune_type must be 'lora', got 'dora'"),
    "embed_tokens": (mlx_embedding("embed_tokens"), {}, "'embed_tokens' is an embedding"),
    "wte": (mlx_embedding("transformer.wte"), {}, "'transformer.wte' is an embedding"),
    "MLX of two ranks": (ALPHAS, {"to": "mlx"}, r"MLX has one .*\[\(2, 1.5\), \(4, 0.5\)\]"),
    "no prefix": (ALPHAS, {"to": "diffusers"}, "prefix must be one of 'unet', .* got None"),
    "a prefix of another kind": (ALPHAS, {"to": "diffusers", "prefix": 5}, "prefix must .* got 5"),
    "a needless prefix": (ALPHAS, {"prefix": "lora_te"}, "prefix must be left out for peft"),
    "only of another kind": (ALPHAS, {"only": 5}, "only must be a str, got 5"),
    "two models": (kohya(**{"lora_te_a.lora_up.weight": torch.ones(2, 1),
                            "lora_te_a.lora_down.weight": torch.ones(1, 2)}), {},
                   "only must be one of 'lora_te', 'lora_unet', got None"),
    "no model": (DIFFUSERS | {"begin": ""}, {"alpha": "r"}, "'blocks.0.q.lora_A.weight' must begin "
                                                            "with the model .* say only=''"),
    "part of a name for the model": (
        DIFFUSERS | {"begin": "", "more": {"head.lora_A.weight": ONE}},
        {"alpha": "r", "only": "blocks"}, "'head.lora_A.weight' must begin with the model"),
    "linear and conv": (kohya(**A_AND_B | {"lora_unet_a.lora_up.weight": torch.ones(2, 1, 1, 1)}),
                        {}, "'a' must have A"),
    "rank 0": (kohya(**{"lora_unet_a.lora_up.weight": torch.ones(2, 0),
                        "lora_unet_a.lora_down.weight": torch.ones(0, 2)}), {}, "'a' must have A"),
    "no B": (kohya(**{"lora_unet_blocks_0_q.lora_up.weight": None}), {},
             "'blocks_0_q' must have A"),
    "NaN": (kohya(**{"lora_unet_blocks_0_q.lora_up.weight": NOT_FINITE}), {},
            "'blocks_0_q.lora_up.weight' must be finite, got 36 non-finite entries of 36"),
    "int8": (ALPHAS | {"dtypes": (torch.int8, torch.int8)}, {},
             "must have a floating dtype, got torch.int8"),
    "PEFT's without its folder": ({"more": {"base_model.model.a.lora_A.weight": ONE}}, {},
                                  "must be the folder with PEFT"),
    "half a file": (PEFT | {"more": {f"base_model.model.blocks.1.v.lora_{part}.weight": None
                                     for part in "AB"}}, {},
                    r"target_modules chooses in names, it has none for .*'blocks.1.v'"),
    "one file of two": (ALPHAS | {"file": "lora-00001-of-00002.safetensors"}, {},
                        "source must be a whole file, got .*lora-00001-of-00002"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_nothing_is_guessed_and_nothing_written(tmp_path, case):
    written, said, message = REFUSED[case]
    source = write(tmp_path, **written)
    with pytest.raises((OSError, TypeError, ValueError), match=message):
        convert(source, **{"to": "peft", "out": tmp_path / "out", "names": net()} | said)
    assert not (tmp_path / "out").exists()


SHAPES = {  # the layer, and the shapes of A and B in the file
    "transposed": (nn.Linear(6, 6), (6, 2), (2, 6)),
    "of another width": (nn.Linear(6, 5), (2, 7), (5, 2)),
    "of a convolution": (nn.Linear(6, 5), (2, 6, 1, 1), (5, 2, 1, 1)),
    "of another kernel": (nn.Conv2d(4, 6, 3), (2, 4, 1, 1), (6, 2, 1, 1)),
    "with the kernel on B": (nn.Conv2d(4, 6, 3), (2, 4, 1, 1), (6, 2, 3, 3)),
}


@pytest.mark.parametrize("case", SHAPES)
def test_shapes_are_those_of_the_model(tmp_path, case):
    layer, of_A, of_B = SHAPES[case]
    model = nn.ModuleDict({"a": layer})
    save_file({"lora_unet_a.lora_down.weight": torch.ones(of_A),
               "lora_unet_a.lora_up.weight": torch.ones(of_B)}, tmp_path / "in.safetensors")
    for names in (model, model.state_dict()):
        with pytest.raises(ValueError, match="'a' must have A"):
            convert(tmp_path / "in.safetensors", "peft", None, alpha="r", names=names)


@pytest.mark.parametrize("layer", [nn.ModuleDict(), nn.Embedding(2, 2)])
def test_a_module_is_one_that_can_have_an_adapter(tmp_path, layer):
    file = tmp_path / "in.safetensors"
    save_file(A_AND_B, file)
    with pytest.raises(ValueError, match="a Linear or a Conv2d called 'a', it has a "):
        convert(file, "peft", None, alpha="r", names=nn.ModuleDict({"a": layer}))


def test_a_name_of_pefts_wrapper_is_none_of_the_model(tmp_path):
    model = nn.ModuleDict({"a": nn.MultiheadAttention(4, 2)})
    get_peft_model(model, LoraConfig(r=2, target_modules=["a"])).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"'a.base_layer.out_proj' is a name in PEFT's wrapper"):
        convert(tmp_path, "kohya", None, prefix="lora_te")


def test_no_module_is_lost_where_two_would_have_one_name(tmp_path):
    model = nn.ModuleDict({"a": nn.ModuleDict({"b": nn.Linear(2, 2)}), "a_b": nn.Linear(2, 2)})
    inject(model, ["b", "a_b"], 1, 1)
    save_adapter(model, tmp_path)
    with pytest.raises(ValueError, match="two modules would have one name"):
        convert(tmp_path, "kohya", tmp_path / "out", prefix="lora_unet")


def test_no_file_is_lost(tmp_path):
    write(tmp_path, "peft", settings={"rank_pattern": {"v": 2}, "alpha_pattern": {"v": 4}})
    convert(tmp_path, "diffusers", tmp_path, prefix="unet")
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(ValueError, match=r"one of .*got .*'adapter_model.safetensors', 'pytorch_"):
        convert(tmp_path, "kohya", None, prefix="lora_unet")
    source = tmp_path / "adapter_model.safetensors"
    with pytest.raises(ValueError, match=r"overwrite must be True to replace .*pytorch_lora_wei"):
        convert(source, "diffusers", tmp_path, prefix="unet")
    with pytest.raises(ValueError, match="out must not be the source's folder"):
        convert(source, "peft", tmp_path, overwrite=True)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    convert(source, "diffusers", tmp_path, prefix="transformer", overwrite=True)
    assert (tmp_path / "pytorch_lora_weights.safetensors").read_bytes() != before[
        "pytorch_lora_weights.safetensors"]


def test_a_file_without_an_adapter(tmp_path):
    save_file({}, tmp_path / "empty.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"no header")
    for name, message in (("empty", "must hold the matrices of an adapter"),
                          ("broken", "broken.*Err"), ("absent", "No such file.*absent")):
        with pytest.raises((OSError, ValueError), match=message):
            convert(tmp_path / f"{name}.safetensors", "peft", tmp_path / "out", names=["a"])
