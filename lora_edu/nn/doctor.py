"""Diagnose common LoRA faults, with or without running the model.

In the order of reading: what is looked at, what the tests ask, the table of tests, and ``doctor``,
which makes them. PEFT's layers are known by their structure.
"""

import copy
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from lora_edu import checks
from lora_edu.adapter import scaling
from lora_edu.findings import BOTH_ZERO, IDLE, SCALE, Diagnosis, Test, diagnose, is_unusual
from lora_edu.formats.config import AdapterConfig
from lora_edu.formats.layouts import PREFIX
from lora_edu.nn.layer import LoRALayer

HALF = (torch.bfloat16, torch.float16)
OF_PEFTS_LAYER = ("base_layer", "lora_A", "lora_B", "scaling", "active_adapters")


# What is looked at

@dataclass(frozen=True, eq=False)
class Part:
    """One adapter of one layer. parameters: A, B, and what DoRA and others add. weight: W0."""

    layer: str
    adapter: str
    A: nn.Parameter
    B: nn.Parameter
    parameters: list[nn.Parameter]
    weight: torch.Tensor | None
    scaling: float
    active: bool
    merged: bool

    @property
    def trains(self) -> bool:
        return any(p.requires_grad for p in self.parameters)

    @property
    def learns(self) -> bool:
        return self.active and self.trains and not self.merged


def parts_of(model: nn.Module) -> Iterator[Part]:
    """The parts of every LoRA layer, ours and PEFT's, in the order of the model."""
    for path, layer in model.named_modules():
        if isinstance(layer, LoRALayer):
            for name, pair in layer.adapters.items():
                active = name in layer.active_adapters
                yield Part(path, name, pair.lora_A, pair.lora_B, list(pair.parameters()),
                           layer.base_layer.weight, pair.scaling, active, active and layer.merged)
        elif all(hasattr(layer, attribute) for attribute in OF_PEFTS_LAYER):
            both = ({**layer.lora_A, **layer.lora_embedding_A},
                    {**layer.lora_B, **layer.lora_embedding_B})
            on = () if layer.disable_adapters else layer.active_adapters
            for name in both[0]:
                A, B = (getattr(of[name], "weight", of[name]) for of in both)
                own = [p for key, p in layer.named_parameters()  # lora_A.NAME.weight
                       if key.startswith("lora_") and key.split(".")[1] == name]
                yield Part(path, name, A, B, own, getattr(layer.get_base_layer(), "weight", None),
                           layer.scaling[name], name in on, name in layer.merged_adapters)


class Case:
    """What the doctor is asked about, and what is read from it once."""

    def __init__(self, model, batch, optimiser, loss_fn, reference, config):
        self.model, self.batch, self.optimiser = model, batch, optimiser
        self.loss_fn, self.reference = loss_fn, reference
        self.parts = list(parts_of(model))
        self.active = [part for part in self.parts if part.active]
        self.learning = [part for part in self.parts if part.learns]
        held = {}
        for module in model.modules():
            held |= getattr(module, "peft_config", None) or {}
        self.settings = {part.adapter: _as_dict(held.get(part.adapter, {}) if config is None
                                                else config) for part in self.parts}
        # {parameter: steps taken}; None where the optimiser does not count them, as SGD
        memories = optimiser.state.items() if optimiser is not None else ()
        self.steps = {p: int(memory["step"]) for p, memory in memories if "step" in memory} or None


def _as_dict(settings) -> Mapping:
    """Settings by name, of a dict or of PEFT's or our config."""
    return settings if isinstance(settings, Mapping) else getattr(settings, "__dict__", {})


@contextmanager
def _twin(model: nn.Module) -> Iterator[nn.Module]:
    """A copy to run, which shares what is frozen; torch's random numbers are as before."""
    frozen = {id(p): p for p in model.parameters() if not p.requires_grad}
    devices = {p.device for p in model.parameters() if p.device.type == "cuda"}
    with torch.random.fork_rng(devices=list(devices)):
        yield copy.deepcopy(model, frozen)


