"""Searches the map of best rates of the chapter Beside full fine-tuning anew, and trains the digits
with four batches, in seven minutes:

    python -m lora_edu.chapters.beside_full.make_data
"""

import numpy as np

from lora_edu.chapters.beside_full import runs_batch
from lora_edu.chapters.beside_full.runs_ratio import FILE, INPUTS, SEEDS, WIDTHS, search
from lora_edu.chapters.shared.all_runs import all_runs


def main() -> None:
    """Search every cell of the map and store the best rates."""
    best = [[[search(inputs, k, seed) for seed in SEEDS] for k in WIDTHS] for inputs in INPUTS]
    full, lora = (np.moveaxis([[[each[i] for each in row] for row in rows] for rows in best], 2, -1)
                  for i in range(2))
    np.savez_compressed(FILE, full=full.astype(np.float32), lora=lora.astype(np.float32))
    train_batches()


def train_batches() -> None:
    """Train the digits with each method, batch and rate, and with each α at the fixed rates."""
    in_full, *ranks = runs_batch.METHODS.values()
    eta = all_runs(runs_batch.train, [in_full, *ranks], runs_batch.BATCHES, runs_batch.RATES)
    alpha = [all_runs(runs_batch.train, ranks, runs_batch.BATCHES, [lr], alphas)[:, :, 0]
             for lr, alphas in runs_batch.ALPHAS.items()]
    np.savez_compressed(runs_batch.FILE, eta=np.float32(eta), alpha=np.float32(alpha))


if __name__ == "__main__":
    main()
