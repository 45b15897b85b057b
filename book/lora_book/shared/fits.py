"""Fits of measured curves: where they are least, and the power that they follow."""

import numpy as np


def vertex(log_rates, losses) -> np.ndarray:
    """Where each curve is least: the vertex of the parabola through its least point and the two
    beside it, (…).

    Where a neighbour is infinite it is the least point itself.

    Args:
        log_rates: (n,), increasing, n ≥ 3.
        losses: (…, n); as logarithms, if the parabola is to be one in the logarithm.

    Raises:
        ValueError: Where a least point lies at an end: the minimum was not among the rates.
    """
    x = np.asarray(log_rates, dtype=float)
    y = np.asarray(losses, dtype=float)
    least = y.argmin(axis=-1)
    ends = np.unique(x[least[(least == 0) | (least == len(x) - 1)]])
    if ends.size:
        raise ValueError("the best rate lies at an end of the rates tried, "
                         f"{', '.join(f'{rate:.3g}' for rate in np.exp(ends))}: try more")
    three = least[..., None] + np.arange(-1, 2)
    x = x[three]
    y = np.take_along_axis(y, three, axis=-1)
    falls, rises = np.moveaxis(np.diff(y) / np.diff(x), -1, 0)  # falls < 0 ≤ rises
    bend = (rises - falls) / (x[..., 2] - x[..., 0])
    with np.errstate(invalid="ignore"):
        lowest = (x[..., 0] + x[..., 1]) / 2 - falls / (2 * bend)
    return np.where(np.isfinite(bend), lowest, x[..., 1])


def best_rate(rates, losses) -> np.ndarray:
    """The learning rate with the least loss, between the rates tried: ``vertex`` in logarithms."""
    return np.exp(vertex(np.log(rates), np.log(losses)))


def geometric_mean(values, axis: int = -1) -> np.ndarray:
    """Over one axis: that of the seeds."""
    return np.exp(np.log(values).mean(axis=axis))


def exponent(x, y) -> tuple[float, float]:
    """The power of x that y follows: mean over the seeds, and its standard error.

    A line is fitted to log y, (n, seeds), against log x, (n,), for each seed, by least squares.
    """
    slopes = np.polyfit(np.log(x), np.log(y), 1)[0]  # one a seed
    return float(slopes.mean()), float(slopes.std(ddof=1) / len(slopes)**0.5)
