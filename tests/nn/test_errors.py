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
from tests.refusals import refuses, rows

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
    "r must … got 0": [*layer(r=0), field(r=0)],
    "rank_pattern['q'] must … got 0": [field(rank_pattern={"q": 0})],
    "alpha_pattern['q'] must … got -1": [field(alpha_pattern={"q": -1})],
    "alpha must … got nan": layer(alpha=np.nan),
    "dropout must … got 1": layer(dropout=1),
    "name must … got 'a.b'": layer(name="a.b"),
    "matrices must … (2, 8) and (5, 2), got (3, 8)": [
        lambda m, p: LoRALinear(p.head, 2, 4, matrices=(torch.ones(3, 8), torch.ones(5, 3)))],
    "name must … ['default', 'b'] … got 'b'; give another name, or call unload(model) first": [
        lambda m, p: m.blocks[0].q.add_adapter("b", 2, 4)],
    "base_layer must have a weight with values": [base(nn.Linear(7, 5, device="meta"))],
    "base_layer must be without sparse": [
        lambda m, p: LoRAEmbedding(nn.Embedding(7, 5, sparse=True), 2, 4)],
    "targets must … 'kens' … ['tokens', 'q', 'v', 'head']": [targets(["q", "kens"])],
    "targets must … 'blocks('": [targets("blocks(")],
    "model must … this Linear has none": [lambda m, p: inject(p.head, "all-linear", 2, 4)],
    "init_lora_weights must … True, False": [config(init_lora_weights="pissa"),
                                             field(init_lora_weights="pissa")],
    "task_type must": [config(task_type="SEQ_CLS")],
    "config must … IA3Config": [
        targets(IA3Config(target_modules=["q"], feedforward_modules=[]), None, None)],
    "lora_alpha": [field(lora_alpha=0)], "target_modules": [field(target_modules=[])],
    "exclude_modules": [field(exclude_modules="(")], "lora_dropout": [field(lora_dropout=1.0)],
    "model must … got a Net": without_model(
        lora_layers, merge, unmerge, unload, merge_and_unload, delete_default,
        lambda m: set_adapter(m, "default"), lambda m: loraplus_groups(m, 0.1, 4)),
    "name must … 'default', 'b', got 'c'": [
        lambda m, p: delete_adapter(m, "c"), lambda m, p: save_adapter(m, "/nowhere", "c")],
    "directory must … got ''": [
        lambda m, p: save_adapter(m, ""), lambda m, p: load_adapter(m, "")],
    f"directory must be the folder … got the file {__file__!r}": [
        lambda m, p: load_adapter(m, __file__)],
    "names must … 'default', 'b', got 'c'": [
        lambda m, p: set_adapter(m, ["b", "c"]), lambda m, p: m.blocks[0].q.set_adapter("c")],
    "model must … base_layer": [
        lambda m, p, call=call: call(make_layer())
        for call in (unload, merge_and_unload, delete_default)],
    "lr must … got 0": [lambda m, p: loraplus_groups(m, 0, 4)],
    "A in matrices must be finite, got 16": [
        lambda m, p: LoRALinear(p.head, 2, 4, matrices=(torch.nan * torch.ones(2, 8),
                                                        torch.ones(5, 2)))],
    "32 non-finite": [saved(set_A(torch.full((4, 8), torch.nan)))],
    "(4, 8)": [saved(set_A(torch.ones(4, 9)))],
    "must have the same rsLoRA": [saved(lambda m: inject(m, ["head"], 4, 8, rule="rslora"))],
}
TYPES = {  # and a TypeError
    "dtype must … int64": layer(dtype=torch.int64),
    "rng must … torch.Generator": [*layer(rng=np.random.RandomState(0)), *layer(rng=True)],
    "matrices must": [
        lambda m, p, pair=pair: LoRALinear(p.head, 2, 4, matrices=pair)
        for pair in (5, [torch.ones(2, 8)], np.ones((2, 2, 8)), (np.ones((2, 8)), None))],
    "no setting lora_alpha; … AdapterConfig": [targets(["q"], alpha=None, lora_alpha=4)],
    "LoRALinear has no setting rslora; … rule": [
        lambda m, p: LoRALinear(p.head, 2, 4, rslora=True)],
    "targets must … AdapterConfig … got {'r': 4": [
        lambda m, p: inject(p, CONFIG), targets(CONFIG)],
    "config must … LoraConfig, got ": [
        lambda m, p, it=it: AdapterConfig.from_peft(it) for it in (CONFIG, None)],
    "base_layer must … Embedding": [base(nn.Embedding(7, 5))],
    "base_layer must … Shouting": [base(Shouting(7, 5))],
    "'blocks.0.act' … Tanh; exclude=['act'] leaves it out": [targets(["q", "act"])],
    "r, alpha, exclude, rule and dropout must … got AdapterConfig": [
        targets(OURS, 0), targets(OURS, None, 0)],
    "use_rslora": [field(use_rslora="no")],
    "rank_pattern must be a dict": [field(rank_pattern=[2])],
    "directory must … got 5": [
        lambda m, p: save_adapter(m, 5), lambda m, p: load_adapter(m, 5)],
    "ratio must … got None": [lambda m, p: loraplus_groups(m, 0.1, None)],
}


@pytest.mark.parametrize(("words", "error", "calls"), rows(VALUES, TYPES))
def test_a_bad_call_is_refused_by_name_and_changes_nothing(words, error, calls):
    model, plain = adapted(targets=["q", "head"])
    inject(model, ["q"], 2, 6, name="b")
    before = fingerprint(model), fingerprint(plain)
    for call in calls:
        refuses(words, error, lambda call=call: call(model, plain))
        assert (fingerprint(model), fingerprint(plain)) == before


def test_what_trains_nothing_has_no_groups():
    model, _ = adapted()
    assert [group["lr"] for group in loraplus_groups(model, 0.5, 4)] == [0.5, 2.0]
    set_adapter(model, [])
    refuses("model must", ValueError, lambda: loraplus_groups(model, 0.1, 4))
