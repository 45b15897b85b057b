"""``python -m lora_edu.chapters.small_gpt.compare [FOLDER]`` makes the chapter's data (20 minutes).

Adapts the pretrained small GPT to the two other texts in many ways, each with the learning rate
that is best on the validation part, and writes ``results.json`` (losses on the test part and, for
the explorer, samples) and ``adapters/`` (q and v, four ranks, float16, PEFT's format).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch

from lora_edu.chapters.small_gpt.base import load_base, untrained
from lora_edu.chapters.small_gpt.results import RANKS
from lora_edu.chapters.small_gpt.text import BLOCK, DATA, STYLES, decode, part
from lora_edu.chapters.small_gpt.training import fit, loss_on, surprise, write
from lora_edu.nn import inject, load_adapter, lora_layers, save_adapter, set_adapter

STEPS, BATCH, ALPHA, SEEDS = 150, 16, 8, (0, 1, 2)
ALL = ("q", "k", "v", "out", "up", "down")
PROMPTS = ("And God said", "LOVE, n.", "MACBETH.\n", "The king ")
LENGTH, TEMPERATURE = 270, 0.6
# name → (modules, r); no modules: all weights train, from the base or from scratch
QV = {f"q, v, r = {r}": (("q", "v"), r) for r in RANKS}
OTHERS = {"all, r = 8": (ALL, 8), "full": ((), 0), "scratch": ((), 0)}
BUDGET = {"q, r = 16": (("q",), 16), "k, r = 16": (("k",), 16), "v, r = 16": (("v",), 16),
          "q, k, v, out, r = 4": (("q", "k", "v", "out"), 4),
          "up, down, r = 3": (("up", "down"), 3), "all, r = 2": (ALL, 2)}
METHODS = QV | OTHERS | BUDGET
GUESS = {"full": 2e-3, "scratch": 8e-3}  # where the search for the learning rate begins


def prepare(method: str, seed: int) -> tuple[torch.nn.Module, np.random.Generator]:
    """A model ready to train in one of METHODS, and the generator to go on with."""
    modules, r = METHODS[method]
    rng = np.random.default_rng(seed)
    model = untrained(seed) if method == "scratch" else load_base()
    if modules:
        inject(model, modules, r, ALPHA, rng=rng)
    return model, rng


def adapt(style: str, method: str, lr: float, seed: int) -> torch.nn.Module:
    """Train one of METHODS on a text."""
    model, rng = prepare(method, seed)
    fit(model, part(style, "train"), steps=STEPS, lr=lr, rng=rng, batch=BATCH)
    return model


def best_rate(style: str, method: str) -> tuple[dict[float, float], torch.nn.Module]:
    """{learning rate: validation loss} with the best not at an end, and the best one's model.

    Rates double from one to the next; the seed is the first of SEEDS.
    """
    losses, models = {}, {}
    at = GUESS.get(method, 8e-3)
    while True:
        for lr in (at / 2, at, at * 2):
            if lr not in losses:
                models[lr] = adapt(style, method, lr, SEEDS[0])
                losses[lr] = loss_on(models[lr], part(style, "validation"))
        best = min(losses, key=losses.get)
        if best == at:
            return losses, models[at]
        at = best


def measure(style: str, method: str) -> tuple[dict, torch.nn.Module]:
    """One row of the comparison, and the model of its first seed."""
    rates, first = best_rate(style, method)
    lr = min(rates, key=rates.get)
    models = [first, *(adapt(style, method, lr, seed) for seed in SEEDS[1:])]
    row = {"style": style, "method": method, "lr": lr,
           "trained": sum(p.numel() for p in first.parameters() if p.requires_grad),
           "validation": {f"{rate:g}": round(loss, 4) for rate, loss in sorted(rates.items())},
           "test": [round(loss_on(model, part(style, "test")), 4) for model in models],
           "shakespeare": [round(loss_on(model, part("shakespeare", "test")), 4)
                           for model in models]}
    return row, first


def keep(model: torch.nn.Module, folder: Path) -> None:
    """Save the adapter in float16."""
    for layer in lora_layers(model).values():
        layer.adapters["default"].half()
    save_adapter(model, folder)


def sample(model: torch.nn.Module, prompt: str) -> str:
    """What the explorer shows after a prompt."""
    return write(model, prompt, LENGTH, rng=np.random.default_rng(0), temperature=TEMPERATURE)


def shown(folder: Path) -> dict[str, list[dict]]:
    """What the explorers show: samples by the base and by each adapter, and held-out passages.

    ``gain``: log p(adapter) − log p(base) of each character, ``surprise``: −log p, in nats.
    """
    model = load_base()
    names = {f"{style}-r{r}": (style, r) for style in ("bible", "devil") for r in RANKS}
    for name in names:
        load_adapter(model, folder / name, name=name)
    set_adapter(model, [])
    made = [{"style": "shakespeare", "r": 0, "prompt": p, "text": sample(model, p)}
            for p in PROMPTS]
    passages = [{"style": style, "text": passage(style),
                 "surprise": {"none": rounded(surprise(model, passage(style)))}}
                for style in STYLES]
    for name, (style, r) in names.items():
        for prompt in PROMPTS:
            set_adapter(model, name)
            text = sample(model, prompt)
            with_adapter = surprise(model, prompt + text)
            set_adapter(model, [])
            gain = surprise(model, prompt + text) - with_adapter
            made.append({"style": style, "r": r, "prompt": prompt, "text": text,
                         "gain": rounded(gain[len(prompt) - 1:])})
        set_adapter(model, name)
        for one in passages:
            one["surprise"][name] = rounded(surprise(model, one["text"]))
    return {"samples": made, "passages": passages}


def passage(style: str) -> str:
    """LENGTH characters of the test part, from the beginning of a line."""
    text = decode(part(style, "test"))
    begin = text.index("\n", BLOCK) + 1
    return text[begin:begin + LENGTH]


def rounded(values: np.ndarray) -> list[float]:
    return [round(float(value), 2) for value in values]


def dump(result: dict, file: Path) -> None:
    """JSON with a line for each row, sample and passage."""
    parts = [f'"base": {json.dumps(result["base"])}']
    parts += [f'"{key}": [\n' + ",\n".join(map(json.dumps, result[key])) + "\n]"
              for key in ("rows", "samples", "passages") if key in result]
    file.write_text("{\n" + ",\n".join(parts) + "\n}\n")


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    base = load_base()
    result = {"base": {style: {name: round(loss_on(base, part(style, name)), 4)
                               for name in ("validation", "test")} for style in STYLES},
              "rows": []}
    runs = [(style, method) for style in ("bible", "devil") for method in QV]
    runs += [("bible", method) for method in OTHERS | BUDGET] + [("devil", "full")]
    for style, method in runs:
        row, model = measure(style, method)
        print(row, flush=True)
        result["rows"].append(row)
        if method in QV:
            keep(model, folder / "adapters" / f"{style}-r{QV[method][1]}")
        if len(result["rows"]) == 2 * len(QV):  # all adapters are there
            result |= shown(folder / "adapters")
        dump(result, folder / "results.json")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DATA)
