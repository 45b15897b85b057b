"""Faults of use: the served model is not the one that was trained.

Imports torch, ``lora_edu.nn`` and the siblings planting and tiny.
"""

from __future__ import annotations

import copy
import tempfile

from lora_edu.chapters.in_practice.planting import TARGETS, Fault, answer, fault, named, ours, pefts
from lora_edu.chapters.in_practice.tiny import TinyChat, batch
from lora_edu.nn import load_adapter, merge_and_unload, save_adapter

USE: list[Fault] = []


@fault(USE, "dropout-on", "the same input gives another output each time",
       "huggingface/peft/issues/3753")
def left_in_train(mended=False):
    model = pefts(lora_dropout=0.1, init_lora_weights=False)
    model.train(not mended)
    return {"model": model, "training": False}


@fault(USE, "idle", "the loaded adapter changes nothing",
       "huggingface/transformers/issues/36594")
def names_that_do_not_fit(mended=False):
    source = pefts(init_lora_weights=False)
    state = {name: value for name, value in source.state_dict().items() if "lora_" in name}
    target = pefts().eval()
    if mended:
        target.load_state_dict(state, strict=False)
    else:
        target.load_state_dict({f"module.{name}": value for name, value in state.items()},
                               strict=False)
    return {"model": target, "training": False}


@fault(USE, "scaling", "much weaker, or stronger, than in training",
       "NVIDIA/TensorRT-LLM/issues/1668")
def settings_say_rslora(mended=False):
    settings = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "use_rslora": True,
                "target_modules": TARGETS}
    return {"model": ours(rule="rslora" if mended else "lora"), "config": settings,
            "training": False}


@fault(USE, "reference", "much weaker where it is served",
       "sgl-project/sglang/issues/40835")
def served_with_alpha_over_r(mended=False):
    want = answer(ours(rule="rslora"))
    return {"model": ours(rule="rslora" if mended else "lora"), "batch": batch(),
            "reference": want, "training": False}


@fault(USE, "reference", "overdone after merging and loading again")
def merged_and_loaded_again(mended=False):
    base, model = TinyChat(), ours()
    want, loaded = answer(model), copy.deepcopy(model)
    merge_and_unload(loaded)
    with tempfile.TemporaryDirectory() as folder:
        save_adapter(model, folder)
        on = base if mended else loaded
        load_adapter(on, folder)
    return {"model": on, "batch": batch(), "reference": want, "training": False}


@fault(USE, "reference", "it loads without complaint and answers nonsense")
def another_base(mended=False):
    model = ours()
    other = ours(model=TinyChat(seed=0 if mended else 7))
    return {"model": other, "batch": batch(), "reference": answer(model), "training": False}


@fault(USE, "base-name", "it is not what it was in training")
def base_of_another_name(mended=False):
    config = pefts(model=named("tiny-chat")).peft_config["default"]
    base = named("tiny-chat" if mended else "tiny-chat-instruct")
    return {"model": ours(model=base), "config": config, "training": False}


@fault(USE, "tied", "the merged model is another one",
       "huggingface/transformers/issues/45127")
def head_of_a_tied_model(mended=False):
    model = TinyChat()
    model.head.weight = model.tokens.weight
    return {"model": ours(targets=["q"] if mended else ["q", "head"], model=model)}
