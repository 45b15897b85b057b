"""Right and wrong answers to the book's exercises with a check. RIGHT has check → what its page
prints as the solution, OTHER check → other ways to the same numbers, and WRONG check → mistakes and
what the check must say of them."""

from __future__ import annotations

import contextlib
import io
import re
from fractions import Fraction

import numpy as np
import torch

from lora_edu.chapters.audit import check as audit
from tests.book import NOTEBOOKS, checks, folded_solutions, printed_solution

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
        found = solution(*inputs)
        return type(found)(map(form, found)) if isinstance(found, tuple) else form(found)
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
        made = {"floats": float, "NumPy": np.float64, "single precision": np.float32,
                "fractions": Fraction, "tensors": torch.tensor}
        return {name: {key: form(value) for key, value in right.items()}
                for name, form in made.items()}
    return {"as printed": right,
            "in single precision from the start": lambda *given: right(*map(single, given)),
            **{name: through(form, right) for name, form in {
                "single precision": np.float32, "lists": lambda value: np.asarray(value).tolist(),
                "six digits": lambda value: np.round(value, 6),
                "lists of single precision": lambda value: np.float32(value).tolist(),
                "tensors with a gradient": lambda value: torch.nn.Parameter(
                    torch.tensor(np.asarray(value, dtype=float)))}.items()}}


# Answers with room for mistakes

def backward(D, X, mask, W0, A, B, s, *, into_A=True, into_X=True, s_in_B=True):
    Z = mask * X
    return (s * (D @ B).T @ (Z if into_A else X), (s if s_in_B else 1) * D.T @ Z @ A.T,
            D @ W0 + (mask if into_X else 1) * (s * D @ B @ A))


def adamw(p, g, m, v, t, lr, b1, b2, eps, wd, *, correct=True, l2=False, late=False, bare=False,
          inside=False):
    g = g + wd * p if l2 else g
    m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
    c1, c2 = (1 - b1**t, 1 - b2**t) if correct else (1, 1)
    shrink = 0 if l2 else wd if bare else lr * wd
    move = lr * (m / c1) / (np.sqrt(v / c2 + eps) if inside else np.sqrt(v / c2) + eps)
    return ((p - move) * (1 - shrink) if late else p * (1 - shrink) - move), m, v


def adamw_by_torch(p, g, m, v, t, lr, b1, b2, eps, wd):
    weight = torch.nn.Parameter(torch.tensor(p))
    weight.grad = torch.tensor(g)
    optimiser = torch.optim.AdamW([weight], lr, (b1, b2), eps, wd)
    optimiser.state[weight] = {"step": torch.tensor(t - 1.0), "exp_avg": torch.tensor(m),
                               "exp_avg_sq": torch.tensor(v)}
    optimiser.step()
    state = optimiser.state[weight]
    return weight, state["exp_avg"], state["exp_avg_sq"]


def partner(alpha, sigma, lr, eps, wd, new, *, c=0.5, powers=(1, 1, -1, -1)):
    settings = zip((sigma, lr, eps, wd), powers, strict=True)
    return tuple(value * (alpha / new)**(c * power) for value, power in settings)


def enlarged(A, B, alpha, r1, *, A1=None, B1=None, factor=1.0):
    r, rng = len(A), np.random.default_rng(1)
    A1 = rng.normal(size=(r1 - r, A.shape[1])) if A1 is None else A1
    B1 = np.zeros((len(B), r1 - r)) if B1 is None else B1
    return np.vstack([A, A1]), np.hstack([B, B1]), alpha * r1 / r * factor


def converted(A, B, A0, B0, alpha, *, sign_A=1, sign_B=-1, factor=2.0):
    return np.vstack([A, sign_A * A0]), np.hstack([B, sign_B * B0]), factor * alpha


