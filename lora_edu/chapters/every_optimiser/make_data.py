"""Makes ``data/others.json`` anew, in about a minute:

    pip install pytorch_optimizer lion-pytorch schedulefree prodigyopt bitsandbytes
    python -m lora_edu.chapters.every_optimiser.make_data
"""

from __future__ import annotations

import json
from importlib.metadata import version

import bitsandbytes
import lion_pytorch
import prodigyopt
import pytorch_optimizer as po
import schedulefree
import torch

from lora_edu.chapters.every_optimiser.runs import DATA, DECAY, EPS, Rule, compare


def by(package: str) -> str:
    return f"{package} {version(package)}"


PO = by("pytorch_optimizer")
RULES = {
    "Lion": Rule(lambda p, lr, c: lion_pytorch.Lion(p, lr, weight_decay=0.1 / c), 0.001, 1,
                 {"decay": -1}, by("lion-pytorch")),
    "SignSGD": Rule(lambda p, lr, c: po.SignSGD(p, lr, momentum=0.0), 0.001, 1, {}, PO),
    "Tiger": Rule(lambda p, lr, c: po.Tiger(p, lr, weight_decay=0.1 / c), 0.001, 1,
                  {"decay": -1}, PO),
    "schedule-free AdamW": Rule(
        lambda p, lr, c: schedulefree.AdamWScheduleFree(p, lr, eps=1e-8 / c, weight_decay=0.1 / c),
        0.01, 1, DECAY, by("schedulefree")),
    "Prodigy": Rule(lambda p, lr, c: prodigyopt.Prodigy(p, lr, d0=1e-6 * c, eps=1e-8 / c), 1.0, 0,
                    {"d₀": 1, "ε": -1}, by("prodigyopt")),
    "AdaBelief": Rule(lambda p, lr, c: po.AdaBelief(p, lr, eps=1e-16 / c**2), 0.01, 1,
                      {"ε": -2}, PO),
    "Adan": Rule(lambda p, lr, c: po.Adan(p, lr, eps=1e-8 / c), 0.01, 1, EPS, PO),
    "CAME": Rule(lambda p, lr, c: po.CAME(p, lr, eps1=1e-30 / c**2), 0.01, 1, {"ε₁": -2}, PO),
    "Shampoo": Rule(lambda p, lr, c: po.Shampoo(p, lr, matrix_eps=1e-6 / c**2), 0.01, 1,
                    {"ε": -2}, PO),
    "Adam in 8 bits": Rule(
        lambda p, lr, c: bitsandbytes.optim.Adam8bit(p, lr, eps=1e-8 / c, min_8bit_size=1),
        0.01, 1, EPS, by("bitsandbytes"), torch.float32),
    "LARS": Rule(lambda p, lr, c: po.LARS(p, lr), 0.01, None, {}, PO),
    "LAMB": Rule(lambda p, lr, c: po.Lamb(p, lr, eps=1e-6 / c), 0.01, None, EPS, PO),
    "MARS": Rule(lambda p, lr, c: po.MARS(p, lr, eps=1e-8 / c), 0.01, None, EPS, PO),
    "SOAP": Rule(lambda p, lr, c: po.SOAP(p, lr, eps=1e-8 / c, weight_decay=0.1 / c), 0.01, 1,
                 DECAY, PO),
    "ADOPT": Rule(lambda p, lr, c: po.ADOPT(p, lr, eps=1e-6 / c), 0.01, 1, EPS, PO),
}

if __name__ == "__main__":
    torch.set_num_threads(1)
    DATA.write_text(json.dumps({name: compare(rule) for name, rule in RULES.items()}) + "\n")