# What the tests ask. Each returns a list of the parts, or of the names of modules, that show the
# fault; or (list, {placeholder: text}), where words in the table differ from case to case.

def inactive(case: Case):
    learning = [part for part in case.parts if part.trains]
    idle = [part for part in learning if not part.active]
    return idle, {"severity": "warning" if len(idle) < len(learning) else "error",
                  "idle": sorted({part.adapter for part in idle}),
                  "active": sorted({part.adapter for part in case.active}) or "no adapter"}


def nested(case: Case):
    wrappers = [name for name, module in case.model.named_modules()
                if hasattr(module, "peft_config") and hasattr(type(module), "get_base_model")]
    return [name for name in wrappers  # side by side, as of an encoder and a decoder, is well
            if any(not outer or name.startswith(outer + ".") for outer in wrappers
                   if outer != name)]


def zero_update(case: Case):
    idle = [part for part in case.active if not part.A.any() or not part.B.any()]
    return idle, {"severity": "error" if len(idle) == len(case.active) else "warning"}


def other_scaling(case: Case):
    wrong = {}
    for part in case.parts:
        settings = case.settings[part.adapter]
        if settings.get("peft_type", "LORA") == "LORA" and {"r", "lora_alpha"} <= {*settings}:
            r, alpha = AdapterConfig(
                r=settings["r"], lora_alpha=settings["lora_alpha"], target_modules=[""],
                rank_pattern=settings.get("rank_pattern") or {},
                alpha_pattern=settings.get("alpha_pattern") or {},
            ).for_layer(part.layer.rpartition(PREFIX)[2].removeprefix("module."))
            want = scaling(r, alpha, "rslora" if settings.get("use_rslora") else "lora")
            if abs(part.scaling - want) > 1e-6 * want:
                wrong[part] = {"have": part.scaling, "want": want}
    return list(wrong), next(iter(wrong.values()), {})


def unusual_scale(case: Case):
    parts = [part for part in case.active if is_unusual(part.scaling)]
    return parts, {"s": ", ".join(f"{s:.3g}" for s in sorted({part.scaling for part in parts}))}


def not_given(case: Case):
    given = {id(p) for group in case.optimiser.param_groups for p in group["params"]}
    ours = [(part, p) for part in case.learning for p in part.parameters if p.requires_grad]
    missing = [part for part, p in ours if id(p) not in given]
    return missing, {"missing": len(missing), "all": len(ours)}


def full_at_lora_rate(case: Case):
    if any(getattr(part.weight, "requires_grad", False) for part in case.parts):
        return []  # base-trains says so
    ours = {id(p) for part in case.parts for p in part.parameters}
    rates = {_peak(group) for group in case.optimiser.param_groups
             if any(id(p) in ours for p in group["params"])}
    at_these = {id(p) for group in case.optimiser.param_groups if _peak(group) in rates
                for p in group["params"]}
    return [name.rpartition(".")[0] for name, p in case.model.named_parameters()
            if p.requires_grad and p.ndim >= 2 and id(p) in at_these - ours]


def _peak(group: Mapping) -> float:
    """A group's rate before a scheduler changed it."""
    return float(group.get("initial_lr", group["lr"]))


def stuck(case: Case):
    return [part for part in case.learning
            if any(case.steps.get(p, 0) >= 2 and not p.any() for p in (part.A, part.B))]


def without_gradient(case: Case):
    with torch.inference_mode(False), torch.enable_grad(), _twin(case.model) as model, \
            warnings.catch_warnings():
        warnings.filterwarnings("ignore", "None of the inputs have requires_grad")  # found below
        loss = case.loss_fn(model, case.batch) if case.loss_fn else model(**case.batch).loss
        if not isinstance(loss, torch.Tensor) or loss.numel() != 1:
            raise TypeError(f"the loss must be a tensor of one number, got {type(loss).__name__}")
        if not loss.isfinite():
            return [type(model).__name__], NOT_FINITE | {"numbers": "loss"}
        learning = [part for part in parts_of(model) if part.learns]
        if loss.requires_grad and learning:
            loss.backward()
        return [part for part in learning
                if any(p.grad is None for p in (part.A, part.B) if p.requires_grad)]


