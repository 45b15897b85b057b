"""Forward and backward by hand: two paths and two gradients."""

from lora_book.by_hand import runs
from lora_book.shared.drawing import box, connect, drawing, fill, map_drawing, say
from lora_book.shared.style import COLOURS, coloured
from lora_book.shared.word_pictures import beside

LAYER = {  # left, centre, width and height to scale for n = 3, d = 4, k = 5, r = 1; shape; colour
    "X": (0, 0, 5, 3, "n × k", "frozen"),
    "W₀": (9, 3, 5, 4, "d × k", "frozen"),
    "A": (9, -3.5, 5, 1, "r × k", "A"),
    "U": (16.5, -3.5, 1, 3, "n × r", "loss"),
    "B": (20, -3.5, 1, 4, "d × r", "B"),
    "H": (25, 0, 4, 3, "n × d", "loss"),
}
LINES = [  # the headline, what the line reads, what it makes, and its sentence
    ("Forward: U = X·Aᵀ,  H = X·W₀ᵀ + s·U·Bᵀ", tuple(LAYER), "",
     "In the forward pass, X passes through the frozen W₀ and, in parallel, through A and B."),
    ("Line 1: ∇B = s·Dᵀ·U", ("H", "U"), "B", "The gradient of B is computed from D and U."),
    ("Line 2: ∇U = s·D·B", ("H", "B"), "U", "The gradient of U is computed from D and B."),
    ("Line 3: ∇A = (∇U)ᵀ·X", ("U", "X"), "A", "The gradient of A is computed from ∇U and X."),
    ("Line 4: ∇X = D·W₀ + ∇U·A", ("H", "W₀", "U", "A"), "X",
     "The gradient of X is the sum over both paths. It requires W₀, which gets no gradient."),
]


def two_paths(line: int = 0) -> dict:
    """The layer's two paths, every matrix to scale, and what one line of the pass needs and makes.

    line: 0 for the forward pass, 1 to 4 for the lines of the backward pass.
    """
    headline, reads, makes, text = LINES[line]
    names = {name: name for name in LAYER} | ({"H": "D"} if line else {})  # D = ∇H
    names |= ({"U": "∇U"} if line > 1 else {}) | ({makes: f"∇{makes}"} if makes else {})
    parts = _wires()
    labels = {}
    below = {}
    for name, (left, centre, width, height, shape, quantity) in LAYER.items():
        lit = name in reads or name == makes
        block = box(left, centre - height / 2, width, height, fill(quantity, 0.7 if lit else 0))
        if name == makes:
            block["line"] = {"color": COLOURS["gradient"], "width": 4}
        parts.append(block)
        above = 0 if min(width, height) > 1 else height / 2 + 0.9  # what is thin has no room
        labels[left + width / 2, centre + above] = names[name]
        below[left + width / 2, centre - height / 2 - 0.9] = (
            "no ∇W₀" if line and name == "W₀" else shape)
    parts += [say(labels, size=15), say(below, size=12),
              say(dict.fromkeys([(8.3, 3), (8.3, -3.5), (24.3, 0)], "◂" if line else "▸"), size=15)]
    return drawing(parts, headline, (-0.6, 29.6), (-7.3, 5.7), text)


def _wires() -> list[dict]:
    """The lines of both paths, from X on the left to H on the right."""
    return [*connect((5, 0), (6.5, 0), (6.5, 3), (9, 3)), *connect((14, 3), (23.5, 3), (23.5, 0)),
            *connect((6.5, 0), (6.5, -3.5), (9, -3.5)), *connect((14, -3.5), (16.5, -3.5)),
            *connect((17.5, -3.5), (20, -3.5)), *connect((21, -3.5), (23.5, -3.5), (23.5, 0)),
            *connect((23.5, 0), (25, 0))]


def two_gradients(r: int = 4) -> dict:
    """−∇B’s columns and −∇A’s rows beside −G, of which they are mixtures."""
    G, grad_B, grad_A = runs.word_gradients(r)
    d, k = G.shape
    drawn = beside(-grad_B / abs(grad_B).max(), -grad_A / abs(grad_A).max(), -G, ("−∇B", "−∇A"))
    drawn.append(say({(k / 2, d + 1.1): coloured("−G, which is never computed", "delta")},
                     size=14))
    return map_drawing(
        drawn, f"∇A and ∇B together hold {r * (d + k)} numbers, whereas G would hold {d * k}",
        (-2 - d, k + 0.5), (-4 - d, d + 2.5),
        f"With r = {r}, ∇B holds {d * r} numbers and ∇A {r * k}, whereas G would hold {d * k}")
