"""Makes the sample of Your adapter anew, in a minute of one core:

    python -m lora_book.your_adapter.make_data

The small GPT's attention is adapted to the King James Bible, at the rate that was best for these
modules and this rank, and its A and B are written in float16.
"""

import torch

from lora_book.small_gpt import results
from lora_book.small_gpt.make_data import adapt
from lora_book.your_adapter import SAMPLE
from lora_edu.nn import lora_layers, save_adapter

STYLE = "bible"
METHOD = "q, k, v, out, r = 4"


def main() -> None:
    torch.set_num_threads(1)
    model = adapt(STYLE, METHOD, results.row(STYLE, METHOD)["lr"], seed=0)
    for layer in lora_layers(model).values():
        layer.adapters["default"].half()
    save_adapter(model, SAMPLE)


if __name__ == "__main__":
    main()
