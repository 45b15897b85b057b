"""One block of the small GPT, its matrices to scale, with the adapters in their places.

Imports the drawings.
"""

from __future__ import annotations

from lora_edu.chapters.shared.drawing import box, connect, drawing, fill, say

UNIT = 24  # numbers a unit of the drawing
GAP = 2.2


def block(shapes: dict[str, tuple[int, int]], targets, r: int, layers: int) -> dict:
    """Draw the matrices of a block and, at the targets, A above and B beside W.

    shapes: {name: (d, k)}: attention's q, k, v and out, then the perceptron's up and down.
    targets: names among them. layers: how many such blocks there are.

    Raises ValueError for a target that is not a name.
    """
    if unknown := set(targets) - set(shapes):
        raise ValueError(f"targets must be among {', '.join(shapes)}, got {min(unknown)!r}")
    *attention, up, down = shapes
    tall, thin, side = shapes[up][0] / UNIT, r / UNIT, shapes[up][1] / UNIT
    rows = tall * 0.28, -tall * 0.28  # the heights of attention and of down; up stands beside both
    right = len(attention) * (side + GAP)
    at = {name: (i * (side + GAP), rows[0]) for i, name in enumerate(attention)}
    at |= {up: (right, 0.0), down: (right - GAP - shapes[down][1] / UNIT, rows[1])}
    parts, names, numbers = [], {}, 0
    for name, (x, middle) in at.items():
        d, k = shapes[name]
        width, height = k / UNIT, d / UNIT
        parts.append(box(x, middle - height / 2, width, height, fill("frozen", 0.5)))
        names[x + width / 2, middle] = name
        if name in targets:
            parts += [box(x, middle + height / 2 + 0.2, width, thin, fill("A", 1)),
                      box(x - thin - 0.2, middle - height / 2, thin, height, fill("B", 1))]
            numbers += layers * r * (d + k)
    for row in rows:
        parts += connect((right - GAP + 0.3, row), (right - 0.3, row))
    names |= {((right - GAP) / 2, rows[0] + side / 2 + 1.5): "attention",
              (at[down][0] + shapes[down][1] / UNIT / 2, rows[1] - side / 2 - 1): "perceptron"}
    return drawing([*parts, say(names)],
                   [((-0.9, right + side + 0.5), (-tall / 2 - 0.5, tall / 2 + 1.4))],
                   f"The matrices of one of {layers} blocks, to scale. Adapters of rank {r} stand "
                   f"beside {' and '.join(targets)}; in all blocks they hold {numbers:,} numbers")
