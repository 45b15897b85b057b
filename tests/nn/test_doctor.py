"""The doctor finds each planted fault, is silent on healthy models, and changes nothing."""

import copy
import re
import warnings
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model, inject_adapter_in_model
from torch import nn
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    RobertaConfig,
    RobertaForMaskedLM,
    RobertaForTokenClassification,
)

import lora_edu.nn.diagnosis
from lora_edu.chapters.in_practice.faults import FAULTS
from lora_edu.chapters.in_practice.planting import adam, answer, ours, pefts, trained
from lora_edu.chapters.in_practice.tiny import END, IGNORED, TinyChat, batch
from lora_edu.nn import (
    AdapterConfig,
    doctor,
    inject,
    lora_layers,
    loraplus_groups,
    merge,
    merge_and_unload,
    save_adapter,
    set_adapter,
)
from lora_edu.nn.diagnosis.findings import Finding
from tests.nn.compare import assert_unchanged, fingerprint, same_bits

torch.set_num_threads(1)

# transformers calls an old name of its own when PEFT asks it about checkpointing
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated",
                                        "ignore:`gradient_checkpointing_enable` is deprecated",
                                        "ignore:All adapters are already merged",
                                        "ignore:PiSSA changes the base weights")


def names(found):
    return [finding.name for finding in found]


def only(found):
    [finding] = found
    return finding


@pytest.mark.claim("obs-doctor")
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.plant.__name__)
def test_each_planted_fault_is_found_and_nothing_else(fault):
    assert names(doctor(**fault.plant())) == [fault.finding]


@pytest.mark.claim("obs-doctor")
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.plant.__name__)
def test_after_the_remedy_nothing_is_found(fault):
    assert names(doctor(**fault.plant(mended=True))) == []


def test_every_finding_is_planted():
    folder = Path(lora_edu.nn.diagnosis.__file__).parent
    said = {name for file in folder.glob("*.py")
            for name in re.findall(r'name="([\w-]+)"', file.read_text(encoding="utf-8"))}
    assert said == {fault.finding for fault in FAULTS}


# Healthy models


def llama(**config):
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(**{
        "vocab_size": 16, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2,
        "num_attention_heads": 2, "max_position_embeddings": 16, "bos_token_id": None,
        "eos_token_id": END, "pad_token_id": 0, "tie_word_embeddings": False} | config))


def gpt2():
    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(vocab_size=16, n_embd=16, n_layer=2, n_head=2, n_positions=16,
                                      bos_token_id=None, eos_token_id=END))


def checkpointing_llama():
    model = get_peft_model(llama(), LoraConfig(r=2, target_modules=["q_proj"],
                                               task_type="CAUSAL_LM"))
    model.gradient_checkpointing_enable()
    return model.train()


def two_active():
    model = pefts()
    model.add_adapter("second", LoraConfig(r=2, target_modules=["v"]))
    model.base_model.set_adapter(["default", "second"])
    return model


def second_of_ours():
    model = ours()
    inject(model, ["q"], 2, 4, name="second")
    return model


def shared(model):
    set_adapter(model, ["default", "second"])
    return model


def pissa_converted(folder):
    model = pefts(init_lora_weights="pissa")
    start = folder / "start"
    model.peft_config["default"].init_lora_weights = True
    model.save_pretrained(start)
    model.peft_config["default"].init_lora_weights = "pissa"
    with torch.no_grad():
        for p in trained(model):
            p.add_(0.1)
    model.save_pretrained(folder / "end", path_initial_model_for_weight_conversion=str(start))
    return PeftModel.from_pretrained(TinyChat(), folder / "end", is_trainable=True)


def in_half(dtype):
    return pefts(model=TinyChat().to(dtype))


def with_a_head():
    model = pefts(modules_to_save=["head"])
    return model


HEALTHY = {
    "PEFT": pefts,
    "rsLoRA": lambda: pefts(use_rslora=True, r=8, lora_alpha=16),
    "gaussian": lambda: pefts(init_lora_weights="gaussian"),
    "orthogonal": lambda: pefts(init_lora_weights="orthogonal"),
    "both random": lambda: pefts(init_lora_weights=False),
    "PiSSA": lambda: pefts(init_lora_weights="pissa"),
    "OLoRA": lambda: pefts(init_lora_weights="olora"),
    "DoRA": lambda: pefts(use_dora=True),
    "a bias of B": lambda: pefts(lora_bias=True),
    "biases": lambda: pefts(bias="all"),
    "dropout": lambda: pefts(lora_dropout=0.1),
    "an embedding": lambda: pefts(["tokens", "q"]),
    "patterns": lambda: pefts(rank_pattern={"blocks.0.q": 2}, alpha_pattern={"^blocks.1.v": 2}),
    "one pattern for all": lambda: pefts(r".*\.[qv]"),
    "all-linear": lambda: pefts("all-linear"),
    "a head": with_a_head,
    "several": two_active,
    "beside bfloat16": lambda: in_half(torch.bfloat16),
    "float64": lambda: pefts(model=TinyChat().double()),
    "ours": lambda: ours("A random, B zero"),
    "ours, trained": ours,
    "ours, rsLoRA": lambda: ours(rule="rslora", dropout=0.1),
    "ours, embedding": lambda: ours(None, ["tokens", "v"]),
    "ours, beside bfloat16": lambda: ours(model=TinyChat().bfloat16()),
    "ours, two": second_of_ours,
    "ours, two active": lambda: shared(second_of_ours()),
    "Llama": lambda: get_peft_model(llama(), LoraConfig(r=2, target_modules="all-linear",
                                                        task_type="CAUSAL_LM")),
    "Llama, checkpointing": checkpointing_llama,
    "PEFT, without a wrapper": lambda: inject_adapter_in_model(
        LoraConfig(r=2, target_modules=["q", "v"]), TinyChat()),
    "GPT-2": lambda: get_peft_model(gpt2(), LoraConfig(r=2, target_modules=["c_attn"],
                                                       fan_in_fan_out=True)),
}


