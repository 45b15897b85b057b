"""Where there is a picture before the first touch, it is the one that plotly draws after it."""

from itertools import pairwise

import numpy as np
import pytest

from tests.book import sampled
from tests.site.devices import DEVICES, DRAWING
from tests.site.pages import EXPLORERS

STILL = [built for built in EXPLORERS if built.is_still]

NEAR = {"words": 3, "grid": 1.1, "marks": 1.1, "areas": 1.6}  # px
ASTRAY = 1.5  # px that a curve may lie beside the other


def check_alike(frame, plotly):
    """Every word, line, mark and area has its twin in the other: of the same look, and near."""
    assert frame["fonts"] == plotly["fonts"]
    for kind, near in NEAR.items():
        left = list(plotly[kind])
        for look, *places in frame[kind]:
            twins = [each for each in left if each[0] == look
                     and np.abs(np.subtract(each[1:], places)).max() <= near]
            assert twins, (kind, look, places, [each for each in left if each[0] == look], left)
            left.remove(twins[0])
        assert left == [], kind
    assert {look for look, _ in frame["curves"]} == {look for look, _ in plotly["curves"]}
    for some, others in ((frame, plotly), (plotly, frame)):
        clips = np.array(plotly["clips"])
        for look, points in some["curves"]:
            pieces = segments(other for other_look, other in others["curves"] if other_look == look)
            for x, y in segments([points]).reshape(-1, 2):
                inside = (clips[:, :2] <= (x, y)).all(1) & ((x, y) <= clips[:, 2:]).all(1)
                assert not inside.any() or distance((x, y), pieces) <= ASTRAY, (look, x, y)


def segments(curves):
    """(n, 2, 2): the ends of all straight pieces."""
    return np.array([(a[1:], b[1:]) for points in curves
                     for a, b in pairwise(points) if not b[0]])


def distance(point, pieces):
    """From a point to the nearest of straight pieces."""
    start, along = pieces[:, 0], pieces[:, 1] - pieces[:, 0]
    length = np.maximum((along**2).sum(1), 1e-9)
    share = np.clip(((point - start) * along).sum(1) / length, 0, 1)
    return np.hypot(*(start + share[:, None] * along - point).T).min()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("built", sampled(STILL))
def test_the_first_frame_looks_like_plotlys_drawing(reader, built, device):
    here = reader(built.page, device)
    frame = here.first_frames[built.name]
    assert frame["words"]
    root = here.start(built.name) if built.controls else here.show(built.name)
    here.page.wait_for_timeout(50)
    check_alike(frame, root.evaluate(DRAWING))
