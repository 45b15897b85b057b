"""The best learning rates of language models against the rank, under two rules for α."""

import numpy as np

from lora_book.language_models import runs

KEPT = "α kept"
GROWS = "α = r"
# AdamW's best rates at r = 64 and 256 with α = r, in a grid of about three, one run each: OLMo-2-1B
# on three data sets, Llama-3.2-1B on two. See the claim cit-alpha-r-drift.
ALPHA_IS_R = {"OLMo-2-1B, code": (3e-4, 1e-4), "OLMo-2-1B, mathematics": (3e-4, 1e-4),
              "OLMo-2-1B, conversations": (1e-4, 1e-4), "Llama-3.2-1B, code": (1e-4, 3e-5),
              "Llama-3.2-1B, mathematics": (1e-4, 1e-4)}


def published(rule: str) -> dict[str, dict[int, float]]:
    """Name → {rank: best rate}, of each model, or search, that has it at two ranks or more."""
    if rule == GROWS:
        return {name: {64: first, 256: last} for name, (first, last) in ALPHA_IS_R.items()}
    lines = {}
    for model in runs.models():
        best = {r: runs.bottom(model, r)[0] for r in model.ranks_with_curves}
        best = {r: rate for r, rate in best.items() if np.isfinite(rate)}
        if len(best) > 1:
            lines[model.short_name] = best
    return lines
