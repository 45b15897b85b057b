"""What the doctor asks of a model: which of its parts, or what else in it, show a fault.

Each question is the ``find`` of a :class:`lora_edu.findings.Fault`.
"""

import copy
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn

from lora_edu import checks
from lora_edu.adapter import scaling
from lora_edu.findings import Answer, is_unusual
from lora_edu.formats.config import AdapterConfig
from lora_edu.formats.layouts import PREFIX
from lora_edu.nn.parts import parts_of

HALF = (torch.bfloat16, torch.float16)


class Case:
    """What the doctor is asked about, and what is read from it once."""

    def __init__(self, model, batch, optimiser, loss_fn, reference, config):
        self.model = model
        self.batch = batch
        self.optimiser = optimiser
        self.loss_fn = loss_fn
        self.reference = reference
        self.parts = list(parts_of(model))
        self.active = [part for part in self.parts if part.active]
        self.learning = [part for part in self.parts if part.learns]

        # {adapter: settings}, those that the model holds unless others are given
        adapters = {part.adapter for part in self.parts}
        configs = {}
        for module in model.modules():
            configs |= getattr(module, "peft_config", None) or {}
        if config is not None:
            configs = dict.fromkeys(adapters, config)
        self.settings = {adapter: as_dict(configs.get(adapter)) for adapter in adapters}

        # {parameter: steps taken}; None where the optimiser does not count them, as SGD
        memories = optimiser.state if optimiser is not None else {}
        steps = {p: int(memory["step"]) for p, memory in memories.items() if "step" in memory}
        self.steps = steps or None


def as_dict(settings) -> Mapping:
    """Settings by name, of a dict or of PEFT's or our config."""
    return settings if isinstance(settings, Mapping) else getattr(settings, "__dict__", {})


@contextmanager
def _twin(model: nn.Module) -> Iterator[nn.Module]:
    """A copy to run, which shares what is frozen; torch's random numbers are as before."""
    frozen = {id(p): p for p in model.parameters() if not p.requires_grad}
    devices = {p.device for p in model.parameters() if p.device.type == "cuda"}
    with torch.random.fork_rng(devices=list(devices)):
        yield copy.deepcopy(model, frozen)


# What the tests ask

def inactive(case: Case) -> Answer:
    """Adapters that would train and do not count: the worse, if no other trains."""
    learning = [part for part in case.parts if part.trains]
    idle = [part for part in learning if not part.active]
    return idle, {"severity": "warning" if len(idle) < len(learning) else "error",
                  "idle": sorted({part.adapter for part in idle}),
                  "active": sorted({part.adapter for part in case.active}) or "no adapter"}


def nested(case: Case) -> Answer:
    """Wrappers inside others. Side by side, as of an encoder and a decoder, they are well."""
    wrappers = [name for name, module in case.model.named_modules()
                if hasattr(module, "peft_config") and hasattr(type(module), "get_base_model")]
    return [name for name in wrappers if any(is_inside(name, outer) for outer in wrappers)]


def is_inside(name: str, outer: str) -> bool:
    """Whether one module is inside another, by their names; that of the model itself is ""."""
    return name.startswith(f"{outer}.") if outer else name != ""


def zero_update(case: Case) -> Answer:
    idle = [part for part in case.active if not part.A.any() or not part.B.any()]
    return idle, {"severity": "error" if len(idle) == len(case.active) else "warning"}


def other_scaling(case: Case) -> Answer:
    """Where s is not that of the settings; the words are of the first such part."""
    configs = {adapter: _config(settings) for adapter, settings in case.settings.items()}
    wanted = {part: _wanted_scaling(configs[part.adapter], part.layer) for part in case.parts
              if configs[part.adapter] is not None}
    wrong = [part for part, want in wanted.items() if abs(part.scaling - want) > 1e-6 * want]
    if not wrong:
        return []
    first = wrong[0]
    return wrong, {"have": first.scaling, "want": wanted[first]}


def _config(settings: Mapping) -> AdapterConfig | None:
    """What decides s in PEFT's settings; raises for values that are not possible."""
    if settings.get("peft_type", "LORA") != "LORA" or not {"r", "lora_alpha"} <= {*settings}:
        return None
    return AdapterConfig(
        r=settings["r"], lora_alpha=settings["lora_alpha"], target_modules=".*",
        use_rslora=bool(settings.get("use_rslora")),
        rank_pattern=settings.get("rank_pattern") or {},
        alpha_pattern=settings.get("alpha_pattern") or {})


def _wanted_scaling(config: AdapterConfig, layer: str) -> float:
    """s of a layer by the settings."""
    name = layer.rpartition(PREFIX)[2]  # without the wrapper's
    name = name.removeprefix("module.")  # nor DataParallel's
    return scaling(*config.for_layer(name), "rslora" if config.use_rslora else "lora")


