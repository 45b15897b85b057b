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
from lora_book.workshop.switch import CODES, chosen
from lora_edu import SGD, AdamW, Adapter, Momentum, Regression, checks, initial, scaling, train

STEPS = TABLE["settings"]["step"]["max"]
RULES = {"alpha/r": "lora", "alpha/sqrt(r)": "rslora", "alpha": "none"}


def task(settings: dict) -> Regression:
    """The regression with the portrait as W0."""
    W0 = picture("portrait")
    return Regression(W0, W0 + target(settings), 8 * np.eye(SIDE))


@dataclass(frozen=True, eq=False)
class Unit:
    """What a run starts from: s, A (r, 64), B (64, r) and the optimiser's settings."""

    scaling: float
    A: np.ndarray
    B: np.ndarray
    rate: float
    decay: float
    eps: float


def unit(settings: dict) -> Unit:
    """The unit in which a run's settings are given."""
    s = scaling(settings["r"], settings["alpha"], RULES[settings["rule"]])
    A, B = initial(SIDE, SIDE, settings["r"], settings["start"], rng=settings["seed"])
    rate = settings["rate"] * TABLE["rates"][settings["optimiser"]]
    return Unit(s, A, B, rate, settings["decay"], settings["eps"])


def twin_unit(settings: dict) -> Unit:
    """The unit of the twin: k times smaller, as far as its settings are ticked."""
    first = unit(settings)
    k = settings["twin"]["k"]
    ticks = settings["twin"].get("ticks", {})
    factor = k if settings["optimiser"] == "Adam" else k * k
    return Unit(first.scaling / (k * k if ticks.get("alpha") else 1),
                first.A * (k if ticks.get("start") else 1),
                first.B * (k if ticks.get("start") else 1),
                first.rate * (factor if ticks.get("rate") else 1),
                first.decay / (factor if ticks.get("decay") else 1),
                first.eps / (k if ticks.get("eps") else 1))


def optimiser(settings: dict, unit: Unit):
    """One of the library's; Adam with its decay apart from the gradient."""
    if settings["optimiser"] == "SGD":
        return SGD(unit.rate, weight_decay=unit.decay)
    if settings["optimiser"] == "momentum":
        return Momentum(unit.rate, settings["momentum"], weight_decay=unit.decay)
    return AdamW(unit.rate, eps=unit.eps, weight_decay=unit.decay)


@dataclass(frozen=True, eq=False)
class Run:
    """A run of T ≤ 120 steps; fewer if the next one was not finite.

    Args:
        scaling: s.
        A: (T + 1, r, 64).
        B: (T + 1, 64, r).
        norms: (T + 1, 5): ‖ΔW‖, ‖∇A‖, ‖∇B‖, the loss and the first-order decrease ⟨ΔW, T⟩.
    """

    scaling: float
    A: np.ndarray
    B: np.ndarray
    norms: np.ndarray

    def delta(self, step: int) -> np.ndarray:
        """ΔW = s·BA, (64, 64)."""
        return self.scaling * (self.B[step] @ self.A[step])

    def buffer(self) -> bytes:
        """For the engine: of each step A, B and the norms, row by row, as float64."""
        parts = [part.reshape(len(self.A), -1) for part in (self.A, self.B, self.norms)]
        return np.hstack(parts).astype("<f8").tobytes()


def run(code: str = "the book's", **settings) -> Run:
    """The run of these settings.

    Args:
        code: "the book's" for ``lora_edu.train``, "yours" for ``train`` in the reader's file.
        settings: As in ``settings.json``.

    Raises:
        ValueError: For a setting or a value that is not in the table, and with "yours" for an
            optimiser or a decay that the file does not have.
        SyntaxError: If the reader's file does not parse.

    Example:
        >>> hat = run(r=4, alpha=4)
        >>> hat.A.shape, hat.B.shape, bool(hat.delta(0).any())
        ((121, 4, 64), (121, 64, 4), False)
    """
    settings = checked(settings)
    return _trained(code, settings, unit(settings))


def twin(code: str = "the book's", **settings) -> Run:
    """The run of the twin that the settings name."""
    settings = checked(settings)
    return _trained(code, settings, twin_unit(settings))


def _trained(code: str, settings: dict, unit: Unit) -> Run:
    checks.choice("code", code, CODES)
    runner = _by_the_reader if code == "yours" else _by_the_library
    with np.errstate(over="ignore", invalid="ignore"):
        return runner(settings, unit)


def _by_the_library(settings: dict, unit: Unit) -> Run:
    states = []

    def watch(step, adapter, loss):
        states.append((adapter.A, adapter.B))

    history = train(task(settings), Adapter(unit.A, unit.B, unit.scaling),
                    optimiser(settings, unit), STEPS, allow_divergence=True, watch=watch)
    A, B = map(np.array, zip(*states, strict=True))
    norms = np.column_stack([history.delta_norm, history.grad_A_norm, history.grad_B_norm,
                             history.loss, history.useful])
    return Run(unit.scaling, A, B, norms)


def _by_the_reader(settings: dict, unit: Unit) -> Run:
    """The reader's train returns no more than its end: a rule of ours writes down each step."""
    if settings["optimiser"] == "momentum" or settings["decay"]:
        raise ValueError("optimiser must be Adam or SGD, and decay 0, with your file, which has "
                         "no other")
    name = settings["optimiser"].lower()
    lora, _ = chosen("yours", "train", name)
    rule = getattr(lora, name)
    if name == "adam" and unit.eps != TABLE["settings"]["eps"]["default"]:
        rule = partial(rule, eps=unit.eps)
    steps = {unit.A.shape: [], unit.B.shape: []}  # shape → (array, its gradient) of each step

    def recording(p, g, state, lr):
        steps.setdefault(np.shape(p), []).append((np.array(p), np.array(g)))
        return rule(p, g, state, lr)

    problem = task(settings)
    Y = problem.X @ problem.W_star.T  # (64, 64)
    _, _, losses = lora.train(problem.X, Y, problem.W0, unit.A, unit.B, unit.scaling, unit.rate,
                              STEPS + 1, recording)
    counts = [len(losses), *map(len, steps.values())]
    if counts != [STEPS + 1] * 3:
        raise ValueError(f"train in your file must return {STEPS + 1} losses and call rule as "
                         f"often for A and for B, got {', '.join(map(str, counts))}")
    A, grad_A = map(np.array, zip(*steps[unit.A.shape], strict=True))
    B, grad_B = map(np.array, zip(*steps[unit.B.shape], strict=True))
    delta = unit.scaling * (B @ A)  # (steps + 1, 64, 64)
    lengths = [np.linalg.norm(part, axis=(1, 2)) for part in (delta, grad_A, grad_B)]
    decreases = (delta * target(settings)).sum(axis=(1, 2))
    norms = np.column_stack([*lengths, losses, decreases])
    is_finite = np.isfinite(norms).all(axis=1)
    end = len(norms) if is_finite.all() else int(is_finite.argmin())
    return Run(unit.scaling, A[:end], B[:end], norms[:end])
