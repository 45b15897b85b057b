"""Bad calls: each error names the argument, and nothing has changed. Files: test_damage.py."""

import numpy as np
import pytest
import torch
from peft import IA3Config, LoraConfig
from torch import nn

from lora_edu.nn import (
    AdapterConfig,
    LoRAEmbedding,
    LoRALinear,
    delete_adapter,
    inject,
    load_adapter,
    lora_layers,
    loraplus_groups,
    merge,
    merge_and_unload,
    save_adapter,
    set_adapter,
    unload,
    unmerge,
)
from tests.nn.compare import fingerprint
from tests.nn.models import adapted, make_layer

CONFIG = {"r": 4, "lora_alpha": 8, "target_modules": ["q"]}


class Shouting(nn.Linear):
    def forward(self, x):
        return 10 * super().forward(x)


def layer(**bad):
    """A setting refused alike by a layer and by inject."""
    settings = {"r": 2, "alpha": 4, "name": "c"} | bad
    return [lambda m, p: LoRALinear(p.head, **settings),
            lambda m, p: inject(m, ["v", "tokens"], **settings)]


def base(layer):
    return lambda m, p: LoRALinear(layer, 2, 4)


def targets(targets, r=2, alpha=4, **more):
    return lambda m, p: inject(p, targets, r, alpha, **more)


def config(**bad):
    return lambda m, p: inject(p, LoraConfig(**CONFIG | bad))


def field(**bad):
    return lambda m, p: AdapterConfig(**CONFIG | bad)


def without_model(*calls):
    return [lambda m, p, call=call: call(p) for call in calls]


def saved(change):
    def call(m, p):
        fresh = adapted()[0]
        change(fresh)
        save_adapter(fresh, "/nowhere/at/all")
    return call


def set_A(values):
    def change(model):
        model.blocks[0].q.adapters["default"].lora_A.data = values
    return change


def delete_default(model):
    delete_adapter(model, "default")


