"""Faults that people report, planted in files one by one; and a hundred sound files."""

import itertools
import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save, save_file

from lora_edu.examine import examine
from lora_edu.examine.faults import FAULTS as KNOWN
from lora_edu.nn.convert import convert
from tests.nn.lora_files import Tiny, base_file, in_peft, pefts_updates, write_peft

KOHYA = {"ss_network_dim": "4", "ss_network_alpha": "1"}


def each(word, change):
    """A change of every tensor whose key has a word; None takes it away."""
    def change_all(tensors):
        changed = {key: change(value) if word in key else value for key, value in tensors.items()}
        return {key: value for key, value in changed.items() if value is not None}
    return change_all


def without(word):
    return each(word, lambda tensor: None)


def renamed(old, new):
    return lambda tensors: {key.replace(old, new): value for key, value in tensors.items()}


def both(*changes):
    def change_all(tensors):
        for change in changes:
            tensors = change(tensors)
        return tensors
    return change_all


def spoiled(tensor):
    tensor = tensor.clone()
    tensor[0, 0] = torch.nan
    return tensor


def zero(tensor):
    return torch.zeros_like(tensor)


def of_spread(tensor, sigma):
    """The tensor with a root mean square of sigma, as a large one from such a start has."""
    return tensor * sigma / tensor.square().mean().sqrt()


def case(finding, setting=None, **written):
    """What is found, where PEFT or the base has this setting, in a file that is so written."""
    return finding, setting or {}, written


