"""Where the memory of training goes: the cells of a card."""

from lora_book.in_practice.memory import LLAMAS, PRECISIONS, account, file
from lora_book.shared.drawing import box, dotted, drawing, fill, say
from lora_book.shared.models import size_text
from lora_book.shared.style import coloured, line

TOKENS = (512, 2048, 8192, 32_768)
CARDS = {24e9: "24 GB", 80e9: "80 GB"}
GB_A_ROW = 8
ROWS = 10  # of the larger card
# What the drawing tells apart, with its colour.
PARTS = {"base": "ink", "adapter": "rose", "activations": "brown", "logits": "teal"}
OWN = ("A and B", "gradients", "moments")  # the adapter's


def memory(model: str = "7B", r: int = 16, modules: str = "all seven",
           precision: str = "mixed", tokens: int = 2048, checkpointing: bool = True) -> dict:
    """What a step holds, filled into the cells of a card: a gigabyte each, row by row."""
    llama = LLAMAS[model]
    terms = account(llama, modules, r, PRECISIONS[precision], tokens, checkpointing)
    total = sum(terms.values())
    sizes = {name: terms.get(name, 0) for name in PARTS}
    sizes["adapter"] = sum(terms[name] for name in OWN)

    names = {}
    shapes = []
    filled = 0.0  # gigabytes
    for row, (name, size) in enumerate(sizes.items()):
        shapes += _fill(filled, filled + size / 1e9, PARTS[name])
        filled += size / 1e9
        names[GB_A_ROW + 0.4, -3.85 - 1.55 * row] = coloured(f"■ {name}", PARTS[name])
        names[GB_A_ROW + 1.2, -4.6 - 1.55 * row] = size_text(size)
    for card, name in CARDS.items():
        rows = card / 1e9 / GB_A_ROW
        shapes.append(dotted(0, -rows, GB_A_ROW, rows, thick=3))
        names[GB_A_ROW + 0.2, -rows] = f"◂ {name}"

    if total > max(CARDS):
        beyond = size_text(total - max(CARDS))
        names[0, -ROWS - 0.5] = coloured(f"▼ {beyond} more", "rose")

    fitting = [name for card, name in CARDS.items() if total <= card]
    outcome = f"fits on a {fitting[0]} card" if fitting else "fits on neither card"
    told = ", ".join(f"{name} {size_text(size)}" for name, size in terms.items())
    return drawing(
        [*shapes, _grid(), say(names, "middle right", 14)],
        f"Training needs {size_text(total)} and {outcome}",
        (-0.3, 15.2), (-ROWS - 1, 0.3),
        f"{model}, {modules}, r = {r}, {precision}, {tokens:,} tokens, checkpointing "
        f"{'on' if checkpointing else 'off'}: {size_text(total)} in all, {told}"
        f" · file {size_text(file(llama, modules, r, PRECISIONS[precision]))}")


def _fill(start: float, end: float, colour: str) -> list[dict]:
    """Boxes from one gigabyte to another, as far as the rows go; one a row."""
    boxes = []
    for row in range(ROWS):
        left = max(start - row * GB_A_ROW, 0)
        right = min(end - row * GB_A_ROW, GB_A_ROW)
        if left < right:
            boxes.append(box(left, -row - 1, right - left, 1, fill(colour, 0.6)))
    return boxes


def _grid() -> dict:
    """The edges of the cells, as one trace, which a page stores once."""
    x = []
    y = []
    for row in range(ROWS + 1):
        x += [0, GB_A_ROW, None]
        y += [-row, -row, None]
    for column in range(GB_A_ROW + 1):
        x += [column, column, None]
        y += [0, -ROWS, None]
    return line(x, y, "frozen", width=1)
