"""Trains the runs of the chapter anew and writes ``data/runs.npz``, in twenty minutes of one core:

    python -m lora_book.rotated_digits.make_data
"""

import numpy as np
import torch
from torch import nn

from lora_book.rotated_digits import runs, training
from lora_book.shared.all_runs import all_runs


def fit(task: str, method: str, r: int, lr: float, seed: int) -> list[int]:
    """One run: correct pictures of "val", "test" and "old" (with the adapter on)."""
    base, parts = training.base_for(task)
    model = training.prepare(base, method, r, seed)
    training.train(model, parts["train"], lr, seed=seed)
    return [training.right(model, parts[which]) for which in ("val", "test", "old")]


def state(model: nn.Module, parts: dict[str, training.Part]) -> list[int]:
    """Correct pictures of "test"; and of the first layer on "train" the silent units, and the pairs
    (unit, picture) that pass, above 0."""
    passing = int((model[0](parts["train"][0]) > 0).sum())
    return [training.right(model, parts["test"]), training.silent(model, parts["train"]), passing]


def named(task: str, r: int) -> list[int]:
    """What LoRA of rank r in the first layer calls the first test pictures; r = 0: the base."""
    model, parts = training.base_for(task)
    if r:
        model = training.prepare(model, "first layer", r)
        training.train(model, parts["train"], runs.SHOWN_RATE)
    return model(parts["test"][0][:runs.PICTURES]).argmax(dim=1).tolist()


def path(share: float, trained: str, seed: int) -> list[list[int]]:
    """Inverted digits with a share of the mean subtracted: the states at runs.SHOWN."""
    base, parts = training.centred(*training.base_for("inverted"), share)
    r = runs.TRAINED[trained]
    model = training.prepare(base, "first layer" if r else "first W", r or 8, seed=seed)
    states = []

    def watch(step):
        if step in runs.SHOWN:
            states.append(state(model, parts))

    training.train(model, parts["train"], runs.SHOWN_RATE, seed=seed, watch=watch)
    watch(training.STEPS)
    return states


def on_base(seeds: tuple[int, int], task: str, share: float, lr: float, seed: int) -> list[int]:
    """LoRA of rank 16 in the first layer, on another base or split: "val" and the state.

    seeds: of the base and of the split.
    """
    base, parts = training.centred(*training.base_for(task, *seeds), share)
    model = training.prepare(base, "first layer", 16, seed=seed)
    training.train(model, parts["train"], lr, seed=seed)
    return [training.right(model, parts["val"]), *state(model, parts)]


def main() -> None:
    """All runs, as counts of pictures; axes in the order of the constants of ``runs``."""
    torch.set_num_threads(1)
    seeds = range(runs.SEEDS)
    frozen = []
    sizes = []
    for task in runs.TASKS:
        base, parts = training.base_for(task)
        measured = [parts[which] for which in ("val", "test", "old")]
        frozen.append([training.right(base, part) for part in measured])
        sizes.append([len(part[1]) for part in measured])
    lora = all_runs(fit, runs.TASKS, runs.PLACES, runs.RANKS, runs.RATES, seeds, name="LoRA")
    others = all_runs(fit, runs.TASKS, runs.METHODS, [None], runs.RATES, seeds, name="others")
    paths = all_runs(path, runs.SHARES, runs.TRAINED, seeds, name="a share of the mean")
    bases = all_runs(on_base, runs.BASES, ("rotated", "inverted"), (0, 1), runs.RATES,
                     range(runs.BASES_SEEDS), name="bases")
    named_digits = all_runs(named, runs.NAMED, runs.NAMED_RANKS, name="names")
    np.savez_compressed(runs.DATA, lora=lora.astype("u2"), others=others[:, :, 0].astype("u2"),
                        frozen=np.array(frozen, "u2"), sizes=np.array(sizes, "u2"),
                        named=named_digits.astype("u1"), paths=paths.astype("u4"),
                        bases=bases.astype("u4"))


if __name__ == "__main__":
    main()
