"""The doctor finds each planted fault, is silent on healthy models, and changes nothing."""

import contextlib
import copy

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model, inject_adapter_in_model
from torch import nn

from lora_book.in_practice.faults import FAULTS
from lora_book.in_practice.planting import adam, answer, ours, pefts, trained
from lora_book.in_practice.tiny import TinyChat, batch
from lora_edu.nn import (
    AdapterConfig,
    doctor,
    inject,
    lora_layers,
    loraplus_groups,
    merge,
    set_adapter,
)
from lora_edu.nn.checkup import FAULTS as KNOWN
from tests.nn.compare import fingerprint, same_bits
from tests.nn.models import gpt2, llama
from tests.refusals import refuses, rows

# transformers calls an old name of its own when PEFT asks it about checkpointing
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated",
                                        "ignore:`gradient_checkpointing_enable` is deprecated",
                                        "ignore:All adapters are already merged",
                                        "ignore:PiSSA changes the base weights")
LOOKED_FOR = {fault.name for fault in KNOWN}
PLANTED = [fault for fault in FAULTS if fault.finding in LOOKED_FOR]


def names(findings):
    return [finding.name for finding in findings]


@pytest.mark.claim("obs-doctor", "obs-doctor-trace")
@pytest.mark.parametrize("fault", PLANTED, ids=lambda fault: fault.plant.__name__)
def test_each_planted_fault_is_found_and_after_its_remedy_nothing(fault):
    asked = fault.plant()
    before = fingerprint(asked["model"])
    data = copy.deepcopy(asked.get("batch"))
    assert names(doctor(**asked)) == [fault.finding]
    assert fingerprint(asked["model"]) == before
    assert data is None or all(same_bits(data[key], asked["batch"][key]) for key in data)
    assert names(doctor(**fault.plant(mended=True))) == []


def test_every_finding_is_planted():
    assert {fault.finding for fault in PLANTED} == LOOKED_FOR


# Healthy models


def gpt2_in_peft():
    return get_peft_model(gpt2(), LoraConfig(r=2, target_modules=["c_attn"], fan_in_fan_out=True))


def llama_in_peft(checkpointing=False):
    model = get_peft_model(llama(), LoraConfig(
        r=2, target_modules="all-linear", task_type="CAUSAL_LM"))
    if checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    return model


def two_active():
    model = pefts()
    model.add_adapter("second", LoraConfig(r=2, target_modules=["v"]))
    model.base_model.set_adapter(["default", "second"])
    return model


def two_of_ours(active="second"):
    model = ours()
    inject(model, ["q"], 2, 4, name="second")
    set_adapter(model, active)
    return model


HEALTHY = {
    **{str(settings): lambda settings=settings: pefts(**settings) for settings in (
        {}, {"use_rslora": True, "r": 8, "lora_alpha": 16}, {"init_lora_weights": "gaussian"},
        {"init_lora_weights": "orthogonal"}, {"init_lora_weights": False},
        {"init_lora_weights": "pissa"}, {"init_lora_weights": "olora"}, {"use_dora": True},
        {"lora_bias": True}, {"bias": "all"}, {"lora_dropout": 0.1}, {"targets": ["tokens", "q"]},
        {"rank_pattern": {"blocks.0.q": 2}, "alpha_pattern": {"^blocks.1.v": 2}},
        {"targets": "all-linear"}, {"modules_to_save": ["head"]})},
    "several": two_active,
    "beside bfloat16": lambda: pefts(model=TinyChat().bfloat16()),
    "float64": lambda: pefts(model=TinyChat().double()),
    "ours": lambda: ours("A random, B zero"),
    "ours, trained": ours,
    "ours, rsLoRA": lambda: ours(rule="rslora", dropout=0.1),
    "ours, embedding": lambda: ours(None, ["tokens", "v"]),
    "ours, beside bfloat16": lambda: ours(model=TinyChat().bfloat16()),
    "ours, two": two_of_ours,
    "ours, two active": lambda: two_of_ours(["default", "second"]),
    "Llama": llama_in_peft, "GPT-2": gpt2_in_peft,
    "Llama, checkpointing": lambda: llama_in_peft(checkpointing=True),
    "PEFT, without a wrapper": lambda: inject_adapter_in_model(
        LoraConfig(r=2, target_modules=["q", "v"]), TinyChat()),
}


def with_head(lr, *, warm_up=False):
    """A head that trains in full, at a rate of its own; in a warm-up all rates begin at zero."""
    model = pefts(modules_to_save=["head"])
    optimiser = adam(in_groups(model, lr))
    if warm_up:
        torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: step / 10)
    return {"model": model, "optimiser": optimiser}


