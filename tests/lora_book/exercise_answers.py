"""A right and a wrong answer to each of the book's exercises with a check. RIGHT has check → what
its page prints as the solution, and WRONG check → a plausible mistake and what must be said of it.
A dict is numbers by name, everything else a function."""

import contextlib
import io
import re

import numpy as np

from lora_book.audit import check as audit
from tests.book import NOTEBOOKS, checks, folded_solutions, printed_solution

with contextlib.redirect_stdout(io.StringIO()):
    RIGHT = {vars(checks)[name]: printed_solution(label, check=audit, formula=(
        lambda layers, matrices, d, r: 2 * layers * matrices * d * r)) for page in NOTEBOOKS
        for label, (code, _) in folded_solutions(page).items()
        for name in re.findall(r"(\w+)\((?:\*\*)?solution\)", code) if name in vars(checks)}


def but(check, part, change):
    """The printed solution, of which one part is changed by a function of (part, *inputs)."""
    def answer(*inputs):
        parts = list(RIGHT[check](*inputs))
        parts[part] = change(parts[part], *inputs)
        return parts
    return answer


project = RIGHT[checks.best_approximation]
dropout = RIGHT[checks.dropout_backward]
three = RIGHT[checks.three_factor_gradients]
adamw = RIGHT[checks.adamw_step]
scale = RIGHT[checks.flat_scale]
matching = RIGHT[checks.matching_rate]
draw = RIGHT[checks.undo_wide_draw]
file_scale = RIGHT[checks.scale_in_file]

WRONG = {
    checks.best_approximation: (
        lambda M, r: project(M, r + 1), "rank 3"),
    checks.dropout_backward: (
        lambda D, X, mask, *a: dropout(D, X, mask > 0, *a), "∇A is off by a constant factor, 0.7"),
    checks.three_factor_gradients: (
        lambda A, M, B, G, s: three(A, M.T, B, G, s), "is wrong in"),
    checks.adamw_step: (
        lambda *a: adamw(*a[:-2], 0, a[-1]), "a small term missing"),
    checks.same_first_step: (
        lambda o, a, lr, b: lr * (a / b) ** 2, "Adam: when α goes from 4 to 16"),
    checks.flat_scale: (
        lambda o, r, q, s: scale(o, r, q, s) if r > q else s, "SGD, from r = 8 to 2"),
    checks.matching_rate: (
        lambda G, lr, alpha, sigma: matching(G, lr, 1, sigma), "α = 8 and σ = 0.2"),
    checks.first_r_settings: (
        lambda r, r1, lr, rule: (r1, lr, r1 / r), "would use 2.82843"),
    checks.equivalent_adamw: (
        but(checks.equivalent_adamw, 1, lambda lr, alpha, _, old, *a: lr**2 / old),
        "lr is 2 times"),
    checks.undo_wide_draw: (
        lambda lr, eps, c: draw(lr, eps, 4), "with c = 1.7"),
    checks.embedding_forward: (
        lambda ids, W0, A, B, s: (W0 + s * B @ A)[:, ids].T, "forbids forming BA"),
    checks.undo_change: (
        but(checks.undo_change, 1, lambda b, *a: 0 * b), "an inversion"),
    checks.converted_adapter: (
        but(checks.converted_adapter, 2, lambda _, *a: a[-1]), "factor, 0.5"),
    checks.enlarged_adapter: (
        but(checks.enlarged_adapter, 0,
            lambda A1, A, *a: np.eye(len(A1), len(A)) @ A), "never trains"),
    checks.scale_in_file: (
        lambda c, name: file_scale(c | {"use_rslora": False}, name),
        "factor, 0.25"),
    audit.gpt3_rows: (  # its slips, and those of the other counts, are tested as they stand
        {"r1": 2.04 * 4_718_592}, "r1: 9,625,927.68 is 2 times"),
}
