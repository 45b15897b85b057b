"""Which matrix is zero: what each start leaves, and the best rate against the width."""

import numpy as np

from lora_book.shared.axes import labelled
from lora_book.shared.drawing import say
from lora_book.shared.fits import geometric_mean
from lora_book.shared.looks import Look, steps_done
from lora_book.shared.style import coloured, figure, line
from lora_book.which_zero import runs_wide_layer as wide
from lora_edu.explore.words import power, short

STEPS = (1, 2, 8, 32)
# Places in the study's arrays: of one of MATRICES, and of one of SPREADS.
A_NARROW = (0, 0)
B_NARROW = (1, 0)
B_BROAD = (1, 1)
LOOKS = dict(zip(wide.MATRICES, (Look("A", "circle"), Look("B", "square")),
                 strict=True))
DASH = dict(zip(wide.SPREADS, ("solid", "dot"), strict=True))
LOWEST = 0.08  # shares of the loss that are shown
HIGHEST = 10.0
SHARES = (0.1, 0.3, 1, 3, HIGHEST)  # that are named
MOST = 1e6  # the largest share that is said


def which_zero(n: int = 1024, steps: int = 1) -> dict:
    """The loss of the wide layer against the learning rate, from three starts.

    A random and B random with numbers of one size, and B random with those that a library draws.
    n: the width of the layer.
    """
    row = wide.WIDTHS.index(n)
    after = {name: values[row] for name, values in wide.after(steps).items()}
    best = geometric_mean(after["best"])
    least = geometric_mean(after["least"])
    costs = (f"want η ÷ {best[B_NARROW] / best[B_BROAD]:.2g} "
             f"and leave {least[B_BROAD] / least[B_NARROW]:.2g} × the loss")

    traces = []
    for start, width in ((A_NARROW, 6), (B_NARROW, 2.5), (B_BROAD, 3)):
        random = wide.MATRICES[start[0]]
        spread = wide.SPREADS[start[1]]
        shares = after["curve"][start]
        traces.append(line(np.log10(wide.RATES), place(shares), LOOKS[random].colour, width=width,
                           dash=DASH[spread], name=f"{random}, σ = {spread}",
                           customdata=shares.clip(max=MOST),
                           hovertemplate=f"{random}, σ = {spread}: %{{customdata:.3g}}"
                                         "<extra></extra>"))
    traces.append(say({
        (-4.05, np.log10(6)): f"{coloured('━ A', 'A')}  {coloured('━ B', 'B')}  σ = 1/√n",
        (-4.05, np.log10(3)): coloured("┅ B, σ = 1/√r", "B")}, "middle right", 14))

    decades = range(-4, 0)
    return figure(
        traces, f"Larger numbers {costs}",
        [labelled("learning rate η", -4.1, -0.4, tickvals=list(decades),
                  ticktext=[power(decade) for decade in decades])],
        [labelled("loss, at the start it is 1", -1.1, 1.05, ticktext=list(map(short, SHARES)),
                  tickvals=np.log10(SHARES).round(4).tolist())],
        f"n = {n}, {steps_done(steps)}: B random with the wide numbers, beside B random with the "
        f"narrow ones: larger numbers {costs}")


def place(shares) -> np.ndarray:
    """Where shares of the loss are drawn: the explosions at the upper edge."""
    return np.log10(np.clip(shares, LOWEST, HIGHEST))
