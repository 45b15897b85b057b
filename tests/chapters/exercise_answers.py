"""Right and wrong answers to the book's exercises with a check. RIGHT has check → what its page
prints as the solution, OTHER check → another way to the same numbers, and WRONG check → mistakes
and what the check must say of them. A dict is numbers by name, everything else a function."""

import contextlib
import io
import re
from fractions import Fraction

import numpy as np
import torch

from lora_edu.chapters.audit import check as audit
from tests.book import NOTEBOOKS, checks, folded_solutions, printed_solution
from tests.chapters.oracles import of_rank

LABELS = {vars(checks)[name]: label for page in NOTEBOOKS  # check: the exercise that calls it
          for label, (code, _) in folded_solutions(page).items()
          for name in re.findall(r"(\w+)\((?:\*\*)?solution\)", code) if name in vars(checks)}
with contextlib.redirect_stdout(io.StringIO()):
    RIGHT = {check: printed_solution(label, check=audit, formula=(
        lambda layers, matrices, d, r: 2 * layers * matrices * d * r))
        for check, label in LABELS.items()}


def through(form, solution):
    """A solution whose answer, or each part of it, is put into another form."""
    def answer(*inputs):
        value = solution(*inputs)
        return tuple(map(form, value)) if isinstance(value, tuple) else form(value)
    return answer


def single(value):
    """Arrays in single precision, also those in pairs."""
    if isinstance(value, tuple):
        return tuple(map(single, value))
    is_real = isinstance(value, np.ndarray) and value.dtype.kind == "f"
    return np.float32(value) if is_real else value


def forms(right) -> dict:
    """The same answer in the forms that libraries and readers give it."""
    if isinstance(right, dict):  # numbers by name
        types = {"floats": float, "NumPy": np.float64, "single precision": np.float32,
                 "fractions": Fraction, "tensors": torch.tensor}
        return {name: {key: form(value) for key, value in right.items()}
                for name, form in types.items()}
    return {"as printed": right,
            "in single precision from the start": lambda *given: right(*map(single, given)),
            **{name: through(form, right) for name, form in {
                "single precision": np.float32, "lists": lambda value: np.asarray(value).tolist(),
                "six digits": lambda value: np.round(value, 6),
                "tensors with a gradient": lambda value: torch.nn.Parameter(
                    torch.tensor(np.asarray(value, dtype=float)))}.items()}}


def but(check, **changes):
    """The printed solution, with its parts _0, _1, … changed by functions of (part, *inputs)."""
    def answer(*inputs):
        parts = list(RIGHT[check](*inputs))
        for name, change in changes.items():
            i = int(name[1:])
            parts[i] = change(parts[i], *inputs)
        return tuple(parts)
    return answer


def in_torch(right):
    """A solution that computes with tensors."""
    return lambda *given: right(*(torch.tensor(value) if isinstance(value, np.ndarray) else value
                                  for value in given))


(project, dropout, three, adamw, partner, rate, scale, matching, settings, draw, embed, undo,
 convert, enlarge, file_scale) = map(RIGHT.get, (
     checks.best_approximation, checks.dropout_backward,
     checks.three_factor_gradients, checks.adamw_step, checks.equivalent_adamw,
     checks.same_first_step, checks.flat_scale, checks.matching_rate, checks.first_r_settings,
     checks.undo_wide_draw, checks.embedding_forward, checks.undo_change, checks.converted_adapter,
     checks.enlarged_adapter, checks.scale_in_file))


def from_the_right(M, r):
    vectors = np.linalg.eigh(M.T @ M)[1][:, -r:]
    return M @ vectors @ vectors.T


def adamw_by_torch(p, g, m, v, t, lr, b1, b2, eps, wd):
    weight = torch.nn.Parameter(torch.tensor(p))
    weight.grad = torch.tensor(g)
    optimiser = torch.optim.AdamW([weight], lr, (b1, b2), eps, wd)
    optimiser.state[weight] = {"step": torch.tensor(t - 1.0), "exp_avg": torch.tensor(m),
                               "exp_avg_sq": torch.tensor(v)}
    optimiser.step()
    state = optimiser.state[weight]
    return weight, state["exp_avg"], state["exp_avg_sq"]


