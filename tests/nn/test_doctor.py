"""The doctor finds each planted fault, is silent on healthy models, and changes nothing."""

import copy

import pytest
import torch
from peft import LoraConfig, get_peft_model, inject_adapter_in_model
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from lora_edu.chapters.in_practice.faults import FAULTS
from lora_edu.chapters.in_practice.planting import adam, answer, ours, pefts, trained
from lora_edu.chapters.in_practice.tiny import END, TinyChat, batch
from lora_edu.nn import (
    AdapterConfig,
    doctor,
    inject,
    lora_layers,
    loraplus_groups,
    merge,
    merge_and_unload,
    set_adapter,
)
from lora_edu.nn.doctor import TESTS
from tests.nn.compare import assert_unchanged, fingerprint, same_bits

torch.set_num_threads(1)

# transformers calls an old name of its own when PEFT asks it about checkpointing
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated",
                                        "ignore:`gradient_checkpointing_enable` is deprecated",
                                        "ignore:All adapters are already merged",
                                        "ignore:PiSSA changes the base weights")
LOOKED_FOR = {test.name for test in TESTS}
PLANTED = [fault for fault in FAULTS if fault.finding in LOOKED_FOR]


def names(found):
    return [finding.name for finding in found]


def only(found):
    [finding] = found
    return finding


@pytest.mark.claim("obs-doctor", "obs-doctor-trace")
@pytest.mark.parametrize("fault", PLANTED, ids=lambda fault: fault.plant.__name__)
def test_each_planted_fault_is_found_and_after_its_remedy_nothing(fault):
    asked = fault.plant()
    before, data = fingerprint(asked["model"]), copy.deepcopy(asked.get("batch"))
    assert names(doctor(**asked)) == [fault.finding]
    assert_unchanged(asked["model"], before)
    assert data is None or all(same_bits(data[key], asked["batch"][key]) for key in data)
    assert names(doctor(**fault.plant(mended=True))) == []


def test_every_finding_is_planted():
    assert {fault.finding for fault in PLANTED} == LOOKED_FOR


# Healthy models


def gpt2():
    torch.manual_seed(0)
    return get_peft_model(GPT2LMHeadModel(GPT2Config(
        vocab_size=16, n_embd=16, n_layer=2, n_head=2, n_positions=16, bos_token_id=None,
        eos_token_id=END)), LoraConfig(r=2, target_modules=["c_attn"], fan_in_fan_out=True))


def llama(checkpointing=False):
    torch.manual_seed(0)
    model = get_peft_model(LlamaForCausalLM(LlamaConfig(
        vocab_size=16, hidden_size=16, intermediate_size=32, num_hidden_layers=2,
        num_attention_heads=2, max_position_embeddings=16, bos_token_id=None, eos_token_id=END,
        pad_token_id=0)), LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM"))
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
    "Llama": llama, "Llama, checkpointing": lambda: llama(checkpointing=True), "GPT-2": gpt2,
    "PEFT, without a wrapper": lambda: inject_adapter_in_model(
        LoraConfig(r=2, target_modules=["q", "v"]), TinyChat()),
}


@pytest.mark.claim("obs-doctor")
@pytest.mark.parametrize("kind", HEALTHY)
def test_silent_on_a_healthy_model_before_training_after_some_and_in_use(kind):
    model = HEALTHY[kind]().train()
    optimiser = adam(trained(model))
    assert names(doctor(model)) == names(doctor(model, batch(), optimiser)) == []
    for _ in range(3):
        optimiser.zero_grad()
        model(**batch()).loss.backward()
        optimiser.step()
    assert names(doctor(model, batch(), optimiser)) == []
    with torch.no_grad():
        logits = model.eval()(**batch()).logits
    assert names(doctor(model, batch(), training=False, reference=logits)) == []


@pytest.mark.claim("obs-doctor")
def test_silent_on_a_merged_model_that_is_used():
    one, other = ours(), pefts(init_lora_weights=False)
    asked = [{"batch": batch(), "training": False, "reference": answer(model)}
             for model in (one, other)]
    merge(one)
    other.merge_adapter()
    assert doctor(one, **asked[0]) == doctor(other, **asked[1]) == []
    merge_and_unload(one)
    assert doctor(one, **asked[0]) == doctor(other.merge_and_unload(), **asked[1]) == []


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


def square(model, x):
    return model(x).square().mean()


