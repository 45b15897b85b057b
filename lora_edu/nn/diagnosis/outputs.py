"""The test of the outputs against those of the model that was trained.

Imports torch, and the siblings anatomy, findings and running.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from lora_edu.nn.diagnosis.anatomy import Case, needs
from lora_edu.nn.diagnosis.findings import Finding
from lora_edu.nn.diagnosis.running import outputs_of, undisturbed

NEAR = {torch.float16: 0.02, torch.bfloat16: 0.02}  # relative; other dtypes:
OTHERWISE = 0.001
ROUNDED = 1e-6  # of the whole length, what rounding alone may do; for those in NEAR eps/2

EXPLAINED = {  # by the power of √r that s has to be multiplied with; None: s = 0
    None: ("without the adapter they agree", "the base already contains the adapter: a merged "
           "model was loaded as the base, and the update counts twice",
           "load the original base, or leave the adapter off"),
    1: ("with s √r times as large they agree", "the adapter was trained with α/√r (use_rslora) "
        "and is served with α/r", "serve with α/√r; where a program knows α/r alone, give it α·√r"),
    -1: ("with s divided by √r they agree", "the adapter was trained with α/r and is served with "
         "α/√r", "switch use_rslora off in adapter_config.json"),
}


@needs("batch", "reference")
def as_reference(case: Case) -> Iterator[Finding]:
    """the outputs are the reference"""
    with undisturbed(case.model, evaluate=True), torch.no_grad():
        dtypes = {p.dtype for p in case.model.parameters()}
        rounded = max((torch.finfo(dtype).eps / 2 for dtype in dtypes & NEAR.keys()),
                      default=ROUNDED)
        plain, centred = _distances(case, 0, rounded)
        far = max(plain, centred)
        near = max(NEAR.get(dtype, OTHERWISE) for dtype in dtypes)
        if far <= near:
            return
        apart = f"the outputs are {far:.1%} of the reference's length away from it" + (
            ", each row less its mean" if plain <= near else "")
        if any(part.active and not part.merged for part in case.parts):
            for power, (symptom, cause, remedy) in EXPLAINED.items():
                if max(_distances(case, power, rounded)) <= max(near, far / 10):
                    yield Finding(name="reference", severity="error", cause=cause, remedy=remedy,
                                  symptom=f"{apart}; {symptom}")
                    return
    yield Finding(
        name="reference", severity="error", symptom=apart,
        cause="a base with other weights of equal shapes, another adapter, or another input: the "
              "doctor has tried s = 0, s·√r and s/√r",
        remedy="compare the outputs of the base alone (adapters disabled) first, then W0, A and B")


def _distances(case: Case, power: int | None, rounded: float) -> tuple[float, float]:
    """‖outputs − reference‖/‖reference‖, with s multiplied by √r to this power; None: with s = 0.

    And the same of what is left when each row has lost its mean, for an offset that all logits
    share means nothing and would make any difference look small. There the share ``rounded`` of
    ‖reference‖ is let pass.
    """
    factors = {id(part.B): 0.0 if power is None else part.A.shape[0] ** (power / 2)
               for part in case.parts}  # without effect on those that do not count or are merged
    changed = {name: p * factors[id(p)] for name, p in case.model.named_parameters()
               if id(p) in factors} if power != 0 else {}
    outputs = outputs_of(case, changed)
    if outputs.shape != case.reference.shape:
        raise ValueError(f"reference must have the shape of the outputs, {tuple(outputs.shape)}, "
                         f"got {tuple(case.reference.shape)}")
    reference = case.reference.to(outputs.device, torch.float64)
    off = outputs.double() - reference
    plain = (off.norm() / reference.norm()).item()
    if off.ndim == 0 or off.shape[-1] == 1:
        return plain, 0.0
    off, rest = (x - x.mean(-1, keepdim=True) for x in (off, reference))
    beyond = off.norm() - rounded * reference.norm()
    return plain, (beyond / rest.norm()).item() if beyond > 0 else 0.0


TESTS = (as_reference,)
