"""Whole matrices that train beside an adapter: losses of the small GPT, which
``small_gpt.make_maps`` stored."""

import numpy as np

from lora_book.shared import rate_maps


def beside() -> dict[tuple[float, float], list[float]]:
    """Validation losses with the head and the characters' embedding trained in full.

    (rate of the adapter, rate of the two matrices, 0 where they are frozen) → the loss of each
    seed.
    """
    losses = {}
    for _, *rates, loss in np.loadtxt(rate_maps.FOLDER / "small_gpt_beside.log").tolist():
        losses.setdefault(tuple(rates), []).append(loss)
    return losses
