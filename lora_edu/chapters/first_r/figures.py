"""The figures of the chapter The first r you try: turned digits, η carried on, three searches, and
the best rates of five tasks."""

from __future__ import annotations

import numpy as np

from lora_edu.chapters.first_r import runs, runs_models
from lora_edu.chapters.shared import digits
from lora_edu.chapters.shared.digit_rows import digit_rows
from lora_edu.chapters.shared.looks import BESIDE, Look, legend, named_ticks, said, seeds
from lora_edu.chapters.shared.scale_rules import FORMULAS, SCALE_LOOKS
from lora_edu.chapters.shared.style import (
    COLOURS,
    coloured,
    curve,
    figure,
    heat,
    layout,
    line,
    marks,
    power_ticks,
    words,
)
from lora_edu.explore.words import SUPERSCRIPTS, number, short, signed

RULE_LOOKS = {"α kept": Look(COLOURS["delta"], "diamond"), "rsLoRA": Look(COLOURS["A"], "circle"),
              "α = r": Look(COLOURS["B"], "square"), "α = 2r": Look(COLOURS["loss"], "triangle-up")}
CHOICES = dict(zip(("kept", "rsLoRA", "= r", "= 2r"), RULE_LOOKS, strict=True))  # for α
RULE_WORDS = dict(zip(("kept", "rsLoRA", "α=r", "2r"), RULE_LOOKS.values(), strict=True))
LOW, HIGH = 0.03, 20.0  # of the losses shown
MOST_REGRET = 60.0  # that is shown
S_TICKS = (0.125, 0.25, 0.5, 1, 2, 4, 8)  # of the scale
EDGE = 1.06  # what lies above is drawn this far below the top

SEARCH_LOOKS = dict(zip(runs.SEARCHES, (
    Look(COLOURS["delta"], "diamond"), Look(COLOURS["A"], "circle"), Look(COLOURS["B"], "square")),
    strict=True))
SEARCH_WORDS = dict(zip(("α = 8", "α = 1", "α tuned"), SEARCH_LOOKS.values(), strict=True))
MEANT = dict(zip(runs.SEARCHES, ("α = r₁", "α", "α tuned at r = 1: α"), strict=True))
SHOWN = {"regression": (-2.8, 0.5), "digits, 45°": (-1.6, 1.0), "digits, 90°": (-1.8, 1.0),
         "small GPT": (0.15, 0.5), "MiniLM": (-0.8, 0.5)}  # powers of ten of the losses
SPAN = (0.2, 3.5)  # of the best η, as a share of that at rank 8
RAMP = ("#3a2d7a", "#c98bb0", "#f3e3a8")  # from the best loss of the plane to ten times it


def pictures(angles=(0, 45, 90)) -> dict:
    """The first training picture of each digit, a row an angle, darker where there is more ink."""
    labels = digits.load().y_train
    first = [int(np.flatnonzero(labels == digit)[0]) for digit in range(digits.CLASSES)]
    rows = {f"{angle}°": digits.load(angle).X_train[first] for angle in angles}
    return digit_rows(rows, f"The digits 0 to 9, a row an angle: {', '.join(rows)}")


def scales(r1: int = 8) -> dict:
    """s against r for every rule, with the first rank r1 marked; both axes are logarithmic."""
    traces = [line([r1, r1], [S_TICKS[0] / 2, 2 * S_TICKS[-1]], "frozen", width=1.5, dash="dash",
                   name="first rank")]
    for name, rule in runs.ALPHA_RULES.items():
        values = [rule(r, r1) for r in runs.RANKS]
        traces.append(RULE_LOOKS[name].curve(
            runs.RANKS, values, name, hovertemplate=f"{name}: s = %{{y:.3g}}<extra></extra>"))
    said = ", ".join(f"{short(rule(runs.RANKS[-1], r1))} with {name}"
                     for name, rule in runs.ALPHA_RULES.items() if name != "rsLoRA")
    return figure(traces, layout(
        [legend(RULE_WORDS, between=" ")], [named_ticks(runs.RANKS)],
        [{"type": "log", "tickvals": list(S_TICKS), "ticktext": [short(tick) for tick in S_TICKS],
          "title": {"text": "s"},
          "range": [np.log10(S_TICKS[0]) - 0.12, np.log10(S_TICKS[-1]) + 0.12]}],
        f"The first rank is {r1}. At r = {runs.RANKS[-1]} the scale is {said}"))