OURS = AdapterConfig(**CONFIG)
VALUES = {  # what a ValueError says, and the calls; m has adapters, p is plain
    "^r must be at least 1, got 0": [*layer(r=0), field(r=0)],
    "^alpha must be finite": layer(alpha=np.nan),
    "^dropout must be finite and .* less than 1, got 1": layer(dropout=1),
    "^name must be a string without dots": layer(name="a.b"),
    r"^matrices must have shapes \(2, 8\) and \(5, 2\), got \(3, 8\)": [
        lambda m, p: LoRALinear(p.head, 2, 4, matrices=(torch.ones(3, 8), torch.ones(5, 3)))],
    r"^name must not be .*\['default', 'b'\], .*got 'b'": [
        lambda m, p: m.blocks[0].q.add_adapter("b", 2, 4)],
    "base_layer must hold its numbers": [base(nn.Linear(7, 5, device="meta"))],
    "base_layer must be without sparse": [
        lambda m, p: LoRAEmbedding(nn.Embedding(7, 5, sparse=True), 2, 4)],
    r"nothing matches 'kens' .*called \['tokens', 'q', 'v', 'head'\]": [targets(["q", "kens"])],
    r"targets must be a regular expression .*'blocks\('": [targets("blocks(")],
    r"exclude must leave a layer that \['q', 'v'\] chooses": [
        targets(["q", "v"], exclude=r".*\.[qv]")],
    "use_dora must be off": [config(use_dora=True)],
    "init_lora_weights must be one of True, False, 'gauss": [config(init_lora_weights="pissa")],
    "task_type must not be one for which PEFT trains the": [config(task_type="SEQ_CLS")],
    "config must be a LoraConfig, got IA3Config": [
        targets(IA3Config(target_modules=["q"], feedforward_modules=[]), None, None)],
    "^lora_alpha": [field(lora_alpha=0)], "^target_modules": [field(target_modules=[])],
    "^exclude_modules": [field(exclude_modules="(")], "^lora_dropout": [field(lora_dropout=1.0)],
    "^init_lora_weights": [field(init_lora_weights="pissa")],
    r"model must have LoRA layers .* got a Net": without_model(
        lora_layers, merge, unmerge, unload, merge_and_unload, delete_default,
        lambda m: set_adapter(m, "default"), lambda m: loraplus_groups(m, 0.1, 4)),
    "^name must be one of 'default', 'b', got 'c'": [
        lambda m, p: delete_adapter(m, "c"), lambda m, p: save_adapter(m, "/nowhere", "c")],
    "^adapter must be one of 'default', 'b', got 'c'": [lambda m, p: lora_layers(m, "c")],
    "^each of names must be one of 'default', 'b', got 'c'": [
        lambda m, p: set_adapter(m, ["b", "c"]), lambda m, p: m.blocks[0].q.set_adapter("c")],
    "model must contain .*base_layer": [
        lambda m, p, call=call: call(make_layer())
        for call in (unload, merge_and_unload, delete_default)],
    "lr must be .*got 0": [lambda m, p: loraplus_groups(m, 0, 4)],
    "model must contain the LoRA layer, not be it": [
        lambda m, p: save_adapter(make_layer(), "/nowhere/at/all")],
    "32 non-finite entries of 32": [saved(set_A(torch.full((4, 8), torch.nan)))],
    r"must have shape \(4, 8\)": [saved(set_A(torch.ones(4, 9)))],
    "must agree about rsLoRA": [saved(lambda m: inject(m, ["head"], 4, 8, rule="rslora"))],
}
TYPES = {  # and a TypeError
    "^dtype must be a floating torch.dtype": layer(dtype=torch.int64),
    r"^rng must be a numpy.random.Generator, a torch.Generator, a seed \(a whole number\) or None":
        [*layer(rng=np.random.RandomState(0)), *layer(rng=True)],
    "^matrices must be two tensors, A and B, got": [
        lambda m, p, pair=pair: LoRALinear(p.head, 2, 4, matrices=pair)
        for pair in (5, [torch.ones(2, 8)], np.ones((2, 2, 8)), (np.ones((2, 8)), None))],
    "lora_alpha: unknown, .*rule, start.*AdapterConfig": [targets(["q"], alpha=None, lora_alpha=4)],
    "base_layer must be .*got Embedding": [base(nn.Embedding(7, 5))],
    "base_layer must be .*got Shouting": [base(Shouting(7, 5))],
    "'blocks.0.act' is a torch.nn.modules.activation.Tanh": [targets(["q", "act"])],
    "^r, alpha, exclude, rule and dropout must be": [targets(OURS, 0), targets(OURS, None, 0)],
    "^use_rslora": [field(use_rslora="no")], "^rank_pattern": [field(rank_pattern=[2])],
    "^each of names must be a str, got 5": [lambda m, p: set_adapter(m, [5])],
    "model must be a Module, got None": [lambda m, p: merge(None)],
    "directory must be a path, got 5": [
        lambda m, p: save_adapter(m, 5), lambda m, p: load_adapter(m, 5)],
    "ratio must be .*got None": [lambda m, p: loraplus_groups(m, 0.1, None)],
}


@pytest.mark.parametrize(("words", "error", "call"), [
    (words, error, call) for error, table in ((ValueError, VALUES), (TypeError, TYPES))
    for words, calls in table.items() for call in calls])
def test_a_bad_call_is_refused_by_name_and_changes_nothing(words, error, call):
    model, plain = adapted(targets=["q", "head"])
    inject(model, ["q"], 2, 6, name="b")
    before = fingerprint(model), fingerprint(plain)
    with pytest.raises(error, match=words):
        call(model, plain)
    assert (fingerprint(model), fingerprint(plain)) == before


def test_what_trains_nothing_has_no_groups():
    model, _ = adapted()
    set_adapter(model, [])
    with pytest.raises(ValueError, match="model must have an adapter that trains"):
        loraplus_groups(model, 0.1, 4)
