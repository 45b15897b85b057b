"""The figures of the chapter The first r you try: rotated digits, what a carried η costs,
three searches, and the best rates of five tasks."""

import numpy as np

from lora_book.first_r import runs_models
from lora_book.shared import digits, digits_map
from lora_book.shared.axes import labelled, log_labelled
from lora_book.shared.digit_rows import digit_rows
from lora_book.shared.drawing import say
from lora_book.shared.fits import geometric_mean
from lora_book.shared.looks import Look, end_labels, legend, named, named_ticks, roomy
from lora_book.shared.scale_rules import FORMULAS, SCALE_LOOKS
from lora_book.shared.style import coloured, figure, heat, line, marks, power_ticks
from lora_book.shared.valleys import Valley, valley_rows
from lora_edu.explore.words import signed

RULE_LOOKS = {"α kept": Look("delta", "diamond"), "rsLoRA": Look("A", "circle"),
              "α = r": Look("B", "square"), "α = 2r": Look("loss", "triangle-up")}
CHOICES = dict(zip(("kept", "rsLoRA", "= r", "= 2r"), RULE_LOOKS, strict=True))  # for α
UPWARDS = (8, 16, 32, 64)  # the ranks of the first figure
HIGHEST = 10.0  # where a wall is cut, in least losses
LOW = 0.03  # of the losses shown
HIGH = 20.0
MOST_REGRET = 60.0  # that is shown
TUNED_AT = 8  # the rank whose η is carried
EDGE = 1.06  # what lies above is drawn this far below the top

SEARCH_LOOKS = dict(zip(digits_map.SEARCHES, [
    RULE_LOOKS[rule] for rule in ("α kept", "rsLoRA", "α = r")], strict=True))
SHORT = dict(zip(digits_map.SEARCHES, ("α = 8", "α = 1", "tuned α"), strict=True))
RAMP = ("#6151c4", "#c98bb0", "#f3e3a8")  # from the best loss of the plane to ten times it


def pictures(angles=(0, 45, 90)) -> dict:
    """The first training picture of each digit, a row an angle, darker where there is more ink."""
    labels = digits.load().y_train
    first = [int(np.flatnonzero(labels == digit)[0]) for digit in range(digits.CLASSES)]
    rows = {f"{angle}°": digits.load(angle).X_train[first] for angle in angles}
    return digit_rows(rows, f"The digits 0 to 9, a row an angle: {', '.join(rows)}")


def regrets(task: str = "45°, Adam", r1: int = 8) -> dict:
    """What an η costs that was tuned at r1, against r: the loss over the least one, each rule."""
    ranks = digits_map.RANKS
    traces = []
    ends = {}
    some_lost = {}
    for rule, look in RULE_LOOKS.items():
        ratios = digits_map.regrets(task, digits_map.ALPHA_RULES[rule], r1)
        means = geometric_mean(ratios)
        drawn = _inside(means, MOST_REGRET)
        traces.append(look.curve(ranks, drawn, rule, values=np.minimum(means, digits_map.LOST)))
        seeds = ratios.shape[1]
        shares = [f"{lost}/{seeds}" if 0 < lost < seeds else ""
                  for lost in np.isinf(ratios).sum(axis=1)]
        some_lost |= {(r, height): coloured(share, look.colour)
                      for r, share, height in zip(ranks[:-1], shares, drawn, strict=False) if share}
        notes = [rule, shares[-1], _bound(rule, task, r1, ranks[-1])]
        ends[", ".join(filter(None, notes))] = (drawn[-1], look.colour)
    traces.append(end_labels(ranks[-1], ends, pad=2, gap=0.13))
    if some_lost:
        traces.append(say(some_lost, "top center", 12))

    costs = ", ".join(_cost_of(rule, task, r1) for rule in ("α kept", "α = r"))
    return figure(
        traces, f"worst: {costs}", [roomy(named_ticks(ranks, "rank r"), 0.75)],
        [log_labelled("regret", -0.34, np.log10(MOST_REGRET) + 0.2,
                      [1, 3, 10, 30, MOST_REGRET / EDGE], texts=["1", "3", "10", "30", "more"])],
        f"{task}, η tuned at r = {r1} and carried; at its worst rank {costs}")


def _cost_of(rule: str, task: str, r1: int) -> str:
    ratios = digits_map.regrets(task, digits_map.ALPHA_RULES[rule], r1)
    lost = np.isinf(ratios).sum(axis=1).max()
    if lost:
        return f"{lost} of {len(digits_map.SEEDS)} lost with {rule}"
    means = geometric_mean(ratios)
    worst = digits_map.RANKS[means.argmax()]
    return f"{_bound(rule, task, r1, worst)}{means.max():.2g} × with {rule}"


def _bound(rule: str, task: str, r1: int, r: int) -> str:
    """≥ where the best rate at r stands at an end of those tried, so that the least loss may be
    lower still."""
    s = digits_map.ALPHA_RULES[rule](r, r1)
    return "≥" if digits_map.at_an_end(task, r, s) else ""


