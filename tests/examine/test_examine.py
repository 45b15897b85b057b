"""The numbers of a file beside PEFT's own ΔW, and what is refused."""

import json
import struct
import tracemalloc

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors import safe_open
from safetensors.torch import save, save_file
from torch import nn

from lora_edu.examine import Stopped, examine
from lora_edu.formats import tensors
from tests.nn.lora_files import DTYPES, a_and_b, in_peft, pefts_updates, write_peft

MIXED = {"r": 4, "lora_alpha": 6, "rank_pattern": {"k": 2, r"layers\.1\.up": 8},
         "alpha_pattern": {r"layers\.1\..*": 3}}
RULES = {"lora": {}, "rslora": {"use_rslora": True}}
BEGIN = {"peft": "", "kohya": "lora_unet_", "diffusers": "transformer.", "mlx": ""}  # of names


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("layout", BEGIN)
def test_the_numbers_are_those_of_pefts_update(tmp_path, layout, rule, dtype):
    settings = {"r": 4, "lora_alpha": 6} if layout == "mlx" else MIXED  # which has one rank
    model = in_peft(dtype, **settings | RULES[rule])
    examination = examine(write_peft(tmp_path, model, layout, dtype))
    assert examination.layout == layout
    by_name = sorted(pefts_updates(model).items())
    for row, (name, update) in zip(examination.rows, by_name, strict=True):
        name_there = name.replace(".", "_") if layout == "kohya" else name
        assert row.layer == BEGIN[layout] + name_there
        values = np.linalg.svd(update, compute_uv=False)[:row.r]
        np.testing.assert_allclose(row.singular_values, values, rtol=1e-6, atol=1e-7 * values[0])
        assert row.norm == pytest.approx(np.linalg.norm(update), rel=1e-6)
        assert row.rms == pytest.approx(np.sqrt(np.mean(update**2)), rel=1e-6)
        energy = np.cumsum(values**2) / np.sum(values**2)
        np.testing.assert_allclose(row.energy, energy, atol=1e-6)
        assert row.rank_holding(0.9) == 1 + np.searchsorted(energy, 0.9)
        assert row.stable_rank == pytest.approx(np.sum(values**2) / values[0]**2, rel=1e-5)
        assert (row.shape, row.dtypes) == (update.shape, (dtype, dtype))
        layer = model.base_model.model.get_submodule(name)
        assert (row.r, row.scale) == (layer.r["default"],
                                      pytest.approx(layer.scaling["default"], rel=1e-6))
        A = layer.lora_A["default"].weight.detach().numpy()
        assert row.sigma == pytest.approx(np.sqrt(np.mean(A**2)))
    assert not examination.is_wrong


def test_a_convolution_and_an_embedding(tmp_path):
    plain = nn.ModuleDict({"conv": nn.Conv2d(3, 8, 3), "tokens": nn.Embedding(50, 8)})
    model = get_peft_model(plain, LoraConfig(r=2, lora_alpha=4, target_modules=[*plain]))
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            nn.init.normal_(parameter)
    model.save_pretrained(tmp_path)
    rows = {row.layer: row for row in examine(tmp_path).rows}
    conv, tokens = (model.base_model.model.get_submodule(name).get_delta_weight("default").detach()
                    for name in ("conv", "tokens"))
    for name, update in (("conv", conv.flatten(1)), ("tokens", tokens.T)):
        values = np.linalg.svd(update.numpy(), compute_uv=False)[:2]
        np.testing.assert_allclose(rows[name].singular_values, values, rtol=1e-5)
        assert rows[name].shape == update.shape
    assert rows["conv"].starts["kaiming_uniform"] == pytest.approx(1 / np.sqrt(3 * 27))
    assert not rows["tokens"].starts  # its A starts at zero


