"""Makes the chapter's data anew, in an hour of one core:

    python -m lora_book.small_gpt.make_data

``data/base.safetensors`` and its log, the small GPT pretrained on Shakespeare; ``data/adapters``
and ``data/results.json``, what adapts it to the two other texts; and the maps of ``make_maps``.
Another version of torch, or another processor, gives other bits and nearly the same losses.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from lora_book.small_gpt import fit, load_base, loss_on, make_maps, results, surprise, write
from lora_book.small_gpt.adapting import ALL, adapted, held_out
from lora_book.small_gpt.model import GPT, Size
from lora_book.small_gpt.text import ALPHABET, DATA, STYLES, part
from lora_edu.nn import load_adapter, lora_layers, save_adapter, set_adapter

# Pretraining

PRETRAINING_STEPS = 6000
DROPOUT = 0.1
PRETRAINING = {"lr": 2e-3, "batch": 32, "warmup": 100, "weight_decay": 0.1}


def pretrain() -> None:
    """Train the base and write it in float16, with the losses on the way and of the file."""
    torch.manual_seed(0)  # dropout has no generator of its own
    model = GPT(Size(len(ALPHABET)), dropout=DROPOUT, generator=torch.Generator().manual_seed(0))
    recent = []
    log = [f"# {PRETRAINING_STEPS} steps, dropout {DROPOUT}, {PRETRAINING}, "
           f"torch {torch.__version__}", "#step  training loss  validation loss"]

    def after_step(step: int, loss: float) -> None:
        recent.append(loss)
        if step % 250 == 0:
            validation = loss_on(model, part("shakespeare", "validation"))
            log.append(f"{step:6} {np.mean(recent):11.4f} {validation:16.4f}")
            recent.clear()

    fit(model, part("shakespeare", "train"), steps=PRETRAINING_STEPS,
        rng=np.random.default_rng(0), after_step=after_step, **PRETRAINING)
    half = {name: p.half() for name, p in model.state_dict().items()}
    save_file(half, DATA / "base.safetensors")
    model.load_state_dict(half)
    log += [f"# in float16: {name} loss {loss_on(model, part('shakespeare', name)):.4f}"
            for name in ("validation", "test")]
    content = (DATA / "base.safetensors").read_bytes()
    log.append(f"# sha256 {hashlib.sha256(content).hexdigest()}")
    (DATA / "base.log").write_text("\n".join(log) + "\n", encoding="utf-8")


# The comparison

ALPHA = 8
SEEDS = (0, 1, 2)
PROMPTS = ("And God said", "LOVE, n.", "MACBETH.\n", "The king ")
LENGTH = 270
TEMPERATURE = 0.6
# name → (modules, r); no modules: all weights train
QV = {f"q, v, r = {r}": (("q", "v"), r) for r in results.RANKS}
OTHERS = {"all, r = 8": (ALL, 8), "full": ((), 0)}
BUDGET = {"q, r = 16": (("q",), 16), "k, r = 16": (("k",), 16), "v, r = 16": (("v",), 16),
          "q, k, v, out, r = 4": (("q", "k", "v", "out"), 4),
          "up, down, r = 3": (("up", "down"), 3), "all, r = 2": (ALL, 2)}
METHODS = QV | OTHERS | BUDGET
GUESS = {"full": 2e-3}  # where the search for the learning rate begins


def adapt(style: str, method: str, lr: float, seed: int) -> torch.nn.Module:
    """Train one of METHODS on a text."""
    modules, r = METHODS[method]
    return adapted(style, modules, r, ALPHA, lr, seed)


def best_rate(style: str, method: str) -> tuple[dict[float, float], torch.nn.Module]:
    """{learning rate: validation loss} with the best not at an end, and the best one's model.

    Rates double from one to the next; the seed is the first of SEEDS.
    """
    losses = {}
    models = {}
    at = GUESS.get(method, 8e-3)
    while True:
        for lr in (at / 2, at, at * 2):
            if lr not in losses:
                models[lr] = adapt(style, method, lr, SEEDS[0])
                losses[lr] = held_out(models[lr], style)
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


def sample(model: torch.nn.Module, prompt: str) -> str:
    """What the explorer shows after a prompt."""
    return write(model, prompt, LENGTH, rng=np.random.default_rng(0), temperature=TEMPERATURE)


def samples() -> list[dict]:
    """What the explorer shows: samples by the base and by each adapter.

    ``gain``: log p(adapter) − log p(base) of each character, in nats.
    """
    model = load_base()
    names = {f"{style}-r{r}": (style, r) for style in ("bible", "devil") for r in results.RANKS}
    for name in names:
        load_adapter(model, DATA / "adapters" / name, name=name)
    set_adapter(model, [])
    written = [{"style": "shakespeare", "r": 0, "prompt": p, "text": sample(model, p)}
               for p in PROMPTS]
    for name, (style, r) in names.items():
        for prompt in PROMPTS:
            set_adapter(model, name)
            text = sample(model, prompt)
            with_adapter = surprise(model, prompt + text)
            set_adapter(model, [])
            gain = surprise(model, prompt + text) - with_adapter
            written.append({"style": style, "r": r, "prompt": prompt, "text": text,
                            "gain": [round(float(value), 2) for value in gain[len(prompt) - 1:]]})
    return written


def dump(result: dict, file: Path) -> None:
    """JSON with a line for each row and sample."""
    parts = [f'"base": {json.dumps(result["base"])}']
    parts += [f'"{key}": [\n' + ",\n".join(map(json.dumps, result[key])) + "\n]"
              for key in ("rows", "samples")]
    file.write_text("{\n" + ",\n".join(parts) + "\n}\n")


def compare() -> None:
    """Adapt the base in many ways, each at its best learning rate on the validation part."""
    base = load_base()
    losses = {style: {name: round(loss_on(base, part(style, name)), 4)
                      for name in ("validation", "test")} for style in STYLES}
    runs = [(style, method) for style in ("bible", "devil") for method in QV]
    runs += [("bible", method) for method in OTHERS | BUDGET] + [("devil", "full")]
    rows = []
    for style, method in runs:
        row, model = measure(style, method)
        print(row, flush=True)
        rows.append(row)
        if method in QV:  # its adapter ships, in float16
            for layer in lora_layers(model).values():
                layer.adapters["default"].half()
            save_adapter(model, DATA / "adapters" / f"{style}-r{QV[method][1]}")
    dump({"base": losses, "rows": rows, "samples": samples()}, DATA / "results.json")


def main() -> None:
    torch.set_num_threads(1)
    pretrain()
    compare()
    make_maps.main()


if __name__ == "__main__":
    main()
