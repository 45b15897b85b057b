"""Maps of the loss against the rule for s, the rank and η, of models that train for long.

A map is a log in ``maps/``, a line a run: task, rule, r, seed, lr, loss. The scripts that make the
logs pass their training to :func:`search`; whoever draws them needs only :func:`curve`.
"""

import math
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).with_name("maps")
FIRST = 8  # the rank at which every rule has s = 1
ALPHAS = {"lora": 8.0, "rslora": math.sqrt(8), "none": 1.0}  # s = 8/r, √(8/r), 1
POWERS = {"lora": 0.0, "rslora": 0.25, "none": 0.5}  # where a search begins: η ∝ r^−power
BASE = 0.004  # the rate of octave 0


def rate(octave: int) -> float:
    """The learning rates of the maps are a factor of two apart."""
    return BASE * 2.0**octave


def search(name: str, train, *, tasks, ranks, seeds, begin: int, head: str) -> None:
    """Train what a map lacks, and append it to its log, a line a run.

    The search ends when neither the rate that is best on average nor the best of any seed stands
    at an end of those tried.

    Args:
        name: Of the log, without .log.
        train: Function (task, rule, r, lr, seed) → loss.
        begin: The octave at which it begins at rank ``FIRST``; it is tried at every rank.
        head: What a new log begins with.
    """
    file = FOLDER / f"{name}.log"
    if not file.exists():
        file.write_text(head, encoding="utf-8")
    for task in tasks:
        for rule, r in product(ALPHAS, ranks):
            if r == FIRST and rule != "lora":
                continue  # s is 1, as for lora
            guess = round(begin - POWERS[rule] * math.log2(r / FIRST))
            while missing := _missing(_read(file).get((task, rule, r), {}), guess, begin, seeds):
                with file.open("a", encoding="utf-8") as log:
                    for octave, seed in missing:
                        loss = train(task, rule, r, rate(octave), seed)
                        log.write(f"{task} {rule} {r} {seed} {rate(octave):g} {loss:.4f}\n")
                        log.flush()


def _missing(trained: dict, guess: int, begin: int, seeds) -> list[tuple[int, int]]:
    """The (octave, seed) that a search would train next; none if it is at its end."""
    def lacking(octaves) -> list[tuple[int, int]]:
        return [(octave, seed) for octave in sorted(octaves) for seed in seeds
                if seed not in trained.get(octave, {})]

    first = lacking({begin, guess - 1, guess, guess + 1})
    if first:
        return first
    octaves = [octave for octave in sorted(trained) if set(seeds) <= set(trained[octave])]
    losses = np.array([[trained[octave][seed] for seed in seeds] for octave in octaves])
    bests = {octaves[at] for at in (losses.mean(axis=1).argmin(), *losses.argmin(axis=0))}
    return lacking({best + step for best in bests for step in (-1, 1)})


@cache
def curve(name: str, task: str, rule: str, r: int) -> tuple[np.ndarray, np.ndarray]:
    """The rates tried, (n,), and the losses at the end, (seeds, n). name: as in search."""
    runs = _read(FOLDER / f"{name}.log")[task, rule if r != FIRST else "lora", r]
    seeds = sorted(set.union(*map(set, runs.values())))
    octaves = sorted(octave for octave, losses in runs.items() if len(losses) == len(seeds))
    return (np.array([rate(octave) for octave in octaves]),
            np.array([[runs[octave][seed] for octave in octaves] for seed in seeds]))


def ranks(name: str, task: str) -> tuple[int, ...]:
    """The ranks of a task's map."""
    return tuple(sorted({key[2] for key in _read(FOLDER / f"{name}.log") if key[0] == task}))


def _read(file: Path) -> dict[tuple[str, str, int], dict[int, dict[int, float]]]:
    """(task, rule, r) → octave → seed → loss."""
    runs: dict = {}
    lines = [line for line in file.read_text("utf-8").splitlines() if not line.startswith("#")]
    for task, rule, r, seed, lr, loss in map(str.split, lines):
        octave = round(math.log2(float(lr) / BASE))
        runs.setdefault((task, rule, int(r)), {}).setdefault(octave, {})[int(seed)] = float(loss)
    return runs
