"""The figures of the chapter On language models: the valleys of 35 models, what a carried learning
rate costs, whether the scale was α/r, what a rank buys, two rules, and the drift of single layers
beside that of the models."""

import numpy as np

from lora_edu.chapters.first_r import runs_models
from lora_edu.chapters.language_models import runs, runs_drift
from lora_edu.chapters.shared.drawing import say
from lora_edu.chapters.shared.looks import named, named_ticks, steps_done
from lora_edu.chapters.shared.scale_rules import FORMULAS
from lora_edu.chapters.shared.style import (
    COLOURS,
    coloured,
    figure,
    level,
    line,
    marks,
    power_ticks,
)

RANKS = (1, 2, 4, 16, 64, 128)
# From the smallest rank to the largest.
RANK_COLOURS = dict(zip(RANKS, ("#c98bb0", "#aa6bc0", "#3b82c4", "#009e73", "#c07f00", "#d55e00"),
                        strict=True))
TUNED_AT = ("the smallest rank", "the largest rank")
HIGHEST = 0.045  # loss above the least of a model that is shown, in nats
EDGE = 0.044  # where what lies above is drawn
RATE_TICKS = (3e-5, 1e-4, 3e-4, 1e-3, 3e-3)
RATE_NAMES = ("0.00003", "0.0001", "0.0003", "0.001", "0.003")

PAIRS = {"1 → 4": (1, 4), "1 → 16": (1, 16), "1 → 64": (1, 64), "4 → 16": (4, 16),
         "4 → 64": (4, 64), "4 → 128": (4, 128), "16 → 64": (16, 64), "64 → 4": (64, 4),
         "64 → 1": (64, 1)}
POWERS = (-0.5, -0.25, 0.0, 0.15, 0.25, 0.5)
LEAST_SHOWN = 1e-5  # nats; a smaller regret is drawn here
TOP_SHOWN = 0.05

STRIDE_POWERS = {"LoRA": 0.0, "rsLoRA": 0.5, "unscaled": 1.0}  # how a stride grows with r

LOWEST_GAIN = -0.0022  # where the medians are written, in nats
SIZES = {"1 to 9 billion": (0, 10), "20 to 35 billion": (20, 40), "70 billion and more": (70, 2000)}


def short_name(model: runs.Model) -> str:
    """A model's name without what all of its family have in common."""
    name = model.name.removeprefix("NVIDIA-").removesuffix("-BF16")
    return name.removesuffix("-2507").replace("-Instruct", " Instruct").replace("-Base", " Base")


NAMES = {short_name(model): model for model in runs.models()}


def valleys(model: str = "Qwen3-30B-A3B", tuned: str = TUNED_AT[0]) -> dict:
    """Loss against η, a curve a rank; rings at the best rates, crosses at one that is carried.

    model: by its short name. tuned: at which of its ranks the carried η was found.
    """
    this = NAMES[model]
    ranks = [r for r in this.ranks if len(this.at(r)[0]) >= 2]
    r1 = ranks[0] if tuned == TUNED_AT[0] else ranks[-1]
    last = ranks[-1] if tuned == TUNED_AT[0] else ranks[0]
    carried = this.best(r1)
    floor = min(this.least(r) for r in ranks)

    traces = [line([carried, carried], [0, HIGHEST], "frozen", width=1.5, dash="dash",
                   name="the η that is carried")]
    names = []
    crosses = []  # drawn last, above the curves
    for r in ranks:
        colour = RANK_COLOURS[r]
        rates, losses = this.at(r)
        above = losses - floor
        traces.append(marks(rates, _below_edge(above), colour, "circle", 6, mode="lines+markers",
                            line={"color": colour, "width": 2.5},
                            **named(f"r = {r}: nats above the least", above)))
        traces.append(marks([this.best(r)], [this.least(r) - floor], colour, "circle-open", 16,
                            stroke=2.5, name="best at this rank"))
        if r != r1 and np.isfinite(this.loss(r, carried)):
            loss = this.loss(r, carried) - floor
            crosses.append(marks([carried], [_below_edge(loss)], colour, "x", 14,
                                 **named("carried", [loss])))
        names.append(coloured(f"● r = {r}", colour))

    traces += crosses
    cost = runs.grid_regret(this, r1, last)
    outcome = f"was not run at {last}"
    if np.isfinite(cost):
        outcome = f"costs {_nats(cost)} at r = {last}"
    headline = f"{model}: η tuned at r = {r1} {outcome}"
    return figure(
        traces, headline,
        [{"type": "log", "tickvals": list(RATE_TICKS), "ticktext": list(RATE_NAMES),
          "range": [np.log10(1.8e-5), np.log10(3.4e-3)], "title": {"text": "learning rate η"}}],
        [{"range": [-0.0015, HIGHEST], "tickvals": [0, 0.01, 0.02, 0.03, 0.04],
          "title": {"text": "test loss above the least (nats)"}}],
        headline, headings=["   ".join(names)])


