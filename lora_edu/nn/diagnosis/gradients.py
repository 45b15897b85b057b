"""Tests of the loss of a batch and its gradient. The model is run forwards and backwards.

Imports torch, and the siblings anatomy, findings, labels and running. Every test takes a case and
yields findings; its docstring says what holds where it finds nothing.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator

import torch

from lora_edu.nn.diagnosis.anatomy import Case, Part, layers, needs
from lora_edu.nn.diagnosis.findings import Finding
from lora_edu.nn.diagnosis.labels import some_count
from lora_edu.nn.diagnosis.running import loss_of, undisturbed

MORE = 2.0**12  # by which a loss is scaled to see what underflowed
LOST = 0.01  # the share of a gradient's numbers that may
CUT = "None of the inputs have requires_grad"  # torch warns so at a reentrant checkpoint alone

Gradients = dict[int, torch.Tensor | None]


@needs("training", "batch")
def gradients(case: Case) -> Iterator[Finding]:
    """the loss is finite, and its gradient reaches every matrix that trains"""
    if any(found.severity == "error" for found in some_count(case)):
        return  # the loss is known to be NaN
    loss, grads, cut = _run(case, case.loss_scale)
    if not math.isfinite(loss):
        yield Finding(
            name="loss", severity="error", symptom=f"the loss of the batch is {loss}",
            cause="a float16 model out of its range, weights that are not finite, or a mean over "
                  "no label",
            remedy="run the batch in float32 or bfloat16, sequence by sequence")
        return
    parts = [part for part in case.learning
             if any(grads[id(p)] is None for p in (part.A, part.B) if p.requires_grad)]
    if parts:
        yield _none(case, parts, cut)
        return
    infinite = [part for part in case.learning
                if any(not grads[id(p)].isfinite().all() for p, _ in _expected(part))]
    if infinite:
        yield Finding(
            name="gradient", severity="error", where=layers(infinite),
            symptom="the loss is finite, its gradient is not",
            cause="float16 overflow in the backward pass, or a function without a derivative there",
            remedy="lower the loss scale (a GradScaler does so by itself and skips the step), or "
                   "use bfloat16")
        return
    yield from _zeros(case, grads)


def _zeros(case: Case, grads: Gradients) -> Iterator[Finding]:
    """Gradients that are zero though the other matrix is not: underflow, or nothing arrives."""
    expected = [(part, p) for part in case.learning for p, other in _expected(part) if other.any()]
    if not any((grads[id(p)] == 0).any() for _, p in expected):
        return
    _, more, _ = _run(case, case.loss_scale * MORE)
    lost = total = 0
    for _, p in expected:
        there = more[id(p)].isfinite() & (more[id(p)] != 0)
        total += int(there.sum())
        lost += int((there & (grads[id(p)] == 0)).sum())
    if lost > LOST * total:
        yield Finding(
            name="underflow", severity="warning", where=layers(part for part, _ in expected),
            symptom=f"{lost / total:.0%} of the gradient's numbers are 0, but not when the loss is "
                    f"multiplied by {MORE:g}: they underflow in float16",
            cause="a model or autocast in float16 without a loss scaler",
            remedy="use torch.amp.GradScaler (and tell the doctor its get_scale() as loss_scale), "
                   "or bfloat16")
        return
    reached = {id(part) for part, p in expected if grads[id(p)].any()}
    dead = [part for part, _ in expected if id(part) not in reached]
    if dead:
        every = not reached
        yield Finding(
            name="no-signal", severity="error" if every else "note", where=layers(dead),
            symptom="no gradient arrives: the layer's input, or the gradient at its output, is "
                    "exactly zero",
            cause="a dead activation before or after the layer, a gate at zero, an expert that no "
                  "token was sent to",
            remedy="try another batch; leave layers out that never count")


def _none(case: Case, parts: list[Part], cut: bool) -> Finding:
    """The backward pass does not come to these parts at all. cut: a checkpoint has cut it off."""
    return Finding(
        name="no-gradient", severity="error", where=layers(parts),
        symptom="no gradient comes to the adapter" + (
            "" if len(parts) == len(case.learning) else " in some layers"),
        cause="gradient checkpointing of the reentrant kind, and an input that needs no gradient "
              "(the embedding is frozen)" if cut else
              "the layer is not used (an expert without tokens too), its output is detached, or "
              "it runs under no_grad",
        remedy="model.enable_input_require_grads(), or checkpoints with use_reentrant=False"
               if cut else
               "look for detach, no_grad, inference_mode, .data and .item() after the layer")


def _expected(part: Part) -> Iterator[tuple[torch.nn.Parameter, torch.nn.Parameter]]:
    """(matrix that trains, the other one): its gradient is zero where the other one is."""
    yield from ((p, q) for p, q in ((part.A, part.B), (part.B, part.A)) if p.requires_grad)


def _run(case: Case, scale: float) -> tuple[float, Gradients, bool]:
    """The loss, and the gradients of scale times the loss; None where there is none.

    And whether a checkpoint of the reentrant kind had no input that needs a gradient.
    """
    said: list[warnings.WarningMessage] = []
    try:
        with undisturbed(case.model), torch.inference_mode(False), torch.enable_grad(), \
                warnings.catch_warnings(record=True) as said:
            warnings.filterwarnings("always", CUT)
            loss = loss_of(case)
            if loss.requires_grad and case.learning:
                (loss.to(torch.promote_types(loss.dtype, torch.float32)) * scale).backward()
            grads = {id(p): p.grad for part in case.learning for p in (part.A, part.B)}
    finally:  # the model's own warnings come through
        ours = [w for w in said if str(w.message).startswith(CUT)]
        for w in said:
            if w not in ours:
                warnings.warn_explicit(w.message, w.category, w.filename, w.lineno)
    return loss.item(), grads, bool(ours)


TESTS = (gradients,)
