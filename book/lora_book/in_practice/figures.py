"""Where the memory of training goes, which rate a recipe needs, and what a merge loses."""

from functools import cache

import numpy as np

from lora_book.in_practice import nf4
from lora_book.in_practice.memory import LLAMAS, PRECISIONS, account, file
from lora_book.shared.axes import BYTES, labelled, log_labelled
from lora_book.shared.drawing import say
from lora_book.shared.looks import Look, apart, end_labels, named_ticks, ring, roomy
from lora_book.shared.models import size_text
from lora_book.shared.scale_rules import FORMULAS, SCALE_LOOKS, SCALE_RULES
from lora_book.shared.style import MARGIN, coloured, curve, figure, level, line, marks
from lora_edu import scaling
from lora_edu.explore.words import number, power, short

TERMS = ("base", "A and B", "gradients", "moments", "activations", "logits")  # from the top
OWN = TERMS[1:4]  # the adapter's
TOKENS = (512, 2048, 8192, 32_768)
CARDS = (24e9, 80e9)  # bytes
LOOKS = {"16 bits": Look("B", "square"), "mixed": Look("A", "circle"),
         "8-bit base": Look("loss", "triangle-up"),
         "4-bit base": Look("delta", "diamond")}
RANKS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
SIZES = (0.01, 0.03, 0.06, 0.1, 0.3, 1.0)  # of an update, in lengths of the weight
RECIPE = {"r": 16, "alpha": 32, "lr": 2e-4}  # what is carried, under α/r


def memory(model: str = "7B", r: int = 16, modules: str = "all seven",
           precision: str = "mixed", tokens: int = 2048, checkpointing: bool = True) -> dict:
    """Left: bytes of each term. Right: their sum against the tokens of a step.

    The colour of the precision has the adapter's own terms too.
    """
    llama = LLAMAS[model]
    terms = account(llama, modules, r, PRECISIONS[precision], tokens, checkpointing)
    total = sum(terms.values())
    adapters = sum(terms[name] for name in OWN)
    sums = {name: [sum(account(llama, modules, r, PRECISIONS[name], count, checkpointing).values())
                   for count in TOKENS] for name in LOOKS}
    least = account(llama, "q, v", 4, PRECISIONS["4-bit base"], TOKENS[0], True)
    largest = account(llama, "all seven", 256, PRECISIONS["mixed"], TOKENS[-1], False)
    low = np.log10(sum(least.values()))
    high = np.log10(sum(largest.values()))

    chosen = LOOKS[precision].colour
    traces = _term_lines(terms, chosen)
    for name, look in LOOKS.items():
        is_chosen = name == precision
        traces.append(look.curve(TOKENS, sums[name], name, width=3.5 if is_chosen else 1.5,
                                 size=8 if is_chosen else 5, panel=2,
                                 hovertemplate=f"{name}: %{{y:.3s}}B<extra></extra>"))
    places = apart([np.log10(values[0]) for values in sums.values()], 0.13 * (high - low))
    labels = {}
    for name, place in zip(sums, places, strict=True):
        short_name = name.removesuffix(" base")
        labels[TOKENS[0], 10**place] = coloured(f"{short_name}  ", LOOKS[name].colour)
    traces.append(say(labels, "middle left", panel=2))
    traces += [level(card, [TOKENS[0], 2 * TOKENS[-1]], panel=2, name="card",
                     hovertemplate=f"a card of {card / 1e9:.0f} GB<extra></extra>")
               for card in CARDS]
    traces.append(ring(tokens, total, chosen, panel=2, text="%{y:.3s}B"))

    tokens_axis = named_ticks(TOKENS, title="tokens in a step", margin=0.15)
    tokens_axis["range"][0] -= 0.8  # room for the names
    said_terms = ", ".join(f"{name} {size_text(size)}" for name, size in terms.items())
    return figure(
        traces, f"{size_text(total)} in all, {size_text(adapters)} of them the adapter’s own",
        [{**BYTES, "range": [6, high]}, tokens_axis],
        [{"range": [-0.6, 5.6], "tickvals": list(range(6)), "ticktext": TERMS[::-1],
          "showgrid": False},
         {"type": "log", "tickvals": [1e9, 1e10, 24e9, 80e9, 1e12],
          "ticktext": ["1 GB", "10 GB", "24 GB", "80 GB", "1 TB"],
          "range": [low - 0.15, high + 0.1]}],
        f"{model}, {modules}, r = {r}, {precision}, {tokens:,} tokens, checkpointing "
        f"{'on' if checkpointing else 'off'}: counted {size_text(total)}, {said_terms}"
        f" · file {size_text(file(llama, modules, r, PRECISIONS[precision]))}",
        headings=["bytes of each term, " + coloured("adapter’s own", chosen), "their sum"],
        margin={**MARGIN, "l": 92})  # room for the terms' names