def _below_edge(values):
    return np.minimum(values, EDGE)


def _nats(value: float) -> str:
    return "nothing" if abs(value) < 5e-5 else f"{value:.4f} nats"


def costs(pair: str = "16 → 64", power: float = 0.0) -> dict:
    """What a carried η loses, a dot a model by its size; η is multiplied by (r/r₁)^power.

    A triangle at the top: the η lies outside the rates that trained at r.
    """
    r1, r = PAIRS[pair]
    tuned = [model for model in runs.having(r1, r) if np.isfinite(runs.bottom(model, r1)[0])]
    losses = np.array([runs.regret(model, r1, r, power) for model in tuned])
    outside = np.isnan(losses)
    billions = np.array([model.billions for model in tuned])
    names = np.array([short_name(model) for model in tuned])
    third = float(np.median(runs.wrong_rate_costs()))
    ends = [0.7, 10_000]  # beyond the largest model there is room for two names

    shown = np.maximum(losses[~outside], LEAST_SHOWN)
    hover = [f"{name}: {loss:.4f} nats" for name, loss in zip(names, losses, strict=True)]
    traces = [level(third, ends, name="a third of the best η"),
              level(runs.noise(), ends, name="two runs of one setting"),
              marks(billions[~outside], shown, "delta", "diamond", 10,
                    text=list(np.array(hover)[~outside]),
                    hovertemplate="%{text}<extra></extra>", name="a model"),
              marks(billions[outside], np.full(outside.sum(), TOP_SHOWN), "B", "triangle-up", 10,
                    text=list(names[outside]), name="outside the rates",
                    hovertemplate="%{text}: outside the rates<extra></extra>"),
              say({(ends[1], third): f"η ÷ 3<br>{third:.4f}",
                   (ends[1], runs.noise()): f"repeats<br>{runs.noise():.5f}"}, "top left", 12)]

    moved = "η kept" if power == 0 else f"η × {(r / r1)**power:.2g}"
    if outside.mean() > 0.5:
        outcome = f"{outside.sum()} of {len(tuned)} models leave the rates that trained"
    else:
        outcome = f"{np.median(losses[~outside]):.4f} nats in the median"
        outcome += f", {outside.sum()} outside" if outside.any() else ""
    headline = f"r = {pair}, {moved}: {outcome}"
    return figure(
        traces, headline,
        [{"type": "log", "tickvals": [1, 3, 10, 30, 100, 300, 1000],
          "ticktext": ["1", "3", "10", "30", "100", "300", "1000"],
          "range": [np.log10(end) for end in ends], "title": {"text": "billions of parameters"}}],
        [{"type": "log", "tickvals": [1e-5, 1e-4, 1e-3, 1e-2],
          "ticktext": ["≤ 10⁻⁵", "0.0001", "0.001", "0.01"], "range": [-5.2, -1.2],
          "title": {"text": "nats lost"}}],
        headline)


