"""The check of the chapter The Adam invariance."""

import numpy as np

from lora_book.shared.verdict import NotYet, ask, check, close, parts, positive
from lora_edu import AdamW, Adapter, Regression, train

NAMES = ("sigma", "lr", "eps", "weight_decay")


@check
def equivalent_adamw(partner) -> str:
    """Check the settings of an equivalent AdamW run by training both, on random matrices.

    partner: function (alpha, sigma, lr, eps, weight_decay, new_alpha) → (sigma, lr, eps,
    weight_decay) of the run that has the same W at every step.
    """
    for alpha, new_alpha in ((16.0, 4.0), (2.0, 6.0)):
        settings = (0.3, 0.02, 1e-2, 0.4)
        answer = list(map(positive, NAMES, parts(ask(partner, alpha, *settings, new_alpha),
                                                 *NAMES)))
        if not close(_run(new_alpha, *answer), _run(alpha, *settings)):
            c = np.sqrt(alpha / new_alpha)
            factors = np.array(answer) / settings / (c, c, 1 / c, 1 / c)
            wrong = "; ".join(f"{name} is {factor:.6g} times what it must be" for name, factor in
                              zip(NAMES, factors, strict=True) if not close(factor, 1, 1e-7))
            raise NotYet(f"When α goes from {alpha:g} to {new_alpha:g}, the runs differ, "
                         f"because {wrong}.")
    return "both runs have the same W after twenty steps of AdamW."


def _run(alpha, sigma, lr, eps, weight_decay):
    """ΔW after twenty steps of AdamW from one draw of A, on one random regression."""
    rng = np.random.default_rng(0)
    A = sigma * rng.normal(size=(2, 5))
    W0 = np.zeros((4, 5))
    regression = Regression(W0, rng.normal(size=(4, 5)), rng.normal(size=(9, 5)))
    optimiser = AdamW(lr, eps=eps, weight_decay=weight_decay)
    start = Adapter(A, np.zeros((4, 2)), alpha / 2)
    return train(regression, start, optimiser, 20, allow_divergence=True).adapter.delta()