def unlike_reference(case: Case):
    near = 0.02 if any(p.dtype in HALF for p in case.model.parameters()) else 0.001
    with _twin(case.model) as model, torch.no_grad():
        logits = _logits(case, model.eval())
        reference = _checked_reference(case.reference, logits, near)
        if not logits.isfinite().all():
            return [type(model).__name__], NOT_FINITE | {"numbers": "output"}
        far = _distance(logits, reference, near)
        if far <= near:
            return []
        scales = CAUSES_OF_SCALE if any(not part.merged for part in case.active) else ()
        words = next((words for times, words in scales
                      if _distance(_logits(case, model, times), reference, near)
                      <= max(near, far / 10)), {})
    return [type(model).__name__], {"far": far, **words}


NOT_FINITE = {
    "symptom": "the model's {numbers} is not finite: NaN or infinity comes out",
    "cause": "the weights or the batch have such numbers already, or half precision overflows",
    "remedy": "look for isfinite in the batch, in W0, A and B; run once in float32 or bfloat16"}
TWICE = {"cause": "a merged model was loaded as the base: the update counts twice",
         "remedy": "load the original base, or leave the adapter off"}
OTHER_RULE = {"cause": "of training and serving one divides α by √r (use_rslora), the other by r",
              "remedy": "serve as it was trained; if a program knows α/r alone, give it α·√r for α"}
CAUSES_OF_SCALE = (  # what s is multiplied by, and what it means if that brings the outputs back
    (lambda r: 0.0, TWICE), (lambda r: r**0.5, OTHER_RULE), (lambda r: r**-0.5, OTHER_RULE))


def _logits(case: Case, model: nn.Module, times=lambda r: 1.0) -> torch.Tensor:
    """The logits for the batch, with each adapter's s multiplied by ``times(r)``."""
    factors = {id(part.B): times(part.A.shape[0]) for part in parts_of(model)}
    changed = {name: p * factors[id(p)] for name, p in model.named_parameters()
               if factors.get(id(p), 1.0) != 1.0}
    args, named = ((), dict(case.batch)) if isinstance(case.batch, Mapping) else ((case.batch,), {})
    named.pop("labels", None)
    outputs = torch.func.functional_call(model, changed, args, named)
    logits = getattr(outputs, "logits", outputs)
    return checks.instance("the model's output, or its .logits,", logits, torch.Tensor).double()


def _checked_reference(reference: torch.Tensor, logits: torch.Tensor, near: float) -> torch.Tensor:
    """The reference as float64; ValueError for one that no logits can be compared with."""
    if reference.shape != logits.shape:
        raise ValueError(f"reference must have the shape of the model's output, "
                         f"{tuple(logits.shape)}, got {tuple(reference.shape)}")
    reference = reference.to(logits)
    if not reference.isfinite().all():
        raise ValueError(f"reference must be finite, got {int((~reference.isfinite()).sum())} "
                         f"non-finite entries of {reference.numel()}")
    if _less_mean(reference).norm() <= near / 5 * reference.norm():
        raise ValueError("reference must not be one number all along each row: less the mean of "
                         "the row nothing is left to compare with")
    return reference


def _distance(logits: torch.Tensor, reference: torch.Tensor, near: float) -> float:
    """‖logits − reference‖/‖reference‖, less the mean of each row.

    Adding one number to all logits changes no probability, but would hide a real difference. near/5
    of the whole length is allowed for rounding in that offset.
    """
    off = _less_mean(logits - reference).norm() - near / 5 * reference.norm()
    return (off / _less_mean(reference).norm()).item()


