"""The digits: the same pictures at every angle, turned as one would turn them."""

import sys
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from lora_edu.chapters.shared import digits, mlp

PARTS = ("X_train", "y_train", "X_val", "y_val", "X_test", "y_test")


def test_the_parts_hold_every_picture_once_between_0_and_1():
    data = digits.load()
    X = np.concatenate([data.X_train, data.X_val, data.X_test])
    assert [len(getattr(data, part)) for part in PARTS] == [1200, 1200, 297, 297, 300, 300]
    from sklearn.datasets import load_digits

    want = load_digits().data / 16
    assert np.array_equal(*(M[np.lexsort(M.T)] for M in (X, want)))
    assert (X.min(), X.max()) == (0, 1)
    assert set(data.y_test) == set(data.y_val) == set(range(10))


@pytest.mark.parametrize("quarters", [1, 2, 3, -1])
def test_quarter_turns_move_pixels_anticlockwise(quarters):
    upright, turned = digits.load(), digits.load(90 * quarters)
    want = np.rot90(upright.X_test.reshape(-1, 8, 8), quarters, axes=(1, 2))
    np.testing.assert_allclose(turned.X_test, want.reshape(-1, 64), atol=1e-12)
    assert np.array_equal(upright.y_test, turned.y_test)


def test_a_turned_picture_is_bilinear_between_pixels():
    """One pixel of the turned picture by hand: look up where it came from."""
    picture = digits.load().X_test[:1]
    angle = np.deg2rad(30)
    row, column = 2, 4
    up, right = 3.5 - row, column - 3.5  # from the centre
    x = np.cos(angle) * right + np.sin(angle) * up  # turned back
    y = -np.sin(angle) * right + np.cos(angle) * up
    i, j = 3.5 - y, 3.5 + x
    grid = picture.reshape(8, 8)
    near = sum((1 - abs(i - a)) * (1 - abs(j - b)) * grid[a, b]
               for a in (int(i), int(i) + 1) for b in (int(j), int(j) + 1))
    assert digits.rotate(picture, 30)[0, 8 * row + column] == pytest.approx(near, abs=1e-12)


def test_the_split_goes_by_its_seed():
    first, again, other = digits.load(45), digits.load(45), digits.load(45, seed=1)
    assert all(np.array_equal(getattr(first, part), getattr(again, part)) for part in PARTS)
    assert not np.array_equal(first.y_test, other.y_test)


@pytest.mark.parametrize(("call", "error", "words"), [
    ({"angle": "left"}, TypeError, "angle must be a number, got 'left'"),
    ({"angle": float("inf")}, ValueError, "angle must be finite"),
    ({"seed": -1}, ValueError, "seed must be at least 0, got -1"),
    ({"seed": 0.5}, TypeError, "seed must be a whole number, got 0.5")])
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error, match=words):
        digits.load(**call)


def test_without_scikit_learn_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match="pip install scikit-learn"):
        digits.load()


def test_the_digits_and_a_model_of_them_stay_as_they_were_made():
    data = digits.load()
    for record, field in ((data, "X_train"), (mlp.MLP([], []), "weights")):
        with pytest.raises(FrozenInstanceError):
            setattr(record, field, None)