def one_stride(rule: str = "LoRA") -> dict:
    """The stride against the rank, read from the losses at the smallest rate: a line a model."""
    factors = {model: strides for model in runs.models() if (strides := runs.strides(model))}
    ranks = np.array(RANKS)
    traces = [line(list(strides), list(strides.values()), "delta", width=1.5, opacity=0.45,
                   **named(short_name(model), list(strides.values())))
              for model, strides in factors.items()]
    names = {}
    for name, power in STRIDE_POWERS.items():
        chosen = name == rule
        colour = "A" if chosen else "frozen"
        predicted = ranks.astype(float) ** power
        traces.append(line(ranks, predicted, colour, width=4 if chosen else 1.5,
                           dash="solid" if chosen else "dash",
                           **named(FORMULAS[name], predicted)))
        names[RANKS[-1], float(predicted[-1])] = coloured(f"  {FORMULAS[name]}", colour)
    traces.append(say(names, "middle right", 14))
    from_one = [strides[64] for strides in factors.values() if {1, 64} <= set(strides)]
    measured = float(np.median(from_one))
    promised = 64 ** STRIDE_POWERS[rule]
    axis = named_ticks(RANKS, "rank r")
    axis["range"][1] += 0.45
    headline = f"from r = 1 to 64: × {promised:g} under {FORMULAS[rule]}, × {measured:.2f} measured"
    return figure(
        traces, headline, [axis],
        [{"type": "log", "tickvals": [1, 3, 10, 30, 100], "range": [-0.35, 2.2],
          "ticktext": ["1", "3", "10", "30", "100"], "title": {"text": "length of the stride"}}],
        headline)


def rank_buys(size: str = "1 to 9 billion") -> dict:
    """By how much the least loss falls from rank to rank, a dot a model; one size class stands
    out, and a bar is the median of all models."""
    low_size, high_size = SIZES[size]
    steps = ((1, 4), (4, 16), (16, 64), (64, 128))
    traces = []
    medians = []
    of_class = []
    rng = np.random.default_rng(0)  # the dots of a column stand beside each other
    for column, (low, high) in enumerate(steps):
        models = runs.having(low, high)
        gains = runs.gains(low, high)
        places = column + rng.uniform(-0.25, 0.25, len(models))
        chosen = np.array([low_size <= model.billions < high_size for model in models])
        for group, colour, width in ((~chosen, "frozen", 7), (chosen, "delta", 10)):
            traces.append(marks(places[group], gains[group], colour, "circle", width,
                                **named("nats", gains[group])))
        medians.append(float(np.median(gains)))
        of_class += [(column, float(np.median(gains[chosen])))] if chosen.any() else []
        traces.append(line([column - 0.35, column + 0.35], [medians[-1]] * 2, "A", width=4,
                           **named("median of all", [medians[-1]] * 2)))
    traces.append(say({(column, LOWEST_GAIN): coloured(f"{value:.4f}", "A")
                       for column, value in enumerate(medians)}, "middle center", 13))
    names = [f"{low} → {high}" for low, high in steps]
    column, value = of_class[0]
    return figure(
        traces, f"{size}: from r = {' to '.join(map(str, steps[column]))} the loss falls by "
                f"{value:.4f} nats",
        [{"range": [-0.5, 3.5], "tickvals": [0, 1, 2, 3], "ticks": "", "ticktext": names}],
        [{"range": [-0.0032, 0.0235], "tickvals": [0, 0.005, 0.01, 0.015, 0.02],
          "title": {"text": "nats gained"}}],
        f"{size}; medians of all models, from rank to rank: "
        + ", ".join(f"{low} to {high} {value:.4f}"
                    for (low, high), value in zip(steps, medians, strict=True)))


# AdamW's best rates at r = 64 and 256 with α = r, in a grid of about three, one run each: OLMo-2-1B
# on three data sets, Llama-3.2-1B on two. See the claim cit-alpha-r-drift.
ALPHA_IS_R = {"OLMo-2-1B, code": (3e-4, 1e-4), "OLMo-2-1B, mathematics": (3e-4, 1e-4),
              "OLMo-2-1B, conversations": (1e-4, 1e-4), "Llama-3.2-1B, code": (1e-4, 3e-5),
              "Llama-3.2-1B, mathematics": (1e-4, 1e-4)}
KEPT, GROWS = "α kept", "α = r"
BOOKS_RULE = {KEPT: "LoRA", GROWS: "unscaled"}  # what the book's own tasks call these