def in_groups(model, lr=1e-4):
    """All that trains, what PEFT trains in full beside the adapter at a rate of its own."""
    whole = [p for name, p in model.named_parameters()
             if "modules_to_save" in name and p.requires_grad]
    ids = {id(p) for p in whole}
    groups = [{"params": [p for p in trained(model) if id(p) not in ids]}]
    return groups + ([{"params": whole, "lr": lr}] if whole else [])


@pytest.mark.claim("obs-doctor")
@pytest.mark.parametrize("kind", HEALTHY)
def test_silent_on_a_healthy_model_before_training_after_some_and_in_use(kind):
    model = HEALTHY[kind]().train()
    optimiser = adam(in_groups(model))
    assert names(doctor(model)) == names(doctor(model, batch(), optimiser)) == []
    for _ in range(3):
        optimiser.zero_grad()
        model(**batch()).loss.backward()
        optimiser.step()
    assert names(doctor(model, batch(), optimiser)) == []
    with torch.no_grad():
        logits = model.eval()(**batch()).logits
    assert names(doctor(model, batch(), training=False, reference=logits)) == []


# Nothing is changed


def square(model, x):
    return model(x).square().mean()


def broken(model, x):
    square(model, x).backward()
    raise RuntimeError("out of memory")


@pytest.mark.claim("obs-doctor-trace")
@pytest.mark.parametrize("asked", [
    {"loss_fn": square}, {"loss_fn": broken}, {"training": False, "reference": torch.eye(8, 6)}])
def test_nothing_is_changed_also_by_a_run_that_fails(asked):
    x = torch.randn(8, 6)
    model = nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6), nn.Dropout(0.5), nn.Dropout(0.5))
    inject(model, ["0"], 2, 4, start="both random", dropout=0.2)
    model[2].eval()  # one module in another mode than the rest
    optimiser = adam(trained(model))
    square(model, x).backward()
    optimiser.step()
    before = fingerprint(model)
    state = copy.deepcopy(optimiser.state_dict())
    random = torch.get_rng_state()
    with contextlib.suppress(RuntimeError):
        doctor(model, x, optimiser, **asked)
    assert torch.equal(torch.get_rng_state(), random)
    assert fingerprint(model) == before
    torch.testing.assert_close(optimiser.state_dict(), state, rtol=0, atol=0)


# One table: how bad, where, and what is near but no fault


def merged():
    model = ours()
    merge(model)
    return model


def both_train():
    model = two_of_ours()
    for layer in lora_layers(model).values():
        layer.adapters.requires_grad_(True)
    return model


def with_norm(gathers):
    """And a bias that trains, as it may."""
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3).train(gathers), nn.InstanceNorm1d(3))
    inject(model, ["0"], 1, 1)
    model[0].base_layer.bias.requires_grad_(True)
    return model


def with_pattern(scale):
    model = pefts(init_lora_weights=False, alpha_pattern={"^blocks.1.q": 2})
    model.base_model.model.blocks[0].q.set_scale("default", scale)
    return model


def given(model, *left_out, **settings):
    """The optimiser has all that trains but for what has one of these names in its own."""
    return {"model": model, "optimiser": adam(
        p for name, p in model.named_parameters()
        if p.requires_grad and not any(part in name for part in left_out)), **settings}


def in_use(model, reference, times=1.0):
    return {"model": model, "batch": batch(), "training": False,
            "reference": times * answer(reference)}


def beside(dtype, times):
    """The right logits, but for a factor; dropout does not count."""
    model = ours(model=TinyChat().to(dtype), dropout=0.5)
    asked = in_use(model, model.eval(), times)
    model.train()
    return asked


def with_nan():
    model = ours()
    model.blocks[1].q.base_layer.weight.data[0, 0] = torch.nan
    return model


