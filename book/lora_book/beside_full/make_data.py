"""Searches the map of best rates of the chapter Compared with full fine-tuning, and trains the
digits with four batches, in seven minutes:

    python -m lora_book.beside_full.make_data
"""

from itertools import product

import numpy as np

from lora_book.beside_full import runs_batch
from lora_book.beside_full.runs_ratio import FILE, INPUTS, SEEDS, WIDTHS, search
from lora_book.shared.all_runs import all_runs


def main() -> None:
    """Search every cell of the map and store the best rates."""
    best = [search(inputs, k, seed) for inputs, k, seed in product(INPUTS, WIDTHS, SEEDS)]
    np.savez_compressed(FILE, full=_seeds_last([full for full, _ in best]),
                        lora=_seeds_last([lora for _, lora in best]))
    train_batches()


def _seeds_last(rates: list[np.ndarray]) -> np.ndarray:
    """(inputs, widths, …, seeds), from a list of all searches that counts the seeds fastest."""
    cells = np.reshape(rates, (len(INPUTS), len(WIDTHS), len(SEEDS), *rates[0].shape))
    return np.moveaxis(cells, 2, -1).astype(np.float32)


def train_batches() -> None:
    """Train the digits with each method, batch and rate, and with each α at the fixed rates."""
    in_full, *ranks = runs_batch.METHODS.values()
    eta = all_runs(runs_batch.train, [in_full, *ranks], runs_batch.BATCHES, runs_batch.RATES)
    alpha = [all_runs(runs_batch.train, ranks, runs_batch.BATCHES, [lr], alphas)[:, :, 0]
             for lr, alphas in runs_batch.ALPHAS.items()]
    np.savez_compressed(runs_batch.FILE, eta=np.float32(eta), alpha=np.float32(alpha))


if __name__ == "__main__":
    main()
