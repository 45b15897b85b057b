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
        symptom="the model has no LoRA layer of PEFT or lora_edu: nothing of LoRA trains",
        cause="the adapter went into another copy of the model, was not kept, or has been unloaded",
        remedy="train the model that get_peft_model returns, or that inject was called on",
        needs={"training"}),
    Fault(
        "frozen", "error",
        find=lambda case: [] if any(part.trains for part in case.parts) else case.parts,
        symptom="no number of any adapter trains: requires_grad is off in all",
        cause="from_pretrained loads an adapter to be used, or requires_grad_(False) came after it",
        remedy="load with is_trainable=True; or freeze first and put the adapter in then",
        needs={"training"}),
    Fault(
        "inactive", "error",
        find=ask.inactive,
        symptom="{idle} would train, but what counts in the output is {active}",
        cause="another adapter was set or loaded, the adapters were disabled, or requires_grad "
              "was set by hand",
        remedy="call set_adapter with the name that is to train",
        needs={"training"}),
    Fault(
        "merged", "error",
        find=lambda case: [p for p in case.parts if p.merged],
        symptom="the adapter is merged into the weight: A and B get no gradient",
        cause="merge_adapter (lora_edu: merge) was called for an evaluation and not undone",
        remedy="call unmerge_adapter (lora_edu: unmerge) before training goes on",
        needs={"training"}),
    Fault(
        "base-trains", "warning",
        find=lambda case: [part for part in case.parts
                           if getattr(part.weight, "requires_grad", False)],
        symptom="W0 trains as well: the saved adapter alone will not be the trained model",
        cause="requires_grad_(True) was called on the model after the adapter was put in",
        remedy="call requires_grad_(False) on the base's layers, or save all weights",
        needs={"training"}),
    Fault(
        "base-trains", "warning",
        find=lambda case: [name for name, module in case.model.named_modules()
                           if module.training and getattr(module, "track_running_stats", False)],
        symptom="running statistics move: the adapter alone will not be the trained model",
        cause="a BatchNorm in train mode gathers them, frozen too, and no file has them",
        remedy="call eval() on these modules for as long as the adapter trains",
        needs={"training"}),
    Fault(
        "nested", "error",
        find=ask.nested,
        symptom="a PeftModel was wrapped again: where the new adapter has the same name and "
                "layer, what was learned is gone",
        cause="get_peft_model ran on a model that had an adapter, as when a notebook's cell runs "
              "twice",
        remedy="load the base again (or unload); for a second adapter call add_adapter"),
    Fault(
        "both-zero", "error",
        find=lambda case: [p for p in case.learning if not p.A.any() and not p.B.any()],
        **BOTH_ZERO,
        needs={"training"}),
    Fault("idle", "error", find=ask.zero_update, **IDLE, needs={"use"}),
    Fault(
        "scaling", "warning",
        find=ask.other_scaling,
        symptom="s is {have:g}, by the settings it is {want:g}",
        cause="the settings are of another adapter, the rule is another, or the scaling was set "
              "later",
        remedy="load the adapter with its own adapter_config.json, and serve with the rule that "
               "it was trained with; where a program knows α/r alone, give it α·√r for α/√r"),
    Fault("scale", "note", find=ask.unusual_scale, **SCALE),
    Fault(
        "not-in-optimiser", "error",
        find=ask.not_given,
        symptom="{missing} of {all} matrices of the adapter are not in the optimiser",
        cause="the optimiser was made before the adapter was put in, or for another copy of the "
              "model, or the parameters were chosen by name or while another adapter was active",
        remedy="make the optimiser after the adapter, of all parameters with requires_grad",
        needs={"training", "optimiser"}),
    Fault(
        "full-at-lora-rate", "note",
        find=ask.full_at_lora_rate,
        symptom="whole matrices train at the adapter's rate",
        cause="all that trains was given to the optimiser in one group, and a matrix that trains "
              "in full mostly wants a rate two to ten times smaller",
        remedy="nothing, if you tuned it so; else give them a group of their own with a smaller "
               "lr, and begin at a quarter",
        needs={"training", "optimiser"}),
    Fault(
        "stuck", "error",
        find=ask.stuck,
        symptom="after two steps or more a matrix is exactly zero still",
        cause="its gradient or its rate was 0 in each step, or a copy trains that is not written "
              "back",
        remedy="give the doctor a batch; if the optimiser is sharded, gather the weights first",
        needs={"training", "steps"}),
    Fault(
        "half-precision", "warning",
        find=lambda case: [part for part in case.learning if part.A.dtype in ask.HALF],
        symptom="A and B train in half precision: a step below half their spacing is rounded away",
        cause="the whole model was cast after the adapter was put in, or autocast_adapter_dtype "
              "is off",
        remedy="keep A and B in float32 (the default of PEFT and lora_edu), or round "
               "stochastically",
        needs={"training"}),
    Fault(
        "no-gradient", "error",
        find=ask.without_gradient,
        symptom="no gradient comes to the adapter in these layers",
        cause="gradient checkpointing of the reentrant kind, and an input that needs no gradient "
              "(the embedding is frozen); or the layer is not used, or its output is detached",
        remedy="model.enable_input_require_grads(), or checkpoints with use_reentrant=False; else "
               "look for detach, no_grad, inference_mode, .data and .item() after the layer",
        needs={"training", "batch"}),
    Fault(
        "reference", "error",
        find=ask.unlike_reference,
        symptom="the outputs are {far:.1%} of the reference's length away from it",
        cause="a base with other weights of equal shapes, another adapter, or another input: the "
              "doctor has tried s = 0, s·√r and s/√r",
        remedy="compare the outputs of the base alone (adapters disabled) first, then W0, A and B",
        needs={"reference"}),
)