def carry(task: str = "45°, Adam", alpha: str = "kept", r1: int = 8, r: int = 64) -> dict:
    """Left: loss against η at r1 and at r, with the η carried over. Right: regret against r."""
    rule = CHOICES[alpha]
    here = runs.regrets(task, runs.ALPHA_RULES[rule], r1)[runs.RANKS.index(r)]
    traces = valleys(task, rule, r1, r)
    for name in [other for other in RULE_LOOKS if other != rule] + [rule]:
        traces += _regret(task, name, r1, chosen=name == rule)
    traces.append(marks([r], _inside(runs.mean(here), MOST_REGRET), "frozen", "circle-open", 20,
                        panel=2, stroke=2.5, name="this rank"))
    rates = np.log10(runs.TASKS[task].rates)
    return figure(traces, layout(
        [f"loss   {coloured(f'━ r₁ = {r1}', 'frozen')}   "
         f"{coloured(f'━ r = {r}', RULE_LOOKS[rule].colour)}   ✕ carried",
         "regret " + legend(RULE_WORDS, between=" ")],
        [{**power_ticks(-3, 1), "title": {"text": "η"}, "range": [rates[0] - 0.1, rates[-1] + 0.1]},
         named_ticks(runs.RANKS, margin=0.15)],
        [{"type": "log", "tickvals": [0.1, 1, 10], "ticktext": ["0.1", "1", "10"],
          "range": [np.log10(LOW), np.log10(HIGH)]},
         {"type": "log", "tickvals": [1, 3, 10, 30, MOST_REGRET / EDGE],
          "ticktext": ["1", "3", "10", "30", "more"],
          "range": [-0.2, np.log10(MOST_REGRET) + 0.14]}],
        _carry_reading(task, rule, r1, r, here)))


def valleys(task: str, rule: str, r1: int, r: int) -> list[dict]:
    """Loss against η at both ranks; rings where η is best, a cross at r where it is carried to."""
    rates, scale, colour = runs.TASKS[task].rates, runs.ALPHA_RULES[rule], RULE_LOOKS[rule].colour
    first, later = (runs.mean(runs.losses(task, rank, scale(rank, r1))) for rank in (r1, r))
    at, best = (runs.tuned(task, rank, scale(rank, r1)) for rank in (r1, r))
    traces = [line([rates[at]] * 2, [LOW, HIGH], "frozen", width=1.5, dash="dash",
                   name="the η tuned at r₁")]
    for values, hue, rank in ((first, "frozen", r1), (later, colour, r)):
        traces.append(line(rates, np.minimum(values, 10 * HIGH), hue, width=3,
                           **said(f"r = {rank}: loss", values)))
    for rate, value, symbol, hue, name in (
            (at, first[at], "circle-open", "frozen", "tuned at r₁"),
            (best, later[best], "circle-open", colour, "tuned anew"),
            (at, later[at], "x", colour, "carried")):
        size, stroke = (10, 0) if symbol == "x" else (17, 2.5)
        traces.append(marks([rates[rate]], _inside(value, HIGH), hue, symbol, size, stroke=stroke,
                            **said(name, [value])))
    return traces


def _regret(task: str, rule: str, r1: int, chosen: bool) -> list[dict]:
    """The mean over seeds as a line with marks, and for the chosen rule all seeds as dots."""
    values, look = runs.regrets(task, runs.ALPHA_RULES[rule], r1), RULE_LOOKS[rule]
    means = look.curve(runs.RANKS, _inside(runs.mean(values), MOST_REGRET), rule, size=10, panel=2,
                       values=np.minimum(runs.mean(values), runs.LOST),
                       opacity=1.0 if chosen else BESIDE)
    if not chosen:
        return [means]
    return [seeds(runs.RANKS, _inside(values, MOST_REGRET), look.colour, size=5, panel=2,
                  opacity=0.8), means]


def _inside(values, top: float) -> np.ndarray:
    """Values above an axis are drawn at its top edge."""
    return np.minimum(np.atleast_1d(values), top / EDGE)