def _term_lines(terms: dict[str, float], chosen: str) -> list[dict]:
    """A line from 1 MB to the bytes of each term; the adapter's own in the chosen colour."""
    traces = []
    for at, name in enumerate(TERMS[::-1]):
        colour = chosen if name in OWN else "frozen"
        traces += [line([1e6, max(terms[name], 1e6)], [at, at], colour, width=6),
                   marks([terms[name]], [at], colour, "circle", 13, name=name,
                         hovertemplate=f"{name}: %{{x:.3s}}B<extra></extra>")]
    return traces


def carried(r: int = 64, alpha: int = 32, rule: str = "LoRA") -> dict:
    """The rate with which Adam's first step stays as useful as in RECIPE, against the rank."""
    carries = RECIPE["lr"] * RECIPE["alpha"]  # η s r under α/r

    def rate_at(rank: int, name: str) -> float:
        return carries / (scaling(rank, alpha, SCALE_RULES[name]) * rank)

    s = scaling(r, alpha, SCALE_RULES[rule])
    rate = rate_at(r, rule)
    times = number(RECIPE["lr"] / rate)
    useful = "as useful as before" if times == "1" else f"{times} times as useful"
    rounded_rate = short(float(f"{rate:.2g}"))

    traces = []
    for name, look in SCALE_LOOKS.items():
        is_chosen = name == rule
        rates = np.array([rate_at(rank, name) for rank in RANKS])
        traces.append(look.curve(RANKS, rates, FORMULAS[name], width=3.5 if is_chosen else 1.5,
                                 size=9 if is_chosen else 5,
                                 hovertemplate=f"{FORMULAS[name]}: η = %{{y:.2g}}<extra></extra>"))
    traces += [end_labels(RANKS[-1], {FORMULAS[name]: (rate_at(RANKS[-1], name), look.colour)
                                      for name, look in SCALE_LOOKS.items()}),
               level(RECIPE["lr"], [RANKS[0] / 1.5, RANKS[-1]], name="the recipe's rate",
                     hovertemplate="the recipe’s η = %{y:.2g}<extra></extra>"),
               ring(r, rate, SCALE_LOOKS[rule].colour, text="η = %{y:.2g}")]

    return figure(
        traces, f"At the recipe’s η the first step is {useful}, equal at η = {rounded_rate}",
        [roomy(named_ticks(RANKS, "rank r", ticks=RANKS[::2], margin=0.15), 0.5)],
        [log_labelled("η for an equally useful first step", -6.9, -2.7, [1e-6, 1e-5, 1e-4, 1e-3],
                      texts=[power(e) for e in range(-6, -2)])],
        f"r = {RECIPE['r']}, α = {RECIPE['alpha']}, α/r, η = {RECIPE['lr']:g} → r = {r}, "
        f"α = {alpha}, {FORMULAS[rule]}: the scale goes from "
        f"{number(RECIPE['alpha'] / RECIPE['r'])} to {number(s)}; at the same η Adam’s first step "
        f"is {useful}; equally useful at η = {rounded_rate}")


@cache
def _merges() -> list[tuple[float, float]]:
    """For each of SIZES how much of an update arrives in NF4, and the error in its lengths."""
    rng = np.random.default_rng(0)
    base = nf4.in_four_bits(rng.normal(0, 0.02, (512, 512))).astype(float)
    delta = rng.normal(size=(512, 8)) @ rng.normal(size=(8, 512))
    delta *= np.linalg.norm(base) / np.linalg.norm(delta)
    results = []
    for size in SIZES:
        moved = nf4.in_four_bits(base + size * delta) - base
        wanted = size * delta
        results.append((np.vdot(moved, wanted) / np.vdot(wanted, wanted),
                        np.linalg.norm(moved - wanted) / np.linalg.norm(wanted)))
    return results


def merged(size: float = 0.03) -> dict:
    """How much of an update arrives in a base in four bits, and the error, against its length."""
    arrives = [share for share, _ in _merges()]
    error = [gap for _, gap in _merges()]
    at = SIZES.index(size)
    traces = [level(1.0, [SIZES[0] / 1.4, SIZES[-1]])]
    for colour, values, name in (("delta", arrives, "arrives"), ("B", error, "error")):
        traces += [curve(colour, SIZES, values, name=name),
                   end_labels(SIZES[-1], {name: (values[-1], colour)}),
                   ring(size, values[at], colour, size=20, text=f"{name}: %{{y:.2f}}")]
    return figure(
        traces,
        f"{100 * arrives[at]:.0f} % arrives, and the error is {error[at]:.2f} of the update",
        [roomy(named_ticks(SIZES, title="‖ΔW‖/‖W‖", ticks=(0.01, 0.03, 0.1, 0.3, 1)), 0.85)],
        [labelled("in parts of the update", -0.05, 1.25)],
        f"of an update of {size:g} of the weight {100 * arrives[at]:.0f} % arrives; the error is "
        f"{error[at]:.2f} times as long as the update")
