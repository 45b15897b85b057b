"""The book's code exercises: each check accepts the printed solution and rejects wrong answers."""

import numpy as np
import pytest
from chapters import printed_solution

from lora_edu import checks

EXERCISES = {"ex-best": checks.best_approximation, "ex-count": checks.trainable_parameters,
             "ex-dropout": checks.dropout_backward, "ex-three": checks.three_factor_gradients,
             "ex-adamw": checks.adamw_step, "ex-same-first-step": checks.same_first_step,
             "ex-partner": checks.equivalent_adamw, "ex-flat-rule": checks.flat_scale,
             "ex-embedding": checks.embedding_forward, "ex-undo-draw": checks.undo_wide_draw}


@pytest.mark.parametrize("label", EXERCISES)
def test_the_printed_solution_passes_its_check(label, capsys):
    assert EXERCISES[label](printed_solution(label))
    assert "Right" in capsys.readouterr().out


def svd(M):
    return np.linalg.svd(M, full_matrices=False)


def largest_entries(M, r):
    return np.where(np.abs(M) >= np.sort(np.abs(M), axis=None)[-r * 15], M, 0)


def adamw(p, g, m, v, t, lr, b1, b2, eps, wd, *, correct=True, l2=False, late=False, bare=False):
    """AdamW with room for mistakes."""
    g = g + wd * p if l2 else g
    m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
    c1, c2 = (1 - b1**t, 1 - b2**t) if correct else (1, 1)
    shrink = 0 if l2 else wd if bare else lr * wd
    move = lr * (m / c1) / (np.sqrt(v / c2) + eps)
    return ((p - move) * (1 - shrink) if late else p * (1 - shrink) - move), m, v


def partner(alpha, sigma, lr, eps, wd, new, *, c=None, powers=(1, 1, -1, -1)):
    """The partner of an AdamW run with room for mistakes."""
    c = c(alpha / new) if c else (alpha / new) ** 0.5
    settings = zip((sigma, lr, eps, wd), powers, strict=True)
    return tuple(value * c**power for value, power in settings)