def _carry_reading(task: str, rule: str, r1: int, r: int, here: np.ndarray) -> str:
    rates, scale = runs.TASKS[task].rates, runs.ALPHA_RULES[rule]
    at, best = (runs.tuned(task, rank, scale(rank, r1)) for rank in (r1, r))
    start = (f"{rule}: η = {_two_digits(rates[at])}, tuned at r = {r1}, carried to r = {r}, where "
             f"s = {short(float(f'{scale(r, r1):.3g}'))}: ")
    best_now = f"the best η is now {_two_digits(rates[best])}" + (
        ", at the end of those tried" if runs.at_an_end(task, r, scale(r, r1)) else "")
    if np.isinf(here).any():
        return f"{start}{np.isinf(here).sum()} of {len(here)} seeds diverge; {best_now}"
    if best == at:
        return f"{start}a new search finds the same η, regret 1"
    return (f"{start}regret {number(float(runs.mean(here)))} (seeds {number(float(here.min()))} to "
            f"{number(float(here.max()))}); {best_now}")


def readings(r: int = 1, eta: float = runs.ETAS[1]) -> dict:
    """Left: the loss over s and η at rank r, and where the searches are. Right: loss against r."""
    rates, ranks, places = runs.PLANE_RATES, runs.PLANE_RANKS, runs.searches(eta)
    losses = runs.plane(r)
    traces = [heat(np.log10(losses / losses.min()).clip(0, 1), 0, 100, RAMP, name="loss"),
              *_searched(r, eta)]
    for name, (alpha, rate) in places.items():
        look, at = SEARCH_LOOKS[name], ([_column(alpha / r)], [rates.index(rate)])
        traces.append(marks(*at, "#ffffff", look.symbol + "-open", 16, stroke=5, name=name,
                            customdata=[runs.loss_at(r, alpha, rate)],
                            hovertemplate=f"{name}: loss %{{customdata:.3g}}<extra></extra>"))
        traces.append(marks(*at, look.colour, look.symbol, 12, name=name))
    traces.append(curve("loss", ranks, [runs.least(rank) for rank in ranks], panel=2,
                        name="the best of the plane",
                        line={"color": COLOURS["frozen"], "width": 2, "dash": "dash"},
                        marker={"symbol": "circle", "size": 6, "color": COLOURS["frozen"]}))
    for name, (alpha, rate) in places.items():
        traces.append(SEARCH_LOOKS[name].curve(
            ranks, [runs.loss_at(rank, alpha, rate) for rank in ranks], name, panel=2))
    columns = range(0, len(runs.PLANE), 3)
    return figure(traces, layout(
        ["loss  " + " ".join(f"{coloured('■', colour)} {text}" for colour, text in
                             zip(RAMP, ("best", "× 3", "× 10"), strict=True)),
         legend(SEARCH_WORDS, between="  ")],
        [{"range": [-0.5, len(runs.PLANE) - 0.5], "tickvals": list(columns), "ticks": "",
          "ticktext": [_power(runs.PLANE[i]) for i in columns],
          "title": {"text": f"s (r = {r})"}}, named_ticks(ranks)],
        [{"range": [-0.5, len(rates) - 0.5], "ticks": "", "tickvals": [1, 5, 9, 13],
          "ticktext": [*(_two_digits(rates[i]) for i in (1, 5, 9)),
                       f"η = {_two_digits(rates[13])}"]},
         {"type": "log", "tickvals": [0.03, 0.1, 0.3, 1, 3], "range": [-1.6, 0.75],
          "ticktext": ["0.03", "0.1", "0.3", "1", "3"]}],
        _search_reading(r, places)))


def _searched(r: int, eta: float) -> list[dict]:
    """The line that each search has to itself at rank r."""
    eta_row = runs.PLANE_RATES.index(runs.nearest(eta))
    top, right = len(runs.PLANE_RATES) - 0.5, len(runs.PLANE) - 0.5
    ends = (([_column(8 / r)] * 2, [-0.5, top]), ([_column(1 / r)] * 2, [-0.5, top]),
            ([-0.5, right], [eta_row] * 2))
    return [line(x, y, look.colour, width=2, dash="dot", name="its line")
            for (x, y), look in zip(ends, SEARCH_LOOKS.values(), strict=True)]


def _column(s: float) -> int:
    return runs.PLANE.index(s)


def _power(value: float) -> str:
    """2.0**-6 → "2⁻⁶"; 1 is 1."""
    exponent = round(np.log2(value))
    return "1" if exponent == 0 else "2" + str(exponent).translate(SUPERSCRIPTS)


def _two_digits(value: float) -> str:
    """``0.0110485`` → "0.011"."""
    return short(float(f"{value:.2g}"))


