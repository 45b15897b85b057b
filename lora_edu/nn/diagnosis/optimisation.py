"""Tests of what is about to train: dropout, the optimiser's parameters, rates and precision.

Imports torch, and the siblings anatomy and findings. Every test takes a case and yields findings;
its docstring says what holds where it finds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from lora_edu.nn.diagnosis.anatomy import Case, Part, layers, needs
from lora_edu.nn.diagnosis.findings import Finding

HALF = (torch.bfloat16, torch.float16)
LOST = 0.1  # the share of numbers that may stay where they are


@needs("training")
def dropout_on(case: Case) -> Iterator[Finding]:
    """the adapter's dropout is on, where it has one"""
    off = [part for part in case.learning if part.dropout and not part.dropping]
    if off:
        yield Finding(
            name="eval-mode", severity="warning", where=layers(off),
            symptom=f"the adapter's dropout ({off[0].dropout:g}) is off: it is in eval mode",
            cause="from_pretrained leaves a model in eval mode, or an evaluation left it so",
            remedy="call model.train() before the loop (transformers' Trainer does so itself)")


@needs("use")
def dropout_off(case: Case) -> Iterator[Finding]:
    """no dropout is on"""
    on = dict.fromkeys(part.layer for part in case.parts
                       if part.active and part.dropout and part.dropping)
    on |= dict.fromkeys(name for name, module in case.model.named_modules()
                        if isinstance(module, nn.Dropout) and module.p and module.training
                        and not any(name.startswith(part.layer + ".") for part in case.parts))
    if on:
        yield Finding(
            name="dropout-on", severity="warning", where=tuple(on),
            symptom="dropout is on: the same input gives another output each time",
            cause="the model is in training mode; an adapter that is put into a model in eval mode "
                  "can be in training mode alone",
            remedy="call model.eval() after the adapter is loaded")


@needs("training", "optimiser")
def all_given(case: Case) -> Iterator[Finding]:
    """every matrix that trains is in the optimiser"""
    given = {id(p) for group in case.optimiser.param_groups for p in group["params"]}
    ours = [(part, p) for part in case.learning for p in part.parameters if p.requires_grad]
    missing = [(part, p) for part, p in ours if id(p) not in given]
    if not missing:
        return
    kinds = {kind for part, p in missing for kind in "AB" if p is getattr(part, kind)}
    late = len(missing) == len(ours)
    what = "no matrix of the adapter" if late else \
        f"of {len({id(p) for _, p in ours})} matrices {len({id(p) for _, p in missing})}" + (
            f", all of them {kinds.pop()}," if len(kinds) == 1 else "") + " are not"
    yield Finding(
        name="not-in-optimiser", severity="error", where=layers(part for part, _ in missing),
        symptom=f"{what} in the optimiser" + ("" if late else ": they will not move"),
        cause="the optimiser was made before the adapter was put in, or for another copy of the "
              "model" if late else
              "the parameters were chosen by name, by group, or while another adapter was active",
        remedy="make the optimiser after the adapter, of all parameters with requires_grad")


@needs("training", "optimiser")
def rates(case: Case) -> Iterator[Finding]:
    """every learning rate is above zero"""
    groups = case.optimiser.param_groups
    zero = [group for group in groups if not group["lr"]]
    still = {id(p) for group in zero for p in group["params"]}
    parts = [part for part in case.learning if any(id(p) in still for p in part.parameters)]
    if parts:
        yield Finding(
            name="lr-zero", severity="note", where=layers(parts),
            symptom="the learning rate is 0 now: this step changes nothing"
                    if len(zero) == len(groups) else
                    f"the learning rate of {len(zero)} of {len(groups)} groups is 0 now: what is "
                    "in them does not change in this step",
            cause="a warm-up that counts from 0 begins like this, and a schedule ends so",
            remedy="nothing at the first step or the last; else look at the scheduler's length")


@needs("training", "optimiser")
def has_moved(case: Case) -> Iterator[Finding]:
    """after two steps of the optimiser no matrix is zero"""
    stuck, steps = [], 0
    for part in case.learning:
        for p in (part.A, part.B):
            taken = int(case.optimiser.state.get(p, {}).get("step", 0))
            if taken >= 2 and not p.any():
                stuck.append(part)
                steps = max(steps, taken)
    if stuck:
        yield Finding(
            name="stuck", severity="error", where=layers(stuck),
            symptom=f"after {steps} steps a matrix is exactly zero still",
            cause="its gradient was zero in each step, its rate was 0, or what trains is a copy "
                  "that is never written back",
            remedy="give the doctor a batch; if the optimiser is sharded, gather the weights first")


@needs("training")
def precise(case: Case) -> Iterator[Finding]:
    """no adapter that trains is kept in half precision, or its steps arrive"""
    half = [part for part in case.learning if part.A.dtype in HALF]
    lrs = {id(p): group["lr"] for group in (case.optimiser.param_groups if case.optimiser
                                                   else ()) if "betas" in group
           for p in group["params"]}
    lost = [(max(_lost(p.detach(), lrs[id(p)]) for p in (part.A, part.B) if id(p) in lrs), part)
            for part in half if id(part.A) in lrs or id(part.B) in lrs]
    if many := [part for share, part in lost if share > LOST]:
        worst = max(share for share, _ in lost)
        yield _imprecise(many, "warning", "a step of the size of the learning rate leaves up to "
                                          f"{worst:.0%} of the numbers of a matrix where they are")
    elif half and not lost:
        yield _imprecise(half, "note", f"A and B train in {half[0].A.dtype}: a step smaller than "
                                       "half the spacing of such numbers is rounded away")


def _imprecise(parts: list[Part], severity: str, symptom: str) -> Finding:
    return Finding(
        name="half-precision", severity=severity, symptom=symptom, where=layers(parts),
        cause="the whole model was cast after the adapter was put in, or autocast_adapter_dtype "
              "was False",
        remedy="keep A and B in float32 beside a base in half precision (the default of PEFT and "
               "lora_edu), or round stochastically")


def _lost(matrix: torch.Tensor, lr: float) -> float:
    """The share of a matrix's non-zero numbers that a step of ±lr leaves as they are."""
    stays = (matrix + lr == matrix) & (matrix - lr == matrix) & (matrix != 0)
    return stays.sum().item() / max(1, (matrix != 0).sum().item())


TESTS = (dropout_on, dropout_off, all_given, rates, has_moved, precise)
