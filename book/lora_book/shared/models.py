"""Sizes of known models, and what an adapter trains in them.

Layers, widths and shapes are those of the released models; the numbers of all parameters are those
that Hu et al. 2021, version 2, print in Tables 2 to 4.
"""

from dataclasses import dataclass

from lora_edu.explore.words import number


@dataclass(frozen=True)
class Model:
    """A transformer: its layers, the matrices of one of them, and all parameters as printed.

    shapes: {name: (rows, columns)}: q, k, v and o of the attention, and the MLP's up and down.
    """

    layers: int
    shapes: dict[str, tuple[int, int]]
    total: int | None = None

    @property
    def d(self) -> int:
        """The width."""
        return self.shapes["q"][1]

    def adapted(self, targets: str) -> list[tuple[int, int]]:
        """Shapes of the named matrices of one layer. targets: names as in "q, v", or "all six"."""
        names = self.shapes if targets == "all six" else targets.split(", ")
        return [self.shapes[name] for name in names]

    def frozen(self, targets: str) -> int:
        """The parameters of the adapted matrices, over all layers: Σ d·k."""
        return self.layers * sum(d * k for d, k in self.adapted(targets))

    def trainable(self, targets: str, r: int) -> int:
        """The parameters of their adapters, over all layers: Σ r·(d + k)."""
        return self.layers * sum(r * (d + k) for d, k in self.adapted(targets))


def _square(layers: int, d: int, total: int | None = None) -> Model:
    """A model whose attention is d × d and whose MLP is four times as wide."""
    return Model(layers, {**dict.fromkeys("qkvo", (d, d)), "up": (4 * d, d), "down": (d, 4 * d)},
                 total)


SIZES = {
    "RoBERTa base": _square(12, 768, 125_000_000),
    "RoBERTa large": _square(24, 1024, 355_000_000),
    "DeBERTa XXL": _square(48, 1536, 1_500_000_000),
    "GPT-2 small": _square(12, 768),
    "GPT-2 medium": _square(24, 1024, 354_920_000),
    "GPT-2 large": _square(36, 1280, 774_030_000),
    "GPT-3": _square(96, 12_288, 175_255_800_000),
    "Llama-3-8B-like": Model(32, {"q": (4096, 4096), "k": (1024, 4096), "v": (1024, 4096),
                                  "o": (4096, 4096)}),
}


def size_text(size: float) -> str:
    """Bytes in words, in powers of a thousand: ``37748736`` → "37.7 MB"."""
    units = {"TB": 1e12, "GB": 1e9, "MB": 1e6, "kB": 1e3}
    name = next(name for name, unit in units.items() if size >= unit or name == "kB")
    return f"{number(size / units[name])} {name}"
