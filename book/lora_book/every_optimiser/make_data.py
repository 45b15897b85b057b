"""Makes ``data/rules.json`` anew, in half a minute, but for rules whose library is not there:

    python -m lora_book.every_optimiser.make_data
"""

import json

import torch

from lora_book.every_optimiser.figures import DATA
from lora_book.every_optimiser.runs import RULES, compare


def main() -> None:
    torch.set_num_threads(1)  # tiny matrices: more threads only get in the way
    stored = json.loads(DATA.read_text(encoding="utf-8"))
    for name, rule in RULES.items():
        try:
            stored[name] = compare(rule)
        except ModuleNotFoundError as missing:
            print(f"{missing.name} is not installed: {name} stays as it was")
    DATA.write_text(json.dumps(stored) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
