"""Trains the wide layer's study anew, in some seconds:

    python -m lora_edu.chapters.which_zero.make_data
"""

import numpy as np

from lora_edu import parallel
from lora_edu.chapters.which_zero import runs_wide_layer as wide


def trained(index: tuple[int, int, int, int]) -> np.ndarray:
    """What ``wide.stored`` has of one width, matrix, spread and seed, (rates, KEPT)."""
    width, random, spread, seed = index
    layer, Z = wide.draw_task(wide.WIDTHS[width], seed)
    start = wide.start_pair(wide.MATRICES[random], wide.SPREADS[spread], Z)
    with parallel.one_blas_thread():
        loss = wide.train_rates(layer, *start, wide.RATES)
    return loss[:, wide.KEPT] / loss[0, 0]


def main() -> None:
    """Train every width, matrix, spread, seed and rate."""
    shape = len(wide.WIDTHS), len(wide.MATRICES), len(wide.SPREADS), wide.N_SEEDS
    losses = np.empty((*shape, len(wide.RATES), len(wide.KEPT)), np.float32)
    for index, loss in parallel.outcomes(trained, np.ndindex(shape)):
        losses[index] = np.minimum(loss, wide.LOST)
    wide.FILE.parent.mkdir(exist_ok=True)
    np.savez_compressed(wide.FILE, loss=losses)


if __name__ == "__main__":
    main()
