"""A small GPT on 6,400 characters: when does the held-out loss rise, and which setting moves that?

The losses are stored in ``data/overfit.npz``, which ``make_data.py`` makes.
"""

from functools import cache
from pathlib import Path

import numpy as np
import torch

from lora_book.small_gpt.text import part
from lora_book.small_gpt.training import fit, load_base, loss_on
from lora_edu.nn import inject

FILE = Path(__file__).with_name("data") / "overfit.npz"
STYLE = "devil"
CHARACTERS = 6400  # of the training part
BATCH = 10  # windows of 64 characters, so an epoch has ten steps
EPOCHS = (1, 2, 3, 4, 5, 6, 8, 10, 12)  # after which the loss is measured
SEEDS = (0, 1, 2)
RATES = (0.002, 0.004, 0.008, 0.016)
PLAIN = {"r": 8, "alpha": 8, "dropout": 0.0}
SETTINGS = {"plain": {}, "r = 1": {"r": 1}, "r = 64": {"r": 64}, "α = 32": {"alpha": 32},
            "dropout 0.1": {"dropout": 0.1}}


@cache
def losses() -> np.ndarray:
    """Held-out loss, and the mean of the last epoch's batches, (2, SETTINGS, RATES, SEEDS, EPOCHS).

    NaN where nothing was run.
    """
    with np.load(FILE) as stored:
        return stored["losses"]


def rates_of(setting: str) -> tuple[float, ...]:
    """The rates that were tried with a setting."""
    if setting == "plain":
        return RATES
    first = 0 if setting == "α = 32" else 1
    return RATES[first:first + 3]


def train(setting: str, lr: float, seed: int) -> np.ndarray:
    """The losses of one run at a constant η, (2, EPOCHS)."""
    chosen = PLAIN | SETTINGS[setting]
    rng = np.random.default_rng(seed)
    model = load_base()
    inject(model, ("q", "k", "v", "out", "up", "down"), **chosen, rng=rng)
    text = part(STYLE, "train")[:CHARACTERS + 1]
    steps_an_epoch = CHARACTERS // (BATCH * model.size.context)
    measured = []
    batches = []
    torch.manual_seed(seed)  # for dropout

    def after_step(step: int, loss: float) -> None:
        batches.append(loss)
        if step in [epoch * steps_an_epoch for epoch in EPOCHS]:
            held_out = loss_on(model, part(STYLE, "validation"))
            measured.append([held_out, np.mean(batches[-steps_an_epoch:])])

    fit(model, text, steps=EPOCHS[-1] * steps_an_epoch, lr=lr, rng=rng, batch=BATCH,
        schedule=constant, after_step=after_step)
    return np.transpose(measured)


def constant(step: int, steps: int, warmup: int) -> float:
    """A schedule without a fall, so that a run stopped early is the beginning of a longer one."""
    return min(1.0, (step + 1) / warmup)


def all_losses() -> np.ndarray:
    """Train everything that :func:`losses` reads."""
    shape = (2, len(SETTINGS), len(RATES), len(SEEDS), len(EPOCHS))
    measured = np.full(shape, np.nan, dtype=np.float32)
    for i, setting in enumerate(SETTINGS):
        for lr in rates_of(setting):
            for seed in SEEDS:
                measured[:, i, RATES.index(lr), seed] = train(setting, lr, seed)
    return measured