def unusual_scale(case: Case) -> Answer:
    parts = [part for part in case.active if is_unusual(part.scaling)]
    return parts, {"s": ", ".join(f"{s:.3g}" for s in sorted({part.scaling for part in parts}))}


def not_given(case: Case) -> Answer:
    """Parts with a matrix that would train and is not in the optimiser."""
    in_optimiser = {id(p) for group in case.optimiser.param_groups for p in group["params"]}
    learning = [(part, p) for part in case.learning for p in part.parameters if p.requires_grad]
    missing = [part for part, p in learning if id(p) not in in_optimiser]
    return missing, {"missing": len(missing), "all": len(learning)}


def full_at_lora_rate(case: Case) -> Answer:
    """Matrices that train in full at a rate that an adapter has as well."""
    if any(getattr(part.weight, "requires_grad", False) for part in case.parts):
        return []  # base-trains says so
    of_adapters = {id(p) for part in case.parts for p in part.parameters}
    rates = {_peak(group) for group in case.optimiser.param_groups
             if any(id(p) in of_adapters for p in group["params"])}
    at_these_rates = {id(p) for group in case.optimiser.param_groups if _peak(group) in rates
                      for p in group["params"]}
    return [name.rpartition(".")[0] for name, p in case.model.named_parameters()
            if p.requires_grad and p.ndim >= 2 and id(p) in at_these_rates - of_adapters]


def _peak(group: Mapping) -> float:
    """A group's rate before a scheduler changed it."""
    return float(group.get("initial_lr", group["lr"]))


def stuck(case: Case) -> Answer:
    return [part for part in case.learning
            if any(case.steps.get(p, 0) >= 2 and not p.any() for p in (part.A, part.B))]


def without_gradient(case: Case) -> Answer:
    """Parts to which a run of a copy, forwards and backwards, brings none; or a loss of NaN."""
    with torch.inference_mode(False), torch.enable_grad(), _twin(case.model) as model, \
            warnings.catch_warnings():
        warnings.filterwarnings("ignore", "None of the inputs have requires_grad")  # found below
        loss = case.loss_fn(model, case.batch) if case.loss_fn else model(**case.batch).loss
        if not isinstance(loss, torch.Tensor) or loss.numel() != 1:
            shape = f" of shape {tuple(loss.shape)}" if isinstance(loss, torch.Tensor) else ""
            raise TypeError("the loss must be a tensor of one number, got a "
                            f"{type(loss).__name__}{shape}")
        if not loss.isfinite():
            return [type(model).__name__], NOT_FINITE | {"numbers": "loss"}
        learning = [part for part in parts_of(model) if part.learns]
        if loss.requires_grad and learning:
            loss.backward()
        return [part for part in learning
                if any(p.grad is None for p in (part.A, part.B) if p.requires_grad)]


def unlike_reference(case: Case) -> Answer:
    """The model, if its outputs are not the reference; with the cause, where another s mends it."""
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
        words = {"far": far}
        for times, cause in scales:
            distance = _distance(_logits(case, model, times), reference, near)
            if distance <= max(near, far / 10):  # there, or ten times nearer: that is the cause
                words |= cause
                break
    return [type(model).__name__], words


NOT_FINITE = {
    "symptom": "the model's {numbers} contains NaN or infinity",
    "cause": "the weights or the batch already contain such numbers, or half precision overflows",
    "remedy": "check isfinite on the batch, W0, A and B; run once in float32 or bfloat16"}
TWICE = {"cause": "a merged model was loaded as the base, so the update counts twice",
         "remedy": "load the original base, or do not load the adapter"}
OTHER_RULE = {"cause": "training and serving use different rules: one divides α by √r "
                       "(use_rslora), the other by r",
              "remedy": "serve with the rule used in training; if a program supports only α/r, "
                        "give it α·√r instead of α"}
CAUSES_OF_SCALE = (  # what s is multiplied by, and what it means if that brings the outputs back
    (lambda r: 0.0, TWICE), (lambda r: r**0.5, OTHER_RULE), (lambda r: r**-0.5, OTHER_RULE))


def _logits(case: Case, model: nn.Module, times=lambda r: 1.0) -> torch.Tensor:
    """The logits for the batch, with each adapter's s multiplied by ``times(r)``."""
    factors = {id(part.B): times(part.A.shape[0]) for part in parts_of(model)}
    changed = {name: p * factors[id(p)] for name, p in model.named_parameters()
               if factors.get(id(p), 1.0) != 1.0}
    if isinstance(case.batch, Mapping):
        args = ()
        named = {key: value for key, value in case.batch.items() if key != "labels"}
    else:
        args = (case.batch,)
        named = {}
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
        raise ValueError("reference must not be constant along each row: without the row's mean, "
                         "nothing is left to compare with")
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
