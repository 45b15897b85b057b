"""Two factors as bars, and a factor in words."""

from lora_book.shared.axes import labelled
from lora_book.shared.drawing import box, dotted, say
from lora_book.shared.style import MARGIN, figure


def factor_bars(factors: dict[str, float], headline: str, axis: str, note: str, reading: str
                ) -> dict:
    """A bar for each of two factors, up to 16, with its size beside it; dotted, a factor of one.

    Args:
        factors: Name → factor, from below.
        headline, axis, note, reading: What is found, the axis' title, what is dotted, and the
            sentence under the plot.
    """
    shapes = [box(0, at - 0.28, factor, 0.56, "delta")
              for at, factor in enumerate(factors.values())]
    shapes += [dotted(0, at - 0.36, 1, 0.72) for at in (0, 1)]
    traces = [say({(max(factor, 1), at): f" {times(factor)}"
                   for at, factor in enumerate(factors.values())}, "middle right", 16),
              say({(0, -0.56): note}, "middle right", 12)]
    return figure(traces, headline,
                  [labelled(axis, 0, 21, tickvals=[0, 1, 4, 8, 12, 16])],
                  [{"range": [-0.8, 1.6], "tickvals": [0, 1], "showgrid": False,
                    "ticktext": [f"{name} " for name in factors]}], reading, shapes=shapes,
                  margin={**MARGIN, "l": 130, "t": 12})


def times(factor: float) -> str:
    """16 → "× 16", 0.25 → "÷ 4"."""
    return f"× {factor:.3g}" if factor > 0.999 else f"÷ {1 / factor:.3g}"
