"""Searches the map of best rates of the chapter Beside full fine-tuning anew, in two minutes:

    python -m lora_edu.chapters.beside_full.make_data
"""

import numpy as np

from lora_edu.chapters.beside_full.runs_ratio import FILE, INPUTS, SEEDS, WIDTHS, search


def main() -> None:
    """Search every cell of the map and store the best rates."""
    found = [[[search(inputs, k, seed) for seed in SEEDS] for k in WIDTHS] for inputs in INPUTS]
    full, lora = (np.moveaxis([[[each[i] for each in row] for row in rows] for rows in found],
                              2, -1) for i in range(2))
    np.savez_compressed(FILE, full=full.astype(np.float32), lora=lora.astype(np.float32))


if __name__ == "__main__":
    main()
