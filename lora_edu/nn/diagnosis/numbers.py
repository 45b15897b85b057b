"""Tests of the numbers in A, B and W0, and of the scaling.

Imports config, and the siblings anatomy and findings. Every test takes a case and yields findings;
its docstring says what holds where it finds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from lora_edu.nn.config import AdapterConfig
from lora_edu.nn.diagnosis.anatomy import Case, layers, needs, short
from lora_edu.nn.diagnosis.findings import Finding

SMALL, LARGE = 1 / 32, 32  # scalings outside are noted


def finite(case: Case) -> Iterator[Finding]:
    """every weight is finite"""
    bad = [name for name, p in case.model.named_parameters()
           if p.is_floating_point() and not p.is_meta and not p.isfinite().all()]
    if bad:
        yield Finding(
            name="not-finite", severity="error", where=tuple(bad),
            symptom="there are weights that are NaN or infinite",
            cause="a step with a NaN gradient was taken (a batch without labels, float16 overflow, "
                  "a learning rate too large); the adapter cannot recover",
            remedy="go back to the last good checkpoint; find the step whose loss was not finite")


@needs("training")
def can_move(case: Case) -> Iterator[Finding]:
    """no adapter has A = 0 and B = 0"""
    both = [part for part in case.learning if not part.A.any() and not part.B.any()]
    if both:
        yield Finding(
            name="both-zero", severity="error", where=layers(both),
            symptom="A and B are both zero: both gradients are zero, at every step",
            cause="an initialisation of all parameters (init.zeros_, a loader of empty weights) "
                  "ran over the adapter",
            remedy="draw A again: reset_lora_parameters in PEFT, inject anew here")


@needs("use")
def does_something(case: Case) -> Iterator[Finding]:
    """every active adapter changes its layer"""
    active = [part for part in case.parts if part.active]
    idle = [part for part in active if not part.A.any() or not part.B.any()]
    if idle:
        yield Finding(
            name="idle", severity="error" if len(idle) == len(active) else "warning",
            symptom="BA is exactly zero: with the adapter the layer computes what it does without",
            cause="the adapter was never trained, or its file's names did not fit the model's and "
                  "were passed over with a warning",
            remedy="compare the file's keys with the model's; look for “missing keys” in the log",
            where=layers(idle))


def as_configured(case: Case) -> Iterator[Finding]:
    """each scaling is what the settings say"""
    wrong = {}
    for part in case.parts:
        settings = case.settings.get(part.adapter, {})
        plain = settings.get("peft_type", "LORA") == "LORA" and "r" in settings
        if not plain or not settings.get("lora_alpha", 0) > 0:
            continue
        r, alpha = AdapterConfig(
            r=settings["r"], lora_alpha=settings["lora_alpha"], target_modules=[""],
            rank_pattern=settings.get("rank_pattern") or {},
            alpha_pattern=settings.get("alpha_pattern") or {}).for_layer(short(part.layer))
        want = alpha / (r ** 0.5 if settings.get("use_rslora") else r)
        if abs(part.scaling - want) > 1e-6 * want:
            wrong.setdefault((part.scaling, want, r), []).append(part)
    for (have, want, r), parts in wrong.items():
        factor = max(have / want, want / have) if have > 0 else float("inf")
        rslora = bool(case.settings[parts[0].adapter].get("use_rslora"))
        root = abs(factor - r ** 0.5) < 1e-6 * factor and (have < want) == rslora
        yield Finding(
            name="scaling", severity="warning", where=layers(parts),
            symptom=f"s is {have:g}, by the settings it is {want:g}: a factor of {factor:g}"
                    + (f" = √{r}" if root else ""),
            cause=("perhaps the settings' rule is α/√r (use_rslora), and this model divides by r"
                   if rslora else
                   "perhaps the settings' rule is α/r, and this model divides by √r (use_rslora)")
                  if root else
                  "the scaling was set after loading, or the settings are of another adapter",
            remedy="load the adapter again, with its own adapter_config.json" if not root else
                   "serve with the rule that the adapter was trained with" + (
                       "; where a program knows α/r alone, give it α·√r in place of α"
                       if rslora else ""))


def usual_scale(case: Case) -> Iterator[Finding]:
    """each scaling is between 1/32 and 32"""
    parts = [part for part in case.parts if part.active and not SMALL < abs(part.scaling) < LARGE]
    if parts:
        s = sorted({part.scaling for part in parts})
        yield Finding(
            name="scale", severity="note", where=layers(parts),
            symptom=f"s is {s[0]:.3g}" + (f" to {s[-1]:.3g}" if len(s) > 1 else "")
                    + ": it multiplies all that BA adds, and so Adam's first step",
            cause="α was left at a default, or r was changed and α kept, or α/√r came with the α "
                  "of α/r",
            remedy="nothing, if the learning rate was tuned with it; else set α so that s is near "
                   "1, or search the rate again")


TESTS = (finite, can_move, does_something, as_configured, usual_scale)