def carried(alpha: str = "kept", r: int = 8) -> dict:
    """Loss on rotated digits against η at r = 8 and at r; rings where η is best, and a cross where
    the rate tuned at 8 ends up.

    At r = 8, where it opens, nothing is carried yet, and a reader can guess.
    """
    task = "45°, Adam"
    choice = CHOICES[alpha]
    scale = digits_map.ALPHA_RULES[choice]
    rates = digits_map.TASKS[task].rates
    curves = {rank: geometric_mean(digits_map.losses(task, rank, scale(rank, TUNED_AT)))
              for rank in (r, TUNED_AT)}
    at = digits_map.tuned(task, TUNED_AT, scale(TUNED_AT, TUNED_AT))
    best = digits_map.tuned(task, r, scale(r, TUNED_AT))
    costs = geometric_mean(digits_map.regrets(task, scale, TUNED_AT))
    cost = float(costs[digits_map.RANKS.index(r)])

    colour = RULE_LOOKS[choice].colour
    traces = [line([rates[at]] * 2, [LOW, HIGH], "frozen", width=1.5, dash="dash",
                   name="the η tuned at r₁")]
    for rank, hue in ((TUNED_AT, "frozen"), (r, colour)):
        traces.append(line(rates, np.minimum(curves[rank], 10 * HIGH), hue, width=3,
                           **named(f"r = {rank}: loss", curves[rank])))
    for place, rank, hue, name in ((at, TUNED_AT, "frozen", "tuned at r₁"),
                                   (best, r, colour, "tuned anew"), (at, r, colour, "carried")):
        loss = curves[rank][place]
        look = ("x", 10) if name == "carried" else ("circle-open", 17)
        traces.append(marks([rates[place]], _inside(loss, HIGH), hue, *look,
                            stroke=0 if name == "carried" else 2.5, **named(name, [loss])))
    heights = {rank: float(losses[0]) for rank, losses in curves.items()}  # of the curves' names
    if abs(np.log(heights[r] / heights[TUNED_AT])) < 0.4:  # the names would touch
        upper = max(heights, key=heights.get)
        heights[upper] *= 1.5
    for rank, height in heights.items():
        name = coloured(f"r = {rank} ", "frozen" if rank == TUNED_AT else colour)
        traces.append(say({(rates[0], height): name}, "middle left", 14))

    outcome = "costs nothing" if cost < 1.005 else f"leaves {cost:.3g} × the least loss"
    rule = alpha if alpha == "rsLoRA" else f"α {alpha}"
    is_tuned = r == TUNED_AT
    return figure(
        traces, f"{rule}, r = {r}: {'η is tuned here' if is_tuned else f'carried η {outcome}'}",
        [labelled("learning rate η", np.log10(rates[0]) - 0.75, np.log10(rates[-1]) + 0.1,
                  **power_ticks(-3, 1))],
        [log_labelled("training loss", np.log10(LOW), np.log10(HIGH), [0.1, 1, 10])],
        f"{rule}: at r = {r} the learning rate "
        f"{'is tuned' if is_tuned else f'tuned at r = 8 {outcome}'}")


def _inside(values, top: float) -> np.ndarray:
    """Values above an axis are drawn at its top edge."""
    return np.minimum(np.atleast_1d(values), top / EDGE)


def readings(r: int = 1, eta: float = digits_map.ETAS[1]) -> dict:
    """The loss over s and η at rank r, dark where it is least, and where three searches end.

    eta: at which the third search looks for α.
    """
    rates = digits_map.PLANE_RATES
    losses = digits_map.plane(r)
    names = {}
    places = [[f"s = {_plain(scale)}, η = {rate:.3g}" for scale in digits_map.PLANE]
              for rate in rates]
    traces = [heat(100 * np.log10(losses / losses.min()).clip(0, 1), 0, 100, RAMP, name="loss",
                   customdata=losses, text=places,
                   hovertemplate="%{text}: loss = %{customdata:.3g}<extra></extra>"),
              *_searched(r, eta)]
    for name, (alpha, rate) in digits_map.searches(eta).items():
        look = SEARCH_LOOKS[name]
        at = ([digits_map.PLANE.index(alpha / r)], [rates.index(rate)])
        loss = digits_map.loss_at(r, alpha, rate)
        left = f"{loss / losses.min():.2g}\N{NO-BREAK SPACE}×"
        traces += [marks(*at, "#ffffff", f"{look.symbol}-open", 16, stroke=5,
                         **named(name, [loss])),
                   marks(*at, look.colour, look.symbol, 12, name=name)]
        names[f"{SHORT[name]}: {left}"] = look
    title = f"r = {r}: the tuned α leaves {left} the least"  # of the last search, as alpha is
    reading = f"r = {r}, loss over the least; {', '.join(names)}"
    if alpha == max(digits_map.PLANE):
        title += ", at the end of its grid"
        reading += ", the largest α tried"

    columns = range(0, len(digits_map.PLANE), 3)
    rows = (1, 5, 9, 13)
    return figure(
        traces, title,
        [labelled(f"scale s at r = {r}", -0.5, len(digits_map.PLANE) - 0.5, tickvals=list(columns),
                  ticks="", ticktext=[_plain(digits_map.PLANE[i]) for i in columns])],
        [labelled("learning rate η", -0.5, len(rates) - 0.5, tickvals=list(rows), ticks="",
                  ticktext=[f"{rates[i]:.3f}" for i in rows])],
        reading, headings=[legend(names)])