@pytest.mark.claim("obs-doctor")
@pytest.mark.parametrize("kind", HEALTHY)
def test_silent_on_a_healthy_model_that_is_to_train(kind):
    model = HEALTHY[kind]()
    assert names(doctor(model)) == []
    assert names(doctor(model, batch(), adam(trained(model)))) == []


@pytest.mark.claim("obs-doctor")
@pytest.mark.parametrize("kind", HEALTHY)
def test_silent_after_some_training_and_when_it_is_used(kind):
    model = HEALTHY[kind]().train()
    optimiser = adam(trained(model))
    for _ in range(3):
        optimiser.zero_grad()
        model(**batch()).loss.backward()
        optimiser.step()
    assert names(doctor(model, batch(), optimiser)) == []
    model.eval()
    with torch.no_grad():
        logits = model(**batch()).logits
    assert names(doctor(model, batch(), training=False, reference=logits)) == []


def test_silent_on_converted_pissa(tmp_path):
    model = pissa_converted(tmp_path)
    assert names(doctor(model.train(), batch(), adam(trained(model)))) == []


@pytest.mark.parametrize("kind", ["PEFT", "ours, trained"])
def test_silent_on_a_merged_model_that_is_used(kind):
    model = HEALTHY[kind]()
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "lora_B" in name:
                p.add_(0.1)
    want = answer(model)
    merge(model) if kind.startswith("ours") else model.merge_adapter()
    assert names(doctor(model, batch(), training=False, reference=want)) == []
    if kind.startswith("ours"):
        merge_and_unload(model)
    else:
        model = model.merge_and_unload()
    assert names(doctor(model, batch(), training=False, reference=want)) == []


def test_silent_with_lora_plus():
    model = ours()
    assert doctor(model, batch(), torch.optim.AdamW(loraplus_groups(model, 1e-3, 16))) == []


# Nothing is changed


class Noisy(nn.Module):
    """Draws, counts, and has a state: dropout, batch norm, a counter that is not in place."""

    def __init__(self):
        super().__init__()
        self.fc, self.norm, self.drop = nn.Linear(6, 6), nn.BatchNorm1d(6), nn.Dropout(0.5)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls = self.calls + 1
        return self.drop(self.norm(self.fc(x)))


def noisy():
    torch.manual_seed(0)
    model = Noisy()
    inject(model, ["fc"], 2, 4, start="both random", dropout=0.2)
    model.drop.eval()  # one module in another mode than the rest
    return model


def square(model, x):
    return model(x).square().mean()


def assert_leaves_no_trace(model, call):
    x = torch.randn(8, 6)
    optimiser = adam(trained(model))
    square(model, x).backward()
    optimiser.step()
    before, state = fingerprint(model), copy.deepcopy(optimiser.state_dict())
    gradients = [(p.grad, p.grad if p.grad is None else p.grad.clone()) for p in model.parameters()]
    random = torch.get_rng_state()
    call(model, x, optimiser)
    assert_unchanged(model, before)
    assert torch.equal(torch.get_rng_state(), random)
    for p, (gradient, values) in zip(model.parameters(), gradients, strict=True):
        assert p.grad is gradient and (values is None or same_bits(gradient, values))
    after = optimiser.state_dict()
    assert after["param_groups"] == state["param_groups"]
    for key, values in state["state"].items():
        assert all(torch.equal(after["state"][key][name], values[name]) for name in values)


@pytest.mark.claim("obs-doctor-trace")
def test_nothing_is_changed():
    def call(model, x, optimiser):
        doctor(model, x, optimiser, loss_fn=square)
        doctor(model, x, training=False, reference=torch.ones(8, 6))  # differs: all are tried
    assert_leaves_no_trace(noisy(), call)