def broken(model, x):
    square(model, x).backward()
    raise RuntimeError("out of memory")


@pytest.mark.claim("obs-doctor-trace")
def test_nothing_is_changed_also_by_a_run_that_fails():
    model, x = Noisy(), torch.randn(8, 6)
    inject(model, ["fc"], 2, 4, start="both random", dropout=0.2)
    model.drop.eval()  # one module in another mode than the rest
    optimiser = adam(trained(model))
    square(model, x).backward()
    optimiser.step()
    before, state = fingerprint(model), copy.deepcopy(optimiser.state_dict())
    gradients = [(p.grad, p.grad if p.grad is None else p.grad.clone()) for p in model.parameters()]
    other = torch.randn(8, 6)
    random = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="out of memory"):
        doctor(model, x, optimiser, loss_fn=broken)
    doctor(model, x, optimiser, loss_fn=square)
    doctor(model, x, training=False, reference=other)  # differs: all are tried
    assert torch.equal(torch.get_rng_state(), random)
    assert_unchanged(model, before)
    for p, (gradient, values) in zip(model.parameters(), gradients, strict=True):
        assert p.grad is gradient and (values is None or same_bits(gradient, values))
    torch.testing.assert_close(optimiser.state_dict(), state, rtol=0, atol=0)


# Details: how bad, where, and what is near but no fault


def test_what_is_printed():
    model = ours("both zero", alpha=1, r=64)
    found = doctor(model, optimiser=adam(TinyChat().parameters()))
    assert names(found) == ["both-zero", "not-in-optimiser", "scale"]  # the worst first
    text = str(found).splitlines()
    assert text[0] == ("error: A and B are both zero: both gradients are zero, at every step "
                       "[both-zero]")
    assert text[3] == "  where:  blocks.0.q, blocks.0.v, blocks.1.q and 1 more"
    assert text[-1].startswith(f"3 found of {len(found.tested)} looked for: no-adapter, frozen, ")
    assert repr(doctor(ours())).startswith("nothing found of ")
    assert {"idle", "no-gradient"}.isdisjoint(doctor(ours()).tested)
    assert "idle" in doctor(ours(), training=False).tested


def test_wrappers_side_by_side_are_not_nested():
    assert doctor(nn.ModuleDict({"encoder": pefts(), "encoder2": pefts()})) == []


def test_inactive_beside_one_that_is_active_is_a_warning():
    model = two_of_ours()
    model.requires_grad_(True)
    for layer in lora_layers(model).values():
        layer.base_layer.requires_grad_(False)
    assert (only(doctor(model)).severity, len(only(doctor(model)).where)) == ("warning", 4)
    model = pefts()
    model.base_model.disable_adapter_layers()
    for name, p in model.named_parameters():
        p.requires_grad_("lora_" in name)
    assert only(doctor(model)).severity == "error" and "no adapter" in only(doctor(model)).symptom


def test_merged_of_ours_and_of_what_is_used():
    model = ours()
    merge(model)
    assert names(doctor(model, batch())) == ["merged"] and doctor(model, training=False) == []
    want = answer(ours(rule="rslora"))  # a merged layer is not rescaled
    assert "another adapter" in only(doctor(model, batch(), training=False, reference=want)).cause


def test_a_base_that_trains():
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.InstanceNorm1d(3))
    inject(model, ["0"], 1, 1)
    found = only(doctor(model))
    assert (found.name, found.where) == ("base-trains", ("1",)) and "statistics" in found.symptom
    model[1].eval()
    model[0].base_layer.bias.requires_grad_(True)  # biases and heads may train
    assert doctor(model) == []
    model[0].base_layer.weight.requires_grad_(True)
    assert only(doctor(model)).where == ("0",)


def test_a_scaling_that_is_not_the_settings():
    model = pefts(init_lora_weights=False, alpha_pattern={"^blocks.1.q": 2})
    assert doctor(nn.DataParallel(model)) == []
    model.base_model.model.blocks[0].q.set_scale("default", 3)
    found = only(doctor(model))
    assert found.where == ("base_model.model.blocks.0.q",)
    assert found.symptom == "s is 6, by the settings it is 2"
    assert doctor(model, config={"peft_type": "ADALORA", "r": 4, "lora_alpha": 8}) == []
    assert doctor(model, config={"r": 4}) == []
    settings = {"r": 9, "lora_alpha": 8, "rank_pattern": {"q|v": 4}, "target_modules": ["q", "v"]}
    for config in (settings, AdapterConfig(**settings), LoraConfig(**settings)):
        assert doctor(ours(), config=config) == []
        assert names(doctor(ours(rule="rslora"), config=config)) == ["scaling"]