def convert_by_svd(A, B, A0, B0, alpha):
    U, sigma, Vt = np.linalg.svd(alpha / len(A) * (B @ A - B0 @ A0), full_matrices=False)
    r = min(2 * len(A), len(sigma))
    return Vt[:r], U[:, :r] * sigma[:r], r


def split(A, B, alpha, r1):
    """A larger rank by copies of components, each with its share of B."""
    copies = np.arange(r1) % len(A)
    return A[copies], B[:, copies] / np.bincount(copies)[copies], alpha * r1 / len(A)


OTHER = {
    checks.best_approximation: from_the_right,
    checks.dropout_backward: in_torch(dropout),
    checks.adamw_step: adamw_by_torch,
    checks.embedding_forward: in_torch(embed),
    checks.converted_adapter: convert_by_svd,
    checks.enlarged_adapter: lambda A, B, a, r1: (  # zeros in A, not in B
        np.eye(r1, len(A)) @ A, np.hstack([B, np.eye(len(B), r1 - len(A))]), a * r1 / len(A)),
    audit.checkpoint: {"mb": 37.7, "mib": 36},
    audit.reductions: {"r1": 37_140, "r4": 9_290, "r8": 4_640},
    audit.speed: {"more_tokens": 32.6, "less_time": 24.6},
    audit.training_memory: {"full_tb": 1.4, "lora_gb": 350.7},
    audit.latency: {"adapter_l": 20.7, "adapter_h": 30.3, "merged": 0, "apart": 0.78},
}

