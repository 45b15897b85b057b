"""What one bad batch does to a run that learns the word LoRA."""

from functools import cache

import numpy as np

from lora_edu import SGD, Adam, Clipped
from lora_edu.chapters.shared import word_run

STEPS = 60  # of a run
BAD = 15  # the step with the bad batch
LENGTH = 50  # of its gradient, beside the right one's
RULES = {"Adam": Adam(word_run.LR), "SGD": SGD(word_run.SLOW["SGD"])}


@cache
def with_a_bad_batch(optimiser: str, limit: float | None, seed: int = 2
                     ) -> tuple[np.ndarray, np.ndarray]:
    """A run that learns the word, in which one gradient is LENGTH times as long, and noise.

    Args:
        optimiser: One of RULES.
        limit: Of the common norm of A's and B's gradients; None does not clip.
        seed: Of the noise.

    Returns:
        Norms before clipping and losses as parts of the first, each (STEPS,).
    """
    rule = RULES[optimiser] if limit is None else Clipped(RULES[optimiser], limit)
    A = word_run.written()[0].A
    B = word_run.written()[0].B
    noise = np.random.default_rng(seed).normal(size=word_run.task().shape)
    state = rule.init([A, B])
    norms = []
    losses = []
    for step in range(STEPS):
        loss, G = word_run.task().loss_and_gradient(B @ A)
        if step == BAD:
            G = LENGTH * np.linalg.norm(G) / np.linalg.norm(noise) * noise
        grads = [B.T @ G, G @ A.T]
        norms.append(np.sqrt(sum(np.vdot(g, g) for g in grads)))
        losses.append(loss)
        (A, B), state = rule.step([A, B], grads, state)
    return np.array(norms), np.array(losses) / losses[0]