def _search_reading(r: int, places: dict) -> str:
    said = [f"{MEANT[name]} = {alpha:g}{' (the largest tried)' * (alpha == max(runs.PLANE))}, "
            f"η = {_two_digits(rate)}, loss {number(runs.loss_at(r, alpha, rate))}"
            for name, (alpha, rate) in places.items()]
    return f"r = {r} · " + " · ".join(said)


def best_rates(model: str = "small GPT", rule: str = "LoRA") -> dict:
    """Left: loss against η, a curve a rank. Right: the best η against r, under the three rules."""
    traces = _model_valleys(model, rule)
    for name in [other for other in runs_models.RULES if other != rule] + [rule]:
        traces += _best_rates(model, name, chosen=name == rule)
    low, high = SHOWN[model]
    low -= 0.12 * (high - low)  # room for the words below the lowest rings
    ticks = [0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10] if high - low > 1 else [1.5, 2, 2.5, 3]
    inside = [value for value in ticks if 10**low <= value <= 10**high]
    return figure(traces, layout(
        [f"loss, s = {FORMULAS[rule]}", "best η (r = 8: 1)  " + legend(
            {FORMULAS[name]: SCALE_LOOKS[name] for name in runs_models.RULES}, between=" ")],
        [{**power_ticks(-3, 0), "title": {"text": "η"}, "range": [-3.2, 0.3]},
         named_ticks(runs.RANKS, margin=0.15)],
        [{"type": "log", "range": [low, high], "tickvals": inside,
          "ticktext": [f"{value:g}" for value in inside]},
         {"type": "log", "range": np.log10(SPAN).tolist(), "tickvals": [0.25, 0.5, 1, 2],
          "ticktext": ["¼", "½", "1", "2"]}],
        _model_reading(model, rule)))


def _model_valleys(model: str, rule: str) -> list[dict]:
    """The geometric mean over the seeds at every rank; a ring where it is least."""
    top, colour, traces, least = 10.0 ** SHOWN[model][1], SCALE_LOOKS[rule].colour, [], []
    for r in runs_models.ranks(model):
        rates, losses = runs_models.curve(model, rule, r)
        means = np.exp(np.log(losses).mean(axis=0))
        traces.append(line(rates, np.minimum(means, 2 * top), colour, width=1.5 + 0.5 * (r == 8),
                           **said(f"r = {r}: loss", means)))
        least.append((rates[means.argmin()], means.min()))
    x, y = map(list, zip(*least, strict=True))
    first, *_, last = runs_models.ranks(model)
    if x[0] == x[-1]:
        low, high = SHOWN[model]
        named = words([x[0]], [min(y) / 10 ** (0.04 * (high - low))],
                      [f"r = {first} to {last}"], textposition="bottom center")
    else:
        sides = ["top left", "bottom left" if x[-1] < x[0] else "bottom right"]
        named = words([x[0], x[-1]], [y[0], y[-1]], [f"r = {first}", f"r = {last}"],
                      textposition=sides)
    return [*traces, marks(x, y, colour, "circle-open", 9, stroke=2, name="least"), named]


def _best_rates(model: str, rule: str, chosen: bool) -> list[dict]:
    """The mean over seeds as a line with marks, and for the chosen rule all seeds as dots."""
    values, look, ranks = runs_models.best(model, rule), SCALE_LOOKS[rule], runs_models.ranks(model)
    means = np.exp(np.log(values).mean(axis=1))
    unit = means[ranks.index(runs_models.FIRST)]
    curve = look.curve(ranks, np.clip(means / unit, *SPAN), FORMULAS[rule], size=10,
                       panel=2, values=means, opacity=1.0 if chosen else BESIDE)
    if not chosen:
        return [curve]
    return [seeds(ranks, np.clip(values / unit, *SPAN), look.colour, size=5, panel=2,
                  opacity=0.8), curve]


def _model_reading(model: str, rule: str) -> str:
    means = np.exp(np.log(runs_models.best(model, rule)).mean(axis=1))
    mean, error = runs_models.power(model, rule)
    at = dict(zip(runs_models.ranks(model), means, strict=True))
    shown = ", ".join(f"{short(float(f'{at[r]:.2g}'))} at r = {r}"
                      for r in (min(at), runs_models.FIRST, max(at)))
    return (f"{model}, s = {FORMULAS[rule]}: the best η goes with the power {signed(mean)} "
            f"(± {error:.2f}) of r; {shown}")
