"""Real pictures that need no download: handwritten digits, rotated by any angle."""

from dataclasses import dataclass

import numpy as np

SIDE = 8
CLASSES = 10
TRAIN = 1200  # of 1,797
VAL = 297  # the other 300 are the test set


@dataclass(frozen=True, eq=False)
class Digits:
    """Three parts of the same pictures. X_…: (n, 64) in [0, 1], a picture a row; y_…: (n,) of 0…9.

    The rows are the same pictures at every angle: an upright test picture is rotated into a
    rotated test picture, never into one to train on.
    """

    X_train: np.ndarray
    y_train: np.ndarray
    X_val: np.ndarray
    y_val: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray


def load(angle: float = 0, seed: int = 0) -> Digits:
    """``sklearn.datasets.load_digits``, rotated and split.

    Args:
        angle: Degrees, anticlockwise about the centre, bilinear between pixels; what comes in from
            outside is paper (0). Multiples of 90 only move pixels.
        seed: Of the split into 1,200 pictures to train on, 297 to choose by and 300 to test on.
    """
    from sklearn.datasets import load_digits  # only here: other pages need no scikit-learn

    X, y = load_digits(return_X_y=True)  # (1797, 64) of 0 … 16
    X = rotate(X / 16, angle)
    order = np.random.default_rng(seed).permutation(len(X))
    parts = np.split(order, [TRAIN, TRAIN + VAL])
    return Digits(*(array[part] for part in parts for array in (X, y)))


def rotate(X: np.ndarray, angle: float) -> np.ndarray:
    """Pictures (n, 64) rotated anticlockwise about their centre by ``angle`` degrees."""
    if angle % 360 == 0:
        return X.copy()
    from scipy import ndimage

    pictures = X.reshape(-1, SIDE, SIDE)
    rotated = ndimage.rotate(pictures, angle, axes=(2, 1), reshape=False, order=1)
    return rotated.reshape(len(X), -1)
