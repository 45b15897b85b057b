"""The first frame of an explorer as SVG: what a page shows until it is touched. It is an
optimisation, and asks nothing of a figure: where ``first_frame`` raises ``Unknown``, the page has
plotly draw instead. What is drawn stands in schema.py.

Imports NumPy. Inside: schema ← axis, svg ← marks ← draw.
"""

from lora_edu.explore.still.draw import first_frame
from lora_edu.explore.still.schema import Unknown

__all__ = ["Unknown", "first_frame"]
