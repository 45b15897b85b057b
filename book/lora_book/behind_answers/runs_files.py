"""What may be done to a trained adapter of the small GPT: rates far too large with other strengths,
16 bits, a difference of full models cut to a rank, another base of the same shape.

The losses are stored in ``data/files.json``, which ``make_data.py`` makes.
"""

import json
from copy import deepcopy
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("data") / "files.json"
SEEDS = (0, 1, 2)
ALL = ("q", "k", "v", "out", "up", "down")
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
    """What :func:`measured` returns."""
    return json.loads(FILE.read_text("utf-8"))


def measured() -> dict:
    """Losses on the Bible, in nats a character, a list of three seeds at the bottom of each.

    "base": the frozen model's (training, validation). "strengths": η's multiple → strength →
    (training, validation). "dtypes": type → validation. "kept", "cut": rank → share of ‖ΔW‖² of a
    full fine-tuning, and its validation loss; the rank "all" is uncut. "bases": name → (distance,
    validation without, validation with the adapter).
    """
    import numpy as np
    import torch

    from lora_book.small_gpt.adapting import adapted
    from lora_book.small_gpt.text import part
    from lora_book.small_gpt.training import fit, load_base, loss_on
    from lora_edu.nn import lora_layers

    text = {"train": part("bible", "train")[:LENGTH], "held out": part("bible", "validation")}

    def adapters(model) -> list:
        return [layer.adapters["default"] for layer in lora_layers(model).values()]

    def held_out(model) -> float:
        return round(loss_on(model, text["held out"]), 4)

    def both(model) -> list[float]:
        return [round(loss_on(model, text["train"]), 4), held_out(model)]

    def at_strength(model, strength: float):
        weaker = deepcopy(model)
        for adapter in adapters(weaker):
            adapter.lora_B.data *= strength
        return weaker

    def rounded(model, dtype: str):
        other = deepcopy(model)
        for parameter in (p for adapter in adapters(other) for p in adapter.parameters()):
            parameter.data = parameter.data.to(getattr(torch, dtype)).float()
        return other

    def cut(model, rank: int):
        """The difference to the base, cut in every matrix of ALL to a rank, and the share kept."""
        other = deepcopy(model)
        squares = np.zeros(2)
        frozen = dict(load_base().named_parameters())
        with torch.no_grad():
            for name, W in other.named_parameters():
                if name.split(".")[-2] in ALL:
                    U, S, Vh = torch.linalg.svd(W - frozen[name], full_matrices=False)
                    W.copy_(frozen[name] + U[:, :rank] * S[:rank] @ Vh[:rank])
                    squares += [S[:rank].square().sum().item(), S.square().sum().item()]
        return other, squares[0] / squares[1]

    def on_base(model, base) -> float:
        """The loss of another base with the adapter."""
        moved = deepcopy(model)
        weights = {name.replace(".weight", ".base_layer.weight") if name.split(".")[-2] in ALL
                   else name: value for name, value in base.state_dict().items()}
        moved.load_state_dict(weights, strict=False)
        return held_out(moved)

    trained = {times: [adapted("bible", ALL, 8, 8, times * BEST, seed) for seed in SEEDS]
               for times in TIMES}
    strengths = {times: {f: [both(at_strength(model, f)) for model in models] for f in STRENGTHS}
                 for times, models in trained.items()}
    dtypes = {dtype: [held_out(rounded(model, dtype)) for model in trained[1]] for dtype in DTYPES}

    whole = [adapted("bible", (), 0, 0, FULL_RATE, seed) for seed in SEEDS]
    parts = {rank: [cut(model, rank) for model in whole] for rank in CUTS}
    kept = {rank: [round(share, 4) for _, share in each] for rank, each in parts.items()}
    losses = {rank: [held_out(model) for model, _ in each] for rank, each in parts.items()}
    losses["all"] = [held_out(model) for model in whole]

    bases = {"itself": load_base(), "its units in another order": reordered(load_base())}
    for steps in MORE_STEPS:
        relative = load_base()
        fit(relative, part("devil", "train"), steps=steps, lr=FULL_RATE,
            rng=np.random.default_rng(0))
        bases[f"{steps} steps on another text"] = relative
    return {"base": both(load_base()), "strengths": strengths, "dtypes": dtypes, "kept": kept,
            "cut": losses,
            "bases": {name: [distance(base), held_out(base),
                             [on_base(model, base) for model in trained[1]]]
                      for name, base in bases.items()}}


def distance(base) -> float:
    """‖W′ − W‖/‖W‖ over all adapted matrices, W being the base's."""
    from lora_book.small_gpt.training import load_base

    pairs = [(W, other) for (name, W), other in zip(
        load_base().named_parameters(), base.parameters(), strict=True)
        if name.split(".")[-2] in ALL]
    moved = sum((W - other).square().sum().item() for W, other in pairs)
    return round((moved / sum(W.square().sum().item() for W, _ in pairs)) ** 0.5, 4)


def reordered(model):
    """The same function, with the units of the residual stream in another order."""
    import torch

    order = torch.randperm(model.size.width, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name.split(".")[-2] in ("out", "down"):
                p.copy_(p[order])  # these write into the stream
            else:  # the others read it, or are one number a unit of it
                p.copy_(p[..., order])
    return model


def write(result: dict) -> None:
    """Store what :func:`measured` returns, a line a kind."""
    lines = [f"{json.dumps(kind)}: {json.dumps(losses, ensure_ascii=False)}"
             for kind, losses in result.items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")