def converted_by_svd(A, B, A0, B0, alpha):
    U, sigma, Vt = np.linalg.svd(alpha / len(A) * (B @ A - B0 @ A0), full_matrices=False)
    r = min(2 * len(A), len(sigma))
    return Vt[:r], U[:, :r] * sigma[:r], r


def iterated(product, n, bound, rounds=500, shift=1.0):
    v = np.random.default_rng(0).normal(size=n)
    for _ in range(rounds):
        v = product(v) + shift * bound * v
        v /= np.linalg.norm(v)
    return v @ product(v)


def attend(X, Wq, Wk, Wv, q, v, s, *, masked=True, root=True, on_k=False, use_q=True, use_v=True):
    Wq = Wq + s * q[1] @ q[0] * use_q
    Wk, Wv = Wk + s * v[1] @ v[0] * on_k, Wv + s * v[1] @ v[0] * (use_v and not on_k)
    scores = (X @ Wq.T) @ (X @ Wk.T).T / (np.sqrt(X.shape[1]) if root else 1)
    if masked:
        scores = np.where(np.tri(len(X), dtype=bool), scores, -np.inf)
    weights = np.exp(scores - scores.max(1, keepdims=True))
    return weights / weights.sum(1, keepdims=True) @ (X @ Wv.T)


def with_svd(M, r):
    U, sigma, Vt = np.linalg.svd(M, full_matrices=False)
    return (U[:, :r] * sigma[:r]) @ Vt[:r]


def by_qr(M, r):
    Q, R = np.linalg.qr(M)
    return Q[:, :r] @ R[:r]


def from_the_right(M, r):
    vectors = np.linalg.eigh(M.T @ M)[1][:, -r:]
    return M @ vectors @ vectors.T


def in_torch(right):
    """A solution that computes with tensors."""
    return lambda *given: right(*(torch.tensor(value) if isinstance(value, np.ndarray) else value
                                  for value in given))


projection, three, rate, scale, matching, settings, draw, embed, undo, file_scale = map(RIGHT.get, (
    checks.best_approximation, checks.three_factor_gradients, checks.same_first_step,
    checks.flat_scale, checks.matching_rate, checks.first_r_settings, checks.undo_wide_draw,
    checks.embedding_forward, checks.undo_change, checks.scale_in_file))


def product_in_a_loop(ids, W0, A, B, s):
    BA = np.zeros(W0.shape)
    for row, column in np.ndindex(W0.shape):
        BA[row, column] = sum(B[row, j] * A[j, column] for j in range(len(A)))
    return (W0 + s * BA)[:, ids].T


OTHER = {
    checks.best_approximation: [
        from_the_right, lambda M, r: M - M @ np.linalg.eigh(M.T @ M)[1][:, :-r]
        @ np.linalg.eigh(M.T @ M)[1][:, :-r].T],
    checks.trainable_parameters: [
        lambda shapes, r: r * np.array(shapes).sum(),
        lambda shapes, r: sum(r * sum(shapes.pop()) for _ in range(len(shapes)))],
    checks.dropout_backward: [backward, in_torch(backward)],
    checks.three_factor_gradients: [in_torch(three), lambda *given: list(three(*given))],
    checks.adamw_step: [adamw, adamw_by_torch],
    checks.equivalent_adamw: [partner, lambda *given: np.array(partner(*given))],
    checks.undo_wide_draw: [lambda *given: torch.tensor(draw(*given))],
    checks.embedding_forward: [
        in_torch(embed), lambda ids, W0, A, B, s: (
            np.eye(W0.shape[1])[ids] @ W0.T + (np.eye(W0.shape[1])[ids] @ (s * A).T) @ B.T),
        lambda ids, *given: embed(ids.ravel(), *given).reshape(*ids.shape, -1)],
    checks.converted_adapter: [
        converted_by_svd, lambda *given: converted(*given, sign_A=-1, sign_B=1)],
    checks.enlarged_adapter: [
        enlarged, lambda A, B, a, r1: enlarged(
            A, B, a, r1, A1=np.zeros((r1 - len(A), A.shape[1])), B1=np.eye(len(B), r1 - len(A))),
        lambda A, B, a, r1: enlarged(A, B, a, r1, A1=np.eye(r1 - len(A), A.shape[1]))],
    checks.largest_eigenvalue: [
        iterated, lambda product, n, bound: np.linalg.eigvalsh(
            np.array([product(e) for e in np.eye(n)]))[-1]],
    checks.adapted_attention: [
        attend, lambda X, Wq, Wk, Wv, q, v, s: torch.nn.functional.scaled_dot_product_attention(
            *(torch.tensor(X @ W.T)[None] for W in (
                Wq + s * q[1] @ q[0], Wk, Wv + s * v[1] @ v[0])), is_causal=True)[0]],
    audit.checkpoint: [{"mb": 37.7, "mib": 36}], audit.reductions: [
        {"r1": 37_142, "r4": 9_285, "r8": 4_643}, {"r1": 37_140, "r4": 9_290, "r8": 4_640}],
    audit.speed: [{"more_tokens": 32.6, "less_time": 24.6}],
    audit.training_memory: [{"full_tb": 1.4, "lora_gb": 350.7}],
    audit.latency: [{"adapter_l": 20.7, "adapter_h": 30.3, "merged": 0, "apart": 0.78}],
}