def test_dora_and_loha_are_named_and_no_number_is_wrong(tmp_path):
    model = in_peft(use_dora=True)
    examination = examine(write_peft(tmp_path, model))
    for row in examination.rows:
        update = pefts_updates(model)[row.layer]
        assert row.method == "DoRA"
        assert row.norm == pytest.approx(np.linalg.norm(update), rel=1e-6)
    assert [finding.name for finding in examination.findings] == ["other-method"]
    loha = {f"lora_unet_up.hada_w{i}_{part}": torch.ones(2, 2) for i in (1, 2) for part in "ab"}
    examination = examine(save(loha | {"lora_unet_up.alpha": torch.tensor(2.0)}))
    [row] = examination.rows
    assert (row.method, row.alpha, row.scale) == ("LoHa", 2.0, None)
    assert np.isnan(row.norm) and examination.as_dict()["rows"][0]["norm"] is None


def test_how_far_A_went():
    rng = np.random.default_rng(0)
    bound = 1 / np.sqrt(400)
    A = rng.uniform(-bound, bound, (16, 400))
    step = 0.5 * bound / np.sqrt(3) * rng.choice([-1, 1], A.shape)
    cases = (A, 0, None), (A + step, np.sqrt(1.25) - 1, 0.5), (0.5 * A, 0.5, None)
    for have, least, about in cases:
        [row] = examine(save({"lora_unet_q.lora_down.weight": torch.tensor(have),
                              "lora_unet_q.lora_up.weight": torch.ones(8, 16)})).rows
        at_least, seen = row.moved("kaiming_uniform")
        assert at_least == pytest.approx(least, abs=0.02)
        assert seen == pytest.approx(np.nan if about is None else about, abs=0.05, nan_ok=True)
        way = np.linalg.norm(have - A) / np.linalg.norm(A)
        assert at_least <= way + 0.02


@pytest.mark.parametrize("name, block, part", [
    ("model.layers.3.self_attn.q_proj", "model.layers.3", "self_attn.q_proj"),
    ("transformer.h.11.attn.c_attn", "transformer.h.11", "attn.c_attn"),
    ("model.layers.3.mlp.experts.5.up_proj", "model.layers.3.mlp.experts.5", "up_proj"),
    ("lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_out_0",
     "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0", "attn1_to_out_0"),
    ("lm_head", "", "lm_head")])
def test_a_module_has_its_place_in_the_map(name, block, part):
    [row] = examine(save({f"{name}.lora_A.weight": torch.ones(1, 2),
                          f"{name}.lora_B.weight": torch.ones(2, 1)})).rows
    assert (row.block, row.part) == (block, part)


def test_layer_2_stands_before_layer_10_and_no_name_is_cut():
    names = [f"lora_unet_{'middle_' * 9}blocks_{i}_q" for i in (2, 10)]
    examination = examine(save({f"{name}.lora_{side}.weight": torch.ones(2, 2)
                                for name in names for side in ("down", "up")}))
    assert [row.layer for row in examination.rows] == names
    assert all(name in examination.report(whole=True).rpartition("module\n")[2] for name in names)


def test_all_that_settings_hold_goes_into_json():
    """What PEFT's own have as Python's objects, such as a set."""
    settings = LoraConfig(r=1, lora_alpha=1, target_modules=["q"]).to_dict()
    bare = {"q.lora_A.weight": torch.ones(1, 2), "q.lora_B.weight": torch.ones(2, 1)}
    written = json.loads(json.dumps(examine(save(bare), settings).as_dict(), allow_nan=False))
    assert written["settings"]["target_modules"] == ["q"]


def test_settings_and_bytes_may_be_given(tmp_path):
    folder = write_peft(tmp_path, in_peft(lora_alpha=8))
    file = folder / "adapter_model.safetensors"
    settings = folder / "adapter_config.json"
    for source in (file, file.read_bytes(), bytearray(file.read_bytes())):
        for config in (settings, folder, settings.read_bytes(), json.loads(settings.read_bytes())):
            assert {row.scale for row in examine(source, config).rows} == {2.0}
    assert {row.scale for row in examine(file).rows} == {2.0}


