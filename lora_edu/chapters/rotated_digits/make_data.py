"""Trains the runs of the chapter anew and writes ``data/runs.npz``, in twenty minutes of one core:

    python -m lora_edu.chapters.rotated_digits.make_data
"""

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from lora_edu.chapters.rotated_digits import runs, training


def fit(task: str, method: str, lr: float, seed: int, r: int = 8) -> list[int]:
    """One run: correct pictures of "val", "test" and "old" (with the adapter on)."""
    base, parts = training.base_for(task)
    model = training.prepare(base, method, r, seed)
    training.train(model, parts["train"], lr, seed=seed)
    return [training.right(model, parts[which]) for which in ("val", "test", "old")]


def state(model: nn.Module, parts: dict[str, training.Part]) -> list[int]:
    """Correct pictures of "test"; silent units and passing pairs of the first layer on "train"."""
    return [training.right(model, parts["test"]), training.silent(model, parts["train"]),
            training.passing(model, parts["train"])]


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


def on_base(task: str, base_seed: int, split: int, share: float, lr: float, seed: int) -> list[int]:
    """LoRA of rank 16 in the first layer, on another base or split: "val" and the state."""
    base, parts = training.centred(*training.base_for(task, base_seed, split), share)
    model = training.prepare(base, "first layer", 16, seed=seed)
    training.train(model, parts["train"], lr, seed=seed)
    return [training.right(model, parts["val"]), *state(model, parts)]


def main() -> None:
    """All runs, as counts of pictures; axes in the order of the constants of ``runs``."""
    torch.set_num_threads(1)
    tasks = len(runs.TASKS)
    others_of = (runs.METHODS, runs.RATES, range(runs.SEEDS))
    lora_of = (runs.PLACES, runs.RANKS, runs.RATES, range(runs.SEEDS))
    lora, others = (np.zeros((tasks, *map(len, axes), 3), "u2") for axes in (lora_of, others_of))
    frozen, sizes = np.zeros((2, tasks, 3), "u2")
    for t, task in enumerate(runs.TASKS):
        base, parts = training.base_for(task)
        for i, which in enumerate(("val", "test", "old")):
            frozen[t, i] = training.right(base, parts[which])
            sizes[t, i] = len(parts[which][1])
        for at in tqdm(list(np.ndindex(others.shape[1:-1])), desc=f"{task}, others"):
            method, lr, seed = (list(axis)[i] for axis, i in zip(others_of, at, strict=True))
            others[t, *at] = fit(task, method, lr, seed)
        for at in tqdm(list(np.ndindex(lora.shape[1:-1])), desc=f"{task}, LoRA"):
            place, r, lr, seed = (list(axis)[i] for axis, i in zip(lora_of, at, strict=True))
            lora[t, *at] = fit(task, place, lr, seed, r)
    paths = [[[path(share, trained, seed) for seed in range(runs.SEEDS)]
              for trained in runs.TRAINED] for share in tqdm(runs.SHARES, "a share of the mean")]
    bases = [[[[[on_base(task, *base, share, lr, seed) for seed in range(runs.BASES_SEEDS)]
                for lr in runs.RATES] for share in (0, 1)] for task in ("rotated", "inverted")]
             for base in tqdm(runs.BASES, "bases")]
    names = [[named(task, r) for r in runs.NAMED_RANKS] for task in runs.NAMED]
    np.savez_compressed(runs.DATA, lora=lora, others=others, frozen=frozen, sizes=sizes,
                        named=np.array(names, "u1"), paths=np.array(paths, "u4"),
                        bases=np.array(bases, "u4"))


if __name__ == "__main__":
    main()
