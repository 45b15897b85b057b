"""A log with one bad batch, and the loss with and without a limit."""

import numpy as np

from lora_edu.chapters.decay_clipping_dropout.runs import BAD, STEPS, with_a_bad_batch
from lora_edu.chapters.shared.axes import labelled
from lora_edu.chapters.shared.style import coloured, curve, figure, level, line, power_ticks, words
from lora_edu.explore.words import number, short


def bad_batch(limit: float = 1, optimiser: str = "Adam") -> dict:
    """The norm that the log shows and the loss, with a limit and, in grey, without one."""
    (norms, losses), (_, free) = (with_a_bad_batch(optimiser, at) for at in (limit, None))
    clipped = int((norms > limit).sum())
    after = [100 * path[BAD + 1:] for path in (losses, free)]
    (peak, free_peak), (end, free_end) = ([number(of(path)) for path in after]
                                          for of in (max, min))

    steps = np.arange(STEPS)
    traces = [curve("B", steps, norms, name="norm", sizes=5),
              level(limit, [0, STEPS]),
              words([STEPS], [limit], [f"limit {short(limit)}"], textposition="bottom left"),
              line(steps, 100 * free, "frozen", panel=2, name="no limit"),
              line(steps, 100 * losses, "loss", panel=2, width=3.5, name="limit")]

    across = labelled("step", -2, STEPS + 2)
    return figure(
        traces, f"After the bad batch: loss up to {peak} %, without a limit {free_peak} %",
        [across, across], [{**power_ticks(-2, 3), "range": [-2.8, 3]},
                           {**power_ticks(-1, 2), "range": [-0.9, 2.2]}],
        f"{optimiser}, {clipped} of {STEPS} gradients clipped: after the bad batch the loss peaks "
        f"at {peak} % and comes down to {end} %, without a limit {free_peak} and {free_end} %",
        headings=[coloured("the norm that is logged", "B"),
                  f"loss, % {coloured('with', 'loss')} / {coloured('without', 'frozen')} a limit"])
