"""The drift of the best rate with the rank: of single layers beside that of language models."""

import numpy as np

from lora_book.language_models import runs_drift as runs
from lora_book.shared.axes import labelled
from lora_book.shared.fits import geometric_mean
from lora_book.shared.looks import named, named_ticks, steps_done
from lora_book.shared.style import COLOURS, coloured, figure, line, marks, power_ticks


def drift(inputs: str = "all directions", a: str = "trained", steps: int = 1) -> dict:
    """The best η of single regressions against the rank, beside that of the language models, both
    as multiples of what they are at r = 1. Dashed: by the theorem for one step."""
    best = runs.best_after(inputs, a)[runs.STEPS.index(steps)]
    rises = best / best[:, :1]
    theorem = runs.one_crossover(runs.RANKS, runs.mean_crossover(inputs))
    published = runs.published()
    traces = [line(runs.RANKS, theorem, "frozen", width=1.5, dash="dash",
                   **named("one step, by the theorem", theorem)),
              marks(runs.PUBLISHED_RANKS, published, "delta", "diamond", 10,
                    mode="lines+markers", **named("language models", published)),
              *(line(runs.RANKS, rise, "A", width=1.5, opacity=0.45, **named("a task", rise))
                for rise in rises)]
    middle = geometric_mean(rises, axis=0)
    traces.append(marks(runs.RANKS, middle, "A", "circle", 10, mode="lines+markers",
                        line={"color": COLOURS["A"], "width": 3},
                        **named("the mean of the tasks", middle)))

    of_models = np.log(published[runs.PUBLISHED_RANKS.index(64)]) / np.log(64)
    headline = (f"A {a}, {steps_done(steps)}: r^{runs.power(best):.2f} beside "
                f"r^{of_models:.2f} of language models")
    return figure(
        traces, headline, [named_ticks(runs.PUBLISHED_RANKS, "rank r")],
        [labelled("times the best η of r = 1", -0.15, 1.95, **power_ticks(-1, 2))],
        headline, headings=[coloured("● one layer", "A") + "   "
                            + coloured("◆ language models", "delta")])