def _searched(r: int, eta: float) -> list[dict]:
    """The line that each search has to itself at rank r."""
    eta_row = digits_map.PLANE_RATES.index(digits_map.nearest(eta))
    top = len(digits_map.PLANE_RATES) - 0.5
    right = len(digits_map.PLANE) - 0.5
    ends = []
    for alpha in (8, 1):  # of the searches that tune η
        column = digits_map.PLANE.index(alpha / r)
        ends.append(([column, column], [-0.5, top]))
    ends.append(([-0.5, right], [eta_row, eta_row]))
    return [line(x, y, look.colour, width=2, dash="dot", name="its line")
            for (x, y), look in zip(ends, SEARCH_LOOKS.values(), strict=True)]


def _plain(power_of_2: float) -> str:
    return f"{power_of_2:g}" if power_of_2 >= 1 else f"1/{1 / power_of_2:g}"


def five_models() -> dict:
    """The best η against r, that at rank 8 being one: a colour a rule, a thin line a task, and a
    thick one with the mean of the tasks' powers."""
    traces = []
    powers = {}
    for rule, look in SCALE_LOOKS.items():
        powers[rule] = [runs_models.power(model, rule)[0] for model in runs_models.MODELS]
        for model in runs_models.MODELS:
            ranks = runs_models.ranks(model)
            means = geometric_mean(runs_models.best(model, rule))
            shares = means / means[ranks.index(runs_models.REFERENCE_RANK)]
            traces.append(line(ranks, shares, look.colour, width=1.5, opacity=0.4,
                               **named(f"{FORMULAS[rule]}, {model}", means)))
        mean = (np.array([1, 64]) / runs_models.REFERENCE_RANK) ** np.mean(powers[rule])
        traces += [line([1, 64], mean, look.colour, width=4, hoverinfo="skip"),
                   end_labels(64, {FORMULAS[rule]: (mean[1], look.colour)}, pad=2, size=15)]
    spans = {FORMULAS[rule]: f"{signed(min(each))} to {signed(max(each))}"
             for rule, each in powers.items()}
    return figure(
        traces, f"under α/r the best η goes like r to the power {spans['α/r']}",
        [roomy(named_ticks(digits_map.RANKS, "rank r"), 0.35)],
        [log_labelled("best η, at r = 8 it is 1", -0.75, 0.6, [0.25, 0.5, 1, 2],
                      texts=["¼", "½", "1", "2"])],
        "Five tasks: the best η goes with these powers of r: " + "; ".join(
            f"{span} under {formula}" for formula, span in spans.items()))


def dropped(alpha: str = "kept", task: str = "45°, Adam", r1: int = 8,
            ranks: tuple[int, ...] = digits_map.RANKS) -> dict:
    """Valleys of the loss on rotated digits, one a rank, and what an η costs there that was tuned
    at r1.

    alpha: one of CHOICES. task: one of ``digits_map.TASKS``.
    """
    rule = CHOICES[alpha]
    scale = digits_map.ALPHA_RULES[rule]
    rates = np.array(digits_map.TASKS[task].rates)
    at = digits_map.tuned(task, r1, scale(r1, r1))
    seeds_costs = digits_map.regrets(task, scale, r1, ranks)
    costs = geometric_mean(seeds_costs)
    rows = {}
    for r, cost, of_seeds in zip(ranks, costs, seeds_costs, strict=True):
        losses = geometric_mean(digits_map.losses(task, r, scale(r, r1)))
        heights = np.log(losses / losses.min()) / np.log(HIGHEST)
        bound = "≥ " if digits_map.at_an_end(task, r, scale(r, r1)) else ""
        words = bound + _cost(cost, np.isinf(of_seeds).sum())
        rows[f"r = {r}"] = Valley(rates, losses, heights, heights[at], words)

    name = rule if rule == "rsLoRA" else f"α {alpha}"
    headline = f"{name}, tuned at r = {r1}: {_worst(rows)}"
    return valley_rows(rows, rates[at], headline, power_ticks(-3, 1))


def _cost(factor: float, lost: int) -> str:
    """What a carried rate leaves, in least losses. lost: of the seeds, how many diverged."""
    if lost:
        return f"{lost}/{len(digits_map.SEEDS)} lost"
    return f"× {factor:.3g}"


def _worst(rows: dict[str, Valley]) -> str:
    """Where the carried rate lies highest, in words."""
    name = max(rows, key=lambda row: rows[row].carried)
    cost = rows[name].cost
    if "lost" in cost:
        return f"at {name} {cost.replace('/', ' of ').replace('lost', 'runs diverge')}"
    if cost == "× 1":
        return "the rate costs nothing"
    return f"at {name} the rate leaves {cost.replace('× ', '')} times the least loss"
