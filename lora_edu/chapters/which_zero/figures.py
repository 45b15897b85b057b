"""Which matrix is zero: the best learning rate against the width, and how far A·x grows. The study
trains for some seconds the first time; after that every state is a look-up."""

from __future__ import annotations

from functools import cache

import numpy as np

from lora_edu import initial
from lora_edu.chapters.shared.drawing import box, cells, drawing, fill, say
from lora_edu.chapters.shared.fits import exponent
from lora_edu.chapters.shared.looks import Look, legend, steps_done
from lora_edu.chapters.shared.style import COLOURS, curve, figure, layout, line, marks
from lora_edu.chapters.which_zero import runs as wide
from lora_edu.explore.words import power, short

STEPS = (1, 2, 8, 32)
RATES = wide.RATES[::3]
DRAWS = tuple((random, spread) for spread in wide.SPREADS for random in wide.MATRICES)
LOOKS = dict(zip(wide.MATRICES, (Look(COLOURS["A"], "circle"), Look(COLOURS["B"], "square")),
                 strict=True))
DASH = dict(zip(wide.SPREADS, ("solid", "dot"), strict=True))
LOG_WIDTHS = np.log2(wide.WIDTHS)
LOWEST, HIGHEST = 0.08, 10.0  # shares of the loss that the left panel shows
MOST = 1e6  # the largest share that is said


def on_its_side(d: int = 4, k: int = 6, r: int = 2) -> dict:
    """W₀ with B beside it and A above it, at the paper's start, and the same turned on its side."""
    rng = np.random.default_rng(3)
    A, B = initial(d, k, r, rng=rng)
    W0 = rng.normal(size=(d, k))
    parts, far = [], r + 0.4
    for panel, beside, weight, above, names in (
            (1, (B, "B"), W0, (A, "A"), ("B = 0", "W₀", "A random")),
            (2, (A.T, "A"), W0.T, (B.T, "B"), ("B′ = Aᵀ", "W₀ᵀ", "A′ = Bᵀ"))):
        rows, columns = weight.shape
        parts += cells(beside[0], 0, 0, beside[1], panel=panel)
        parts += cells(weight, far, 0, "frozen", panel=panel)
        parts += cells(above[0], far, far, above[1], panel=panel)
        parts += [say({(r / 2, -rows - 0.7): names[0]}, panel=panel, colour=beside[1]),
                  say({(far + columns / 2, -rows - 0.7): names[1]}, panel=panel),
                  say({(far + columns / 2, far + 0.7): names[2]}, panel=panel, colour=above[1])]
    side = max(d, k)
    return drawing(
        parts, [((-1.2, far + side + 1.2), (-side - 1.4, far + 1.4))] * 2,
        f"First W₀ of {d} × {k} with B of {d} × {r} beside it, zero, and A of {r} × {k} above it, "
        f"random. Then all turned on its side: now the matrix beside W₀ᵀ is random and the one "
        f"above it is zero.", titles=["A random, B zero", "the same on its side"])


def wide_layer(widths=(32, 64), ends: int = wide.ENDS, r: int = wide.R) -> dict:
    """The wide layer between its ends at two widths: P, W with A and B, Xᵀ and the product T."""
    unit, gap, far = 4, 1.2, max(widths) / 4
    thin, end, parts = r / unit, ends / unit, []
    for panel, n in enumerate(widths, start=1):
        side, x, names = n / unit, 0.0, {}
        for name, width, height in (("P", side, end), ("W", side, side), ("Xᵀ", end, side),
                                    ("T", end, end)):
            if name == "W":
                x += thin + 0.3
                parts += [box(x, side / 2 + 0.3, side, thin, fill("A", 0.8), panel=panel),
                          box(x - thin - 0.3, -side / 2, thin, side, fill("B", 0.8), panel=panel)]
            parts.append(box(x, -height / 2, width, height, fill("frozen", 0.5 * (name == "W")),
                             panel=panel))
            names[x + width / 2, side / 2 + 1.3 if name == "Xᵀ" else 0.0] = name
            x += width + gap
        parts.append(say(names, panel=panel))
    span = (-0.4, 2 * far + thin + 2 * end + 3 * gap + 0.7), (-far / 2 - 0.6, far / 2 + thin + 2)
    return drawing(parts, [span] * 2, " · ".join(
        f"n = {n}: W has {n * n:,} numbers, A and B have {2 * n * r}, T has {ends * ends}"
        for n in widths),
        titles=[f"n = {n}" for n in widths])