@pytest.mark.claim("obs-doctor-trace")
def test_nothing_is_changed_by_a_run_that_fails():
    def broken(model, x):
        square(model, x).backward()
        raise RuntimeError("out of memory")

    def call(model, x, optimiser):
        with pytest.raises(RuntimeError, match="out of memory"):
            doctor(model, x, optimiser, loss_fn=broken)
    assert_leaves_no_trace(noisy(), call)


def test_all_inputs_are_left_alone():
    for fault in FAULTS:
        asked = fault.plant()
        model, data = asked["model"], copy.deepcopy(asked.get("batch"))
        before = fingerprint(model)
        doctor(**asked)
        if fault.finding != "not-finite":  # NaN is not equal to itself; the bits are
            assert_unchanged(model, before)
        assert data is None or all(same_bits(data[key], asked["batch"][key]) for key in data)


# Details: how bad, where, and what is near but no fault


def test_what_is_printed():
    found = doctor(ours("both zero", alpha=1, r=64), optimiser=adam(TinyChat().parameters()))
    assert names(found) == ["both-zero", "not-in-optimiser", "scale"]  # the worst first
    text = str(found).splitlines()
    assert text[0].startswith("error: A and B are both zero") and text[0].endswith("[both-zero]")
    assert [line.split(":")[0].strip() for line in text[1:4]] == ["cause", "remedy", "where"]
    assert text[3].endswith("blocks.0.q, blocks.0.v, blocks.1.q and 1 more")
    assert text[-1] == f"(3 found by {len(found.tested)} tests)"
    assert repr(found) == str(found)


def test_three_places_are_all_named():
    found = Finding(name="n", severity="note", symptom="s", cause="c", remedy="r",
                    where=("a", "b", "c"))
    assert str(found).splitlines() == ["note: s [n]", "  cause:  c", "  remedy: r",
                                       "  where:  a, b, c"]
    with pytest.raises(FrozenInstanceError):
        found.name = "m"


def test_what_was_tested_is_said():
    model = ours()
    few, many = doctor(model), doctor(model, batch(), adam(trained(model)))
    assert str(few).splitlines() == ["nothing found; tested:", *(f"  {w}" for w in few.tested)]
    assert "every weight is finite" in few.tested
    assert not any("optimiser" in what or "loss" in what for what in few.tested)
    assert any("in the optimiser" in what for what in many.tested)
    assert any("loss is finite" in what for what in many.tested)
    used = doctor(model, training=False).tested
    assert "no dropout is on" in used and "no adapter has A = 0 and B = 0" not in used


def test_frozen_says_whether_it_was_loaded():
    model = ours()
    model.requires_grad_(False)
    assert "after the adapter" in only(doctor(model)).cause
    assert doctor(model, training=False) == []
    [loaded] = [fault for fault in FAULTS if fault.finding == "frozen"]
    assert "is_trainable=True" in only(doctor(**loaded.plant())).remedy


def test_an_inactive_adapter_that_trains_beside_the_active_one_is_a_warning():
    model = second_of_ours()
    model.requires_grad_(True)
    for layer in lora_layers(model).values():
        layer.base_layer.requires_grad_(False)
    found = only(doctor(model))
    assert (found.name, found.severity) == ("inactive", "warning")
    assert found.where == ("blocks.0.q", "blocks.0.v", "blocks.1.q", "blocks.1.v")
    model = pefts()
    model.base_model.disable_adapter_layers()
    for name, p in model.named_parameters():
        p.requires_grad_("lora_" in name)
    found = only(doctor(model))
    assert found.severity == "error" and "no adapter" in found.symptom


def test_merged_of_ours():
    model = ours()
    merge(model)
    assert names(doctor(model, batch())) == ["merged"]
    assert doctor(model, training=False) == []


def test_bare_biases_of_the_base_may_train():
    model = ours()
    model.blocks[0].q.base_layer.bias.requires_grad_(True)
    model.head.requires_grad_(True)
    assert doctor(model) == []
    model.blocks[0].q.base_layer.weight.requires_grad_(True)
    assert only(doctor(model)).where == ("blocks.0.q",)


def test_a_wrapped_wrapper_is_named():
    [twice] = [fault for fault in FAULTS if fault.finding == "nested"]
    found = only(doctor(**twice.plant()))
    assert found.symptom.startswith("a PeftModel was wrapped again")
    assert found.where == ("base_model.model",)


def test_wrappers_side_by_side_are_not_nested():
    both = nn.ModuleDict({"encoder": pefts(), "encoder2": pefts()})
    assert doctor(both) == []
    assert names(doctor(nn.ModuleDict({"a": pefts(), "b": get_twice()}))) == ["nested"]


def get_twice(targets=("q", "v"), name="default"):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PEFT warns of it
        return get_peft_model(pefts(init_lora_weights=False), LoraConfig(
            r=4, target_modules=list(targets)), adapter_name=name)


@pytest.mark.parametrize("targets, name, kept", [
    (["q", "v"], "default", False), (["q", "v"], "second", True), (["head"], "default", True)])
