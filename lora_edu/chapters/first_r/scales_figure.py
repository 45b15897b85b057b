"""The scale s against the rank, a line for each thing that one may do with α.

Imports NumPy, the map's rules and the looks of the chapter's figures.
"""

from __future__ import annotations

import numpy as np

from lora_edu.chapters.first_r.figures import RULE_LOOKS, RULE_WORDS
from lora_edu.chapters.first_r.runs import ALPHA_RULES, RANKS
from lora_edu.chapters.shared.looks import legend, named_ticks
from lora_edu.chapters.shared.style import figure, layout, line
from lora_edu.explore.words import short

TICKS = (0.125, 0.25, 0.5, 1, 2, 4, 8)


def scales(r1: int = 8) -> dict:
    """s against r for every rule, with the first rank r1 marked; both axes are logarithmic."""
    traces = [line([r1, r1], [TICKS[0] / 2, 2 * TICKS[-1]], "frozen", width=1.5, dash="dash",
                   name="first rank")]
    for name, rule in ALPHA_RULES.items():
        values = [rule(r, r1) for r in RANKS]
        traces.append(RULE_LOOKS[name].curve(
            RANKS, values, name, hovertemplate=f"{name}: s = %{{y:.3g}}<extra></extra>"))
    said = ", ".join(f"{short(rule(RANKS[-1], r1))} with {name}"
                     for name, rule in ALPHA_RULES.items() if name != "rsLoRA")
    return figure(traces, layout(
        [legend(RULE_WORDS, between=" ")], [named_ticks(RANKS)],
        [{"type": "log", "tickvals": list(TICKS), "ticktext": [short(tick) for tick in TICKS],
          "title": {"text": "s"},
          "range": [np.log10(TICKS[0]) - 0.12, np.log10(TICKS[-1]) + 0.12]}],
        f"The first rank is {r1}. At r = {RANKS[-1]} the scale is {said}"))
