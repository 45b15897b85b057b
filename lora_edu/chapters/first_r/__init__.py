"""The code behind the chapter *The first r you try*; what can be asked of its map of runs.

``searches`` asks it for the three searches, ``figures`` draws, ``compute`` trains it anew.
"""

from lora_edu.chapters.first_r.runs import (
    ALPHA_RULES,
    FIRST,
    PLANE,
    PLANE_RANKS,
    RANKS,
    SEEDS,
    TASKS,
    at_an_end,
    losses,
    mean,
    regrets,
    scales,
    tuned,
)

__all__ = ["ALPHA_RULES", "FIRST", "PLANE", "PLANE_RANKS", "RANKS", "SEEDS", "TASKS", "at_an_end",
           "losses", "mean", "regrets", "scales", "tuned"]
