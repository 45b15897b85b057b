"""Trains the wide layer's study anew, in some seconds:

    python -m lora_book.which_zero.make_data
"""

import numpy as np

from lora_book.shared.all_runs import all_runs
from lora_book.which_zero import runs_wide_layer as wide


def trained(width: int, random: str, spread: str, seed: int) -> np.ndarray:
    """What ``wide.stored`` has of one width, matrix, spread and seed, (rates, KEPT)."""
    layer, Z = wide.draw_task(width, seed)
    loss = wide.train_rates(layer, *wide.start_pair(random, spread, Z), wide.RATES)
    return loss[:, wide.KEPT] / loss[0, 0]


def main() -> None:
    """Train every width, matrix, spread, seed and rate."""
    losses = all_runs(trained, wide.WIDTHS, wide.MATRICES, wide.SPREADS, range(wide.N_SEEDS))
    np.savez_compressed(wide.FILE, loss=np.minimum(losses, wide.LOST).astype(np.float32))


if __name__ == "__main__":
    main()