def test_what_a_second_wrapping_leaves_of_the_first(targets, name, kept):
    old = pefts(init_lora_weights=False).base_model.model.blocks[0].q.lora_B["default"].weight
    model = get_twice(targets, name)
    new = model.base_model.model.base_model.model.blocks[0].q.lora_B["default"].weight
    assert torch.equal(old, new) == kept
    [found] = [found for found in doctor(model) if found.name == "nested"]
    assert "where the new adapter has the same name and layer" in found.symptom


def test_missed_targets_are_named():
    model = pefts(["q", "v_proj", "k_proj"])
    assert "'k_proj', 'v_proj'" in only(doctor(model)).symptom
    assert names(doctor(ours(), config={"target_modules": ["q", "gate"]})) == ["target-missed"]
    assert doctor(ours(), config={"target_modules": ["blocks.0.q", "v"]}) == []


def test_a_nan_in_the_base_is_found_too():
    model = ours()
    with torch.no_grad():
        model.head.weight[0, 0] = torch.inf
    assert only(doctor(model, training=False)).where == ("head.weight",)


def test_idle_in_some_layers_is_a_warning():
    model = ours()
    assert doctor(model, training=False) == []
    with torch.no_grad():
        model.blocks[0].q.adapters["default"].lora_A.zero_()
    found = only(doctor(model, training=False))
    assert (found.name, found.severity, found.where) == ("idle", "warning", ("blocks.0.q",))


def test_a_scaling_that_was_set():
    model = pefts(init_lora_weights=False)
    layer = model.base_model.model.blocks[0].q
    layer.set_scale("default", 3)
    found = only(doctor(model))
    assert found.where == ("base_model.model.blocks.0.q",)
    assert "s is 6, by the settings it is 2: a factor of 3" in found.symptom
    assert "√" not in found.symptom
    layer.scaling["default"] = 1.0  # ½ of 2: √4 is no explanation, for α/√r would be more
    assert "√" not in str(only(doctor(model)))
    layer.scaling["default"] = 4.0
    found = only(doctor(model))
    assert "a factor of 2 = √4" in found.symptom and "α·√r" not in found.remedy
    assert found.cause.startswith("perhaps") and "divides by √r" in found.cause
    assert doctor(model, config={"peft_type": "ADALORA", "r": 4, "lora_alpha": 8}) == []
    assert doctor(model, config={"r": 4}) == []


def test_a_factor_of_the_root_is_explained_in_one_direction():
    settings = {"r": 4, "lora_alpha": 8, "use_rslora": True, "target_modules": ["q", "v"]}
    model = ours()
    found = only(doctor(model, config=settings))  # 2, by the settings 4
    assert found.cause.startswith("perhaps") and "this model divides by r" in found.cause
    assert "α·√r" in found.remedy
    found = only(doctor(ours(alpha=32), config=settings))  # 8: more than √r makes of it
    assert "a factor of 2" in found.symptom and "√" not in str(found)


def test_settings_by_layer():
    model = ours()
    config = {"r": 9, "lora_alpha": 8, "rank_pattern": {"q|v": 4}, "target_modules": ["q", "v"]}
    assert doctor(model, config=config) == []
    config["alpha_pattern"] = {"blocks.1.v": 2}
    assert only(doctor(model, config=config)).where == ("blocks.1.v",)


@pytest.mark.parametrize("r, alpha, noted", [
    (32, 1, True), (16, 1, False), (1, 16, False), (1, 32, True)])
def test_which_scales_are_noted(r, alpha, noted):
    found = doctor(ours(r=r, alpha=alpha))
    assert names(found) == ["scale"] * noted
    assert not noted or (only(found).severity, f"{alpha / r:.3g}" in only(found).symptom) == (
        "note", True)


def test_half_precision_by_the_rate():
    model = ours().bfloat16()
    small, large = adam(trained(model), 1e-5), adam(trained(model), 0.1)
    assert only(doctor(model)).severity == "note"
    assert only(doctor(model, optimiser=small)).severity == "warning"
    assert doctor(model, optimiser=large) == []
    sgd = torch.optim.SGD(trained(model), lr=1e-5)  # its steps are not the rate's size
    assert only(doctor(model, optimiser=sgd)).severity == "note"
    layers = lora_layers(model).values()
    A_alone = adam([layer.adapters["default"].lora_A for layer in layers], 1e-5)
    found = {finding.name: finding.severity for finding in doctor(model, optimiser=A_alone)}
    assert found["half-precision"] == "warning"
    assert doctor(model, training=False) == []


