"""What stands in a plot before the first touch, plotly draws at the same place after it."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from tests.book import sampled
from tests.site.devices import DEVICES, TWO_FRAMES
from tests.site.pages import EXPLORERS, PAGES

STILL_EXPLORERS = {
    page: [built.name for built in EXPLORERS if built.page == page and built.is_still]
    for page in PAGES}
NEAR = 3  # px that a pixel may lie beside its like
UNLIKE = 80  # of 255: two colours that are not the same one, smoothed elsewhere
MOST = 11  # pixels without a like in a square of 5 × 5; of a word that is missing there are more


def picture(root):
    """The pixels of a plot: (height, width, red green and blue)."""
    png = root.locator(".explorer-plot").screenshot()
    return np.array(Image.open(BytesIO(png)).convert("RGB"), int)


def unlike(one, other):
    """Of the 5 × 5 pixels of one picture with the fewest likes near them in the other: how many
    have none."""
    apart = np.abs(one - other).max(2) > UNLIKE
    rows, columns = np.nonzero(apart)  # few: only these have to look around
    around = np.pad(other, ((NEAR, NEAR), (NEAR, NEAR), (0, 0)), mode="edge")
    likes = np.array([around[rows + y, columns + x]
                      for y in range(2 * NEAR + 1) for x in range(2 * NEAR + 1)])
    apart[rows, columns] = np.abs(one[rows, columns] - likes).max(2).min(0) > UNLIKE
    squares = np.lib.stride_tricks.sliding_window_view(apart, (5, 5))
    return squares.sum((2, 3)).max()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("page", sampled([page for page in PAGES if STILL_EXPLORERS[page]]))
def test_plotly_draws_over_the_first_frame(visit, page, device):
    held = []
    tab = visit(page, device, answer={"**/plotly*": lambda route: held.append(route)},
                 until="domcontentloaded",  # the page is not loaded before plotly is
                 reduced_motion="reduce")  # none plays by itself
    tab.page.mouse.move(2, 2)
    roots = {name: tab.page.locator(f"#explorer-{name}") for name in STILL_EXPLORERS[page]}
    frames = {name: picture(root) for name, root in roots.items()}
    while not held:
        tab.page.wait_for_timeout(50)
    held[0].continue_()
    for name, root in roots.items():
        tab.show(name)
        tab.page.evaluate(TWO_FRAMES)
        drawn = picture(root)
        assert unlike(frames[name], drawn) <= MOST, name
