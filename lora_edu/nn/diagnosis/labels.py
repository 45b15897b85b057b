"""Tests of a batch with ``labels`` as transformers' causal language models take them.

Imports torch, and the siblings anatomy and findings. Every test takes a case and yields findings;
its docstring says what holds where it finds nothing. Other models, and labels of another shape
than ``input_ids``, are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import wraps

import torch
from torch import Tensor

from lora_edu.nn.diagnosis.anatomy import Case, needs
from lora_edu.nn.diagnosis.findings import Finding

IGNORED = -100  # torch's cross entropy passes over it, and so does transformers
CAUSAL = ("ForCausalLM", "ForConditionalGeneration")  # loss_type of transformers' models


def of_tokens(test):
    """Make a test of (case, ids, labels, attended), tensors of one shape, the last a mask, for
    causal language models only; where the kind is not known, its findings say so."""
    @needs("training", "batch")
    @wraps(test)
    def made(case: Case) -> Iterator[Finding]:
        tokens, causal = _tokens(case), _causal(case)
        for found in test(case, *tokens) if tokens and causal is not False else ():
            yield found if causal else replace(
                found, symptom=found.symptom + " (if this is a causal language model)")
    return made


@of_tokens
def some_count(case: Case, ids: Tensor, labels: Tensor, attended: Tensor) -> Iterator[Finding]:
    """each sequence has a label that counts"""
    empty = (labels[..., 1:] == IGNORED).all(-1)  # the first token is predicted by none
    if empty.any():
        every = bool(empty.all())
        yield Finding(
            name="no-labels", severity="error" if every else "warning",
            symptom=f"in {int(empty.sum())} of {empty.numel()} sequences every label is {IGNORED}"
                    + (": the loss is a mean over nothing, NaN" if every else ""),
            cause="the answer was cut off by max_length, or the mark at which it begins was not "
                  "found",
            remedy="raise max_length or drop such examples; decode one and look at its labels")


@of_tokens
def no_padding(case: Case, ids: Tensor, labels: Tensor, attended: Tensor) -> Iterator[Finding]:
    """no padding counts in the loss"""
    padding = ~attended & (labels != IGNORED)
    if padding.any():
        yield Finding(
            name="padding", severity="warning",
            symptom=f"{int(padding.sum())} of the {int((labels != IGNORED).sum())} labels that "
                    "count stand at padding (attention_mask 0)",
            cause="labels are a copy of input_ids, or the collator pads them with the pad token",
            remedy=f"set the labels to {IGNORED} where attention_mask is 0")


@of_tokens
def prompt_masked(case: Case, ids: Tensor, labels: Tensor, attended: Tensor) -> Iterator[Finding]:
    """some tokens of the text do not count in the loss"""
    if attended.any() and torch.equal(labels[attended], ids[attended]):
        yield Finding(
            name="prompt", severity="note",
            symptom="every token counts in the loss, those of the prompt as well",
            cause="labels are a copy of input_ids",
            remedy=f"right for plain text; for answers to prompts set the prompt's to {IGNORED} "
                   "(in TRL completion_only_loss or assistant_only_loss)")


@of_tokens
def end_counts(case: Case, ids: Tensor, labels: Tensor, attended: Tensor) -> Iterator[Finding]:
    """where a text ends with the end token, that token counts"""
    if (ends := case.of_model("eos_token_id")) is None:
        return
    end = attended & torch.isin(ids, torch.tensor(ends, device=ids.device))
    before = torch.zeros_like(end)
    before[..., 1:] = labels[..., :-1] != IGNORED
    masked = end & before & (labels == IGNORED)
    if masked.any() and not (end & (labels != IGNORED)).any():
        yield Finding(
            name="end-masked", severity="warning",
            symptom="the token before the end counts in the loss, the end token itself does not: "
                    "the model will not learn to stop",
            cause="pad_token = eos_token, with a collator that masks all pad tokens",
            remedy="take another token for padding, or mask by attention_mask")


def _causal(case: Case) -> bool | None:
    """Whether the model is a causal language model, by what transformers or PEFT call it."""
    if case.of_model("is_encoder_decoder"):
        return False
    kinds = (getattr(module, "loss_type", None) for module in case.model.modules())
    if (kind := next((kind for kind in kinds if isinstance(kind, str)), None)) is not None:
        return kind.endswith(CAUSAL)
    tasks = [settings["task_type"] for settings in case.settings.values()
             if settings.get("task_type")]
    return all(task == "CAUSAL_LM" for task in tasks) if tasks else None


def _tokens(case: Case) -> tuple[Tensor, Tensor, Tensor] | None:
    """(ids, labels, attended) of equal shapes, the last a mask; None for other batches."""
    if not isinstance(case.batch, Mapping):
        return None
    ids, labels = (case.batch.get(key) for key in ("input_ids", "labels"))
    if not all(isinstance(t, Tensor) and t.ndim >= 1 for t in (ids, labels)):
        return None
    mask = case.batch.get("attention_mask", torch.ones_like(ids))
    return (ids, labels, mask != 0) if ids.shape == labels.shape == mask.shape else None


TESTS = (some_count, no_padding, prompt_masked, end_counts)