def test_the_share_that_stays_is_counted():
    model = ours(targets=["blocks.0.q"]).bfloat16()
    adapter = model.blocks[0].q.adapters["default"]
    with torch.no_grad():
        adapter.lora_A.fill_(1.0)
        adapter.lora_A[0] = 2.0**-4  # a quarter: 2**-8 of 1 moves these, and is lost on 1 + …
        adapter.lora_B.fill_(2.0**-4)
    found = only(doctor(model, optimiser=adam(trained(model), 2.0**-10)))
    assert "up to 75% of the numbers" in found.symptom  # of 1.0: neighbours at 2**-8 and 2**-7
    with torch.no_grad():
        adapter.lora_A.fill_(2.0**-4)
    assert doctor(model, optimiser=adam(trained(model), 2.0**-10)) == []


def test_tied_only_where_it_is_adapted_and_active():
    model = TinyChat()
    model.head.weight = model.tokens.weight
    inject(model, ["head"], 2, 4, start="both random")
    assert only(doctor(model)).where == ("head",)
    inject(model, ["q"], 2, 4, name="second")
    assert doctor(model) == []


def test_merging_a_tied_weight_in_place_changes_the_other_layer():
    model = TinyChat()
    model.head.weight = model.tokens.weight
    model = pefts(["head"], model=model, init_lora_weights=False)
    assert names(doctor(model)) == ["tied"]
    before, x = answer(model), model.base_model.model.tokens.weight.clone()
    model.merge_adapter()
    assert not torch.equal(model.base_model.model.tokens.weight, x)
    assert not torch.allclose(answer(model), before, rtol=0.1)


def test_dropout_of_the_base_is_seen_in_use():
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.1), nn.Dropout(0.0))
    inject(model, ["0"], 2, 4, start="both random")
    assert only(doctor(model, training=False)).where == ("1",)
    assert doctor(model) == []
    model.eval()
    assert doctor(model, training=False) == []
    assert doctor(model) == []  # no dropout of an adapter: eval mode does no harm to it


def test_dropout_of_an_adapter_alone_is_seen_in_use():
    model = pefts(lora_dropout=0.1, init_lora_weights=False).eval()
    layer = model.base_model.model.blocks[1].v
    layer.lora_dropout.train()
    assert only(doctor(model, training=False)).where == ("base_model.model.blocks.1.v",)


def test_which_matrices_the_optimiser_lacks():
    model = ours()
    A, B = ([p for n, p in model.named_parameters() if n.endswith(kind)]
            for kind in ("lora_A", "lora_B"))
    found = only(doctor(model, optimiser=adam(A)))
    assert "of 8 matrices 4, all of them B, are not in the optimiser" in found.symptom
    assert "all of them A," in only(doctor(model, optimiser=adam(B))).symptom
    found = only(doctor(model, optimiser=adam([*A, *B[1:]])))
    assert "of 8 matrices 1, all of them B," in found.symptom and found.where == ("blocks.0.q",)
    assert "of 8 matrices 2 are not" in only(doctor(model, optimiser=adam(A[1:] + B[1:]))).symptom
    assert "no matrix of the adapter" in only(
        doctor(model, optimiser=adam(TinyChat().parameters()))).symptom
    assert doctor(model, optimiser=adam(A), training=False) == []
    A[0].requires_grad_(False)  # as LoRA-FA does: frozen, so it may be missing
    assert doctor(model, optimiser=adam(A[1:] + B)) == []


def test_doras_lengths_belong_into_the_optimiser():
    model = pefts(use_dora=True)
    some = [p for name, p in model.named_parameters()
            if p.requires_grad and "magnitude" not in name]
    assert names(doctor(model, optimiser=adam(some))) == ["not-in-optimiser"]


def test_one_rate_of_zero_is_enough_to_be_noted():
    model = ours()
    groups = loraplus_groups(model, 1e-3, 16)
    optimiser = torch.optim.AdamW(groups)
    optimiser.param_groups[1]["lr"] = 0.0
    found = only(doctor(model, optimiser=optimiser))
    assert found.severity == "note"
    assert "of 1 of 2 groups is 0" in found.symptom and "changes nothing" not in found.symptom
    optimiser.param_groups[0]["lr"] = 0.0
    assert "this step changes nothing" in only(doctor(model, optimiser=optimiser)).symptom


def test_stuck_after_two_steps_not_after_one():
    model = ours("A random, B zero")
    model.gate = 0.0
    optimiser = adam(trained(model))
    for expected in ([], ["stuck"]):
        model(**batch()).loss.backward()
        optimiser.step()
        assert names(doctor(model, optimiser=optimiser)) == expected
    assert "after 2 steps" in only(doctor(model, optimiser=optimiser)).symptom


def test_labels_that_count():
    data = batch()
    data["labels"][1] = IGNORED
    found = only(doctor(ours(), data))
    assert (found.name, found.severity) == ("no-labels", "warning")
    assert "in 1 of 2 sequences" in found.symptom
    data["labels"][0] = IGNORED
    data["labels"][:, 0] = 5  # nobody predicts the first token
    found = only(doctor(ours(), data))
    assert found.severity == "error" and "in 2 of 2" in found.symptom
    assert ours()(**data).loss.isnan()


