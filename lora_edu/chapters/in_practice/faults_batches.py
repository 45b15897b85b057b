"""Faults of numbers and labels: NaN, or the wrong thing is learned.

Imports torch and the siblings planting and tiny.
"""

from __future__ import annotations

import torch

from lora_edu.chapters.in_practice.planting import Fault, adam, fault, loud, ours, trained
from lora_edu.chapters.in_practice.tiny import END, IGNORED, batch

NAN: list[Fault] = []
WRONG: list[Fault] = []


@fault(NAN, "loss", "NaN at the first step, in float16 only")
def out_of_float16(mended=False):
    return {"model": ours(model=loud(torch.bfloat16 if mended else torch.float16)),
            "batch": batch()}


@fault(NAN, "not-finite", "NaN from some step on, for good")
def after_a_bad_step(mended=False):
    model = ours(model=loud(torch.bfloat16 if mended else torch.float16))
    optimiser = adam(trained(model))
    model(**batch()).loss.backward()
    optimiser.step()
    return {"model": model}


@fault(NAN, "no-labels", "0 or NaN with some batches",
       "huggingface/trl/issues/6668")
def answer_cut_off(mended=False):
    return {"model": ours(), "batch": batch() if mended else {
        key: value[:, :3] for key, value in batch().items()}}


@fault(WRONG, "padding", "a misleadingly low loss",
       "open-jarvis/OpenJarvis/pull/521")
def padding_counts(mended=False):
    data = batch()
    if not mended:
        padding = data["attention_mask"] == 0
        data["labels"] = torch.where(padding, data["input_ids"], data["labels"])
    return {"model": ours(), "batch": data}


@fault(WRONG, "prompt", "much of the loss is the prompts'",
       "NielsRogge/Transformers-Tutorials/issues/456")
def prompt_counts(mended=False):
    data = batch()
    if not mended:
        text = data["attention_mask"] == 1
        data["labels"] = torch.where(text, data["input_ids"], data["labels"])
    return {"model": ours(), "batch": data}


@fault(WRONG, "end-masked", "answers never end",
       "huggingface/transformers/issues/23530")
def end_masked(mended=False):
    data = batch()
    if not mended:
        data["labels"] = torch.where(data["input_ids"] == END, IGNORED, data["labels"])
    return {"model": ours(), "batch": data}
