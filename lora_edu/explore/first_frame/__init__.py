"""The first frame: a picture of an explorer's first position, as plotly will draw it.

It stands on the page until plotly has been fetched, and for readers without JavaScript. It is an
optimisation, and asks nothing of a figure: what it cannot draw, plotly draws.
"""

from lora_edu.explore.first_frame.frame import WIDTHS, first_frame

__all__ = ["WIDTHS", "first_frame"]