def test_it_tells_how_far_it_is_and_can_be_stopped(tmp_path):
    folder = write_peft(tmp_path, in_peft())
    calls = []
    examine(folder, progress=lambda done, of: calls.append((done, of)))
    assert calls == [(done, 9) for done in range(10)]
    with pytest.raises(Stopped, match="after 3 of 9"):
        examine(folder, progress=lambda done, of: done < 3)


def test_memory_is_less_than_three_files(tmp_path):
    sides = {"down": (64, 40_000), "up": (256, 64)}
    file = tmp_path / "one.safetensors"
    save_file({f"lora_unet_{name}.lora_{side}.weight": torch.randn(shape).bfloat16()
               for name in "ab" for side, shape in sides.items()}, file)
    examine(file)
    tracemalloc.start()
    examine(file)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * file.stat().st_size  # beside the mapped file


@pytest.mark.parametrize("call, error, message", [
    (lambda one: one.rows[0].rank_holding(90), ValueError, "share must be .* at most 1, got 90"),
    (lambda one: one.rows[0].rank_holding(0), ValueError, "share must be greater than 0"),
    (lambda one: one.rows[0].rank_holding("all"), TypeError, "share must be a number, got 'all'"),
    (lambda one: one.rows[0].moved("kaiming"), ValueError, "start must be one of 'kaiming_uniform"),
    (lambda one: one.beside_start("kaiming"), ValueError, "start must be one of 'kaiming_uniform"),
    (lambda one: one.commonest("1"), TypeError, "strength must be a number, got '1'"),
    (lambda one: one.commonest(0), ValueError, "strength must be .* greater than 0, got 0")])
def test_a_bad_argument_is_refused_by_name(call, error, message):
    with pytest.raises(error, match=message):
        call(examine(save(GOOD)))


def test_an_A_that_was_not_drawn_has_moved_by_no_known_way():
    one = examine(save({"lora_unet_q.lora_down.weight": torch.zeros(1, 2),
                        "lora_unet_q.lora_up.weight": torch.ones(2, 1)}))
    assert np.isnan(one.rows[0].moved("kaiming_uniform")).all()
    assert np.isnan(one.beside_start("kaiming_uniform")).all()


@pytest.mark.parametrize("name, of", [
    ("mid_block.attentions.0.to_q.lora", "pipeline.unet.load_lora_adapter(file, prefix=None)"),
    ("transformer_blocks.0.attn.to_k.lora",
     "pipeline.transformer.load_lora_adapter(file, prefix=None)"),
    ("double_blocks.0.processor.qkv_lora1", "pipeline.load_lora_weights(file)"),  # XLabs'
    ("unet.mid_block.attentions.0.to_q.lora", "pipeline.load_lora_weights(file)")])
def test_the_names_say_what_loads_a_file_of_diffusers(name, of):
    report = examine(save({f"{name}.down.weight": torch.ones(1, 2),
                           f"{name}.up.weight": torch.ones(2, 1)})).report()
    assert f"How do I load it? diffusers’ {of}\n" in report


@pytest.mark.parametrize("start", ["pissa", "olora", "orthogonal"])
def test_an_A_of_a_start_of_unknown_spread_is_not_compared_with_others(start):
    file = {f"base_model.model.q.lora_{side}.weight": torch.ones(2, 2) for side in "AB"}
    report = examine(save(file), {"r": 2, "lora_alpha": 2, "init_lora_weights": start}).report()
    assert "Does it do anything? Yes" in report
    assert "How far did A move" not in report and "learning rate too large" not in report


def test_a_folder_with_a_pickle_says_so(tmp_path):
    (tmp_path / "adapter_model.bin").write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"its adapter_model\.bin is a pickle, .* not opened"):
        examine(tmp_path)


