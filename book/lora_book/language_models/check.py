"""The check of the chapter On language models."""

import numpy as np

from lora_book.shared.verdict import NotYet, ask, check, close, number


@check
def carried_regret(regret) -> str:
    """Check what a learning rate loses that is carried from one rank to another.

    regret: function (losses, r1, r) → loss. losses is a dict {rank: {rate: loss}}, inf where a run
    diverged. The oracle sorts runs where an answer may search for a minimum.
    """
    losses = {1: {1e-4: 0.56, 3e-4: 0.52, 1e-3: 0.55, 3e-3: 0.7},
              64: {1e-4: 0.55, 3e-4: 0.51, 1e-3: 0.5, 3e-3: np.inf}}
    for r1, r in ((1, 64), (64, 1)):
        carried = sorted(losses[r1], key=losses[r1].get)[0]
        want = losses[r][carried] - sorted(losses[r].values())[0]
        answer = number("The regret", ask(regret, losses, r1, r))
        if not close(answer, want):
            raise NotYet(f"From r = {r1} to {r} the carried rate is {carried:g}, and it costs "
                         f"{want:.6g}, not {answer:.6g}.")
    return "you compare the carried rate with the best rate at the new rank."