WRONG = {
    ("ex-same-first-step", "not answered"): (lambda o, a, lr, b: None, "None"),
    ("ex-same-first-step", "Adam's power for SGD"): (
        lambda o, a, lr, b: lr * a / b, "SGD: when α goes from 4 to 16"),
    ("ex-same-first-step", "SGD's power for Adam"): (
        lambda o, a, lr, b: lr * (a / b) ** 2, "Adam: when α goes from 4 to 16"),
    ("ex-same-first-step", "upside down"): (
        lambda o, a, lr, b: lr * (b / a) ** (2 if o == "SGD" else 1), "times what it was"),
    ("ex-same-first-step", "unchanged"): (lambda o, a, lr, b: lr, "times what it was"),
    ("ex-partner", "not answered"): (lambda *settings: None, "None"),
    ("ex-partner", "c is the ratio itself"): (
        lambda *settings: partner(*settings, c=lambda ratio: ratio), "sigma is 2 times"),
    ("ex-partner", "upside down"): (
        lambda *settings: partner(*settings, c=lambda ratio: ratio**-0.5), "lr is 0.25 times"),
    ("ex-partner", "start left behind"): (
        lambda *settings: partner(*settings, powers=(0, 1, -1, -1)), "sigma is 0.5 times"),
    ("ex-partner", "ε left behind"): (
        lambda *settings: partner(*settings, powers=(1, 1, 0, -1)), "eps is 2 times"),
    ("ex-partner", "L2's power for AdamW"): (
        lambda *settings: partner(*settings, powers=(1, 1, -1, -2)), "weight_decay is 0.5 times"),
    ("ex-partner", "SGD's power"): (
        lambda *settings: partner(*settings, powers=(1, 2, -1, -1)), "lr is 2 times"),
    ("ex-partner", "two numbers"): (lambda *settings: (1.0, 2.0), "four numbers"),
    ("ex-embedding", "not answered"): (lambda ids, W0, A, B, s: None, "None"),
    ("ex-embedding", "s forgotten"): (
        lambda ids, W0, A, B, s: W0[:, ids].T + A[:, ids].T @ B.T, "is wrong in"),
    ("ex-embedding", "not transposed"): (
        lambda ids, W0, A, B, s: W0[:, ids] + s * B @ A[:, ids], "has shape (5, 4)"),
    ("ex-embedding", "the base left out"): (
        lambda ids, W0, A, B, s: s * A[:, ids].T @ B.T, "is wrong in"),
    ("ex-embedding", "the base scaled too"): (
        lambda ids, W0, A, B, s: s * (W0[:, ids].T + A[:, ids].T @ B.T), "is wrong in"),
    ("ex-flat-rule", "not answered"): (lambda o, r, q, s: None, "None"),
    ("ex-flat-rule", "1/r for both"): (lambda o, r, q, s: s * q / r, "SGD, from r = 4 to 16"),
    ("ex-flat-rule", "1/√r for both"): (
        lambda o, r, q, s: s * (q / r) ** 0.5, "Adam, from r = 4 to 16"),
    ("ex-flat-rule", "times r"): (lambda o, r, q, s: s * r / q, "times what it was"),
    ("ex-flat-rule", "constant"): (lambda o, r, q, s: s, "times what it was"),
    ("ex-three", "not answered"): (lambda A, M, B, G, s: None, "None"),
    ("ex-three", "s forgotten"): (
        lambda A, M, B, G, s: (M.T @ B.T @ G, B.T @ G @ A.T, G @ A.T @ M.T), "off by one factor"),
    ("ex-three", "s squared in one"): (
        lambda A, M, B, G, s: (s * s * M.T @ B.T @ G, s * B.T @ G @ A.T, s * G @ A.T @ M.T),
        "∇A is off by one factor"),
    ("ex-three", "sign of descent"): (
        lambda A, M, B, G, s: (-s * M.T @ B.T @ G, -s * B.T @ G @ A.T, -s * G @ A.T @ M.T),
        "off by one factor"),
    ("ex-three", "M not transposed"): (
        lambda A, M, B, G, s: (s * M @ B.T @ G, s * B.T @ G @ A.T, s * G @ A.T @ M),
        "is wrong in"),
    ("ex-three", "M left out"): (
        lambda A, M, B, G, s: (s * B.T @ G, s * B.T @ G @ A.T, s * G @ A.T), "is wrong in"),
    ("ex-three", "order"): (
        lambda A, M, B, G, s: (s * G @ A.T @ M.T, s * B.T @ G @ A.T, s * M.T @ B.T @ G), "shape"),
    ("ex-three", "two matrices"): (
        lambda A, M, B, G, s: (s * B.T @ G, s * G @ A.T), "three matrices"),
    ("ex-best", "not answered"): (lambda M, r: None, "None"),
    ("ex-best", "largest entries"): (largest_entries, "rank"),
    ("ex-best", "smallest singular values"): (
        lambda M, r: (svd(M)[0][:, -r:] * svd(M)[1][-r:]) @ svd(M)[2][-r:], "least possible"),
    ("ex-best", "singular values forgotten"): (
        lambda M, r: svd(M)[0][:, :r] @ svd(M)[2][:r], "least possible"),
    ("ex-best", "first columns"): (
        lambda M, r: np.where(np.arange(M.shape[1]) < r, M, 0), "least possible"),
    ("ex-best", "one too many"): (
        lambda M, r: (svd(M)[0][:, :r + 1] * svd(M)[1][:r + 1]) @ svd(M)[2][:r + 1], "rank 3"),
    ("ex-count", "not answered"): (lambda shapes, r: None, "returned None"),
    ("ex-count", "whole matrices"): (lambda shapes, r: sum(d * k for d, k in shapes), "off by"),
    ("ex-count", "one side only"): (lambda shapes, r: sum(r * k for d, k in shapes), "off by"),
    ("ex-count", "square assumed"): (lambda shapes, r: sum(2 * r * d for d, k in shapes), "off by"),
    ("ex-count", "first matrix only"): (
        lambda shapes, r: r * sum(shapes[0]), "off by"),
    ("ex-dropout", "not answered"): (lambda *given: None, "None"),
    ("ex-dropout", "mask forgotten in A"): (
        lambda D, X, mask, W0, A, B, s: (s * (D @ B).T @ X, s * D.T @ (mask * X) @ A.T,
                                         D @ W0 + mask * (s * D @ B @ A)), "∇A is wrong in"),
    ("ex-dropout", "mask forgotten in X"): (
        lambda D, X, mask, W0, A, B, s: (s * (D @ B).T @ (mask * X), s * D.T @ (mask * X) @ A.T,
                                         D @ W0 + s * D @ B @ A), "∇X is wrong in"),
    ("ex-dropout", "mask on everything"): (
        lambda D, X, mask, W0, A, B, s: (s * (D @ B).T @ (mask * X), s * D.T @ (mask * X) @ A.T,
                                         mask * (D @ W0 + s * D @ B @ A)), "∇X is wrong in"),
    ("ex-dropout", "s forgotten in B"): (
        lambda D, X, mask, W0, A, B, s: (s * (D @ B).T @ (mask * X), D.T @ (mask * X) @ A.T,
                                         D @ W0 + mask * (s * D @ B @ A)), "∇B is off by one"),
    ("ex-adamw", "not answered"): (lambda *given: None, "None"),
    ("ex-adamw", "L2 instead of decay"): (lambda *a: adamw(*a, l2=True), "is wrong in"),
    ("ex-adamw", "no bias correction"): (lambda *a: adamw(*a, correct=False), "is wrong in"),
    ("ex-adamw", "decay after the move"): (lambda *a: adamw(*a, late=True), "is wrong in"),
    ("ex-adamw", "decay without the learning rate"): (
        lambda *a: adamw(*a, bare=True), "is wrong in"),
    ("ex-undo-draw", "not answered"): (lambda lr, eps, c: None, "None"),
    ("ex-undo-draw", "nothing changed"): (lambda lr, eps, c: (lr, lr, eps, eps), "after step 1"),
    ("ex-undo-draw", "the wrong way"): (
        lambda lr, eps, c: (lr * c, lr / c, eps / c, eps * c), "after step 1"),
    ("ex-undo-draw", "ε forgotten"): (lambda lr, eps, c: (lr / c, lr * c, eps, eps), "is wrong in"),
    ("ex-undo-draw", "ε with the rates"): (
        lambda lr, eps, c: (lr / c, lr * c, eps / c, eps * c), "is wrong in"),
    ("ex-undo-draw", "A's rate left"): (
        lambda lr, eps, c: (lr, lr * c, eps, eps / c), "after step 1"),
    ("ex-undo-draw", "SGD's squares"): (
        lambda lr, eps, c: (lr / c**2, lr * c**2, eps, eps), "after step 1"),
    ("ex-undo-draw", "B's rate left"): (
        lambda lr, eps, c: (lr / c, lr, eps * c, eps), "after step 2"),
    ("ex-undo-draw", "right for one c"): (
        lambda lr, eps, c: (lr / 4, lr * 4, eps * 4, eps / 4), "with c = 1.7"),
    ("ex-undo-draw", "a pair"): (lambda lr, eps, c: (lr / c, lr * c), "four numbers"),
}


@pytest.mark.parametrize(("label", "mistake"), WRONG)
def test_a_plausible_mistake_is_rejected_and_named(label, mistake, capsys):
    answer, hint = WRONG[label, mistake]
    assert not EXERCISES[label](answer)
    assert hint in capsys.readouterr().out


def test_every_exercise_with_a_check_has_at_least_two_plausible_mistakes():
    counts = [label for label, mistake in WRONG if mistake != "not answered"]
    assert all(counts.count(label) >= 2 for label in EXERCISES)