def test_the_first_words_say_whether_it_does_anything(tmp_path):
    folder = write_peft(tmp_path, in_peft())
    text = str(examine(folder))
    assert text.count("\n") < 22 and "Yes. It changes the weight of each module" in text
    assert "kaiming_uniform" not in text and "U(±1/√k)" in text and "U(±√(6/k))" not in text
    write_peft(tmp_path, in_peft(), change=lambda tensors: {
        key: 0 * value if "lora_B" in key else value for key, value in tensors.items()})
    assert "No. ΔW is exactly zero" in str(examine(folder))
    write_peft(tmp_path, in_peft(), change=lambda tensors: {
        key: value / 0 if "0.q.lora_B" in key else value for key, value in tensors.items()})
    text = str(examine(folder))
    assert "How do I load it? First fix the errors below." in text
    assert "Does it do anything? It makes outputs NaN or infinite: first fix" in text


def test_a_folder_of_checkpoints_is_refused_by_naming_some(tmp_path):
    """As the Trainer's output."""
    (tmp_path / "runs").mkdir()
    for name in ("checkpoint-10", "checkpoint-20"):
        (tmp_path / name).mkdir()
        save_file(GOOD, tmp_path / name / "adapter_model.safetensors")
    with pytest.raises(ValueError, match=r"with none; give a folder in it, such as "
                                         r"'.*checkpoint-10', '.*checkpoint-20'$"):
        examine(tmp_path)


# The reader

@pytest.mark.parametrize("can_map", [True, False])
def test_it_reads_what_the_library_wrote(tmp_path, monkeypatch, can_map):
    monkeypatch.setattr(tensors, "CAN_MAP", can_map)
    every = torch.arange(256, dtype=torch.uint8)
    values = {dtype: torch.randn(3, 5).to(kind) for dtype, kind in DTYPES.items()}
    values |= {"all of F8_E4M3": every.view(torch.float8_e4m3fn), "I64": torch.arange(3),
               "all of F8_E5M2": every.clone().view(torch.float8_e5m2),
               "BOOL": torch.tensor([True]), "one": torch.tensor(2.0),
               "none": torch.ones(0, 3)}
    save_file(values, tmp_path / "file.safetensors", {"key": "text"})
    held, metadata = tensors.read(tmp_path / "file.safetensors")
    assert metadata == {"key": "text"}
    with safe_open(tmp_path / "file.safetensors", "pt") as library:
        assert set(held) == set(library.keys())
        for name, tensor in held.items():
            want = library.get_tensor(name).double().numpy()
            np.testing.assert_array_equal(tensors.wide(tensor.raw(), tensor.dtype), want)


def test_rounding_to_bfloat16_is_torchs():
    numbers = np.concatenate([np.random.default_rng(0).normal(size=1000), [0, -0.0, 1 + 2**-8,
                              1 + 3 * 2**-8, 3e38, 1e-40]]).astype(np.float32)
    want = torch.tensor(numbers).bfloat16().double().numpy()
    np.testing.assert_array_equal(tensors.to_bfloat16(numbers), want)


GOOD = a_and_b()


