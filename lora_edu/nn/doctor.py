"""Why does it not train, or not do what was trained? Tests on a model with adapters, at rest and at
work.

Imports torch and the NumPy core; PEFT's models are known by their structure.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from lora_edu import _check
from lora_edu.nn.config import AdapterConfig, PeftConfig
from lora_edu.nn.diagnosis import adapters, gradients, labels, numbers, optimisation, outputs
from lora_edu.nn.diagnosis.anatomy import Case, settings_of
from lora_edu.nn.diagnosis.findings import Diagnosis

TESTS = tuple(test for module in (adapters, numbers, optimisation, labels, gradients, outputs)
              for test in module.TESTS)


def doctor(model: nn.Module, batch: Any = None, optimiser: torch.optim.Optimizer | None = None, *,
           loss_fn: Callable[[nn.Module, Any], torch.Tensor] | None = None, training: bool = True,
           loss_scale: float = 1.0,
           config: AdapterConfig | PeftConfig | Mapping | str | os.PathLike | None = None,
           reference: torch.Tensor | None = None) -> Diagnosis:
    """Test a model with LoRA adapters, of PEFT or of :func:`inject`, and say what is wrong.

    Returns the list of findings, the worst first; ``print`` shows it, and for a model without any
    says what was tested. Each has a ``name``, a ``severity`` ("error", "warning" or "note"), a
    ``symptom``, a ``cause``, a ``remedy``, and ``where``, the modules' names.

    model: as it stands before a step of training, or before it is used.
    batch: what a step takes. A dict is given as ``model(**batch)``, whose ``loss`` counts; for
    anything else give loss_fn. Without a batch the model is not run.
    optimiser: the one that will make the step.
    loss_fn: a function of (model, batch) that returns the loss, a tensor of one number.
    training: whether the model is to be trained (True) or used (False).
    loss_scale: what the loss is multiplied by before it goes backwards, as by a ``GradScaler``.
    config: the settings that the adapter was trained with: PEFT's, an :class:`AdapterConfig`, a
    dict, or the path of adapter_config.json or of its folder. Otherwise what the model holds.
    reference: the logits that the trained model gave for this batch, in eval mode. They are
    compared as they are, and less the mean of each row, so that an offset hides no difference.

    Labels are tested for causal language models (as transformers or PEFT call the model; where
    neither does, the finding says so).

    Nothing is changed: parameters, gradients, buffers, modes and torch's random numbers are as they
    were, to the bit. With a batch the model runs forwards and backwards, mostly once and at most
    twice; with a reference, forwards up to four times.

    What it cannot see: wrong or too few data, a wrong chat template, tokens that are not the
    model's, a learning rate that is too large or too small, a rank that is too low; dropout that is
    not a module; what a sharded or compiled trainer does with the parameters; layers of PEFT other
    than LoRA's. A finding says where to look, and a list without findings proves nothing more than
    what was tested.

    Raises TypeError or ValueError for arguments that are not as said here. With a batch also for a
    model with hooks that act while gradients arrive (``register_post_accumulate_grad_hook``): an
    optimiser in them would make a step. What the model raises on the batch passes through.

    >>> from lora_edu.nn import inject
    >>> model = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
    >>> optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)  # too early
    >>> found = inject(model, ["0", "2"], r=2, alpha=4)
    >>> print(doctor(model, optimiser=optimiser))
    error: no matrix of the adapter in the optimiser [not-in-optimiser]
      cause:  the optimiser was made before the adapter was put in, or for another copy of the model
      remedy: make the optimiser after the adapter, of all parameters with requires_grad
      where:  0, 2
    (1 found by 17 tests)
    >>> trained = [p for p in model.parameters() if p.requires_grad]
    >>> doctor(model, optimiser=torch.optim.AdamW(trained, lr=1e-3)) == []
    True
    """
    _check.instance("model", model, nn.Module)
    if optimiser is not None:
        _check.instance("optimiser", optimiser, torch.optim.Optimizer)
    if reference is not None:
        _check.instance("reference", reference, torch.Tensor)
        if not reference.isfinite().all():
            raise ValueError("reference must be finite, got "
                             f"{int((~reference.isfinite()).sum())} non-finite entries")
    if loss_fn is not None and not callable(loss_fn):
        raise TypeError(f"loss_fn must be a function of (model, batch), got {loss_fn!r}")
    if batch is None and (loss_fn is not None or reference is not None):
        raise ValueError("batch must be given with loss_fn or reference, got None")
    if batch is not None and any(p._post_accumulate_grad_hooks for p in model.parameters()):
        raise ValueError("model must have no hooks that act while gradients arrive, for they would "
                         "make a step: remove them, or leave batch out")
    case = Case(model, batch, optimiser, loss_fn, _check.flag("training", training),
                _check.number("loss_scale", loss_scale, above=0.0),
                None if config is None else settings_of(config), reference)
    if any(part.A.is_meta or part.B.is_meta for part in case.parts):
        raise ValueError("model must hold its adapters' numbers, they are on the device meta")
    made = [test for test in TESTS if all(map(case.has, getattr(test, "needs", ())))]
    return Diagnosis([found for test in made for found in test(case)],
                     [test.__doc__ for test in made])
