"""Which matrix is zero: a run and its mirror image, and the best rate against the width."""

import numpy as np

from lora_edu.chapters.shared.axes import labelled, log_labelled
from lora_edu.chapters.shared.drawing import cell_map, frame, map_drawing, say
from lora_edu.chapters.shared.fits import exponent, geometric_mean
from lora_edu.chapters.shared.looks import Look, apart, steps_done
from lora_edu.chapters.shared.style import COLOURS, coloured, figure, line, words
from lora_edu.chapters.which_zero import runs_swap as swap
from lora_edu.chapters.which_zero import runs_wide_layer as wide
from lora_edu.explore.words import power, short

STEPS = (1, 2, 8, 32)
DRAWS = A_NARROW, B_NARROW, A_BROAD, B_BROAD = tuple(
    (random, spread) for spread in wide.SPREADS for random in wide.MATRICES)
LOOKS = dict(zip(wide.MATRICES, (Look(COLOURS["A"], "circle"), Look(COLOURS["B"], "square")),
                 strict=True))
DASH = dict(zip(wide.SPREADS, ("solid", "dot"), strict=True))
LOG_WIDTHS = np.log2(wide.WIDTHS)
LOWEST = 0.08  # shares of the loss that are shown
HIGHEST = 10.0
MOST = 1e6  # the largest share that is said
QUANTITIES = {"best η": ("best", [1e-4, 1e-3, 1e-2, 1e-1], (-4.2, -0.6)),
              "loss left": ("least", [0.1, 0.2, 0.5, 1], (-1.15, 0.05)),
              "size of A·x": ("reach", [0.3, 1, 3, 10, 30], (-0.6, 1.6))}  # key, ticks, range


def mirror(zero: str = "B", t: int = 0) -> dict:
    """A LoRA that learns the word, at step t, and beside it the run on the word on its side.

    zero: the matrix that starts at zero in the first run. A stands above BA, and B on its left.
    """
    parts = []
    zeros = {}
    deltas = []
    for left, run, mark in zip((0, 60), swap.both(zero), ("", "′"), strict=True):
        A, B = run[t]
        before = run[max(t - 1, 0)]
        far = left + swap.R + 1
        deltas.append(swap.in_order(B, A))
        for name, values, x, y, moved in (("A", A, far, 0, (before[0] != A).any()),
                                          ("B", B, left, swap.R + 1, (before[1] != B).any()),
                                          ("delta", deltas[-1], far, swap.R + 1, False)):
            rows, columns = values.shape
            parts += [cell_map(values, x, y, name, name + mark), frame(values, x, y, lit=moved)]
            if not values.any():
                zeros[x + (columns - 1) / 2, y + (rows - 1) / 2] = "0"
        parts += [say({(left + swap.R - 2, 1): "A" + mark}, size=16, colour="A"),
                  say({(left + swap.R / 2 - 0.5, swap.R - 1): "B" + mark}, size=16, colour="B")]
    parts += [say(zeros, size=16)] if zeros else []
    gap = np.abs(deltas[1] - deltas[0].T).max()
    other = {"A": "B", "B": "A"}[zero]
    same = "the same, bit by bit" if gap == 0 else f"apart by {gap:.0e}"
    shown = map_drawing(parts, f"step {t}, turned: {same}", (-1, 83.5), (-1.5, 55.5),
                        f"Step {t}: {zero} began at zero, {other} at random; on the turned word "
                        f"{other}′ at zero, {zero}′ at random. Turned, {same}")
    shown["layout"]["yaxis"]["scaleanchor"] = "x"  # the turned picture has the same cells
    for axis in ("xaxis", "yaxis"):
        shown["layout"][axis]["constrain"] = "domain"
    return shown


def which_zero(n: int = 1024, steps: int = 1) -> dict:
    """The loss of the wide layer against the learning rate, from three starts.

    A random and B random with numbers of one size, and B random with those that a library draws.
    n: the width of the layer.
    """
    row = wide.WIDTHS.index(n)
    after = wide.after(steps)
    curves = after["curve"][row]
    best = geometric_mean(after["best"][row])
    traces = []
    for (random, spread), width in ((A_NARROW, 6), (B_NARROW, 2.5), (B_BROAD, 3)):
        shares = curves[index(random, spread)]
        traces.append(line(np.log10(wide.RATES), place(shares), LOOKS[random].colour, width=width,
                           dash=DASH[spread], name=f"{random}, σ = {spread}",
                           customdata=shares.clip(max=MOST),
                           hovertemplate=f"{random}, σ = {spread}: %{{customdata:.3g}}"
                                         "<extra></extra>"))
    traces.append(say({(-4.05, np.log10(6)): coloured("━ A", "A") + "  "
                       + coloured("━ B", "B") + "  σ = 1/√n",
                       (-4.05, np.log10(3)): coloured("┅ B, σ = 1/√r", "B")}, "middle right", 14))
    narrow = index(*B_NARROW)
    broad = index(*B_BROAD)
    least = geometric_mean(after["least"][row])
    cost = least[broad] / least[narrow]
    costs = f"best η ÷ {best[narrow] / best[broad]:.2g}, loss × {cost:.2g}"
    return figure(
        traces, f"B with the larger numbers: {costs}",
        [labelled("learning rate η", -4.1, -0.4, tickvals=[-4, -3, -2, -1],
                  ticktext=[power(x) for x in (-4, -3, -2, -1)])],
        [labelled("loss, at the start it is 1", -1.1, 1.05, **log_axis([0.1, 0.3, 1, 3, HIGHEST]))],
        f"n = {n}, {steps_done(steps)}: B random with the wide numbers, beside B random with the "
        f"narrow ones: {costs}")


