"""How a check speaks: what is wrong in words, and a verdict. Imports NumPy only."""

from __future__ import annotations

import numpy as np


def verdict(problems: list[str], praise: str) -> bool:
    """Print "Right: …" or "Not yet. …"; True if there are no problems."""
    print(f"Right: {praise}" if not problems else "Not yet. " + " ".join(problems))
    return not problems


def several(answer, what: str, count: int) -> bool:
    """Whether ``answer`` is a tuple of ``count`` things; if not, say so."""
    if answer is None:
        print("Not answered yet: the function returned None.")
        return False
    if not isinstance(answer, (tuple, list)) or len(answer) != count:
        print(f"Not yet. The function must return {what}.")
        return False
    return True


def compare(name: str, given, want, factor_hint: str = "") -> list[str]:
    """What is wrong with ``given``, in words; an empty list if it equals ``want``."""
    if given is None:
        return ["The function returned None."]
    given, want = np.asarray(given, dtype=float), np.asarray(want, dtype=float)
    if given.shape != want.shape:
        return [f"{name} has shape {given.shape}, it must have {want.shape}."]
    if np.allclose(given, want, rtol=1e-8, atol=1e-10):
        return []
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = given / want
    if np.isfinite(ratio).all() and np.allclose(ratio, ratio.flat[0]):
        return [f"{name} is off by one factor, {ratio.flat[0]:.3g}: {factor_hint}".rstrip(": ")]
    return [f"{name} is wrong in {np.sum(~np.isclose(given, want, rtol=1e-8, atol=1e-10))} of "
            f"{want.size} entries."]
