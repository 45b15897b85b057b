"""The instrument's runs, made by ``train``: what its engine in JavaScript is held to, and what a
notebook shows.

W0 is a frozen portrait of 64 × 64 greys, and ΔW = s·BA is trained towards a hat. The inputs are
X = 8·I, 64 samples of 64 numbers, so their covariance is exactly the identity and the loss is
‖ΔW − T‖²/2 (the paper's section 4.1, on a regression).
"""

from dataclasses import dataclass
from functools import partial

import numpy as np

from lora_book.instrument.portrait import SIDE, picture, target
from lora_book.instrument.settings import TABLE, checked
from lora_book.workshop import yours
from lora_book.workshop.calls import limited
from lora_edu import (
    SGD,
    STARTS,
    AdamW,
    Adapter,
    Momentum,
    Regression,
    checks,
    initial,
    scaling,
    train,
)

STEPS = TABLE["settings"]["step"]["max"]
CODES = ("the book's", "yours")
RULES = {"alpha/r": "lora", "alpha/sqrt(r)": "rslora", "alpha": "none"}


def task(settings: dict) -> Regression:
    """The regression with the portrait as W0."""
    W0 = picture("portrait")
    return Regression(W0, W0 + target(settings), 8 * np.eye(SIDE))


def start(settings: dict) -> Adapter:
    """A and B at step 0."""
    A, B = initial(SIDE, SIDE, settings["r"], settings["start"], rng=settings["seed"])
    grow = settings.get("grow", 1)
    s = scaling(settings["r"], settings["alpha"], RULES[settings["rule"]])
    return Adapter(grow * A, grow * B, s)


def optimiser(settings: dict):
    """One of the library's; Adam with its decay apart from the gradient."""
    rate = settings["rate"] * TABLE["rates"][settings["optimiser"]]
    decay = settings["decay"]
    if settings["optimiser"] == "SGD":
        return SGD(rate, weight_decay=decay)
    if settings["optimiser"] == "momentum":
        return Momentum(rate, settings["momentum"], weight_decay=decay)
    return AdamW(rate, eps=settings["eps"], weight_decay=decay)


@dataclass(frozen=True, eq=False)
class Run:
    """A run of T ≤ 120 steps; fewer if the next one was not finite.

    Args:
        target: What ΔW is trained towards, (64, 64).
        scaling: s.
        A: (T + 1, r, 64).
        B: (T + 1, 64, r).
    """

    target: np.ndarray
    scaling: float
    A: np.ndarray
    B: np.ndarray

    def frame(self, step: int) -> dict[str, np.ndarray]:
        """"A", "B", "gradA", "gradB" and "delta", ΔW = s·BA, (64, 64)."""
        A = self.A[step]
        B = self.B[step]
        delta = self.scaling * (B @ A)
        G = delta - self.target
        return {"A": A, "B": B, "gradA": self.scaling * B.T @ G, "gradB": self.scaling * G @ A.T,
                "delta": delta}

    def norms(self, step: int) -> dict[str, float]:
        """‖ΔW‖, ‖∇A‖, ‖∇B‖, the loss and the first-order decrease ⟨ΔW, T⟩."""
        frame = self.frame(step)
        norms = {name: float(np.linalg.norm(frame[name])) for name in ("delta", "gradA", "gradB")}
        loss = float(((frame["delta"] - self.target) ** 2).sum() / 2)
        return {**norms, "loss": loss, "decrease": float((frame["delta"] * self.target).sum())}

    def buffer(self) -> bytes:
        """For the engine: A and B of each step, row by row, as float64."""
        parts = [part.reshape(len(self.A), -1) for part in (self.A, self.B)]
        return np.hstack(parts).astype("<f8").tobytes()


def run(code: str = CODES[0], **settings) -> Run:
    """The run of these settings.

    Args:
        code: "the book's" for ``lora_edu.train``, "yours" for ``train`` in the reader's file, and
            for its ``start`` where A is random and B zero.
        settings: As in ``settings.json``.

    Raises:
        ValueError: For a setting or a value that is not in the table, and with "yours" for an
            optimiser or a decay that the file does not have, and for a start of other shapes.
        SyntaxError: If the reader's file does not parse.

    Example:
        >>> hat = run(r=4, alpha=4)
        >>> hat.A.shape, hat.B.shape, bool(hat.frame(0)["delta"].any())
        ((121, 4, 64), (121, 64, 4), False)
    """
    return trained(checked(settings), code)


def trained(settings: dict, code: str = CODES[0]) -> Run:
    """The run of checked settings, or of a twin's."""
    checks.choice("code", code, CODES)
    runner = _by_the_reader if code == "yours" else _by_the_library
    with np.errstate(over="ignore", invalid="ignore"):
        return runner(settings, start(settings))


def _by_the_library(settings: dict, adapter: Adapter) -> Run:
    states = []

    def watch(step, adapter, loss):
        states.append((adapter.A, adapter.B))

    train(task(settings), adapter, optimiser(settings), STEPS, allow_divergence=True, watch=watch)
    A, B = map(np.array, zip(*states, strict=True))
    return Run(target(settings), adapter.scaling, A, B)


def _by_the_reader(settings: dict, adapter: Adapter) -> Run:
    """The reader's train returns no more than its end: a rule of ours writes down each step."""
    if settings["optimiser"] == "momentum" or settings["decay"]:
        raise ValueError("optimiser must be Adam or SGD, and decay 0, with your file, which has "
                         "no other")
    name = settings["optimiser"].lower()
    lora = yours()
    rule = getattr(lora, name)
    if name == "adam" and settings["eps"] != TABLE["settings"]["eps"]["default"]:
        rule = partial(rule, eps=settings["eps"])
    A, B = _start_with_the_reader(lora, settings, adapter)
    states = {A.shape: [], B.shape: []}

    def recording(p, g, state, lr):
        states.setdefault(np.shape(p), []).append(np.array(p))
        return rule(p, g, state, lr)

    problem = task(settings)
    Y = problem.X @ problem.W_star.T  # (64, 64)
    rate = optimiser(settings).lr
    with limited("lora.py"):
        _, _, losses = lora.train(problem.X, Y, problem.W0, A, B, adapter.scaling, rate,
                                  STEPS + 1, recording)
    counts = [len(losses), *map(len, states.values())]
    if counts != [STEPS + 1] * 3:
        raise ValueError(f"train in your file must return {STEPS + 1} losses and call rule as "
                         f"often for A and for B, got {', '.join(map(str, counts))}")
    A, B = map(np.array, states.values())
    reader = Run(target(settings), adapter.scaling, A, B)
    end = next((step for step in range(STEPS + 1)
                if not np.isfinite([*reader.norms(step).values()]).all()), STEPS + 1)
    return Run(reader.target, reader.scaling, A[:end], B[:end])


def _start_with_the_reader(lora, settings: dict, adapter: Adapter) -> list[np.ndarray]:
    """A and B at step 0, by the file where A is random and B zero."""
    if settings["start"] != STARTS[0]:
        return [adapter.A, adapter.B]
    r = settings["r"]
    with limited("lora.py"):
        pair = lora.start(SIDE, SIDE, r, np.random.default_rng(settings["seed"]))
    parts = pair if isinstance(pair, (tuple, list)) else [pair]
    shapes = [np.shape(part) for part in parts]
    if shapes != [(r, SIDE), (SIDE, r)]:
        raise ValueError(f"start in your file must return A of shape {(r, SIDE)} and B of shape "
                         f"{(SIDE, r)}, got {', '.join(map(str, shapes))}")
    grow = settings.get("grow", 1)
    return [grow * np.asarray(part, float) for part in parts]
