"""Run the model on a batch, and leave no trace. Imports torch and the sibling anatomy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from lora_edu.nn.diagnosis.anatomy import Case


@contextmanager
def undisturbed(model: nn.Module, evaluate: bool = False) -> Iterator[None]:
    """Afterwards gradients, buffers, modes and torch's random numbers are as before.

    evaluate: run in eval mode. The flags are set one by one, for some models' ``train`` does more.
    """
    gradients = [(p, p.grad) for p in model.parameters()]
    buffers = [(module, name, buffer, buffer.detach().clone()) for module in model.modules()
               for name, buffer in module._buffers.items() if buffer is not None]
    modes = [(module, module.training) for module in model.modules()]
    devices = {p.device for p in model.parameters() if p.device.type == "cuda"}
    try:
        with torch.random.fork_rng(devices=list(devices)):
            for p, _ in gradients:
                p.grad = None
            for module, training in modes:
                module.training = training and not evaluate
            yield
    finally:
        for p, gradient in gradients:
            p.grad = gradient
        for module, training in modes:
            module.training = training
        with torch.no_grad():
            for module, name, buffer, values in buffers:
                module._buffers[name] = buffer
                if not torch.equal(buffer, values):
                    buffer.copy_(values)


def loss_of(case: Case) -> torch.Tensor:
    """The loss of the batch: a tensor of one number.

    Raises TypeError for a batch that the model alone cannot turn into a loss, and for a loss_fn
    that returns something else.
    """
    if case.loss_fn is not None:
        loss, source = case.loss_fn(case.model, case.batch), "loss_fn(model, batch)"
    elif isinstance(case.batch, Mapping):
        loss, source = _get(case.model(**case.batch), "loss"), "model(**batch).loss"
    else:
        raise TypeError("batch must be a dict for model(**batch), or loss_fn must be given, got a "
                        f"{type(case.batch).__name__}")
    if not isinstance(loss, torch.Tensor) or loss.numel() != 1:
        raise TypeError(f"{source} must be a tensor of one number, got {type(loss).__name__}; is "
                        "there a label in the batch?")
    return loss.reshape(())


def outputs_of(case: Case, changed: dict[str, torch.Tensor]) -> torch.Tensor:
    """The model's logits, or its output, with other tensors in the place of some parameters."""
    if isinstance(case.batch, Mapping):
        args, kwargs = (), {key: value for key, value in case.batch.items() if key != "labels"}
    else:
        args, kwargs = (case.batch,), {}
    output = torch.func.functional_call(case.model, changed, args, kwargs)
    logits = output if isinstance(output, torch.Tensor) else _get(output, "logits")
    if not isinstance(logits, torch.Tensor):
        raise TypeError("with a reference the model must return a tensor or something with "
                        f"logits, got {type(output).__name__}")
    return logits


def _get(output: Any, key: str) -> Any:
    return output.get(key) if isinstance(output, Mapping) else getattr(output, key, None)
