"""Makes ``data/rules.json`` anew, in half a minute; other libraries' rules where these are there:

    pip install pytorch_optimizer lion-pytorch schedulefree prodigyopt bitsandbytes
    python -m lora_edu.chapters.every_optimiser.make_data
"""

import json
from dataclasses import replace
from importlib.metadata import version

import torch

from lora_edu.chapters.every_optimiser.figures import DATA
from lora_edu.chapters.every_optimiser.runs import DECAY, RULES, Rule, compare, with_eps


def rules_of_others() -> dict[str, Rule]:
    """Rules of libraries that nothing else here needs."""
    import bitsandbytes
    import lion_pytorch
    import prodigyopt
    import pytorch_optimizer as po
    import schedulefree

    rules = {
        "lion-pytorch": {
            "Lion": Rule(lambda p, lr, c: lion_pytorch.Lion(p, lr, weight_decay=0.1 / c), 0.001, 1,
                         {"decay": -1})},
        "schedulefree": {
            "schedule-free AdamW": Rule(lambda p, lr, c: schedulefree.AdamWScheduleFree(
                p, lr, eps=1e-8 / c, weight_decay=0.1 / c), 0.01, 1, DECAY)},
        "prodigyopt": {
            "Prodigy": Rule(lambda p, lr, c: prodigyopt.Prodigy(
                p, lr, d0=1e-6 * c, eps=1e-8 / c), 1.0, 0, {"d₀": 1, "ε": -1})},
        "bitsandbytes": {
            "Adam in 8 bits": Rule(lambda p, lr, c: bitsandbytes.optim.Adam8bit(
                p, lr, eps=1e-8 / c, min_8bit_size=1), 0.01, 1, {"ε": -1}, dtype=torch.float32)},
        "pytorch_optimizer": {
            "SignSGD": Rule(lambda p, lr, c: po.SignSGD(p, lr, momentum=0.0), 0.001),
            "Tiger": Rule(lambda p, lr, c: po.Tiger(p, lr, weight_decay=0.1 / c), 0.001, 1,
                          {"decay": -1}),
            "AdaBelief": Rule(lambda p, lr, c: po.AdaBelief(p, lr, eps=1e-16 / c**2), 0.01, 1,
                              {"ε": -2}),
            "Adan": with_eps(po.Adan, 0.01),
            "ADOPT": with_eps(po.ADOPT, 0.01, eps=1e-6),
            "CAME": Rule(lambda p, lr, c: po.CAME(p, lr, eps1=1e-30 / c**2), 0.001, 1, {"ε₁": -2}),
            "Shampoo": Rule(lambda p, lr, c: po.Shampoo(p, lr, matrix_eps=1e-6 / c**2), 0.01, 1,
                            {"ε": -2}),
            "SOAP": Rule(lambda p, lr, c: po.SOAP(p, lr, eps=1e-8 / c, weight_decay=0.1 / c),
                         0.01, 1, DECAY),
            "LARS": Rule(lambda p, lr, c: po.LARS(p, lr), 0.01, None),
            "LAMB": with_eps(po.Lamb, 0.001, eps=1e-6, power=None),
            "MARS": with_eps(po.MARS, 0.01, power=None)}}
    return {name: replace(rule, by=f"{library} {version(library)}")
            for library, own in rules.items() for name, rule in own.items()}


def main() -> None:
    torch.set_num_threads(1)  # tiny matrices: more threads only get in the way
    found, rules = json.loads(DATA.read_text(encoding="utf-8")), RULES
    try:
        rules = RULES | rules_of_others()
    except ModuleNotFoundError as error:
        print(f"{error}: the other libraries' rules stay as they were")
    found |= {name: compare(rule) for name, rule in rules.items()}
    DATA.write_text(json.dumps(found) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