def doctor(model: nn.Module, batch: Any = None, optimiser: torch.optim.Optimizer | None = None, *,
           loss_fn: Callable[[nn.Module, Any], torch.Tensor] | None = None, training: bool = True,
           config: Any = None, reference: torch.Tensor | None = None) -> Diagnosis:
    """Test a model with LoRA adapters, of PEFT or of :func:`inject`, and say what is wrong.

    Nothing is changed: parameters, gradients, buffers, modes and torch's random numbers are as they
    were, to the bit. With a batch a copy of the model, which shares what is frozen, runs forwards
    and backwards once; with a reference, forwards up to four times.

    It does not look for what goes wrong in any fine-tuning (data, labels, rates), nor at layers of
    PEFT other than LoRA's. No findings prove nothing more than what was tested.

    Args:
        model: As it stands before a step of training, or before it is used.
        batch: What a step takes. A dict is given as ``model(**batch)``, whose ``loss`` counts; for
            anything else give loss_fn. Without a batch the model is not run.
        optimiser: The one that will make the step.
        loss_fn: A function of (model, batch) that returns the loss, a tensor of one number.
        training: Whether the model is to be trained (True) or used (False).
        config: The settings that the adapter was trained with: PEFT's, an :class:`AdapterConfig`,
            or a dict. Otherwise what the model holds.
        reference: The logits that the trained model gave for this batch, in eval mode. They are
            compared less the mean of each row, so that an offset hides no difference.

    Returns:
        The list of findings, the worst first, which ``print`` shows. Each has a name, a severity
        ("error", "warning" or "note"), symptom, cause, remedy, and where, the modules' names.

    Raises:
        TypeError: For an argument of another kind, and a loss that is not a tensor of one number.
        ValueError: For a batch or a loss_fn that is missing, for adapters on the device meta, and
            for a reference of another shape, with NaN or infinity, or that is one number in each
            row.

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
        raise ValueError("batch must be given with loss_fn or reference, got None")
    if optimiser is not None and not hasattr(optimiser, "param_groups"):
        raise TypeError(f"optimiser must be one of torch's, got {type(optimiser).__name__}")
    if loss_fn is not None and not callable(loss_fn):
        raise TypeError(f"loss_fn must be a function of (model, batch), got {loss_fn!r:.100}")
    if training and batch is not None and loss_fn is None and not isinstance(batch, Mapping):
        raise ValueError("loss_fn must be given for a batch that is no dict, got a "
                         f"{type(batch).__name__}")
    if config is not None and not ask.as_dict(config).keys() & {"peft_type", "lora_alpha"}:
        raise TypeError("config must be PEFT's settings, an AdapterConfig or a dict, with "
                        f"lora_alpha, got {config!r:.100}")
    if reference is not None:
        checks.instance("reference", reference, torch.Tensor)

    case = ask.Case(model, batch, optimiser, loss_fn, reference, config)
    if any(p.is_meta for part in case.parts for p in part.parameters):
        raise ValueError("model must hold its adapters' numbers, they are on the device meta")
    available = {"training" if training else "use"} | {
        name for name in ("batch", "optimiser", "steps", "reference")
        if getattr(case, name) is not None}
    return diagnose(FAULTS, case, available)
