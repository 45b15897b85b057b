"""Changes to a trained adapter of the small GPT: strengths other than 1 after learning rates that
are far too high, 16 bits, a full fine-tuning cut to a rank, another base of the same shape.

The losses are stored in ``data/files.json``, which ``make_data.py`` makes.
"""

import json
from copy import deepcopy
from functools import cache
from pathlib import Path

import numpy as np
import torch

from lora_book.behind_answers.runs_rank import rebuilt, updates
from lora_book.small_gpt import adapting
from lora_book.small_gpt.adapting import ALL, adapted, is_adapted
from lora_book.small_gpt.text import part
from lora_book.small_gpt.training import fit, load_base, loss_on
from lora_edu.nn import lora_layers

FILE = Path(__file__).with_name("data") / "files.json"
SEEDS = (0, 1, 2)
BEST = 0.016  # the best η of r = 8 on all modules, in the chapter's own search
TIMES = (1, 4, 8)  # η as a multiple of it
STRENGTHS = (0, 0.25, 0.5, 0.75, 1)
DTYPES = ("float32", "bfloat16", "float16")
FULL_RATE = 0.002  # the best η in full, likewise
CUTS = (1, 2, 4, 8, 16, 32, 64)
MORE_STEPS = (20, 80, 320)  # on another text, in full: relatives of the base
LENGTH = 20_000  # characters of the training text that are measured


@cache
def results() -> dict:
    """Losses on the Bible, in nats a character, a list of three seeds at the bottom of each.

    "base": the frozen model's (training, validation). "strengths": η's multiple → strength →
    (training, validation). "dtypes": type → validation. "kept", "cut": rank → share of ‖ΔW‖² of a
    full fine-tuning, and its validation loss; the rank "all" is uncut. "bases": name → (distance,
    validation without, validation with the adapter).
    """
    return json.loads(FILE.read_text("utf-8"))


def measured() -> dict:
    """What :func:`results` reads."""
    trained = {times: [adapted("bible", ALL, 8, 8, times * BEST, seed) for seed in SEEDS]
               for times in TIMES}
    whole = [adapted("bible", (), 0, 0, FULL_RATE, seed) for seed in SEEDS]
    parts = {rank: [cut(model, rank) for model in whole] for rank in CUTS}
    uncut = {"all": [held_out(model) for model in whole]}
    return {
        "base": both(load_base()),
        "strengths": {times: {f: [both(at_strength(model, f)) for model in models]
                              for f in STRENGTHS} for times, models in trained.items()},
        "dtypes": {dtype: [held_out(rounded(model, dtype)) for model in trained[1]]
                   for dtype in DTYPES},
        "kept": {rank: [round(share, 4) for _, share in each] for rank, each in parts.items()},
        "cut": {rank: [held_out(model) for model, _ in each] for rank, each in parts.items()}
        | uncut,
        "bases": {name: [distance(base), held_out(base),
                         [held_out(on_base(model, base)) for model in trained[1]]]
                  for name, base in other_bases().items()}}


def write(result: dict) -> None:
    """Store what :func:`measured` returns, a line a kind."""
    lines = [f"{json.dumps(kind)}: {json.dumps(losses, ensure_ascii=False)}"
             for kind, losses in result.items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


def held_out(model) -> float:
    return round(adapting.held_out(model), 4)


def both(model) -> list[float]:
    """The losses on the training and on the validation part."""
    return [round(loss_on(model, part("bible", "train")[:LENGTH]), 4), held_out(model)]


def adapters(model) -> list:
    return [layer.adapters["default"] for layer in lora_layers(model).values()]


def at_strength(model, strength: float):
    weaker = deepcopy(model)
    for adapter in adapters(weaker):
        adapter.lora_B.data *= strength
    return weaker


def rounded(model, dtype: str):
    """A copy of a model with A and B rounded to one of torch's types."""
    other = deepcopy(model)
    for adapter in adapters(other):
        for parameter in adapter.parameters():
            parameter.data = parameter.data.to(getattr(torch, dtype)).float()
    return other


def cut(model, rank: int):
    """The difference to the base, cut in every adapted matrix to a rank, and the share kept."""
    parts = updates(model)
    squares = [S.square() for _, S, _ in parts.values()]
    kept = sum(each[:rank].sum() for each in squares) / sum(each.sum() for each in squares)
    return rebuilt(model, parts, f"cut to {rank}"), kept.item()


def other_bases() -> dict:
    """Bases of the same shape: the base itself, one that computes the same, and relatives."""
    bases = {"itself": load_base(), "its units in another order": reordered(load_base())}
    for steps in MORE_STEPS:
        relative = load_base()
        fit(relative, part("devil", "train"), steps=steps, lr=FULL_RATE,
            rng=np.random.default_rng(0))
        bases[f"{steps} steps on another text"] = relative
    return bases


@torch.no_grad()
def reordered(model):
    """The same function, with the units of the residual stream in another order."""
    order = torch.randperm(model.size.width, generator=torch.Generator().manual_seed(0))
    for name, p in model.named_parameters():
        writes = name.split(".")[-2] in ("out", "down")  # the others read the stream
        p.copy_(p[order] if writes else p[..., order])
    return model


def distance(base) -> float:
    """‖W′ − W‖/‖W‖ over all adapted matrices, W being the base's."""
    first = [W.flatten() for name, W in load_base().named_parameters() if is_adapted(name)]
    other = [W.flatten() for name, W in base.named_parameters() if is_adapted(name)]
    first = torch.cat(first)
    return round(((torch.cat(other) - first).norm() / first.norm()).item(), 4)


def on_base(model, base):
    """A different base with a model's adapters."""
    moved = deepcopy(model)
    weights = {name.replace(".weight", ".base_layer.weight") if is_adapted(name) else name: value
               for name, value in base.state_dict().items()}
    moved.load_state_dict(weights, strict=False)
    return moved