WRONG = {
    checks.best_approximation: {
        "NumPy's SVD": (of_rank, "yet. The exercise asks for it without np.linalg.svd"),
        "rank 2 whatever r": (lambda M, r: project(M, 2), "For r = 3 its error"),
        "one too many": (lambda M, r: project(M, r + 1), "rank 3"),
        "transposed": (lambda M, r: project(M, r).T, "shape (9, 6)")},
    checks.dropout_backward: {
        "no mask": (lambda D, X, mask, *a: dropout(D, X, mask > -1, *a), "∇X is wrong in"),
        "the mask without its scale": (
            lambda D, X, mask, *a: dropout(D, X, mask > 0, *a), "∇A is off by one factor, 0.7")},
    checks.three_factor_gradients: {
        "M not transposed": (lambda A, M, B, G, s: three(A, M.T, B, G, s), "is wrong in"),
        "order": (lambda *a: three(*a)[::-1], "shape")},
    checks.adamw_step: {
        "L2 instead of decay": (lambda p, g, *a: adamw(p, g + a[-1] * p, *a[:-1], 0), "wrong in"),
        "no bias correction": (lambda p, g, m, v, t, *a: adamw(p, g, m, v, 10**9, *a), "wrong in"),
        "ε forgotten": (lambda *a: adamw(*a[:-2], 0, a[-1]), "is a small term missing")},
    checks.same_first_step: {
        "Adam's power for SGD": (lambda o, a, lr, b: lr * a / b, "SGD: when α goes from 4 to 16"),
        "SGD's power for Adam": (
            lambda o, a, lr, b: lr * (a / b) ** 2, "Adam: when α goes from 4 to 16")},
    checks.flat_scale: {
        "1/r for both": (lambda o, r, q, s: s * q / r, "SGD, from r = 4 to 16"),
        "1/√r for both": (lambda o, r, q, s: s * (q / r) ** 0.5, "Adam, from r = 4 to 16"),
        "right for larger ranks": (
            lambda o, r, q, s: scale(o, r, q, s) if r > q else s, "SGD, from r = 8 to 2")},
    checks.matching_rate: {
        "without √(2/π)": (
            lambda *a: matching(*a) / (2 / np.pi) ** 0.5, "is 1.25331 times as useful"),
        "unit rows": (np.errstate(invalid="ignore")(  # where a row is zero
            lambda G, *a: matching(G / np.linalg.norm(G, axis=1, keepdims=True), *a)),
            "is infinite or not a number"),
        "without α": (lambda G, lr, alpha, sigma: matching(G, lr, 1, sigma), "α = 8, σ = 0.2")},
    checks.first_r_settings: {
        "α = r always": (lambda r, r1, lr, rule: (r, lr, 1.0), "is 4 times"),
        "α = 1 always": (lambda r, r1, lr, rule: (1.0, lr, 1 / r), "s must be 1, not 0.125"),
        "α kept always": (lambda r, r1, lr, rule: (r1, lr, r1 / r), "would use 2.82843"),
        "η divided": (lambda r, r1, lr, rule: settings(r, r1, lr * r1 / r, rule),
                      "it was to be carried")},
    checks.equivalent_adamw: {
        "start left behind": (
            but(checks.equivalent_adamw, _0=lambda _, alpha, sigma, *a: sigma), "sigma is 0.5"),
        "SGD's power": (but(checks.equivalent_adamw, _1=lambda lr, alpha, _, old, *a: lr**2 / old),
                        "lr is 2 times"),
        "a run that overflows": (lambda *a: (0.3, 1e90, 0.01, 0.4), "lr is 2.5e+91 times"),
        "too large": (lambda *a: (1e200, 0.02, 0.01, 0.4), "sigma must be more than zero, and l")},
    checks.undo_wide_draw: {
        "ε forgotten": (lambda lr, eps, c: (lr / c, lr * c, eps, eps), "is wrong in"),
        "B's rate left": (lambda lr, eps, c: (lr / c, lr, eps * c, eps), "after step 2"),
        "right for one c": (lambda lr, eps, c: draw(lr, eps, 4), "with c = 1.7")},
    checks.embedding_forward: {
        "s forgotten": (lambda *a: embed(*a[:4], 1), "is wrong in"),
        "BA formed": (lambda ids, W0, A, B, s: (W0 + s * B @ A)[:, ids].T, "BA is formed"),
        "BA formed in torch": (
            in_torch(lambda ids, W0, A, B, s: (W0 + s * B @ A)[:, ids].T), "BA is formed")},
    checks.undo_change: {
        "no bias": (but(checks.undo_change, _1=lambda b, *a: 0 * b), "an inversion"),
        "M, not its inverse": (lambda W0, b0, M, t: (W0 @ M - W0, -W0 @ M @ t), "a permutation"),
        "M transposed": (lambda W0, b0, M, t: (W0 @ M.T - W0, -W0 @ M.T @ t), "a general change")},
    checks.converted_adapter: {
        "A and B alone": (lambda A, B, A0, B0, a: (A, B, a), "is wrong in"),
        "alpha kept": (but(checks.converted_adapter, _2=lambda _, *a: a[-1]), "one factor, 0.5"),
        "rank zero": (lambda A, B, A0, B0, a: (A[:0], B[:, :0], a), "with one rank r1"),
        "the whole matrix": (lambda A, B, A0, B0, a: (
            np.eye(A.shape[1]), a / len(A) * (B @ A - B0 @ A0), A.shape[1]), "is enough")},
    checks.enlarged_adapter: {
        "both zero": (but(checks.enlarged_adapter,
                          _0=lambda A1, A, *a: np.eye(len(A1), len(A)) @ A), "never trains"),
        "alpha kept": (but(checks.enlarged_adapter, _2=lambda _, A, B, a, r1: a),
                       "one factor, 0.4"),
        "a component split": (split, "stay copies"),
        "the old rank": (lambda A, B, a, r1: (A, B, a), "must be (5, 7)")},
    checks.scale_in_file: {
        "rsLoRA ignored": (lambda c, name: file_scale(c | {"use_rslora": False}, name),
                           "off by one factor, 0.25"),
        "rsLoRA always": (lambda c, name: file_scale(c | {"use_rslora": True}, name),
                          "a plain file is off by one factor"),
        "the pattern of any layer": (lambda c, name: file_scale(c | {"rank_pattern": {
            name: next(iter(c["rank_pattern"].values()), c["r"])}}, name), "'up'")},
    audit.gpt3_rows: {  # its slips, and those of the other counts, are tested as they stand
        "one off": ({"r4": 18_874_369}, "more digits"),
        "text": ({"r4": "18,874,368"}, "it is '18,874,368'"),
        "near a slip": ({"r1": 2.04 * 4_718_592}, "r1: 9,625,927.68 is 2 times what it must be")},
}