SETTINGS = {"r": 9, "lora_alpha": 8, "rank_pattern": {"q|v": 4}, "target_modules": ["q", "v"]}
TABLE = {  # the model, or all that the doctor is asked; the finding, and words of it
    "wrappers side by side": (lambda: nn.ModuleDict({"encoder": pefts(), "encoder2": pefts()}), ""),
    "beside an active one": (both_train, "inactive", "warning: ['default']"),
    "merged, in use": (lambda: in_use(merged(), ours()), ""),
    "merged by PEFT": (lambda: in_use(pefts(init_lora_weights=False).merge_and_unload(),
                                      pefts(init_lora_weights=False)), ""),
    "merged, not rescaled": (lambda: in_use(merged(), ours(rule="rslora")), "reference",
                             "different adapter"),
    "statistics": (lambda: with_norm(True), "base-trains", "statistics", "where:  1"),
    "at rest": (lambda: with_norm(False), ""),
    "a scale that was set": (lambda: with_pattern(3), "scaling",
                             "s is 6, but the settings give 2", "where:  base_model.model.blocks"),
    "settings": (lambda: {"model": ours(), "config": AdapterConfig(**SETTINGS)}, ""),
    "of AdaLoRA": (lambda: {"model": ours(rule="rslora"),
                            "config": SETTINGS | {"peft_type": "ADALORA"}}, ""),
    "one B is missing": (lambda: given(ours(), "blocks.0.q.adapters.default.lora_B"),
                         "not-in-optimiser", "1 of the adapter's 8 matrices", "where:  blocks.0.q"),
    "a group of the same rate": (lambda: with_head(1e-3), "full-at-lora-rate", "note: ",
                                 "where:  base_model.model.head.modules_to_save.default"),
    "in a warm-up": (lambda: with_head(1e-4, warm_up=True), ""),
    "LoRA+": (lambda: {"model": (model := ours()), "optimiser": torch.optim.AdamW(
        loraplus_groups(model, 1e-3, 16))}, ""),
    "DoRA's lengths": (lambda: given(pefts(use_dora=True), "magnitude"), "not-in-optimiser"),
    "another rule": (lambda: in_use(ours(rule="rslora"), ours()), "reference", "α by √r"),
    "counts twice": (lambda: in_use(ours(), TinyChat()), "reference", "the update counts twice"),
    "another α": (lambda: in_use(ours(), ours(alpha=3)), "reference", "error", "different adapter"),
    "NaN": (lambda: in_use(with_nan(), ours()), "reference", "output contains NaN"),
    "NaN, in training": (lambda: {"model": with_nan(), "batch": batch()}, "no-gradient",
                         "error: the model's loss contains NaN"),
    "near": (lambda: beside(torch.float32, 1.0005), ""),
    "near, in half": (lambda: beside(torch.bfloat16, 1.01), ""),
    "far": (lambda: beside(torch.float32, 1.01), "reference"),
    "far, in half": (lambda: beside(torch.bfloat16, 1.1), "reference"),
}


@pytest.mark.claim("obs-doctor")
@pytest.mark.parametrize("kind", TABLE)
def test_what_is_found(kind):
    plant, name, *words = TABLE[kind]
    asked = plant()
    findings = doctor(**asked if isinstance(asked, dict) else {"model": asked})
    assert names(findings) == ([name] if name else [])
    assert all(word in str(findings[0]) for word in words)


def test_the_worst_stands_first_and_the_report_says_where():
    model = ours("both zero", alpha=1, r=64)
    findings = doctor(model, optimiser=adam(TinyChat().parameters()))
    assert names(findings) == ["both-zero", "not-in-optimiser", "scale"]
    assert "  where:  blocks.0.q, blocks.0.v, blocks.1.q, blocks.1.v" in str(findings)
    many = findings[0]._replace(where=tuple("abcde"))
    assert many.places == "a, b, c and 2 more"


def beside_reference(change):
    """Asked with a reference that is changed."""
    return {"batch": batch(), "training": False, "reference": change(answer(ours()))}


VALUES = {  # what a ValueError says, and what is asked
    "loss_fn must … batch": {"batch": torch.ones(2)},
    "reference must … , 16), got (": beside_reference(lambda right: right[0]),
    "reference must be finite, got": beside_reference(lambda right: right.log()),
    "reference must not be constant": beside_reference(torch.zeros_like),
    "reference must not be … each": beside_reference(lambda right: right * 0 + right[..., :1]),
    "model must … meta": {"model": ours().to("meta")},
    "batch must … got None": {"loss_fn": len},
}
TYPES = {  # and a TypeError
    "model must be a Module, got 3": {"model": 3},
    "model must be a Module, got Ord": {"model": ours().state_dict()},
    "optimiser must": {"optimiser": ours().state_dict()},
    "config must … got 3": {"config": 3},
    "training must … got None": {"training": None},
    "loss_fn must … got 3": {"batch": batch(), "loss_fn": 3},
    "reference must be a Tensor, got array": beside_reference(np.asarray),
    "loss must … got a Tensor of shape (2,)": {"batch": batch(),
                                              "loss_fn": lambda model, batch: torch.ones(2)},
    "loss must … got a NoneType": {"batch": {"input_ids": torch.ones(1, 2, dtype=int)}},
}


@pytest.mark.parametrize(("words", "error", "asked"), rows(VALUES, TYPES))
def test_bad_input(words, error, asked):
    refuses(words, error, lambda: doctor(**{"model": ours()} | asked))
