"""Makes ``data/rules.json`` anew, in half a minute; the rules of ``runs_others`` where their
libraries are there:

    python -m lora_edu.chapters.every_optimiser.make_data
"""

import json

import torch

from lora_edu.chapters.every_optimiser.figures import DATA
from lora_edu.chapters.every_optimiser.runs import RULES, compare
from lora_edu.chapters.every_optimiser.runs_others import LIBRARIES, rules_of


def main() -> None:
    torch.set_num_threads(1)  # tiny matrices: more threads only get in the way
    stored = json.loads(DATA.read_text(encoding="utf-8"))
    rules = dict(RULES)
    for library in LIBRARIES:
        try:
            rules |= rules_of(library)
        except ModuleNotFoundError:
            print(f"{library} is not installed: its rules stay as they were")
    stored |= {name: compare(rule) for name, rule in rules.items()}
    DATA.write_text(json.dumps(stored) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