WRONG = {
    checks.best_approximation: {
        "NumPy's SVD": (with_svd, "yet. The exercise asks for it without np.linalg.svd"),
        "rank 2 whatever r": (lambda M, r: projection(M, 2), "For r = 3 its error"),
        "QR": (by_qr, "least possible"),
        "one too many": (lambda M, r: projection(M, r + 1), "rank 3"),
        "transposed": (lambda M, r: projection(M, r).T, "shape (9, 6)")},
    checks.trainable_parameters: {
        "whole matrices": (lambda shapes, r: sum(d * k for d, k in shapes), "off by"),
        "one side only": (lambda shapes, r: sum(r * k for d, k in shapes), "off by"),
        "square assumed": (lambda shapes, r: sum(2 * r * d for d, k in shapes), "off by"),
        "one too many of many": (
            lambda shapes, r: r * int(np.sum(shapes)) + (shapes[0][0] > 1000), "For r = 8")},
    checks.dropout_backward: {
        "mask forgotten in A": (lambda *a: backward(*a, into_A=False), "∇A is wrong in"),
        "mask forgotten in X": (lambda *a: backward(*a, into_X=False), "∇X is wrong in"),
        "mask on everything": (
            lambda D, X, mask, W0, A, B, s: (*backward(D, X, mask, W0, A, B, s)[:2],
                                             mask * (D @ W0 + s * D @ B @ A)), "∇X is wrong in"),
        "s forgotten in B": (lambda *a: backward(*a, s_in_B=False), "∇B is off by one factor"),
        "the mask without its scale": (
            lambda D, X, mask, *a: backward(D, X, mask > 0, *a), "∇A is off by one factor, 0.7")},
    checks.three_factor_gradients: {
        "s forgotten": (lambda A, M, B, G, s: three(A, M, B, G, 1), "off by one factor"),
        "s squared in one": (
            lambda A, M, B, G, s: (s * three(A, M, B, G, s)[0], *three(A, M, B, G, s)[1:]),
            "∇A is off by one factor"),
        "sign of descent": (lambda *a: tuple(-g for g in three(*a)), "off by one factor, -1"),
        "M not transposed": (lambda A, M, B, G, s: three(A, M.T, B, G, s), "is wrong in"),
        "order": (lambda *a: three(*a)[::-1], "shape")},
    checks.adamw_step: {
        "L2 instead of decay": (lambda *a: adamw(*a, l2=True), "is wrong in"),
        "no bias correction": (lambda *a: adamw(*a, correct=False), "is wrong in"),
        "decay after the move": (lambda *a: adamw(*a, late=True), "is wrong in"),
        "decay without the learning rate": (lambda *a: adamw(*a, bare=True), "is wrong in"),
        "ε inside the root": (lambda *a: adamw(*a, inside=True), "is a small term missing"),
        "corrected moments kept": (
            lambda p, g, m, v, t, lr, b1, b2, eps, wd: (lambda p, m, v: (
                p, m / (1 - b1**t), v / (1 - b2**t)))(*adamw(p, g, m, v, t, lr, b1, b2, eps, wd)),
            "p after step 2")},
    checks.same_first_step: {
        "Adam's power for SGD": (lambda o, a, lr, b: lr * a / b, "SGD: when α goes from 4 to 16"),
        "SGD's power for Adam": (
            lambda o, a, lr, b: lr * (a / b) ** 2, "Adam: when α goes from 4 to 16"),
        "upside down": (lambda o, a, lr, b: rate(o, b, lr, a), "times what it was"),
        "unchanged": (lambda o, a, lr, b: lr, "times what it was"),
        "four digits": (lambda *a: round(rate(*a), 4), "is 1.008 times what it was")},
    checks.flat_scale: {
        "1/r for both": (lambda o, r, q, s: s * q / r, "SGD, from r = 4 to 16"),
        "1/√r for both": (lambda o, r, q, s: s * (q / r) ** 0.5, "Adam, from r = 4 to 16"),
        "constant": (lambda o, r, q, s: s, "times what it was"),
        "right for larger ranks": (
            lambda o, r, q, s: scale(o, r, q, s) if r > q else s, "SGD, from r = 8 to 2"),
        "four per cent off": (lambda *a: 1.04 * scale(*a), "times what it was")},
    checks.matching_rate: {
        "without √(2/π)": (
            lambda *a: matching(*a) / (2 / np.pi) ** 0.5, "is 1.25331 times as useful"),
        "columns": (lambda G, *a: matching(G.T, *a), "times as useful as LoRA's"),
        "unit rows": (np.errstate(invalid="ignore")(  # where a row is zero
            lambda G, *a: matching(G / np.linalg.norm(G, axis=1, keepdims=True), *a)),
            "is infinite or not a number"),
        "the norm of all of G": (
            lambda G, lr, alpha, sigma: lr * alpha * sigma * (2 / np.pi) ** 0.5
            * np.linalg.norm(G) / np.abs(G).sum(), "times as useful as LoRA's"),
        "without α": (lambda G, lr, alpha, sigma: matching(G, lr, 1, sigma), "α = 8, σ = 0.2")},
    checks.first_r_settings: {
        "α = r always": (lambda r, r1, lr, rule: (r, lr, 1.0), "is 4 times"),
        "α = 1 always": (lambda r, r1, lr, rule: (1.0, lr, 1 / r), "s must be 1, not 0.125"),
        "α kept always": (lambda r, r1, lr, rule: (r1, lr, r1 / r), "would use 2.82843"),
        "α kept where it is r": (
            lambda r, r1, lr, rule: settings(r, r1, lr, rule.replace("= r", "kept")),
            "this rule makes it 4"),
        "twice": (lambda *a: (2 * settings(*a)[0], a[2], 2 * settings(*a)[2]), "must be 1, not 2"),
        "η divided": (lambda r, r1, lr, rule: settings(r, r1, lr * r1 / r, rule),
                      "it was to be carried")},
    checks.equivalent_adamw: {
        "c is the ratio itself": (lambda *a: partner(*a, c=1), "sigma is 2 times"),
        "start left behind": (lambda *a: partner(*a, powers=(0, 1, -1, -1)), "sigma is 0.5 times"),
        "ε left behind": (lambda *a: partner(*a, powers=(1, 1, 0, -1)), "part. eps is 2 times"),
        "L2's power for AdamW": (
            lambda *a: partner(*a, powers=(1, 1, -1, -2)), "weight_decay is 0.5 times"),
        "SGD's power": (lambda *a: partner(*a, powers=(1, 2, -1, -1)), "lr is 2 times"),
        "a run that overflows": (lambda *a: (0.3, 1e90, 0.01, 0.4), "lr is 2.5e+91 times"),
        "too large": (lambda *a: (1e200, 0.02, 0.01, 0.4), "sigma must be more than zero, and l"),
        "three digits": (lambda *a: np.round(partner(*a), 3), "eps is 0.981495 times")},
    checks.undo_wide_draw: {
        "the wrong way": (lambda lr, eps, c: draw(lr, eps, 1 / c), "after step 1"),
        "ε forgotten": (lambda lr, eps, c: (lr / c, lr * c, eps, eps), "is wrong in"),
        "ε with the rates": (lambda lr, eps, c: (lr / c, lr * c, eps / c, eps * c), "is wrong in"),
        "SGD's squares": (lambda lr, eps, c: (lr / c**2, lr * c**2, eps, eps), "after step 1"),
        "B's rate left": (lambda lr, eps, c: (lr / c, lr, eps * c, eps), "after step 2"),
        "right for one c": (lambda lr, eps, c: draw(lr, eps, 4), "with c = 1.7")},
    checks.embedding_forward: {
        "s forgotten": (lambda ids, W0, A, B, s: embed(ids, W0, A, B, 1), "is wrong in"),
        "not transposed": (lambda *a: embed(*a).T, "has shape (12, 4)"),
        "the base left out": (lambda ids, W0, A, B, s: s * A[:, ids].T @ B.T, "is wrong in"),
        "BA formed": (lambda ids, W0, A, B, s: (W0 + s * B @ A)[:, ids].T, "BA is formed"),
        "BA formed by einsum": (
            lambda ids, W0, A, B, s: (W0 + s * np.einsum("dr,rk->dk", B, A))[:, ids].T,
            "BA is formed"),
        "BA formed in place": (
            lambda ids, W0, A, B, s: (W0 + B @ A.__imul__(s))[:, ids].T, "BA is formed"),
        "BA formed in a loop": (product_in_a_loop, "BA is formed"),
        "BA formed in torch": (
            in_torch(lambda ids, W0, A, B, s: (W0 + s * B @ A)[:, ids].T), "BA is formed"),
        "BA formed by a linear layer": (in_torch(lambda ids, W0, A, B, s: (
            W0.T + s * torch.nn.functional.linear(A.T, B))[ids]), "BA is formed")},
    checks.undo_change: {
        "no bias": (lambda W0, b0, M, t: (undo(W0, b0, M, t)[0], 0 * b0), "an inversion"),
        "the bias with the wrong sign": (lambda *a: (undo(*a)[0], -undo(*a)[1]), "an inversion"),
        "W instead of ΔW": (
            lambda W0, *a: (W0 + undo(W0, *a)[0], undo(W0, *a)[1]), "an inversion"),
        "M, not its inverse": (lambda W0, b0, M, t: (W0 @ M - W0, -W0 @ M @ t), "a permutation"),
        "M transposed": (lambda W0, b0, M, t: (W0 @ M.T - W0, -W0 @ M.T @ t), "a general change"),
        "the bias forgets W0's change": (
            lambda W0, b0, M, t: (undo(W0, b0, M, t)[0], -W0 @ t), "an inversion")},
    checks.converted_adapter: {
        "A and B alone": (lambda A, B, A0, B0, a: (A, B, a), "is wrong in"),
        "the difference of each": (lambda A, B, A0, B0, a: (A - A0, B - B0, a), "is wrong in"),
        "sign forgotten": (lambda *a: converted(*a, sign_B=1), "is wrong in"),
        "alpha kept": (lambda *a: converted(*a, factor=1), "off by one factor, 0.5"),
        "rsLoRA's alpha": (lambda *a: converted(*a, factor=2**0.5), "off by one factor, 0.707"),
        "stacked the other way": (lambda A, B, A0, B0, a: (
            np.hstack([A, A0]), np.vstack([B, -B0]), 2 * a), "must be (r1, 7)"),
        "rank zero": (lambda A, B, A0, B0, a: (A[:0], B[:, :0], a), "with one rank r1"),
        "the whole matrix": (lambda A, B, A0, B0, a: (
            np.eye(A.shape[1]), a / len(A) * (B @ A - B0 @ A0), A.shape[1]), "is enough")},
    checks.enlarged_adapter: {
        "both zero": (lambda A, B, a, r1: enlarged(
            A, B, a, r1, A1=np.zeros((r1 - len(A), A.shape[1]))), "never trains"),
        "alpha kept": (lambda A, B, a, r1: (*enlarged(A, B, a, r1)[:2], a), "one factor, 0.4"),
        "rsLoRA's alpha": (lambda A, B, a, r1: enlarged(
            A, B, a, r1, factor=(len(A) / r1)**0.5), "one factor, 0.632"),
        "both random": (lambda A, B, a, r1: enlarged(
            A, B, a, r1, B1=np.ones((len(B), r1 - len(A)))), "is wrong in"),
        "a component split": (lambda A, B, a, r1: enlarged(
            A, np.hstack([B[:, :-1], B[:, -1:] / (r1 - len(A) + 1)]), a, r1,
            A1=np.vstack([A[-1:]] * (r1 - len(A))),
            B1=np.hstack([B[:, -1:]] * (r1 - len(A))) / (r1 - len(A) + 1)), "stay copies"),
        "the old rank": (lambda A, B, a, r1: (A, B, a), "must be (5, 7)"),
        "alpha zero": (lambda *a: enlarged(*a, factor=0), "alpha1 must be more")},
    checks.scale_in_file: {
        "rsLoRA ignored": (lambda c, name: file_scale(c | {"use_rslora": False}, name),
                           "off by one factor, 0.25"),
        "rsLoRA always": (lambda c, name: file_scale(c | {"use_rslora": True}, name),
                          "a plain file is off by one factor"),
        "patterns ignored": (lambda c, name: file_scale(
            c | {"rank_pattern": {}, "alpha_pattern": {}}, name), "rank_pattern"),
        "the pattern of any layer": (lambda c, name: file_scale(c | {"rank_pattern": {
            name: next(iter(c["rank_pattern"].values()), c["r"])}}, name), "'up'"),
        "α alone": (lambda c, name: c["lora_alpha"], "off by one factor, 8"),
        "an unknown field": (lambda c, name: c["alpha"], "KeyError")},
    checks.largest_eigenvalue: {
        "no shift": (lambda *given: iterated(*given, shift=0.0), "4, 1, -2, -9, 0.5"),
        "the size": (lambda product, n, bound: bound, "4, 1, -2, -9, 0.5"),
        "the shift left in": (lambda product, n, bound: iterated(product, n, bound) + bound,
                              "off by one factor, 2"),
        "too few rounds": (lambda *given: iterated(*given, rounds=2), "is off by"),
        "the least": (lambda product, n, bound: -iterated(lambda v: -product(v), n, bound),
                      "the largest of the eigenvalues")},
    checks.adapted_attention: {
        "no mask": (lambda *a: attend(*a, masked=False), "those after it"),
        "no root": (lambda *a: attend(*a, root=False), "√C"),
        "no scale": (lambda *a: attend(*a[:6], 1.0), "scale"),
        "on k": (lambda *a: attend(*a, on_k=True), "v's update"),
        "q alone": (lambda *a: attend(*a, use_v=False), "v lacks"),
        "v alone": (lambda *a: attend(*a, use_q=False), "q lacks"),
        "neither": (lambda *a: attend(*a, use_q=False, use_v=False), "neither"),
        "W not transposed": (lambda X, *a: attend(X, *(W.T for W in a[:3]), *a[3:]), "off"),
        "pairs swapped": (lambda *a: attend(*a[:4], a[5], a[4], a[6]), "off")},
    audit.gpt3_rows: {
        "A alone": ({"r1": 2_359_296}, "A and B both train"),
        "the printed millions": ({"r1": 4.7}, "one by one"),
        "the printed figure": ({"r8": 37.7e6}, "as the paper prints it"),
        "frozen matrices": ({"r4": 192 * 12_288**2}, "not their adapters"),
        "one off": ({"r4": 18_874_369}, "more digits"),
        "five digits": ({"r8": 37_749_000}, "more digits"),  # not the printed 37.7 million
        "text": ({"r4": "18,874,368"}, "it is '18,874,368'"),
        "near a slip": ({"r1": 2.04 * 4_718_592}, "r1: 9,625,927.68 is 2 times what it must be")},
    audit.checkpoint: {
        "MiB for MB": ({"mb": 36.0}, "2²⁰ bytes"), "1000 and 1024": ({"mib": 36.86}, "mixture"),
        "four bytes": ({"mb": 75.5}, "four bytes a number"),
        "bits": ({"mb": 302}, "bits, not bytes"), "two digits": ({"mb": 38}, "more digits")},
    audit.reductions: {
        "round": ({"r4": 10_000}, "round figure"), "upside down": ({"r1": 2.69e-5}, "upside down"),
        "adapted matrices only": ({"r4": 1536}, "against the adapted matrices"),
        "four matrices": ({"r8": 2321}, "two matrices a layer"),
        "two digits": ({"r1": 37_000}, "more digits")},
    audit.appendix_d4: {
        "believed": ({"count": 37.7e6}, "what D.4 prints"),
        "the other rank": ({"count": 37_748_736}, "count of another rank"),
        "two matrices": ({"count": 9_437_184}, "two matrices a layer"),
        "rank for q and v": ({"r": 8}, "the rank for q and v")},
    audit.gpt2_rows: {
        "printed": ({"medium": 350_000}, "what Table 3 prints"),
        "width of medium": ({"large": 589_824}, "d = 1280"),
        "layers of medium": ({"large": 491_520}, "36 layers"),
        "A alone": ({"large": 368_640}, "A and B both train")},
    audit.deberta: {
        "printed": ({"count": 4.7e6}, "what Table 2 prints"),
        "24 layers": ({"count": 1_179_648}, "XXL has 48 layers"),
        "Table 10's rank": ({"r": 8}, "Table 10 prints"),
        "α for r": ({"r": 32}, "scripts' α, not")},
    audit.speed: {
        "time for tokens": ({"more_tokens": 24.6}, "divide by the speed before"),
        "the printed figure": ({"less_time": 25}, "one digit more"),
        "a fraction": ({"more_tokens": 0.326}, "a fraction"),
        "what is left": ({"less_time": 75.4}, "the time that is left"),
        "a difference": ({"more_tokens": 10.6}, "a difference")},
    audit.training_memory: {
        "gradient forgotten": ({"full_tb": 1.0515}, "three copies"),
        "four bytes": ({"full_tb": 2.804}, "four bytes a number"),
        "TiB": ({"full_tb": 1.275}, "2⁴⁰"),
        "adapters forgotten": ({"lora_gb": 350.5}, "the adapters train"),
        "adapters alone": ({"lora_gb": 0.151}, "the adapters alone"),
        "all trained": ({"lora_gb": 1402.2}, "the frozen")},
    audit.latency: {
        "of the slower": ({"adapter_l": 17.2}, "divide by 19.8 ms"),
        "milliseconds": ({"adapter_h": 6.0}, "milliseconds"),
        "merged is not free": ({"merged": 0.78125}, "unmerged"),
        "one product": ({"apart": 0.390625}, "one of the two products"),
        "merged for apart": ({"apart": 0}, "applied apart")},
}
