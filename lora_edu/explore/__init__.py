"""Sliders for figure functions: live in a kernel, precomputed on a static page.

``explore(function, r=[1, 2, 4], …)`` lets a reader move a function's arguments; ``show(figure)``
puts one plotly figure in the same dress. Knows no LoRA; imports widgets only when shown.
"""

from lora_edu.explore.explorer import Explorer, explore, show
from lora_edu.explore.plain_figure import ExploreError

__all__ = ["ExploreError", "Explorer", "explore", "show"]