def preference(steps: int = 10) -> dict:
    """The loss left by A random and by B random, each at its own best rate, against the directions
    that the inputs fill."""
    left = geometric_mean(swap.losses_left(steps), axis=1)  # (directions, starts)
    ratio = left[0, 1] / left[0, 0]
    traces = []
    for path, (name, look), side in zip(left.T, LOOKS.items(), ("bottom", "top"), strict=True):
        traces += [look.curve(swap.DIRECTIONS, path, name),
                   say({(swap.DIRECTIONS[1], path[1]): coloured(f" <br>{name}<br> ", look.colour)},
                       f"{side} center", 14)]
    return figure(
        traces, f"4 directions: B random leaves {ratio:.2g} × the loss",
        [log_labelled("directions that the inputs fill, of 64", 0.5, 1.9, list(swap.DIRECTIONS))],
        [log_labelled("share of the loss left", -1.8, 0.6, [0.03, 0.1, 0.3, 1])],
        f"{steps_done(steps)}: where inputs fill 4 directions B random leaves {ratio:.2g} times "
        f"the loss of A random, where they fill all {left[-1, 1] / left[-1, 0]:.2g} times")


def widths(quantity: str = "best η", steps: int = 8) -> dict:
    """What four starts of the wide layer find, each at its own best rate, against the width.

    quantity: one of QUANTITIES.
    """
    key, ticks, span = QUANTITIES[quantity]
    traces = []
    places = []
    said = []
    for random, spread in DRAWS:
        found = wide.after(steps)[key][:, *index(random, spread)]  # (widths, tasks)
        values = geometric_mean(found)
        look = LOOKS[random]
        name = f"{random[0]}, {spread}"
        traces.append(look.curve(
            LOG_WIDTHS, np.log10(values), f"{quantity}, {name}", size=8, values=values,
            line={"color": look.colour, "dash": DASH[spread], "width": 2.5},
            hovertemplate=f"{name}: %{{customdata:.3g}}<extra></extra>"))
        places.append(np.log10(values[-1]))
        power_of_n, error = exponent(wide.WIDTHS, found)
        said.append(f"{name}: {power_of_n:.2f} ± {error:.2f}".replace("-", "−"))
    traces.append(words([LOG_WIDTHS[-1] + 0.15] * 4, apart(places, 0.08 * (span[1] - span[0])),
                        [coloured(f"{random[0]}, {spread}", LOOKS[random].colour)
                         for random, spread in DRAWS], textposition="middle right"))
    one = 0 if key == "reach" else 1  # A or B, at the largest width
    broad = 10**(places[2 + one] - places[one])
    found = f"{quantity} " + (f"× {broad:.2g}" if broad > 1 else f"÷ {1 / broad:.2g}")
    return figure(
        traces, f"n = {wide.WIDTHS[-1]}, {'AB'[one]} with the larger numbers: {found}",
        [labelled("width n", LOG_WIDTHS[0] - 0.3, LOG_WIDTHS[-1] + 1.4,
                  tickvals=LOG_WIDTHS.tolist(), ticktext=[str(n) for n in wide.WIDTHS])],
        [labelled(quantity, *span, **log_axis(ticks))],
        f"{steps_done(steps)}, the exponent of n in {quantity} · " + " · ".join(said))


def index(random: str, spread: str) -> tuple[int, int]:
    """Where a start stands in the study's arrays."""
    return wide.MATRICES.index(random), wide.SPREADS.index(spread)


def place(shares) -> np.ndarray:
    """Where shares of the loss are drawn: the explosions at the upper edge."""
    return np.log10(np.clip(shares, LOWEST, HIGHEST))


def log_axis(ticks: list[float]) -> dict:
    """An axis of logarithms that names the values at its ticks."""
    return {"tickvals": np.log10(ticks).round(4).tolist(), "ticktext": [short(t) for t in ticks]}