def test_how_much_padding_counts():
    data = batch()
    data["labels"][1, 6] = 0
    assert "1 of the 9 labels" in only(doctor(ours(), data)).symptom


def test_labels_of_other_shapes_are_passed_over():
    data = batch()
    data["labels"] = data["labels"][:, :-1]
    model = ours()
    loss = lambda model, data: model(data["input_ids"]).logits.square().mean()  # noqa: E731
    assert doctor(model, data, loss_fn=loss) == []
    assert doctor(model, data["input_ids"], loss_fn=lambda m, ids: m(ids).logits.square().mean()
                  ) == []


def roberta(kind=RobertaForTokenClassification):
    torch.manual_seed(0)
    model = kind(RobertaConfig(
        vocab_size=16, hidden_size=16, intermediate_size=32, num_hidden_layers=1,
        num_attention_heads=2, max_position_embeddings=16, pad_token_id=0, bos_token_id=1,
        eos_token_id=END, num_labels=3))
    return get_peft_model(model, LoraConfig(r=2, target_modules=["query"]))


def without_end():
    data = batch()
    data["labels"] = torch.where(data["input_ids"] == END, IGNORED, data["labels"])
    return data


def test_labels_of_tokens_are_not_those_of_causal_models():
    data = without_end()
    assert names(doctor(get_peft_model(llama(), LoraConfig(r=2)), data)) == ["end-masked"]
    assert doctor(roberta(RobertaForMaskedLM), data) == []
    data["labels"] = torch.where(data["labels"] == IGNORED, IGNORED, data["labels"] % 3)
    assert doctor(roberta(), data) == []


def test_where_the_kind_of_model_is_not_known_it_is_said():
    known, model = ours(), ours()
    model.loss_type = None
    sure, unsure = (only(doctor(m, without_end())) for m in (known, model))
    assert unsure.symptom == sure.symptom + " (if this is a causal language model)"
    settings = {"r": 4, "lora_alpha": 8, "target_modules": ["q", "v"], "task_type": "TOKEN_CLS"}
    assert doctor(model, without_end(), config=settings) == []
    settings["task_type"] = "CAUSAL_LM"
    assert only(doctor(model, without_end(), config=settings)) == sure
    known.config.is_encoder_decoder = True
    assert doctor(known, without_end()) == []


def test_a_prompt_without_mask():
    data = batch()
    del data["attention_mask"]
    data["labels"] = data["input_ids"].clone()
    assert only(doctor(ours(), data)).severity == "note"
    data["labels"][:, 0] = IGNORED
    assert doctor(ours(), data) == []


def test_ends_of_turns_in_the_prompt_may_be_masked():
    data = batch()
    data["input_ids"][0, 1] = END  # the prompt's own end token, masked with the prompt
    assert doctor(ours(), data) == []
    model = ours()
    model.config.eos_token_id = [1, END]
    data["labels"][data["input_ids"] == END] = IGNORED
    assert names(doctor(model, data)) == ["end-masked"]
    model.config.eos_token_id = 1
    assert doctor(model, data) == []
    model.config = None
    assert doctor(model, data) == []


def test_no_gradient_without_checkpointing():
    model = ours()
    loss = lambda model, data: model(**data).logits.detach().sum()  # noqa: E731
    found = only(doctor(model, batch(), loss_fn=loss))
    assert found.name == "no-gradient" and "detach" in found.remedy
    for without in (torch.no_grad, torch.inference_mode):  # of the caller: no matter
        with without():
            assert doctor(model, batch()) == []


def test_no_gradient_with_checkpointing_and_nothing_else_that_trains():
    model = ours()
    model.gradient_checkpointing = True
    found = only(doctor(model, batch()))
    assert "enable_input_require_grads" in found.remedy
    assert found.where == ("blocks.0.q", "blocks.0.v", "blocks.1.q", "blocks.1.v")


def test_transformers_checkpointing_of_the_reentrant_kind():
    model = get_peft_model(llama(), LoraConfig(r=2, target_modules=["q_proj"])).train()
    model.base_model.model.gradient_checkpointing_enable({"use_reentrant": True})
    model.base_model.model.disable_input_require_grads()
    assert names(doctor(model, batch())) == ["no-gradient"]
    model.base_model.model.enable_input_require_grads()
    assert doctor(model, batch()) == []


@pytest.mark.parametrize("reentrant", [False, True])
def test_an_unused_layer_is_not_blamed_on_checkpointing(reentrant):
    model = llama()
    model.extra = nn.Linear(16, 16)
    model = get_peft_model(model, LoraConfig(r=2, target_modules=["q_proj", "extra"])).train()
    model.base_model.model.gradient_checkpointing_enable({"use_reentrant": reentrant})
    model.base_model.model.enable_input_require_grads()
    found = only(doctor(model, batch()))
    assert found.name == "no-gradient" and found.where == ("base_model.model.extra",)
    assert "the layer is not used" in found.cause and "checkpoint" not in str(found)


