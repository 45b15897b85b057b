"""Diagnose common LoRA faults, with or without running the model.

The table of faults, each with its question, its words and what the question needs; and ``doctor``.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from lora_edu import checks
from lora_edu.findings import BOTH_ZERO, IDLE, SCALE, Diagnosis, Fault, diagnose
from lora_edu.nn import questions as ask

FAULTS = (
    Fault(
        "no-adapter", "error",
        find=lambda case: [] if case.parts else [type(case.model).__name__],
        symptom="the model has no LoRA layer from PEFT or lora_edu, so no adapter is trained",
        cause="the adapter was put into a different copy of the model, was discarded, or was "
              "unloaded",
        remedy="train the model that get_peft_model returned, or that was passed to inject",
        needs={"training"}),
    Fault(
        "frozen", "error",
        find=lambda case: [] if any(part.trains for part in case.parts) else case.parts,
        symptom="no parameter of any adapter is trained: requires_grad is off everywhere",
        cause="from_pretrained loaded the adapter for inference, or requires_grad_(False) was "
              "called later",
        remedy="load with is_trainable=True, or freeze the base before adding the adapter",
        needs={"training"}),
    Fault(
        "inactive", "error",
        find=ask.inactive,
        symptom="{idle} is set to train, but the output uses {active}",
        cause="a different adapter was set or loaded, the adapters were disabled, or requires_grad "
              "was set by hand",
        remedy="call set_adapter with the name of the adapter to train",
        needs={"training"}),
    Fault(
        "merged", "error",
        find=lambda case: [p for p in case.parts if p.merged],
        symptom="the adapter is merged into the weight: A and B get no gradient",
        cause="merge_adapter (lora_edu: merge) was called for an evaluation and not undone",
        remedy="call unmerge_adapter (lora_edu: unmerge) before training continues",
        needs={"training"}),
    Fault(
        "base-trains", "warning",
        find=lambda case: [part for part in case.parts
                           if getattr(part.weight, "requires_grad", False)],
        symptom="W0 is trained too: the saved adapter alone will not be the trained model",
        cause="requires_grad_(True) was called on the model after the adapter was added",
        remedy="call requires_grad_(False) on the base's layers, or save all weights",
        needs={"training"}),
    Fault(
        "base-trains", "warning",
        find=lambda case: [name for name, module in case.model.named_modules()
                           if module.training and getattr(module, "track_running_stats", False)],
        symptom="running statistics change: the adapter alone will not be the trained model",
        cause="a BatchNorm in train mode updates them, even when frozen, and no file stores them",
        remedy="call eval() on these modules while the adapter is trained",
        needs={"training"}),
    Fault(
        "nested", "error",
        find=ask.nested,
        symptom="a PeftModel was wrapped again: where name and layer are the same, the new "
                "adapter has replaced the trained one",
        cause="get_peft_model ran on a model that already had an adapter, for example in a cell "
              "run twice",
        remedy="load the base again (or unload); for a second adapter, call add_adapter"),
    Fault(
        "both-zero", "error",
        find=lambda case: [p for p in case.learning if not p.A.any() and not p.B.any()],
        **BOTH_ZERO,
        needs={"training"}),
    Fault("idle", "error", find=ask.zero_update, **IDLE, needs={"use"}),
    Fault(
        "scaling", "warning",
        find=ask.other_scaling,
        symptom="s is {have:g}, but the settings give {want:g}",
        cause="the settings belong to a different adapter, the rule differs, or the scaling was "
              "changed later",
        remedy="load the adapter with its own adapter_config.json, and serve with the rule used "
               "in training; if a program supports only α/r, give it α·√r instead of α"),
    Fault("scale", "note", find=ask.unusual_scale, **SCALE),
    Fault(
        "not-in-optimiser", "error",
        find=ask.not_given,
        symptom="the optimiser lacks {missing} of the adapter's {all} matrices",
        cause="the optimiser was created before the adapter was added, or for a different copy of "
              "the model, or the parameters were chosen by name or while a different adapter was "
              "active",
        remedy="create the optimiser after the adapter, from all parameters with requires_grad",
        needs={"training", "optimiser"}),
    Fault(
        "full-at-lora-rate", "note",
        find=ask.full_at_lora_rate,
        symptom="whole matrices are trained at the adapter's learning rate",
        cause="all trained parameters are in one group of the optimiser, but the best rate for a "
              "matrix trained in full is usually two to ten times smaller",
        remedy="nothing, if you tuned it that way; otherwise put them into a separate group with "
               "a smaller lr; try a quarter first",
        needs={"training", "optimiser"}),
    Fault(
        "stuck", "error",
        find=ask.stuck,
        symptom="after at least two steps, a matrix is still exactly zero",
        cause="its gradient or its learning rate was 0 at every step, or a copy is trained and "
              "not written back",
        remedy="pass a batch to the doctor; if the optimiser is sharded, gather the weights first",
        needs={"training", "steps"}),
    Fault(
        "half-precision", "warning",
        find=lambda case: [part for part in case.learning if part.A.dtype in ask.HALF],
        symptom="A and B are trained in half precision: steps below half the spacing between "
                "numbers are lost to rounding",
        cause="the whole model was cast after the adapter was added, or autocast_adapter_dtype "
              "is off",
        remedy="keep A and B in float32 (the default of PEFT and lora_edu), or use "
               "stochastic rounding",
        needs={"training"}),
    Fault(
        "no-gradient", "error",
        find=ask.without_gradient,
        symptom="no gradient reaches the adapter in these layers",
        cause="reentrant gradient checkpointing with an input that needs no gradient "
              "(the embedding is frozen); or the layer is not used, or its output is detached",
        remedy="model.enable_input_require_grads(), or checkpointing with use_reentrant=False; "
               "otherwise look for detach, no_grad, inference_mode, .data and .item() after the "
               "layer",
        needs={"training", "batch"}),
    Fault(
        "reference", "error",
        find=ask.unlike_reference,
        symptom="the outputs differ from the reference by {far:.1%} of its norm",
        cause="different base weights of the same shapes, a different adapter, or a different "
              "input; the doctor has ruled out s = 0, s·√r and s/√r",
        remedy="first compare the outputs of the base alone (adapters disabled), then W0, A and B",
        needs={"reference"}),
)


def doctor(model: nn.Module, batch: Any = None, optimiser: torch.optim.Optimizer | None = None, *,
           loss_fn: Callable[[nn.Module, Any], torch.Tensor] | None = None, training: bool = True,
           config: Any = None, reference: torch.Tensor | None = None) -> Diagnosis:
    """Test a model with LoRA adapters, of PEFT or of :func:`inject`, and report faults.

    Nothing is changed: parameters, gradients, buffers, modes and torch's random numbers keep every
    bit. With a batch, a copy of the model, which shares the frozen weights, runs forwards and
    backwards once; with a reference, it runs forwards up to four times.

    It does not look for faults that any fine-tuning can have (data, labels, learning rates), or at
    PEFT's layers other than LoRA. An empty list shows only that these tests found nothing.

    Args:
        model: The model before a step of training, or before it is used.
        batch: The input of a step. A dict is passed as ``model(**batch)``, whose ``loss`` is used;
            for anything else give loss_fn. Without a batch, the model is not run.
        optimiser: The optimiser that will take the step.
        loss_fn: A function of (model, batch) that returns the loss, a tensor of one number.
        training: Whether the model is to be trained (True) or used (False).
        config: The settings that the adapter was trained with: PEFT's, an :class:`AdapterConfig`,
            or a dict. Default: the settings in the model.
        reference: The logits that the trained model gave for this batch, in eval mode. The mean of
            each row is subtracted before the comparison, so that an offset hides no difference.

    Returns:
        The list of findings, the worst first, which ``print`` shows. Each has a name, a severity
        ("error", "warning" or "note"), symptom, cause, remedy, and where, the modules' names.

    Raises:
        TypeError: For an argument of the wrong type, and a loss that is not a tensor of one number.
        ValueError: For a batch or a loss_fn that is missing, for adapters on the meta device, and
            for a reference of the wrong shape, with NaN or infinity, or constant along each row.

    Example:
        >>> from lora_edu.nn import inject
        >>> model = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
        >>> optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)  # too early
        >>> adapted = inject(model, ["0", "2"], r=2, alpha=4)
        >>> [(finding.name, finding.where) for finding in doctor(model, optimiser=optimiser)]
        [('not-in-optimiser', ('0', '2'))]
    """
    checks.instance("model", model, nn.Module)
    checks.flag("training", training)
    if batch is None and (loss_fn is not None or reference is not None):
        raise ValueError("batch must be given if loss_fn or reference is, got None")
    if optimiser is not None and not hasattr(optimiser, "param_groups"):
        raise TypeError(f"optimiser must be a torch optimiser, got {type(optimiser).__name__}")
    if loss_fn is not None and not callable(loss_fn):
        raise TypeError(f"loss_fn must be a function of (model, batch), got {loss_fn!r:.100}")
    if training and batch is not None and loss_fn is None and not isinstance(batch, Mapping):
        raise ValueError("loss_fn must be given for a batch that is not a dict, got a "
                         f"{type(batch).__name__}")
    if config is not None and not ask.as_dict(config).keys() & {"peft_type", "lora_alpha"}:
        raise TypeError("config must be PEFT's settings, an AdapterConfig or a dict, with "
                        f"lora_alpha, got {config!r:.100}")
    if reference is not None:
        checks.instance("reference", reference, torch.Tensor)

    case = ask.Case(model, batch, optimiser, loss_fn, reference, config)
    if any(p.is_meta for part in case.parts for p in part.parameters):
        raise ValueError("model must have adapters with values, but they are on the meta device, "
                         "which stores no values")
    available = {"training" if training else "use"} | {
        name for name in ("batch", "optimiser", "steps", "reference")
        if getattr(case, name) is not None}
    return diagnose(FAULTS, case, available)
