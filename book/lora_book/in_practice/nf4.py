"""Weights in four bits: NormalFloat and double quantisation (Dettmers et al. 2023).

Blocks of 64 numbers are divided by their largest size and rounded to sixteen levels, quantiles of
the normal distribution. The blocks' constants are rounded to eight bits in blocks of 256 (the
"dynamic" code of Dettmers 2016). All in float32.
"""

from functools import cache
from statistics import NormalDist

import numpy as np

BLOCK = 64  # numbers that share a constant
CONSTANTS = 256  # constants that share a second one


@cache
def levels() -> np.ndarray:
    """The sixteen levels from −1 to 1, (16,): eight quantiles above zero, seven below, and zero."""
    outermost = 1 - (1 / 32 + 1 / 30) / 2  # between the last of 16 and of 15 parts
    above = np.linspace(outermost, 0.5, 9)[:-1]  # 0.5 is left out: its quantile is zero
    below = np.linspace(outermost, 0.5, 8)[:-1]
    quantile = np.vectorize(NormalDist().inv_cdf)
    quantiles = np.concatenate([-quantile(below), [0.0], np.sort(quantile(above))])
    return (quantiles / quantiles.max()).astype(np.float32)


@cache
def dynamic() -> np.ndarray:
    """The levels of the constants, (256,): for each power of ten twice as many as for the last."""
    sizes = [0.0, 1.0]
    for i in range(7):
        edges = np.linspace(0.1, 1, 2**i + 1, dtype=np.float32)
        middles = (edges[:-1] + edges[1:]) / 2 * 10.0 ** (i - 6)
        sizes += [*middles, *-middles]
    return np.sort(np.array(sizes, dtype=np.float32))


def nearest(x: np.ndarray, code: np.ndarray) -> np.ndarray:
    """The index of the level nearest to each x, as uint8. code: levels in rising order."""
    middles = (code[:-1] + code[1:]) / 2
    return np.searchsorted(middles, x, side="left").astype(np.uint8)


def quantised(x: np.ndarray, code: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """(codes, constants): of x in blocks, (blocks, size), and the largest size in each, (blocks,).

    A block of zeros has the constant 0.
    """
    flat = np.asarray(x, dtype=np.float32).ravel()
    rows = np.pad(flat, (0, -len(flat) % size)).reshape(-1, size)  # zeros fill the last
    constants = np.abs(rows).max(axis=1)
    return nearest(rows / np.where(constants, constants, 1)[:, None], code), constants


def restored(codes: np.ndarray, constants: np.ndarray, code: np.ndarray, shape) -> np.ndarray:
    """The numbers that codes and constants stand for, float32."""
    return (code[codes] * constants[:, None]).ravel()[:np.prod(shape, dtype=int)].reshape(shape)


def in_four_bits(W: np.ndarray, double: bool = True) -> np.ndarray:
    """W rounded to NF4, as float32 of the same shape. double: constants in 8 bits."""
    codes, constants = quantised(W, levels(), BLOCK)
    if double:
        mean = constants.mean(dtype=np.float32)
        second = quantised(constants - mean, dynamic(), CONSTANTS)
        constants = restored(*second, dynamic(), constants.shape) + mean
    return restored(codes, constants, levels(), np.shape(W))