def which_zero(n: int = 512, random: str = wide.MATRICES[0], spread: str = wide.SPREADS[0],
               steps: int = 8, lr: float = 0.01) -> dict:
    """Left: loss against the learning rate at this width. Right: best rate against the width."""
    row, chosen = wide.WIDTHS.index(n), _index(random, spread)
    curves = wide.after(steps)["curve"][row]  # (matrices, spreads, rates)
    best = np.exp(np.log(wide.after(steps)["best"]).mean(axis=-1))  # (widths, matrices, spreads)
    traces = []
    for draw in DRAWS:
        at, name = _index(*draw), f"{draw[0]}, σ = {draw[1]}"
        look = LOOKS[draw[0]]
        drawn = {"opacity": 1.0 if at == chosen else 0.6, "line": {
            "color": look.colour, "dash": DASH[draw[1]], "width": 3.5 if at == chosen else 2}}
        traces.append(line(
            np.log10(wide.RATES), _place(curves[at]), look.colour, **drawn, name=name,
            customdata=curves[at].clip(max=MOST),
            hovertemplate=f"{name}: %{{customdata:.3g}}<extra></extra>"))
        traces.append(curve(
            "delta", LOG_WIDTHS, np.log10(best[:, *at]), panel=2, values=best[:, *at], **drawn,
            name=f"best η, {name}", marker={"symbol": look.symbol, "size": 7},
            hovertemplate=f"{name}: %{{customdata:.2g}}<extra></extra>"))
    share, colour = curves[chosen][wide.RATES.index(lr)], LOOKS[random].colour
    traces.append(marks([np.log10(lr)], _place([share]), colour, "diamond", 15, name="this rate",
                        customdata=[min(share, MOST)],
                        hovertemplate="%{customdata:.3g}<extra></extra>"))
    traces.append(marks([LOG_WIDTHS[row]], [np.log10(lr)], colour, "diamond", 15, panel=2,
                        name="this rate and width", customdata=[lr],
                        hovertemplate="η = %{customdata:.2g}<extra></extra>"))
    left = f"{share:.2f} of its start" if share < HIGHEST else "10 times its start or more"
    rates = {"range": [-4.1, -0.4], "tickvals": [-4, -3, -2, -1],
             "ticktext": [power(x) for x in (-4, -3, -2, -1)]}
    return figure(traces, layout(
        [f"loss / start   {legend(LOOKS)}", f"best η   {_dashes()}"],
        [{**rates, "title": {"text": "learning rate η"}}, _width_axis()],
        [{**_log_axis([0.1, 0.3, 1, 3, HIGHEST]), "range": [-1.15, 1.05]}, rates],
        f"n = {n}, {random}, σ = {spread}, η = {short(lr)}, {steps_done(steps)}: loss {left} · "
        f"best η {best[row][chosen]:.5f}, like n to the power "
        f"{_exponent('best', steps, random, spread)}"))


def reach(steps: int = 8) -> dict:
    """At each start's own best rate: rms(A·x) (left) and the loss (right) against the width."""
    traces = []
    for random, spread in DRAWS:
        name = f"{random}, σ = {spread}"
        for panel, quantity, label in ((1, "reach", "rms(A·x)"), (2, "least", "loss")):
            found = wide.after(steps)[quantity][:, *_index(random, spread)]  # (widths, seeds)
            values = np.exp(np.log(found).mean(axis=-1))
            traces.append(curve(
                "delta", LOG_WIDTHS, np.log10(values), panel=panel, values=values,
                name=f"{label}, {name}", marker={"symbol": LOOKS[random].symbol, "size": 8},
                line={"color": LOOKS[random].colour, "dash": DASH[spread], "width": 2.5},
                hovertemplate=f"{name}: %{{customdata:.3g}}<extra></extra>"))
    powers = " · ".join(f"{random}, {spread}: {_exponent('reach', steps, random, spread)}"
                        for random, spread in DRAWS)
    return figure(traces, layout(
        [f"rms(A·x)   {legend(LOOKS)}", f"loss / start   {_dashes()}"],
        [_width_axis(), _width_axis()],
        [{**_log_axis([0.3, 1, 3, 10, 30]), "range": [-0.6, 1.6]},
         {**_log_axis([0.1, 0.2, 0.5, 1]), "range": [-1.1, 0.05]}],
        f"After {steps_done(steps)}, the power of n in rms(A·x): {powers}"))


@cache
def _exponent(quantity: str, steps: int, random: str, spread: str) -> str:
    """The exponent of n in ``best`` or ``reach``, "−0.77 ± 0.02": mean and standard error."""
    power_of_n, error = exponent(wide.WIDTHS,
                                 wide.after(steps)[quantity][:, *_index(random, spread)])
    return f"{power_of_n:.2f} ± {error:.2f}".replace("-", "−")


def _index(random: str, spread: str) -> tuple[int, int]:
    return wide.MATRICES.index(random), wide.SPREADS.index(spread)


def _place(shares) -> np.ndarray:
    """Where shares of the loss are drawn: the explosions at the upper edge."""
    return np.log10(np.clip(shares, LOWEST, HIGHEST))


def _dashes() -> str:
    return f"━ σ = {wide.SPREADS[0]}   ┅ σ = {wide.SPREADS[1]}"


def _log_axis(ticks: list[float]) -> dict:
    return {"tickvals": np.log10(ticks).round(4).tolist(), "ticktext": [short(t) for t in ticks]}


def _width_axis() -> dict:
    return {"range": [LOG_WIDTHS[0] - 0.3, LOG_WIDTHS[-1] + 0.3], "title": {"text": "width n"},
            "tickvals": LOG_WIDTHS.tolist(), "ticktext": [str(n) for n in wide.WIDTHS]}
