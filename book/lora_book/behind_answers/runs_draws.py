"""How much of a result is the draw of A, and how much the order of the data? And what if every card
draws an A of its own?

The losses are stored in ``data/draws.npz``, which ``make_data.py`` makes.
"""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from lora_book.shared import digits, mlp
from lora_edu import Adam, initial

FILE = Path(__file__).with_name("data") / "draws.npz"
ALPHA = 8
STEPS = 100
RANKS = (1, 8)
RATES = 2.0 ** np.arange(-8, -1.5)
DRAWS = range(20)  # seeds of A
ORDERS = range(100, 120)  # seeds of the batches
CARDS = 4  # that share a batch of 64
CARD_SEEDS = range(5)
WAYS = ("one draw", "a draw a card")
GPT_RATE = 0.032  # the best η of the small GPT with q and v at r = 8
GPT_DRAWS = range(10)
GPT_ORDERS = range(100, 110)


@cache
def losses() -> dict[str, np.ndarray]:
    """Losses on held-out pictures or text: "digits" (RANKS, RATES, DRAWS, ORDERS), "cards"
    (RANKS, WAYS, RATES, CARD_SEEDS) by the first card's model, and of the small GPT "gpt draws"
    (GPT_DRAWS,) with the first order and "gpt orders" (GPT_ORDERS,) with the first draw."""
    with np.load(FILE) as stored:
        return dict(stored)


def train(r: int, lr: float, draws=DRAWS, orders=ORDERS) -> np.ndarray:
    """Test losses of the runs on digits, (draws, orders)."""
    from lora_book.first_r.make_data import test_losses

    seeds = [(draw, order) for draw in draws for order in orders]
    losses = test_losses(r, ALPHA / r, lr, seeds, steps=STEPS)
    return np.reshape(losses, (len(draws), len(orders)))


def train_cards(r: int, way: str, lr: float, seed: int) -> float:
    """The first card's test loss after training on CARDS cards, which average their gradients.

    Every card takes the same steps, so A's that begin equal stay equal, and others keep their
    differences.
    """
    from lora_book.first_r.make_data import model as pretrained

    data = digits.load(45)
    model = pretrained()
    rng = np.random.default_rng(seed)
    draws = 1 if way == WAYS[0] else CARDS
    starts = [[initial(*W.shape, r, rng=rng) for W in model.weights] for _ in range(draws)]
    if way == WAYS[0]:
        starts *= CARDS
    batches = np.random.default_rng(100 + seed).integers(len(data.X_train), size=(STEPS, mlp.BATCH))
    cards = mlp.MLPRuns(model.weights, model.biases, starts, np.full(CARDS, ALPHA / r))
    optimiser = Adam(lr)
    state = optimiser.init(cards.params)
    for t, batch in enumerate(batches.reshape(STEPS, CARDS, -1)):
        grads = [np.broadcast_to(grad.mean(axis=0), grad.shape)
                 for grad in cards.gradients(data.X_train[batch], data.y_train[batch])]
        optimiser = replace(optimiser, lr=lr * mlp.falling(t, STEPS))
        state = optimiser.update(cards.params, grads, state)
    return mlp.MLP(cards.merged(0), model.biases).loss(data.X_test, data.y_test)


def train_gpt(draw: int, order: int) -> float:
    """The small GPT's validation loss on the Bible."""
    from lora_book.small_gpt import adapting
    from lora_book.small_gpt.text import part
    from lora_book.small_gpt.training import fit, load_base
    from lora_edu.nn import inject

    model = load_base()
    inject(model, ("q", "v"), 8, ALPHA, rng=np.random.default_rng(draw))
    fit(model, part("bible", "train"), steps=adapting.STEPS, lr=GPT_RATE, batch=adapting.BATCH,
        rng=np.random.default_rng(order))
    return adapting.held_out(model)