def _less_mean(logits: torch.Tensor) -> torch.Tensor:
    """The logits less the mean of each row; where a row has one number alone it stays."""
    if logits.ndim == 0 or logits.shape[-1] == 1:
        return logits
    return logits - logits.mean(-1, keepdim=True)


# The table of tests

TESTS = (
    Test(
        "no-adapter", "error", needs=("training",),
        find=lambda case: [] if case.parts else [type(case.model).__name__],
        symptom="the model has no LoRA layer of PEFT or lora_edu: nothing of LoRA trains",
        cause="the adapter went into another copy of the model, was not kept, or has been "
              "unloaded",
        remedy="train the model that get_peft_model returns, or that inject was called on"),
    Test(
        "frozen", "error", needs=("training",),
        find=lambda case: [] if any(part.trains for part in case.parts) else case.parts,
        symptom="no number of any adapter trains: requires_grad is off in all",
        cause="from_pretrained loads an adapter to be used, or requires_grad_(False) came after "
              "it",
        remedy="load with is_trainable=True; or freeze first and put the adapter in then"),
    Test(
        "inactive", "error", needs=("training",),
        find=inactive,
        symptom="{idle} would train, but what counts in the output is {active}",
        cause="another adapter was set or loaded, the adapters were disabled, or requires_grad "
              "was set by hand",
        remedy="call set_adapter with the name that is to train"),
    Test(
        "merged", "error", needs=("training",),
        find=lambda case: [p for p in case.parts if p.merged],
        symptom="the adapter is merged into the weight: A and B get no gradient",
        cause="merge_adapter (lora_edu: merge) was called for an evaluation and not undone",
        remedy="call unmerge_adapter (lora_edu: unmerge) before training goes on"),
    Test(
        "base-trains", "warning", needs=("training",),
        find=lambda case: [part for part in case.parts
                           if getattr(part.weight, "requires_grad", False)],
        symptom="W0 trains as well: the saved adapter alone will not be the trained model",
        cause="requires_grad_(True) was called on the model after the adapter was put in",
        remedy="call requires_grad_(False) on the base's layers, or save all weights"),
    Test(
        "base-trains", "warning", needs=("training",),
        find=lambda case: [name for name, module in case.model.named_modules()
                           if module.training and getattr(module, "track_running_stats", False)],
        symptom="running statistics move: the adapter alone will not be the trained model",
        cause="a BatchNorm in train mode gathers them, frozen too, and no file has them",
        remedy="call eval() on these modules for as long as the adapter trains"),
    Test(
        "nested", "error", needs=(),
        find=nested,
        symptom="a PeftModel was wrapped again: where the new adapter has the same name and "
                "layer, what was learned is gone",
        cause="get_peft_model ran on a model that had an adapter, as when a notebook's cell runs "
              "twice",
        remedy="load the base again (or unload); for a second adapter call add_adapter"),
    Test(
        "both-zero", "error", ("training",),
        lambda case: [p for p in case.learning if not p.A.any() and not p.B.any()],
        *BOTH_ZERO),
    Test("idle", "error", ("use",), zero_update, *IDLE),
    Test(
        "scaling", "warning", needs=(),
        find=other_scaling,
        symptom="s is {have:g}, by the settings it is {want:g}",
        cause="the settings are of another adapter, the rule is another, or the scaling was set "
              "later",
        remedy="load the adapter with its own adapter_config.json, and serve with the rule that "
               "it was trained with; where a program knows α/r alone, give it α·√r for α/√r"),
    Test("scale", "note", (), unusual_scale, *SCALE),
    Test(
        "not-in-optimiser", "error", needs=("training", "optimiser"),
        find=not_given,
        symptom="{missing} of {all} matrices of the adapter are not in the optimiser",
        cause="the optimiser was made before the adapter was put in, or for another copy of the "
              "model, or the parameters were chosen by name or while another adapter was active",
        remedy="make the optimiser after the adapter, of all parameters with requires_grad"),
    Test(
        "full-at-lora-rate", "note", needs=("training", "optimiser"),
        find=full_at_lora_rate,
        symptom="whole matrices train at the adapter's rate",
        cause="all that trains was given to the optimiser in one group, and a matrix that trains "
              "in full mostly wants a rate two to ten times smaller",
        remedy="nothing, if you tuned it so; else give them a group of their own with a smaller "
               "lr, and begin at a quarter"),
    Test(
        "stuck", "error", needs=("training", "steps"),
        find=stuck,
        symptom="after two steps or more a matrix is exactly zero still",
        cause="its gradient or its rate was 0 in each step, or a copy trains that is not written "
              "back",
        remedy="give the doctor a batch; if the optimiser is sharded, gather the weights first"),
    Test(
        "half-precision", "warning", needs=("training",),
        find=lambda case: [part for part in case.learning if part.A.dtype in HALF],
        symptom="A and B train in half precision: a step below half their spacing is rounded "
                "away",
        cause="the whole model was cast after the adapter was put in, or autocast_adapter_dtype "
              "is off",
        remedy="keep A and B in float32 (the default of PEFT and lora_edu), or round "
               "stochastically"),
    Test(
        "no-gradient", "error", needs=("training", "batch"),
        find=without_gradient,
        symptom="no gradient comes to the adapter in these layers",
        cause="gradient checkpointing of the reentrant kind, and an input that needs no gradient "
              "(the embedding is frozen); or the layer is not used, or its output is detached",
        remedy="model.enable_input_require_grads(), or checkpoints with use_reentrant=False; "
               "else look for detach, no_grad, inference_mode, .data and .item() after the layer"),
    Test(
        "reference", "error", needs=("reference",),
        find=unlike_reference,
        symptom="the outputs are {far:.1%} of the reference's length away from it",
        cause="a base with other weights of equal shapes, another adapter, or another input: the "
              "doctor has tried s = 0, s·√r and s/√r",
        remedy="compare the outputs of the base alone (adapters disabled) first, then W0, A and "
               "B"),
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
        The list of findings, the worst first, which ``print`` shows: name, severity ("error",
        "warning" or "note"), symptom, cause, remedy, and where, the modules' names.

    Raises:
        TypeError: For an argument of another kind, and a loss that is not a tensor of one number.
        ValueError: For a batch or a loss_fn that is missing, for adapters on the device meta, and
            for a reference of another shape, with NaN or infinity, or that is one number in each
            row.

    Example:
        >>> from lora_edu.nn import inject
        >>> model = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
        >>> optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)  # too early
        >>> found = inject(model, ["0", "2"], r=2, alpha=4)
        >>> [(finding.name, finding.where) for finding in doctor(model, optimiser=optimiser)]
        [('not-in-optimiser', ('0', '2'))]
    """
    _check_arguments(model, batch, optimiser, loss_fn, training, config, reference)
    case = Case(model, batch, optimiser, loss_fn, reference, config)
    if any(p.is_meta for part in case.parts for p in part.parameters):
        raise ValueError("model must hold its adapters' numbers, they are on the device meta")
    available = {"training" if training else "use"} | {
        name for name in ("batch", "optimiser", "steps", "reference")
        if getattr(case, name) is not None}
    return diagnose(TESTS, case, available)


def _check_arguments(model, batch, optimiser, loss_fn, training, config, reference) -> None:
    """Raise TypeError or ValueError for what the doctor cannot ask."""
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
    if config is not None and not _as_dict(config).keys() & {"peft_type", "lora_alpha"}:
        raise TypeError("config must be PEFT's settings, an AdapterConfig or a dict, with "
                        f"lora_alpha, got {config!r:.100}")
    if reference is not None:
        checks.instance("reference", reference, torch.Tensor)
