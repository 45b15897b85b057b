"""Where the memory of training goes."""


import numpy as np

from lora_book.in_practice.memory import LLAMAS, PRECISIONS, account, file
from lora_book.shared.axes import BYTES
from lora_book.shared.drawing import say
from lora_book.shared.looks import Look, apart, named_ticks, ring
from lora_book.shared.models import size_text
from lora_book.shared.style import MARGIN, coloured, figure, level, line, marks

TERMS = ("base", "A and B", "gradients", "moments", "activations", "logits")  # from the top
OWN = TERMS[1:4]  # the adapter's
TOKENS = (512, 2048, 8192, 32_768)
CARDS = (24e9, 80e9)  # bytes
LOOKS = {"16 bits": Look("B", "square"), "mixed": Look("A", "circle"),
         "8-bit base": Look("loss", "triangle-up"),
         "4-bit base": Look("delta", "diamond")}



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

