"""The same training run in other settings: an exact change of variables of A, B and the scaling.

Multiply A by a and B by b and divide the scaling by a·b: the model is the same, ∇A is divided by a
and ∇B by b, and for each optimiser there are settings with which every later W is the same too.
The proof is in the book's chapter "The Adam invariance". The change of variables is Yang & Hu's
(2021) for SGD, Yang & Littwin's (2023) for optimisers that act entry by entry; for LoRA and Adam
see Schulman & Thinking Machines Lab, "LoRA Without Regret" (2025).
"""

from dataclasses import replace

import numpy as np

from lora_edu import checks
from lora_edu.adapter import Adapter
from lora_edu.clipping import Clipped
from lora_edu.optim_base import check_optimiser

FACTORS = {"above": 1e-100, "below": 1e100}  # their squares neither overflow nor vanish


def equivalent(adapter: Adapter, optimiser, a: float, b: float | None = None) -> tuple:
    """(adapter, optimiser) of a run with a·A and b·B that has the same W at every step.

    For powers of two the two runs agree bit for bit (as long as both add in the same order and
    nothing over- or underflows), for other numbers to rounding. A multiplicative schedule of the
    learning rate changes nothing. AdamW's decay is torch's, lr·weight_decay: a decay that is not
    multiplied by lr must not change. If Clipped compares the norm over several adapters, all of
    them must have the same a, and that norm may include nothing else. Adafactor's floor ``eps1``
    does not follow, so its runs agree only as long as it acts in neither of them: while the mean
    of R is at least eps1, and V at least eps1² wherever a gradient is not 0. By default that ends
    where gradients come down to 1.5e-8, and ``eps1=1e-100`` puts it out of reach.

    Args:
        adapter: A (r, k), B (d, r) and the scaling s become a·A, b·B and s/(a·b).
        optimiser: Any of ``OPTIMISERS``, one of them Clipped, or your own with ``powers`` (see
            :class:`Optimiser`); its lr, eps and weight_decay are multiplied by a to its ``powers``
            for A and by b to them for B. Where the two agree the setting stays one number, else it
            becomes the pair (for A, for B).
        a, b: Numbers between 1e-100 and 1e100; b = a if it is left out.

    Raises:
        TypeError: For an optimiser without ``powers``.
        ValueError: Unless a and b are in that range, and for Clipped with a ≠ b: clipping compares
            the common norm of both gradients with one number, and this norm does not change by a
            single factor.

    Example:
        >>> from lora_edu.optim import Adam
        >>> adapter = Adapter(A=[[1.0, 2.0]], B=[[0.0]], scaling=4.0)
        >>> equivalent(adapter, Adam(lr=0.01), a=2)[1]
        Adam(lr=0.02, betas=(0.9, 0.999), eps=5e-09, weight_decay=0.0)
        >>> equivalent(adapter, Adam(lr=0.01), a=1, b=4)[0].scaling  # LoRA+ with ratio 4
        1.0
    """
    checks.instance("adapter", adapter, Adapter)
    check_optimiser("optimiser", optimiser)
    a = checks.number("a", a, **FACTORS)
    b = a if b is None else checks.number("b", b, **FACTORS)
    return (Adapter(a * adapter.A, b * adapter.B, adapter.scaling / (a * b)),
            _following(optimiser, a, b))


def _following(optimiser, a: float, b: float):
    if isinstance(optimiser, Clipped):
        if a != b:
            raise ValueError(f"a and b must be equal when gradients are clipped by their common "
                             f"norm, got a = {a!r}, b = {b!r}: no setting makes the runs the same")
        return Clipped(_following(optimiser.optimiser, a, b), optimiser.max_norm / a,
                       optimiser.eps / a)
    if not hasattr(optimiser, "powers"):
        raise TypeError(f"optimiser must have powers, which say how its settings follow (see "
                        f"Optimiser), got {optimiser!r}")
    return replace(optimiser, **{
        name: _scaled(name, getattr(optimiser, name), a**power, b**power)
        for name, power in optimiser.powers.items()})


def _scaled(name: str, value, for_A: float, for_B: float):
    """One number if it is the same for A and B, else the pair."""
    if np.shape(value) not in ((), (2,)):
        raise ValueError(f"{name} must be one number or one each for A and B, got {value!r}")
    of_A, of_B = value if np.ndim(value) else (value, value)
    pair = of_A * for_A, of_B * for_B
    return pair[0] if pair[0] == pair[1] else pair