def two_rules(rule: str = GROWS) -> dict:
    """The best η against the rank, both as multiples of those where a line begins.

    Language models in colour, the book's own five tasks in grey.
    """
    traces = []
    for task in runs_models.MODELS:
        ranks = np.array(runs_models.ranks(task))
        best = np.exp(np.log(runs_models.best(task, BOOKS_RULE[rule])).mean(axis=1))
        traces.append(line(ranks / ranks[0], best / best[0], "frozen", width=2, opacity=0.7,
                           **named(task, best / best[0])))
    published_colour = "delta" if rule == KEPT else "B"
    rises = falls = lines = 0
    for name, ranks, best in _published(rule):
        ranks = np.array(ranks)
        best = np.array(best)
        lines += 1
        rises += best[-1] > best[0]
        falls += best[-1] < best[0]
        traces.append(line(ranks / ranks[0], best / best[0], published_colour, width=2,
                           mode="lines+markers", opacity=0.6, **named(name, best / best[0])))
    headline = f"{rule}, on {lines} language models: the best η rises on {rises}, falls on {falls}"
    if rule == GROWS:
        headline = f"{rule}, in {lines} searches: the best η rises in {rises}, falls in {falls}"
    axis = named_ticks((1, 4, 16, 64), "times the smallest rank")
    return figure(
        traces, headline, [axis],
        [{"type": "log", "range": [-1.1, 0.75], "tickvals": [0.1, 0.3, 1, 3],
          "ticktext": ["0.1", "0.3", "1", "3"], "title": {"text": "times its best η"}}],
        headline, headings=[coloured("● language models", published_colour) + "   "
                            + coloured("● this book's tasks", "frozen")])


def _published(rule: str):
    """Name, ranks and best rates of each published line of a rule."""
    if rule == GROWS:
        for name, best in ALPHA_IS_R.items():
            yield name, (64, 256), best
        return
    for model in runs.models():
        best = {r: runs.bottom(model, r)[0] for r in model.ranks if len(model.at(r)[0]) >= 2}
        best = {r: rate for r, rate in best.items() if np.isfinite(rate)}
        if len(best) > 1:
            yield short_name(model), list(best), list(best.values())


def drift(inputs: str = "all directions", a: str = "trained", steps: int = 1) -> dict:
    """The best η of single regressions against the rank, beside that of the language models, both
    as multiples of what they are at r = 1. Dashed: by the theorem for one step."""
    best = runs_drift.best_after(inputs, a)[runs_drift.STEPS.index(steps)]
    rises = best / best[:, :1]
    theorem = runs_drift.one_crossover(runs_drift.RANKS, runs_drift.mean_crossover(inputs))
    published = runs_drift.published()
    traces = [line(runs_drift.RANKS, theorem, "frozen", width=1.5, dash="dash",
                   **named("one step, by the theorem", theorem)),
              marks(runs_drift.PUBLISHED_RANKS, published, "delta", "diamond", 10,
                    mode="lines+markers", **named("language models", published)),
              *(line(runs_drift.RANKS, rise, "A", width=1.5, opacity=0.45, **named("a task", rise))
                for rise in rises)]
    middle = np.exp(np.log(rises).mean(axis=0))
    traces.append(marks(runs_drift.RANKS, middle, "A", "circle", 10, mode="lines+markers",
                        line={"color": COLOURS["A"], "width": 3},
                        **named("the mean of the tasks", middle)))

    of_models = np.log(published[runs_drift.PUBLISHED_RANKS.index(64)]) / np.log(64)
    headline = (f"A {a}, {steps_done(steps)}: r^{runs_drift.power(best):.2f} beside "
                f"r^{of_models:.2f} of language models")
    return figure(
        traces, headline, [named_ticks(runs_drift.PUBLISHED_RANKS, "rank r")],
        [{**power_ticks(-1, 2), "range": [-0.15, 1.95],
          "title": {"text": "times the best η of r = 1"}}],
        headline, headings=[coloured("● one layer", "A") + "   "
                            + coloured("◆ language models", "delta")])