def test_a_layer_behind_a_dead_activation():
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    inject(model, ["2"], 2, 4, start="both random")
    loss = lambda model, x: model(x).sum()  # noqa: E731
    assert doctor(model, torch.ones(3, 4), loss_fn=loss) == []
    with torch.no_grad():
        model[0].bias.fill_(-100)
    found = only(doctor(model, torch.ones(3, 4), loss_fn=loss))
    assert found.name == "no-signal" and "the layer's input, or the gradient" in found.symptom
    assert "a dead activation before" in found.cause


def test_no_signal_in_one_layer_is_a_note():
    model = ours()
    loss = lambda model, data: model(**data).loss + 0 * model.blocks[1].v(  # noqa: E731
        torch.ones(1, 16)).sum()
    assert doctor(model, batch(), loss_fn=loss) == []
    extra = nn.Linear(16, 16)
    model.blocks[1].extra = extra
    inject(model, ["q", "v", "extra"], 2, 4, name="second", start="both random")
    loss = lambda model, data: model(**data).loss + 0 * model.blocks[1].extra(  # noqa: E731
        torch.ones(1, 16)).sum()
    found = only(doctor(model, batch(), loss_fn=loss))
    assert (found.name, found.severity, found.where) == ("no-signal", "note", ("blocks.1.extra",))


