"""Two adapters made into one, as PEFT's ``add_weighted_adapter`` does it, in NumPy."""

import numpy as np

SIDE = 64
KINDS = ("linear", "svd", "cat")


def pair(r: int, one_draw: bool, rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """Two adapters (A, B), (r, SIDE) and (SIDE, r), with B away from zero. one_draw: of A."""
    def draw(*shape: int) -> np.ndarray:
        return rng.normal(size=shape) / SIDE**0.5

    A1 = draw(r, SIDE)
    A2 = draw(r, SIDE)  # always drawn, so that B1 and B2 are the same either way
    B1 = draw(SIDE, r)
    B2 = draw(SIDE, r)
    return [(A1, B1), (A1 if one_draw else A2, B2)]


def combined(kind: str, adapters: list, weights: list[float]) -> np.ndarray:
    """What the combination adds to the frozen weight, for adapters of scale 1, (SIDE, SIDE)."""
    if kind == "linear":
        roots = [abs(weight)**0.5 for weight in weights]
        A = sum(np.sign(weight) * root * A for weight, root, (A, _) in
                zip(weights, roots, adapters, strict=True))
        return sum(root * B for root, (_, B) in zip(roots, adapters, strict=True)) @ A
    total = sum(weight * B @ A for weight, (A, B) in zip(weights, adapters, strict=True))
    if kind == "svd":
        U, sizes, Vt = np.linalg.svd(total)
        r = len(adapters[0][0])
        return (U[:, :r] * sizes[:r]) @ Vt[:r]
    return total


def arrives(change: np.ndarray, adapters: list) -> np.ndarray:
    """The factors with which the adapters' updates come nearest to ``change``, (adapters,)."""
    updates = np.stack([(B @ A).ravel() for A, B in adapters], axis=1)
    return np.linalg.lstsq(updates, change.ravel(), rcond=None)[0]
