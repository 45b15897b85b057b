"""The first frame: a sketch of an explorer's first position, without axes.

It stands on the page until plotly has been fetched, which draws the same over it, with ticks and
titles. It is an optimisation, and asks nothing of a figure: what it cannot draw, plotly draws.

All stands at percentages of a panel, so that one drawing fits every width; curves stand in an inner
SVG that is stretched to the panel, while their strokes are not. Offsets, sizes and defaults are
plotly's own.
"""

from lora_edu.explore.first_frame.frame import first_frame

__all__ = ["first_frame"]