FAULTS = {
    "α of 8 at r = 64": case("default-alpha", {"r": 64, "lora_alpha": 8}),
    "kohya's α of 1 at r = 32": case("default-alpha", {"r": 32, "lora_alpha": 1}, layout="kohya"),
    "α of 1 in PEFT": case("default-alpha", {"r": 32, "lora_alpha": 1}),
    "MLX's scale of before": case("default-alpha", {"r": 4, "lora_alpha": 40}, layout="mlx"),
    "an α beside MLX's scale": case(
        "passed-over-alpha", layout="mlx",
        settings={"lora_parameters": {"scale": 2.0, "alpha": 16}}),
    "A far from its start": case("far-from-start", change=each("lora_A", lambda A: A * 5)),
    "a start that a converter wrote": case(
        "other-start", change=each("lora_A", lambda A: of_spread(A, 1)), setting={
            "r": 1, "lora_alpha": 1}),
    "MLX's scale of 20": case("default-alpha", {"r": 4, "lora_alpha": 80}, layout="mlx"),
    "rsLoRA with α = 4r": case("other-rule", {"r": 16, "lora_alpha": 64, "use_rslora": True}),
    "a scale of 64": case("scale", {"r": 4, "lora_alpha": 256}),
    "a scale of 1/64": case("scale", {"r": 32, "lora_alpha": 0.5}),
    "a scale of 0": case("switched-off", layout="kohya", change=each(".alpha", zero)),
    "an α of NaN": case(
        "unusable-alpha", layout="kohya", change=each(".alpha", lambda alpha: alpha * torch.nan)),
    "an α of infinity": case(
        "unusable-alpha", layout="kohya", change=each(".alpha", lambda alpha: alpha / 0)),
    "an α that makes ΔW no number": case("unusable-alpha", settings={"lora_alpha": 1e308}),
    "an α of almost nothing": case("unusable-alpha", settings={"lora_alpha": 1e-300}),
    "B zero": case("idle", change=each("lora_B", zero)),
    "B zero in one module": case("idle", change=each("1.q.lora_B", zero)),
    "both zero": case("both-zero", change=each("lora", zero)),
    "a rate of 1e-9": case("barely-moved", change=each("lora_B", lambda B: B * 1e-6)),
    "NaN": case("not-finite", change=each("1.q.lora_B", spoiled)),
    "numbers whose squares overflow": case(
        "not-finite", dtype="F64", change=each("1.q.lora", lambda matrix: matrix * 1e200)),
    "two precisions": case("mixed-precision", change=each("layers.2", lambda x: x.half())),
    "an A without its B": case("incomplete", change=without("1.q.lora_B")),
    "whole numbers": case("incomplete", change=each("lora_B", torch.Tensor.char)),
    "ZeRO-3": case("incomplete", change=each("lora_B", lambda B: torch.ones(0))),
    "another r in the settings": case("rank", settings={"r": 8}),
    "α taken away": case("settings", settings={"lora_alpha": None}),
    "an α in letters": case("settings", settings={"lora_alpha": "16"}),
    "another method's settings": case("settings", settings={"peft_type": "IA3"}),
    "a pattern for α that matches nothing": case(
        "unmatched-names", settings={"alpha_pattern": {"query": 4}}),
    "a pattern for r that matches nothing": case(
        "unmatched-names", settings={"rank_pattern": {"mlp.up": 4}}),
    "a target that was not reached": case(
        "unmatched-names", settings={"target_modules": ["q", "k", "up", "o"]}),
    "two patterns": case(
        "two-patterns", settings={"alpha_pattern": {"q": 4, r"layers\.1\.q": 8}}),
    "a head that was not saved": case("not-saved", settings={"modules_to_save": ["head"]}),
    "none of the heads that PEFT lists": case(
        "not-saved", settings={"modules_to_save": ["classifier", "score"]}),
    "biases that PEFT did not save": case(
        "biases-not-saved", settings={"bias": "lora_only"}),
    "a head that is a number": case("not-saved", settings={"modules_to_save": [5]}),
    "a pattern of more than Python counts": case(
        "settings", settings={"target_modules": "a{99999999999}"}),
    "PiSSA": case("moved-base", settings={"init_lora_weights": "pissa"}),
    "DoRA": case("other-method", {"use_dora": True}),
    "DoRA without its magnitudes": case("incomplete", settings={"use_dora": True}),
    "a setting that few programs know": case(
        "beyond-lora", settings={"layer_replication": [[0, 2], [1, 3]]}),
    "a head trained in full": case(
        "trained-in-full", settings={"modules_to_save": ["head"]},
        change=lambda tensors: tensors | {"base_model.model.head.weight": torch.ones(2, 2)}),
    "a state_dict": case("other-keys", change=renamed("lora_A.", "lora_A.default.")),
    "keys without PEFT's prefix": case("other-keys", change=renamed("base_model.model.", "")),
    "experts": case(
        "other-method", settings={"target_parameters": ["up"], "rank_pattern": {"up": 2}}),
    "no keys for α, kohya": case("no-alpha", layout="kohya", change=without(".alpha")),
    "α in the metadata alone": case(
        "alpha-in-metadata", layout="diffusers",
        metadata={"transformer.r": "4", "transformer.lora_alpha": "16"}),
    "a rescaled kohya": case(
        "alpha-in-metadata", {"lora_alpha": 4}, layout="kohya", metadata=KOHYA),
    "α in keys that a loader passes over": case(
        "doubtful-alpha", layout="kohya", change=both(
            renamed("lora_unet_", "unet."), renamed(".lora_down.", ".lora_A."),
            renamed(".lora_up.", ".lora_B."), each(".alpha", lambda alpha: alpha * 2))),
    "ranks unused": case("unused-rank", {"r": 16, "lora_alpha": 16, "decay": 1e-2}),
    "one module ran away": case("outlier", change=each("1.q.lora_B", lambda B: B * 100)),
}
OF_BASE = {
    "another model": case("unknown-name", change=renamed("layers", "h")),
    "a layer that the base has not": case("unknown-name", {"blocks": 2}),
    "another width": case("other-shape", change=each("q.lora_B", lambda B: B[:12].contiguous())),
    "a number for a weight": case("other-shape", {"change": {"layers.0.q.weight": torch.ones(())}}),
    "a module without an adapter": case("no-adapter", change=without("1.q.lora")),
    "a short step beside bfloat16": case(
        "merge", {"dtype": "BF16"}, change=each("lora_B", lambda B: B * 1e-2)),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_is_found(tmp_path, case):
    name, peft, written = FAULTS[case]
    examination = examine(write_peft(tmp_path, in_peft(**peft), **written))
    assert name in [finding.name for finding in examination.findings]
    assert len(examination.findings) <= 2
    assert "nan" not in examination.report(whole=True)
    json.dumps(examination.as_dict(), allow_nan=False)


@pytest.mark.parametrize("case", OF_BASE)
def test_a_fault_beside_the_base_is_found(tmp_path, case):
    name, base, written = OF_BASE[case]
    source = write_peft(tmp_path, in_peft(), **written)
    found = examine(source, base=base_file(tmp_path, **base)).findings
    assert [finding.name for finding in found] == [name]


def test_a_smaller_rank_is_named_with_what_it_loses(tmp_path):
    model = in_peft(r=16, lora_alpha=8, decay=0.1)
    squares = [np.linalg.svd(update, compute_uv=False)**2
               for update in pefts_updates(model).values()]
    r = 1 + max(np.searchsorted(of_one.cumsum(), 0.99 * of_one.sum()) for of_one in squares)
    lost = sum(of_one[r:].sum() for of_one in squares) / sum(map(sum, squares))
    [found] = examine(write_peft(tmp_path, model)).findings
    assert "modules, the strongest 1 or 2 components hold at least 99 % of" in found.symptom
    assert f"r = {r} with α = {r / 2:g} keeps s" in found.remedy
    assert f"loses {100 * lost:.2g} %" in found.remedy


@pytest.mark.parametrize("times, severity", [(3, None), (5, "note"), (45, "warning")])
@pytest.mark.parametrize("start", [True, "gaussian"])
def test_an_A_that_its_rate_has_wrecked_is_told_by_its_start(tmp_path, start, times, severity):
    source = write_peft(tmp_path, in_peft(init_lora_weights=start),
                   change=each("lora_A", lambda A: A * times))
    examination = examine(source)
    findings = {finding.name: finding.severity for finding in examination.findings}
    assert findings.get("far-from-start") == severity
    assert examination.start == ("peft_gaussian" if start == "gaussian" else "kaiming_uniform")


@pytest.mark.parametrize("layout", ["peft", "kohya", "mlx"])
@pytest.mark.parametrize("is_named", [False, True])
def test_a_start_of_diffusers_is_no_alarm_in_any_layout(tmp_path, layout, is_named):
    """In a file of diffusers, which says no start, and in one of PEFT, which does, converted."""
    source = write_peft(tmp_path, in_peft(r=1), "peft" if is_named else "diffusers", metadata={},
                        settings={"init_lora_weights": "gaussian"} if is_named else None,
                        change=each("lora_A", lambda A: of_spread(A, 1)))
    convert(source, layout, tmp_path / "again", names=Tiny(), alpha=None if is_named else "r",
            prefix="lora_transformer" if layout == "kohya" else None)
    [file] = (tmp_path / "again").glob("*.safetensors")
    examination = examine(file)
    assert {finding.name for finding in examination.findings} <= {"other-start"}
    assert examination.likely_starts()[0] == "peft_gaussian"
    assert "gives no sign of it" in examination.report()
    save_file({key: value * (45 if "lora_a" in key.lower() or "down" in key else 1)
               for key, value in load_file(file).items()}, file)
    assert "far-from-start" in {finding.name for finding in examine(file).findings}


def test_a_classifier_has_one_of_the_heads_that_peft_lists(tmp_path):
    """PEFT itself lists classifier and score for SEQ_CLS, and trains what ends so, too."""
    for head in ("classifier", "score", "pre_classifier"):
        source = write_peft(
            tmp_path, in_peft(),
            settings={"modules_to_save": ["classifier", "score"], "task_type": "SEQ_CLS"},
            change=lambda tensors, head=head: tensors | {
                f"base_model.model.{head}.weight": torch.ones(2, 2)})
        [finding] = examine(source).findings
        assert finding.name == "trained-in-full"
        assert finding.symptom.startswith(f"{head} were trained in full: 4 numbers, ")
        share = 4 / sum(tensor.numel() for tensor in load_file(
            source / "adapter_model.safetensors").values())
        assert f", {100 * share:.0f} % of the file" in finding.symptom
        assert finding.cause == ("modules_to_save lists them, or the end of their names, because "
                                 "this task (SEQ_CLS) gives the model a new head")


def test_each_thing_that_is_looked_for_is_planted_here():
    planted = {name for name, *_ in [*FAULTS.values(), *OF_BASE.values()]}
    assert {fault.name for fault in KNOWN} == planted | {"no-scale"}


@pytest.mark.parametrize("ends", [
    (".lora_A.weight", ".lora_B.weight"),  # PEFT's, without its prefix
    (".lora_A", ".lora_B"), (".lora_a.weight", ".lora_b.weight")])  # loralib's, torchtune's
@pytest.mark.parametrize(("alpha", "s", "is_missing"), [(None, 1, True), (6, 3, False)])
def test_no_scale_is_invented_for_keys_of_an_unknown_layout(ends, alpha, s, is_missing):
    """The numbers are then those of s = 1, and the right ones where α is given."""
    A = torch.full((2, 3), 0.5)
    B = torch.ones(4, 2)
    examination = examine(save({f"h.0.q{ends[0]}": A, f"h.0.q{ends[1]}": B}), alpha=alpha)
    [row] = examination.rows
    assert row.norm == pytest.approx(s * np.linalg.norm(B.numpy() @ A.numpy()))
    names = [finding.name for finding in examination.findings]
    assert ("no-scale" in names) == is_missing and (row.scale is None) == is_missing


SOUND = list(itertools.product(
    ("peft", "kohya", "diffusers", "mlx"), (4, 8, 16), (0.5, 1, 2), ("F32", "BF16", "F16")))


@pytest.mark.parametrize("layout, r, s, dtype", SOUND)
def test_no_false_alarm_in_a_sound_file(tmp_path, layout, r, s, dtype):
    """Beside a base in bfloat16, with a ΔW of a usual size."""
    rslora = layout == "peft" and dtype == "F16"
    model = in_peft(dtype, decay=0.7, r=r, use_rslora=rslora,
                    lora_alpha=s * r**0.5 if rslora else s * r)
    source = write_peft(tmp_path, model, layout, dtype)
    examination = examine(source, base=base_file(tmp_path, "BF16"))
    assert examination.findings == []


@pytest.mark.parametrize("excluded", [
    ["up"], ["layers.0.up", "layers.1.up", "layers.2.up"], r".*\.up"])
def test_what_peft_was_told_to_leave_out_is_not_missed(tmp_path, excluded):
    model = in_peft(exclude_modules=excluded)
    assert not any("up" in name for name in pefts_updates(model))
    assert examine(write_peft(tmp_path, model), base=base_file(tmp_path)).findings == []


def test_a_base_may_lack_the_name_of_the_whole_model_and_be_transposed(tmp_path):
    """As GPT-2's."""
    source = write_peft(tmp_path, in_peft(), change=renamed("layers", "transformer.layers"),
                   settings={"fan_in_fan_out": True})
    base = base_file(tmp_path)
    save_file({key: weight.T.contiguous() for key, weight in load_file(base).items()}, base)
    assert examine(source, base=base).findings == []