def file_of(header, numbers=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + numbers


def entry(begin=0, end=4, dtype="F32", shape=(1,)):
    return {"dtype": dtype, "shape": shape, "data_offsets": (begin, end)}


DAMAGED = {  # the bytes, and words of the error
    "nothing": (b"", "it is empty"),
    "four bytes": (b"\x08\0\0\0", "incomplete"),
    "half the numbers": (save(GOOD)[:-8], "must begin where .* incomplete"),
    "100 MB of JSON": (file_of(b" " * 100_000_000), "at most 25000000, got 100000000"),
    "JSON of 100,000 brackets": (file_of(b'{"a":' + b"[" * 100_000), "header must be JSON"),
    "no JSON": (file_of(b"{oops"), "header must be JSON"),
    "a name that is no text": (file_of(b'{"\\ud800": 1}'), "header must be JSON.*surrogates"),
    "a name twice": (file_of(b'{"a": 1, "a": 2}'), "a name occurs twice"),
    "tensors that overlap": (file_of({"a": entry(), "b": entry(2, 6)}, b"123456"),
                             "'b' must begin where the tensor before it ends, at 4"),
    "too much": (file_of({"a": entry()}, b"12345"), "has 1 more bytes"),
    "a shape that does not fit": (file_of({"a": entry(shape=(3, 1))}, b"1234"), "as many bytes"),
    "an unknown type": (file_of({"a": entry(dtype="F4")}, b"1234"), "must have a dtype of F64"),
    "metadata of another kind": (file_of({"__metadata__": {"a": 1}}), "metadata must map"),
    "an archive of torch": (b"PK\x03\x04" + b"0" * 99, r"a pickle .*\.pt.*not opened.*'cpu', w"),
    "a pickle": (b"\x80\x02}q\x00." + b"0" * 99, "a pickle .*not opened"),
    "a pointer of LFS": (b"version https://git-lfs.github.com/spec/v1\noid ", "git lfs pull"),
    "a GGUF": (b"GGUF\x03" + b"\0" * 99, "a GGUF"),
    "no adapter": (save({"weight": torch.ones(2, 2)}),
                   r"one adapter.* and 1 other key: \['weight'\]"),
    "an underscore for the dot": (
        save({f"lora_unet_q_lora_{side}.weight": torch.ones(2, 2) for side in ("down", "up")}),
        "'lora_unet_q_lora_down.weight' would have to end in '.lora_down.weight'$"),
    "two adapters": (save({f"q.lora_A.{name}.weight": torch.ones(2, 2) for name in ("a", "b")}),
                     r"one adapter, .* got 2 adapters .*\['a', 'b'\]"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_file_is_refused_by_what_is_wrong(tmp_path, case):
    content, message = DAMAGED[case]
    file = tmp_path / "damaged.safetensors"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=f"damaged.safetensors: .*{message}"):
        examine(file)
    with pytest.raises(ValueError, match=message):
        examine(content)


@pytest.mark.parametrize("bias", ["lora_only", "all"])
def test_biases_that_peft_saves_are_not_missed(tmp_path, bias):
    config = LoraConfig(r=2, target_modules=["0"], bias=bias)
    get_peft_model(nn.Sequential(nn.Linear(4, 3)), config).save_pretrained(tmp_path)
    assert "biases-not-saved" not in [finding.name for finding in examine(tmp_path).findings]


@pytest.mark.parametrize("asked, error, message", [
    ({"source": 5}, TypeError, "source must be a path or bytes, got 5"),
    ({"source": "pyproject.toml"}, ValueError, "pyproject.toml: this must be a safetensors f"),
    ({"source": b'{"r": 8}'}, ValueError, "it is JSON, such as settings: give its folder"),
    ({"alpha": 0}, ValueError, "alpha must be .* greater than 0, got 0"),
    ({"source": save(GOOD | {"lora_unet_a.alpha": torch.ones(())}), "alpha": 32}, ValueError,
     "alpha must be left out, because every module has its own scale, got 32"),
    ({"base": nn.Linear(2, 2)}, TypeError, "base must be the path of a .*, got Linear"),
    ({"config": {"r": 2}}, ValueError, "config must be left out for kohya's layout"),
    ({"config": 5}, TypeError, "config, unless it is a dict, must be a path or bytes, got 5"),
    ({"progress": 5}, TypeError, "progress must be a function"),
    ({"source": "absent.safetensors"}, FileNotFoundError, "absent.safetensors"),
    ({"source": "tests"}, ValueError, "a folder with one of"),
    ({"source": "a-00001-of-00002.safetensors"}, ValueError, "one of several"),
    ({"base": "tests"}, ValueError, "base must be a .safetensors or a folder with some")])
def test_bad_arguments(asked, error, message):
    with pytest.raises(error, match=message):
        examine(**{"source": save(GOOD)} | asked)