def test_which_matrices_the_optimiser_lacks():
    model = ours()
    A, B = ([p for n, p in model.named_parameters() if n.endswith(kind)]
            for kind in ("lora_A", "lora_B"))
    found = only(doctor(model, optimiser=adam([*A, *B[1:]])))
    assert found.symptom.startswith("1 of 8 matrices") and found.where == ("blocks.0.q",)
    assert doctor(model, optimiser=adam(A), training=False) == []
    assert doctor(model, optimiser=torch.optim.AdamW(loraplus_groups(model, 1e-3, 16))) == []
    A[0].requires_grad_(False)  # as LoRA-FA does: frozen, so it may be missing
    assert doctor(model, optimiser=adam(A[1:] + B)) == []
    dora = pefts(use_dora=True)  # its lengths belong into the optimiser, too
    some = [p for name, p in dora.named_parameters() if p.requires_grad and "magnitude" not in name]
    assert names(doctor(dora, optimiser=adam(some))) == ["not-in-optimiser"]


def test_stuck_after_two_steps_not_after_one():
    model = ours("A random, B zero")
    model.gate = 0.0
    optimiser = adam(trained(model))
    for expected in ([], ["stuck"]):
        model(**batch()).loss.backward()
        optimiser.step()
        assert names(doctor(model, optimiser=optimiser)) == expected


def test_where_no_gradient_comes():
    model = ours()
    loss = lambda model, data: model(**data).logits.detach().sum()  # noqa: E731
    assert only(doctor(model, batch(), loss_fn=loss)).name == "no-gradient"
    with torch.inference_mode():  # of the caller: no matter
        assert doctor(model, batch()) == []
    model = TinyChat()
    model.extra = nn.Linear(16, 16)  # not used
    assert only(doctor(pefts(["q", "extra"], model), batch())).where == ("base_model.model.extra",)


def test_what_explains_a_difference_of_outputs():
    plain, root = ours(), ours(rule="rslora")
    asked = {"batch": batch(), "training": False}
    for one, other in ((plain, root), (root, plain)):
        assert "one divides α by √r" in only(doctor(one, reference=answer(other), **asked)).cause
    found = only(doctor(plain, reference=answer(TinyChat()), **asked))
    assert "the update counts twice" in found.cause
    found = only(doctor(plain, reference=answer(ours(alpha=3)), **asked))
    assert "another adapter" in found.cause and found.severity == "error"


@pytest.mark.parametrize("dtype, near, far", [(torch.float32, 1.0005, 1.01),
                                              (torch.bfloat16, 1.01, 1.1)])
def test_how_far_the_outputs_may_be(dtype, near, far):
    model = ours(model=TinyChat().to(dtype), dropout=0.5, alpha=16)  # the reference is of eval mode
    asked = {"batch": batch(), "training": False}
    want = answer(model.eval())
    assert doctor(model.train(), reference=want * near, **asked) == []
    assert names(doctor(model, reference=want * far, **asked)) == ["reference"]
    model.head.bias = nn.Parameter(torch.full((16,), -100.0, dtype=dtype), requires_grad=False)
    want = answer(model.eval())  # no softmax sees −100
    assert doctor(model, reference=want, **asked) == []
    for layer in lora_layers(model).values():
        layer.adapters["default"].lora_B.data.zero_()
    assert "reference" in names(doctor(model, reference=want, **asked))
    assert (answer(model).float() - want).norm() < 0.02 * want.float().norm()


@pytest.mark.parametrize("asked, error, message", [
    ({"model": 3}, TypeError, "model must be a Module, got 3"),
    ({"model": ours().to("meta")}, ValueError, "model must hold its adapters' numbers"),
    ({"loss_fn": len}, ValueError, "batch must be given with loss_fn or reference, got None"),
    ({"batch": {"input_ids": torch.ones(1, 2, dtype=int)}}, TypeError,
     "the loss must be a tensor of one number, got NoneType")])
def test_bad_input(asked, error, message):
    with pytest.raises(error, match=message):
        doctor(**{"model": ours()} | asked)