def test_underflow_is_counted():
    [fault] = [fault for fault in FAULTS if fault.finding == "underflow"]
    asked = fault.plant()
    share = int(re.match(r"(\d+)%", only(doctor(**asked)).symptom)[1])
    model = asked["model"]
    (1e-6 * model(**batch()).loss).backward()
    exact = copy.deepcopy(model).float()
    exact.zero_grad()
    (1e-6 * exact(**batch()).loss).backward()
    pairs = [(p.grad, q.grad) for p, q in zip(model.parameters(), exact.parameters(), strict=True)
             if p.requires_grad]
    lost = sum(((p == 0) & (q != 0)).sum().item() for p, q in pairs)
    assert share == pytest.approx(100 * lost / sum((q != 0).sum().item() for _, q in pairs), abs=5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_nothing_underflows_in_wider_formats(dtype):
    model = ours(model=TinyChat().to(dtype))
    loss = lambda model, data: 1e-6 * model(**data).loss  # noqa: E731
    assert doctor(model, batch(), loss_fn=loss) == []


def test_what_explains_a_difference_of_outputs():
    plain, root = ours(), ours(rule="rslora")
    asked = {"batch": batch(), "training": False}
    assert "served with α/r" in only(doctor(plain, reference=answer(root), **asked)).cause
    assert "served with α/√r" in only(doctor(root, reference=answer(plain), **asked)).cause
    found = only(doctor(plain, reference=answer(TinyChat()), **asked))
    assert "the base already contains the adapter" in found.cause
    found = only(doctor(plain, reference=answer(ours(alpha=3)), **asked))
    assert "another adapter" in found.cause and found.severity == "error"


def test_how_far_the_outputs_are():
    model = ours()
    found = only(doctor(model, batch(), training=False, reference=answer(model) * 2))
    assert found.symptom.startswith("the outputs are 50.0% of the reference's length away")
    near = answer(model) * 1.0005
    assert doctor(model, batch(), training=False, reference=near) == []
    far = answer(model) * 1.01
    assert names(doctor(model, batch(), training=False, reference=far)) == ["reference"]
    half = ours(model=TinyChat().bfloat16())
    assert doctor(half, batch(), training=False, reference=answer(half) * 1.01) == []


def with_an_offset(dtype):
    """Logits near −100, which no softmax sees."""
    model = TinyChat().to(dtype)
    model.head.bias = nn.Parameter(torch.full((16,), -100.0, dtype=dtype), requires_grad=False)
    return ours(model=model, alpha=16)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_an_offset_of_all_logits_hides_nothing(dtype):
    model, exact = with_an_offset(dtype), with_an_offset(torch.float32)
    asked = {"batch": batch(), "training": False}
    want = answer(model).float()
    assert doctor(model, reference=want, **asked) == []
    assert doctor(model, reference=answer(exact), **asked) == []  # other roundings
    for layer in lora_layers(model).values():
        with torch.no_grad():
            layer.adapters["default"].lora_B.zero_()
    found = [found for found in doctor(model, reference=want, **asked) if found.name != "idle"]
    assert names(found) == ["reference"]
    assert (answer(model).float() - want).norm() < 0.02 * want.norm()
    if dtype == torch.bfloat16:
        assert "each row less its mean" in only(found).symptom


def test_a_merged_layer_is_not_rescaled():
    model = ours()
    want = answer(ours(rule="rslora"))
    merge(model)
    assert "another adapter" in only(doctor(model, batch(), training=False, reference=want)).cause


def test_a_reference_is_compared_in_eval_mode():
    model = ours(dropout=0.5).eval()
    want = answer(model)
    model.train()
    assert names(doctor(model, batch(), training=False, reference=want)) == ["dropout-on"]


def test_config_in_all_its_forms(tmp_path):
    model = ours(rule="rslora")
    save_adapter(model, tmp_path)
    plain = ours()
    file = tmp_path / "adapter_config.json"
    for config in (tmp_path, str(tmp_path), file,
                   AdapterConfig(r=4, lora_alpha=8, target_modules=["q", "v"], use_rslora=True),
                   LoraConfig(r=4, lora_alpha=8, target_modules=["q", "v"], use_rslora=True)):
        assert doctor(model, config=config) == []
        assert names(doctor(plain, config=config)) == ["scaling"]


def test_a_model_inside_others_is_examined():
    model = ours()
    wrapped = nn.DataParallel(model)
    found = only(doctor(wrapped, optimiser=adam(TinyChat().parameters())))
    assert found.where[0] == "module.blocks.0.q"
    pattern = {"r": 4, "lora_alpha": 8, "rank_pattern": {}, "alpha_pattern": {"^blocks.1.q": 8}}
    assert doctor(wrapped, config=pattern) == []
    theirs = pefts(alpha_pattern={"^blocks.1.q": 2})
    assert doctor(nn.DataParallel(theirs)) == []
    theirs.base_model.model.blocks[1].q.scaling["default"] = 2.0
    assert only(doctor(nn.DataParallel(theirs))).name == "scaling"


# Bad input


@pytest.mark.parametrize("asked, error, message", [
    ({"model": 3}, TypeError, "model must be a Module, got 3"),
    ({"model": ours().to("meta")}, ValueError, "model must hold its adapters' numbers"),
    ({"optimiser": 3}, TypeError, "optimiser must be an Optimizer, got 3"),
    ({"training": 1}, TypeError, "training must be True or False, got 1"),
    ({"loss_scale": 0}, ValueError, "loss_scale must be finite and greater than 0, got 0"),
    ({"loss_fn": 3}, TypeError, r"loss_fn must be a function of \(model, batch\), got 3"),
    ({"loss_fn": len}, ValueError, "batch must be given with loss_fn or reference, got None"),
    ({"reference": torch.ones(1)}, ValueError, "batch must be given with"),
    ({"batch": batch(), "reference": torch.tensor([1, torch.nan])}, ValueError,
     "reference must be finite, got 1 non-finite entries"),
    ({"reference": 3}, TypeError, "reference must be a Tensor, got 3"),
    ({"config": 3}, TypeError, "config must be a LoraConfig, an AdapterConfig, a dict of settings"),
    ({"batch": [1]}, TypeError, r"batch must be a dict for model\(\*\*batch\), or loss_fn must be"),
    ({"batch": {"input_ids": torch.ones(1, 2, dtype=int)}}, TypeError,
     r"model\(\*\*batch\).loss must be a tensor of one number, got NoneType"),
    ({"batch": 1, "loss_fn": lambda m, b: torch.ones(2)}, TypeError,
     r"loss_fn\(model, batch\) must be a tensor of one number, got Tensor"),
    ({"batch": batch(), "reference": torch.ones(2, 2)}, ValueError,
     r"reference must have the shape of the outputs, \(2, 8, 16\), got \(2, 2\)"),
])
def test_bad_input(asked, error, message):
    with pytest.raises(error, match=message):
        doctor(**{"model": ours()} | asked)


def test_outputs_that_are_none():
    model = ours()
    model.forward = lambda x: "text"
    with pytest.raises(TypeError, match="must return a tensor or something with logits, got str"):
        doctor(model, torch.ones(1), training=False, reference=torch.ones(1))


@pytest.mark.parametrize(("text", "message"), [
    ("[]", "a file with one JSON object"), ("{", "adapter_config.json: this is not JSON")])

def test_a_file_that_holds_no_settings(tmp_path, text, message):
    (tmp_path / "adapter_config.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        doctor(ours(), config=tmp_path)


def test_a_step_inside_the_backward_pass_is_refused():
    model = ours()
    model.blocks[0].q.adapters["default"].lora_B.register_post_accumulate_grad_hook(lambda p: None)
    assert doctor(model) == []
    with pytest.raises(ValueError, match="no hooks that act while gradients arrive"):
        doctor(model, batch())


def test_running_statistics_that_move_are_found():
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.InstanceNorm1d(3))
    inject(model, ["0"], 1, 1)
    found = only(doctor(model))
    assert (found.name, found.where) == ("base-trains", ("1",)) and "statistics" in found.symptom
    model[1].eval()
    assert doctor(model) == []


def test_warnings_of_the_model_come_through():
    def loss(model, data):
        warnings.warn("mind the gap", UserWarning, stacklevel=1)
        return model(**data).loss
    with pytest.warns(UserWarning, match="mind the gap"):
        doctor(ours(), batch(), loss_fn=loss)
