"""Right and wrong answers to the book's exercises with a check, one table each: RIGHT has check →
what is given, WRONG has check → (what is given, what the check must say of it)."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import torch

from lora_edu.chapters.audit import check as audit
from tests.book import checks

LABELS = {  # check: the exercise of the page that calls it
    checks.best_approximation: "ex-best", checks.trainable_parameters: "ex-count",
    checks.dropout_backward: "ex-dropout", checks.three_factor_gradients: "ex-three",
    checks.adamw_step: "ex-adamw", checks.same_first_step: "ex-same-first-step",
    checks.equivalent_adamw: "ex-partner", checks.flat_scale: "ex-flat-rule",
    checks.matching_rate: "ex-matching-rate",
    checks.first_r_settings: "ex-first-r-settings", checks.undo_wide_draw: "ex-undo-draw",
    checks.embedding_forward: "ex-embedding", checks.undo_change: "ex-undo-change",
    checks.adapted_attention: "ex-attention", checks.converted_adapter: "ex-convert",
    checks.enlarged_adapter: "ex-enlarge",
    checks.scale_in_file: "ex-scale-in-file", checks.largest_eigenvalue: "ex-top-eigenvalue",
    audit.gpt3_rows: "ex-audit-rows", audit.checkpoint: "ex-audit-checkpoint",
    audit.reductions: "ex-audit-times", audit.appendix_d4: "ex-audit-d4",
    audit.gpt2_rows: "ex-audit-gpt2", audit.deberta: "ex-audit-deberta",
    audit.speed: "ex-audit-speed", audit.training_memory: "ex-audit-memory",
    audit.latency: "ex-audit-latency",
}
V, H = np.vstack, np.hstack
SINGLE = np.float32


def tensors(*arrays):
    """Tensors that share the arrays' memory."""
    return map(torch.from_numpy, arrays)


def through(form, solution):
    """A solution whose answer, or each part of it, is put into another form."""
    def answer(*inputs):
        found = solution(*inputs)
        return tuple(map(form, found)) if isinstance(found, tuple) else form(found)
    return answer


def parameter(value):
    return torch.nn.Parameter(torch.tensor(np.asarray(value, dtype=float)))


def single(value):
    """Arrays in single precision, also those in pairs."""
    if isinstance(value, tuple):
        return tuple(map(single, value))
    return SINGLE(value) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value


def forms(solution):
    """The same numbers, in the forms that libraries and readers give them."""
    return {"single precision": through(SINGLE, solution),
            "in single precision from the start": lambda *given: solution(*map(single, given)),
            "six digits": through(lambda value: np.round(value, 6), solution),
            "lists": through(lambda value: np.asarray(value).tolist(), solution),
            "lists of single precision": through(lambda value: SINGLE(value).tolist(), solution),
            "tensors with a gradient": through(parameter, solution)}


# A low-rank update

def projection(M, r):
    vectors = np.linalg.eigh(M @ M.T)[1][:, -r:]
    return vectors @ (vectors.T @ M)


def from_the_right(M, r):
    vectors = np.linalg.eigh(M.T @ M)[1][:, -r:]
    return M @ vectors @ vectors.T


def by_iteration(M, r):
    Q = np.random.default_rng(1).normal(size=(len(M), r))
    for _ in range(60):
        Q = np.linalg.qr(M @ (M.T @ Q))[0]
    return Q @ (Q.T @ M)


def what_is_left_taken_away(M, r):
    vectors = np.linalg.eigh(M @ M.T)[1][:, :-r]
    M -= vectors @ (vectors.T @ M)
    return M


def with_svd(M, r):
    U, sigma, Vt = np.linalg.svd(M, full_matrices=False)
    return (U[:, :r] * sigma[:r]) @ Vt[:r]


def by_qr(M, r):
    Q, R = np.linalg.qr(M)
    return Q[:, :r] @ R[:r]


def largest_entries(M, r):
    return np.where(np.abs(M) >= np.sort(np.abs(M), axis=None)[-r * 15], M, 0)


def emptied(M, r):
    M[:, r:] = 0
    return M


def counted_in_a_loop(shapes, r):
    total = 0
    for d, k in shapes:
        total += r * d
        total += k * r
    return total


# Forward and backward by hand

def backward(D, X, mask, W0, A, B, s, *, into_A=True, into_X=True, s_in_B=True):
    """The three gradients with room for mistakes."""
    Z = mask * X
    return (s * (D @ B).T @ (Z if into_A else X), (s if s_in_B else 1) * D.T @ Z @ A.T,
            D @ W0 + (mask if into_X else 1) * (s * D @ B @ A))


def backward_in_place(D, X, mask, W0, A, B, s):
    below = D @ W0
    D *= s
    X *= mask
    return (D @ B).T @ X, D.T @ X @ A.T, below + mask * (D @ B @ A)


def backward_with_einsum(D, X, mask, W0, A, B, s):
    return (s * np.einsum("nd,dr,nk->rk", D, B, mask * X),
            s * np.einsum("nd,nk,rk->dr", D, mask * X, A),
            np.einsum("nd,dk->nk", D, W0) + s * mask * np.einsum("nd,dr,rk->nk", D, B, A))


def backward_by_autograd(D, X, mask, W0, A, B, s):
    D, X, mask, W0, A, B = tensors(D, X, mask, W0, A, B)
    for leaf in (A, B, X):
        leaf.requires_grad_()
    (D * (X @ W0.T + s * (mask * X) @ A.T @ B.T)).sum().backward()
    return A.grad, B.grad, X.grad


# Step zero

def three(A, M, B, G, s):
    return s * M.T @ B.T @ G, s * B.T @ G @ A.T, s * G @ A.T @ M.T


def three_in_place(A, M, B, G, s):
    G *= s
    return [M.T @ B.T @ G, B.T @ G @ A.T, G @ A.T @ M.T]


def three_with_einsum(A, M, B, G, s):
    return (s * np.einsum("dr,rq,dk->qk", B, M, G), s * np.einsum("dr,dk,qk->rq", B, G, A),
            s * np.einsum("dk,qk,rq->dr", G, A, M))


def three_by_autograd(A, M, B, G, s):
    A, M, B, G = tensors(A, M, B, G)
    leaves = [leaf.requires_grad_() for leaf in (A, M, B)]
    return torch.autograd.grad((G * (s * B @ M @ A)).sum(), leaves)


# The first hundred steps

def adamw(p, g, m, v, t, lr, b1, b2, eps, wd, *, correct=True, l2=False, late=False, bare=False,
          inside=False):
    """AdamW with room for mistakes."""
    g = g + wd * p if l2 else g
    m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
    c1, c2 = (1 - b1**t, 1 - b2**t) if correct else (1, 1)
    shrink = 0 if l2 else wd if bare else lr * wd
    move = lr * (m / c1) / (np.sqrt(v / c2 + eps) if inside else np.sqrt(v / c2) + eps)
    return ((p - move) * (1 - shrink) if late else p * (1 - shrink) - move), m, v


def adamw_in_place(p, g, m, v, t, lr, b1, b2, eps, wd):
    m *= b1
    m += (1 - b1) * g
    v *= b2
    v += (1 - b2) * g * g
    p *= 1 - lr * wd
    p -= lr * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps)
    return p, m, v


def adamw_in_torch(p, g, m, v, t, lr, b1, b2, eps, wd):
    p, g, m, v = tensors(p, g, m, v)
    m.lerp_(g, 1 - b1)
    v.mul_(b2).addcmul_(g, g, value=1 - b2)
    p.mul_(1 - lr * wd).addcdiv_(m / (1 - b1**t), (v / (1 - b2**t)).sqrt() + eps, value=-lr)
    return p, m, v


def adamw_by_torch(p, g, m, v, t, lr, b1, b2, eps, wd):
    """PyTorch's own, with the moments put into its state."""
    weight = torch.nn.Parameter(torch.tensor(p))
    weight.grad = torch.tensor(g)
    optimiser = torch.optim.AdamW([weight], lr, (b1, b2), eps, wd)
    optimiser.state[weight] = {"step": torch.tensor(t - 1.0), "exp_avg": torch.tensor(m),
                               "exp_avg_sq": torch.tensor(v)}
    optimiser.step()
    state = optimiser.state[weight]
    return weight, state["exp_avg"], state["exp_avg_sq"]


def gradient_emptied(p, g, m, v, t, lr, b1, b2, eps, wd):
    g *= 0
    return p * (1 - lr * wd), m, v


# Part II

def rate(optimiser, alpha, lr, new_alpha):
    return lr * (alpha / new_alpha) ** {"SGD": 2, "Adam": 1}[optimiser]


def rate_from_what_stays(optimiser, alpha, lr, new_alpha):
    kept = lr * alpha * (alpha if optimiser == "SGD" else 1)
    return kept / new_alpha / (new_alpha if optimiser == "SGD" else 1)


def scale(optimiser, r, r_first, s_first):
    return s_first * (r_first / r) ** {"SGD": 0.5, "Adam": 1}[optimiser]


def scale_through_alpha(optimiser, r, r_first, s_first):
    alpha = s_first * r_first
    return alpha / (np.sqrt(r * r_first) if optimiser == "SGD" else r)


def matching(G, lr, alpha, sigma):
    lengths = np.linalg.norm(G, axis=1)
    return lr * alpha * sigma * np.sqrt(2 / np.pi) * lengths.sum() / np.abs(G).sum()


def matching_in_a_loop(G, lr, alpha, sigma):
    lengths = entries = 0
    for row in G:
        lengths += sum(value**2 for value in row) ** 0.5
        entries += sum(abs(value) for value in row)
    return lr * alpha * sigma * (2 / np.pi) ** 0.5 * lengths / entries


def matching_in_place(G, lr, alpha, sigma):
    entries = np.abs(G, out=G).sum()
    G *= G
    return 0.7978845608 * lr * alpha * sigma * np.sqrt(G.sum(axis=1)).sum() / entries


@np.errstate(invalid="ignore")
def matching_by_unit_rows(G, lr, alpha, sigma):
    """Wrong where a row is zero."""
    lengths = (G * G / np.linalg.norm(G, axis=1, keepdims=True)).sum()
    return lr * alpha * sigma * np.sqrt(2 / np.pi) * lengths / np.abs(G).sum()


def partner(alpha, sigma, lr, eps, wd, new, *, c=None, powers=(1, 1, -1, -1)):
    """The partner of an AdamW run with room for mistakes."""
    c = c(alpha / new) if c else (alpha / new) ** 0.5
    settings = zip((sigma, lr, eps, wd), powers, strict=True)
    return tuple(value * c**power for value, power in settings)


def settings(r, r_first, lr_first, rule):
    alpha = {"α kept": r_first, "rsLoRA": r_first**0.5, "α = r": r}[rule]
    return alpha, lr_first, alpha / (r**0.5 if rule == "rsLoRA" else r)


def but(**changes):
    """The settings with some replaced: name=function (r, r1, right answer, rule)."""
    def changed(r, r_first, lr_first, rule):
        right = dict(zip(("alpha", "lr", "s"), settings(r, r_first, lr_first, rule), strict=True))
        return tuple(changes[name](r, r_first, value, rule) if name in changes else value
                     for name, value in right.items())
    return changed


def draw(lr, eps, c):
    return lr / c, lr * c, eps * c, eps / c


# Part III

def embed(ids, W0, A, B, s):
    return W0[:, ids].T + s * A[:, ids].T @ B.T


def embed_in_place(ids, W0, A, B, s):
    A *= s
    W0[:, ids] += B @ A[:, ids] - 0 * W0[:, ids]
    return W0[:, ids].T


def embed_in_a_loop(ids, W0, A, B, s):
    rows = []
    for i in ids:
        rows.append([W0[row, i] + s * sum(B[row, j] * A[j, i] for j in range(len(A)))
                     for row in range(len(B))])
    return rows


def embed_with_a_mask(ids, W0, A, B, s):
    chosen = np.eye(W0.shape[1])[ids]
    return chosen @ W0.T + (chosen @ (s * A).T) @ B.T


def embed_in_torch(ids, W0, A, B, s):
    ids, W0, A, B = map(torch.tensor, (ids, W0, A, B))
    look_up = torch.nn.functional.embedding
    return look_up(ids, W0.T) + s * look_up(ids, A.T) @ B.T


def product_in_a_loop(ids, W0, A, B, s):
    BA = np.zeros(W0.shape)
    for row, column in np.ndindex(W0.shape):
        BA[row, column] = sum(B[row, j] * A[j, column] for j in range(len(A)))
    return (W0 + s * BA)[:, ids].T


def product_in_torch(ids, W0, A, B, s):
    W0, A, B = map(torch.tensor, (W0, A, B))
    return (W0 + s * B @ A)[:, ids].T


def undo(W0, b0, M, t):
    back = np.linalg.inv(M)
    return W0 @ back - W0, -W0 @ back @ t


def undo_in_place(W0, b0, M, t):
    new = np.linalg.solve(M.T, W0.T).T
    b0[:] = -new @ t
    W0 *= -1
    W0 += new
    return W0, b0


def convert(A, B, A0, B0, alpha):
    return V([A, A0]), H([B, -B0]), 2 * alpha


def convert_in_place(A, B, A0, B0, alpha):
    B0 *= -1
    return V([A, A0]), H([B, B0]), 2 * alpha


def convert_by_svd(A, B, A0, B0, alpha):
    U, sigma, Vt = np.linalg.svd(alpha / len(A) * (B @ A - B0 @ A0), full_matrices=False)
    r = min(2 * len(A), len(sigma))
    return Vt[:r], U[:, :r] * sigma[:r], r


def enlarge(A, B, alpha, r1, new=None):
    r, k = A.shape
    new = np.random.default_rng(1).normal(size=(r1 - r, k)) if new is None else new
    return V([A, new]), H([B, np.zeros((len(B), r1 - r))]), alpha * r1 / r


def enlarge_b(A, B, alpha, r1):
    d, r = B.shape
    new = np.random.default_rng(1).normal(size=(d, r1 - r))
    return V([A, np.zeros((r1 - r, A.shape[1]))]), H([B, new]), alpha * r1 / r


def enlarge_in_place(A, B, alpha, r1):
    B *= alpha / len(A)
    A1, B1, _ = enlarge(A, B, alpha, r1)
    return A1, B1, r1


def convert_and_turn(A, B, A0, B0, alpha):
    A1, B1 = V([A, A0]), H([B, -B0])
    Q = np.linalg.qr(np.random.default_rng(0).normal(size=(len(A1), len(A1))))[0]
    return Q @ A1, 2 * B1 @ Q.T, alpha


def file_scale(config, layer):
    r = config["rank_pattern"].get(layer, config["r"])
    alpha = config["alpha_pattern"].get(layer, config["lora_alpha"])
    return alpha / (r**0.5 if config["use_rslora"] else r)


def file_scale_in_place(config, layer):
    config["r"] = config["rank_pattern"].pop(layer, config["r"])
    config["lora_alpha"] = config["alpha_pattern"].pop(layer, config["lora_alpha"])
    return config["lora_alpha"] * config["r"] ** (-0.5 if config["use_rslora"] else -1)


def iterated(product, n, bound, rounds=500, shift=1.0):
    v = np.random.default_rng(0).normal(size=n)
    for _ in range(rounds):
        v = product(v) + shift * bound * v
        v /= np.linalg.norm(v)
    return v @ product(v)


def iterated_by_length(product, n, bound):
    """From the growth of the vector, with a shift that is larger than needed."""
    v = np.ones(n) + np.arange(n) / 10
    for _ in range(3000):
        v = v / np.linalg.norm(v)
        v = product(v) + 2 * bound * v
    return np.linalg.norm(v) - 2 * bound


def by_dense_matrix(product, n, bound):
    return np.linalg.eigvalsh(np.array([product(e) for e in np.eye(n)]))[-1]


def attend(X, Wq, Wk, Wv, q, v, s, *, masked=True, root=True, on_k=False, use_q=True, use_v=True,
           mask_of=None):
    """Attention with room for mistakes."""
    Wq = Wq + s * q[1] @ q[0] * use_q
    Wk, Wv = Wk + s * v[1] @ v[0] * on_k, Wv + s * v[1] @ v[0] * (use_v and not on_k)
    scores = (X @ Wq.T) @ (X @ Wk.T).T / (np.sqrt(X.shape[1]) if root else 1)
    if masked:
        scores = np.where(np.tri(mask_of or len(X), dtype=bool), scores, -np.inf)
    weights = np.exp(scores - scores.max(1, keepdims=True))
    return weights / weights.sum(1, keepdims=True) @ (X @ Wv.T)


def attend_in_place(X, Wq, Wk, Wv, q, v, s):
    Wq += s * q[1] @ q[0]
    Wv += s * v[1] @ v[0]
    return attend(X, Wq, Wk, Wv, q, v, s, use_q=False, use_v=False)


def attend_factored(X, Wq, Wk, Wv, q, v, s):
    Q, V = (X @ W.T + s * (X @ A.T) @ B.T for W, (A, B) in ((Wq, q), (Wv, v)))
    weights = np.exp(Q @ (X @ Wk.T).T / len(Wq) ** 0.5) * np.tri(len(X))
    return weights / weights.sum(1, keepdims=True) @ V


def attend_in_torch(X, Wq, Wk, Wv, q, v, s):
    X, Wq, Wk, Wv, Aq, Bq, Av, Bv = tensors(X, Wq, Wk, Wv, *q, *v)
    Q, K, V = X @ (Wq + s * Bq @ Aq).T, X @ Wk.T, X @ (Wv + s * Bv @ Av).T
    return torch.nn.functional.scaled_dot_product_attention(Q[None], K[None], V[None],
                                                            is_causal=True)[0]


RIGHT = {
    checks.best_approximation: {
        "eigenvectors of MMᵀ": projection, "eigenvectors of MᵀM": from_the_right,
        "iteration": by_iteration, "in place": what_is_left_taken_away, **forms(projection)},
    checks.trainable_parameters: {
        "a sum": lambda shapes, r: sum(r * (d + k) for d, k in shapes),
        "a loop": counted_in_a_loop,
        "NumPy": lambda shapes, r: r * np.array(shapes).sum(),
        "a float": lambda shapes, r: float(r * np.sum(shapes)),
        "a tensor": lambda shapes, r: r * torch.tensor(shapes).sum(),
        "the list emptied": lambda shapes, r: sum(
            r * sum(shapes.pop()) for _ in range(len(shapes)))},
    checks.dropout_backward: {
        "matrices": backward, "in place": backward_in_place, "einsum": backward_with_einsum,
        "autograd": backward_by_autograd, **forms(backward)},
    checks.three_factor_gradients: {
        "matrices": three, "in place": three_in_place, "einsum": three_with_einsum,
        "autograd": three_by_autograd, **forms(three)},
    checks.adamw_step: {
        "formula": adamw, "in place": adamw_in_place, "in place, in torch": adamw_in_torch,
        "torch's own": adamw_by_torch, **forms(adamw)},
    checks.same_first_step: {
        "a power": rate, "what stays": rate_from_what_stays, **forms(rate)},
    checks.flat_scale: {"a power": scale, "through α": scale_through_alpha, **forms(scale)},
    checks.matching_rate: {
        "norms": matching, "a loop": matching_in_a_loop, "in place": matching_in_place,
        "torch": lambda G, *settings: matching(torch.tensor(G).numpy(), *settings),
        **{name: form for name, form in forms(matching).items() if "digits" not in name}},
    checks.first_r_settings: {
        "a table": settings, "NumPy": through(np.float64, settings), **forms(settings)},
    checks.equivalent_adamw: {
        "powers": partner, "an array": lambda *given: np.array(partner(*given)),
        **forms(partner)},
    checks.undo_wide_draw: {
        "powers": draw, "a tensor": lambda *given: torch.tensor(draw(*given)), **forms(draw)},
    checks.embedding_forward: {
        "columns": embed, "in place": embed_in_place, "in a loop": embed_in_a_loop,
        "a mask": embed_with_a_mask, "in torch": embed_in_torch,
        "einsum": lambda ids, W0, A, B, s: W0.T[ids] + s * np.einsum("dr,rn->nd", B, A[:, ids]),
        "of any shape": lambda ids, *given: embed(ids.ravel(), *given).reshape(*ids.shape, -1),
        **forms(embed)},
    checks.undo_change: {
        "inverse": undo, "in place": undo_in_place,
        "pseudo-inverse": lambda W0, b0, M, t: [
            W0 @ np.linalg.pinv(M) - W0, -(W0 @ np.linalg.pinv(M)) @ t],
        "the bias from the new weight": lambda W0, b0, M, t: (
            undo(W0, b0, M, t)[0], -(W0 + undo(W0, b0, M, t)[0]) @ t), **forms(undo)},
    checks.converted_adapter: {
        "stacked": convert, "in place": convert_in_place, "SVD": convert_by_svd,
        "turned": convert_and_turn,
        "minus on A0": lambda A, B, A0, B0, a: (V([A, -A0]), H([B, B0]), 2 * a),
        "the scale in B": lambda A, B, A0, B0, a: (
            V([A, A0]), H([B, -B0]) * a / len(A), 2 * len(A)), **forms(convert)},
    checks.enlarged_adapter: {
        "new rows of A": enlarge, "new columns of B": enlarge_b, "in place": enlarge_in_place,
        "identity": lambda A, B, a, r1: enlarge(A, B, a, r1, np.eye(r1 - len(A), A.shape[1])),
        "the scale in A": lambda A, B, a, r1: (
            enlarge(A, B, a, r1)[0] * r1 / len(A), enlarge(A, B, a, r1)[1], a),
        **forms(enlarge)},
    checks.scale_in_file: {
        "looked up": file_scale, "in place": file_scale_in_place,
        "one expression": lambda c, name: (
            c["alpha_pattern"].get(name, c["lora_alpha"])
            / c["rank_pattern"].get(name, c["r"]) ** (1 - c["use_rslora"] / 2)),
        "NumPy": through(np.float64, file_scale), **forms(file_scale)},
    checks.largest_eigenvalue: {
        "shifted": iterated, "by length": iterated_by_length, "the whole matrix": by_dense_matrix,
        "half the rounds": lambda *given: iterated(*given, rounds=250), **forms(iterated)},
    checks.adapted_attention: {
        "adapted first": attend, "in place": attend_in_place, "factored": attend_factored,
        "torch's own": attend_in_torch, **forms(attend)},
    audit.gpt3_rows: {
        "Python": {"r1": 4_718_592, "r4": 18_874_368, "r8": 37_748_736},
        "NumPy": {f"r{r}": np.int64(2 * 192 * 12_288 * r) for r in (1, 4, 8)},
        "single precision": {f"r{r}": SINGLE(2 * 192 * 12_288 * r) for r in (1, 4, 8)},
        "tensors": {f"r{r}": torch.tensor(2 * 192 * 12_288 * r) for r in (1, 4, 8)}},
    audit.checkpoint: {
        "a digit": {"mb": 37.7, "mib": 36}, "more": {"mb": 37.748736, "mib": 36.0},
        "fractions": {"mb": Fraction(37_748_736, 10**6), "mib": Fraction(36)},
        "NumPy": {"mb": np.float64(37.75), "mib": np.int32(36)}},
    audit.reductions: {
        "whole": {"r1": 37_142, "r4": 9_285, "r8": 4_643},
        "rounded": {"r1": 37_140, "r4": 9_290, "r8": 4_640},
        "NumPy": {f"r{r}": np.float64(175_255.8e6) / (384 * 12_288 * r) for r in (1, 4, 8)},
        "single precision": {f"r{r}": SINGLE(175_255.8e6) / SINGLE(384 * 12_288 * r)
                             for r in (1, 4, 8)}},
    audit.appendix_d4: {
        "Python": {"count": 18_874_368, "r": 4}, "floats": {"count": 18_874_368.0, "r": 4.0},
        "NumPy": {"count": np.int64(18_874_368), "r": np.int8(4)},
        "tensors": {"count": torch.tensor(18_874_368), "r": torch.tensor(4)}},
    audit.gpt2_rows: {
        "Python": {"medium": 393_216, "large": 737_280},
        "NumPy": {"medium": np.sum([2 * 4 * 1024] * 48), "large": np.sum([2 * 4 * 1280] * 72)},
        "floats": {"medium": 393_216.0, "large": 737_280.0},
        "sizes": {"medium": 48 * (np.zeros((4, 1024)).size + np.zeros((1024, 4)).size),
                  "large": np.size(np.zeros((72, 2, 4, 1280)))}},
    audit.deberta: {
        "Python": {"count": 2_359_296, "r": 16}, "floats": {"count": 2_359_296.0, "r": 16.0},
        "NumPy": {"count": np.int64(2_359_296), "r": np.int64(16)},
        "tensors": {"count": torch.tensor(2_359_296), "r": torch.tensor(16.0)}},
    audit.speed: {
        "a digit": {"more_tokens": 32.6, "less_time": 24.6},
        "exact": {"more_tokens": 100 * (43.1 / 32.5 - 1), "less_time": 100 * (1 - 32.5 / 43.1)},
        "NumPy": {"more_tokens": np.float64(32.615), "less_time": SINGLE(24.594)},
        "fractions": {"more_tokens": Fraction(106_00, 325), "less_time": Fraction(106_00, 431)}},
    audit.training_memory: {
        "two digits": {"full_tb": 1.4, "lora_gb": 350.7},
        "as asked": {"full_tb": 1.402, "lora_gb": 350.66},
        "cut off": {"full_tb": 1.40, "lora_gb": 350.6},
        "NumPy": {"full_tb": np.float64(1.40205), "lora_gb": SINGLE(350.66)}},
    audit.latency: {
        "a digit": {"adapter_l": 20.7, "adapter_h": 30.3, "merged": 0, "apart": 0.78},
        "exact": {"adapter_l": 100 * 4.1 / 19.8, "adapter_h": 100 * 6 / 19.8, "merged": 0.0,
                  "apart": 0.78125},
        "NumPy": {"adapter_l": np.float64(20.71), "adapter_h": np.float64(30.3),
                  "merged": np.int64(0), "apart": SINGLE(0.78125)},
        "tensors": {"adapter_l": torch.tensor(20.7), "adapter_h": torch.tensor(30.3),
                    "merged": torch.tensor(0), "apart": torch.tensor(0.781)}},
}

WRONG = {
    checks.best_approximation: {
        "NumPy's SVD": (with_svd, "yet. The exercise asks for it without np.linalg.svd"),
        "rank 2 whatever r": (lambda M, r: projection(M, 2), "For r = 3 its error"),
        "largest entries": (largest_entries, "rank"),
        "smallest eigenvalues": (
            lambda M, r: M - projection(M, len(M) - r), "least possible"),
        "lengths forgotten": (
            lambda M, r: projection(M, r) / np.linalg.norm(projection(M, r)), "least possible"),
        "QR": (by_qr, "least possible"),
        "first columns": (emptied, "least possible"),
        "all emptied": (lambda M, r: M * 0, "least possible"),
        "one too many": (lambda M, r: projection(M, r + 1), "rank 3"),
        "one too few": (lambda M, r: projection(M, r - 1) if r > 1 else 0 * M, "least possible"),
        "transposed": (lambda M, r: projection(M, r).T, "shape (9, 6)")},
    checks.trainable_parameters: {
        "whole matrices": (lambda shapes, r: sum(d * k for d, k in shapes), "off by"),
        "one side only": (lambda shapes, r: sum(r * k for d, k in shapes), "off by"),
        "square assumed": (lambda shapes, r: sum(2 * r * d for d, k in shapes), "off by"),
        "first matrix only": (lambda shapes, r: r * sum(shapes[0]), "off by"),
        "one too many": (lambda shapes, r: r * int(np.sum(shapes)) + 1, "off by"),
        "one too many of many": (
            lambda shapes, r: r * int(np.sum(shapes)) + (shapes[0][0] > 1000), "For r = 8"),
        "a list": (lambda shapes, r: [r * (d + k) for d, k in shapes], "must be one number")},
    checks.dropout_backward: {
        "mask forgotten in A": (lambda *a: backward(*a, into_A=False), "∇A is wrong in"),
        "mask forgotten in X": (lambda *a: backward(*a, into_X=False), "∇X is wrong in"),
        "mask on everything": (
            lambda D, X, mask, W0, A, B, s: (*backward(D, X, mask, W0, A, B, s)[:2],
                                             mask * (D @ W0 + s * D @ B @ A)), "∇X is wrong in"),
        "s forgotten in B": (lambda *a: backward(*a, s_in_B=False), "∇B is off by one factor"),
        "the mask without its scale": (
            lambda D, X, mask, *a: backward(D, X, mask > 0, *a), "∇A is off by one factor, 0.7"),
        "D emptied": (lambda D, *a: backward(D.__imul__(0), *a), "∇A is off by one factor, 0:")},
    checks.three_factor_gradients: {
        "s forgotten": (
            lambda A, M, B, G, s: (M.T @ B.T @ G, B.T @ G @ A.T, G @ A.T @ M.T),
            "off by one factor"),
        "s squared in one": (
            lambda A, M, B, G, s: (s * three(A, M, B, G, s)[0], *three(A, M, B, G, s)[1:]),
            "∇A is off by one factor"),
        "sign of descent": (
            lambda *a: tuple(-gradient for gradient in three(*a)), "off by one factor, -1"),
        "M not transposed": (
            lambda A, M, B, G, s: (s * M @ B.T @ G, s * B.T @ G @ A.T, s * G @ A.T @ M),
            "is wrong in"),
        "M left out": (
            lambda A, M, B, G, s: (s * B.T @ G, s * B.T @ G @ A.T, s * G @ A.T), "is wrong in"),
        "order": (lambda *a: three(*a)[::-1], "shape"),
        "two matrices": (
            lambda A, M, B, G, s: (s * B.T @ G, s * G @ A.T), "3 things, ∇A, ∇M, ∇B"),
        "all emptied": (lambda *a: three(*(x * 0 for x in a)), "off by one factor, 0")},
    checks.adamw_step: {
        "L2 instead of decay": (lambda *a: adamw(*a, l2=True), "is wrong in"),
        "no bias correction": (lambda *a: adamw(*a, correct=False), "is wrong in"),
        "decay after the move": (lambda *a: adamw(*a, late=True), "is wrong in"),
        "decay without the learning rate": (lambda *a: adamw(*a, bare=True), "is wrong in"),
        "ε inside the root": (lambda *a: adamw(*a, inside=True), "is a small term missing"),
        "the gradient emptied": (gradient_emptied, "is wrong in"),
        "corrected moments kept": (
            lambda p, g, m, v, t, lr, b1, b2, eps, wd: (lambda p, m, v: (
                p, m / (1 - b1**t), v / (1 - b2**t)))(*adamw(p, g, m, v, t, lr, b1, b2, eps, wd)),
            "p after step 2")},
    checks.same_first_step: {
        "Adam's power for SGD": (
            lambda o, a, lr, b: lr * a / b, "SGD: when α goes from 4 to 16"),
        "SGD's power for Adam": (
            lambda o, a, lr, b: lr * (a / b) ** 2, "Adam: when α goes from 4 to 16"),
        "upside down": (
            lambda o, a, lr, b: lr * (b / a) ** (2 if o == "SGD" else 1), "times what it was"),
        "unchanged": (lambda o, a, lr, b: lr, "times what it was"),
        "negative": (lambda *a: -rate(*a), "must be more than zero"),
        "four digits": (lambda *a: round(rate(*a), 4), "is 1.008 times what it was"),
        "a little off": (lambda *a: 1.001 * rate(*a), "times what it was")},
    checks.flat_scale: {
        "1/r for both": (lambda o, r, q, s: s * q / r, "SGD, from r = 4 to 16"),
        "1/√r for both": (lambda o, r, q, s: s * (q / r) ** 0.5, "Adam, from r = 4 to 16"),
        "times r": (lambda o, r, q, s: s * r / q, "times what it was"),
        "constant": (lambda o, r, q, s: s, "times what it was"),
        "right for larger ranks": (
            lambda o, r, q, s: scale(o, r, q, s) if r > q else s, "SGD, from r = 8 to 2"),
        "negative": (lambda *a: -scale(*a), "must be more than zero"),
        "four per cent off": (lambda *a: 1.04 * scale(*a), "times what it was")},
    checks.matching_rate: {
        "without √(2/π)": (
            lambda *a: matching(*a) / (2 / np.pi) ** 0.5, "is 1.25331 times as useful"),
        "columns": (lambda G, *a: matching(G.T, *a), "times as useful as LoRA's"),
        "unit rows": (matching_by_unit_rows, "is infinite or not a number"),
        "the norm of all of G": (
            lambda G, lr, alpha, sigma: lr * alpha * sigma * (2 / np.pi) ** 0.5
            * np.linalg.norm(G) / np.abs(G).sum(), "times as useful as LoRA's"),
        "upside down": (
            lambda G, lr, alpha, sigma: lr / (matching(G, 1, alpha, sigma)), "times as useful"),
        "without α": (lambda G, lr, alpha, sigma: matching(G, lr, 1, sigma), "α = 8, σ = 0.2"),
        "negative": (lambda *a: -matching(*a), "must be more than zero")},
    checks.first_r_settings: {
        "two of three": (lambda r, r1, lr, rule: (r1, lr), "3 things, alpha, lr, s"),
        "α = r always": (lambda r, r1, lr, rule: (r, lr, 1.0), "is 4 times"),
        "α = 1 always": (lambda r, r1, lr, rule: (1.0, lr, 1 / r), "s must be 1, not 0.125"),
        "α kept always": (lambda r, r1, lr, rule: (r1, lr, r1 / r), "would use 2.82843"),
        "α kept where it is r": (
            but(alpha=lambda r, r1, a, rule: r1 if rule == "α = r" else a,
                s=lambda r, r1, s, rule: r1 / r if rule == "α = r" else s), "this rule makes it 4"),
        "twice": (but(alpha=lambda r, r1, a, rule: 2 * a, s=lambda r, r1, s, rule: 2 * s),
                  "must be 1, not 2"),
        "rsLoRA with α = r1": (but(alpha=lambda r, r1, a, rule: r1), "would use"),
        "η divided": (but(lr=lambda r, r1, lr, rule: lr * r1 / r), "it was to be carried"),
        "s upside down": (but(s=lambda r, r1, s, rule: 1 / s), "would use"),
        "α times r": (lambda r, r1, lr, rule: (r * r1, lr, r / r1 * r1), "must be 1")},
    checks.equivalent_adamw: {
        "c is the ratio itself": (
            lambda *a: partner(*a, c=lambda ratio: ratio), "sigma is 2 times"),
        "upside down": (lambda *a: partner(*a, c=lambda ratio: ratio**-0.5), "lr is 0.25 times"),
        "start left behind": (lambda *a: partner(*a, powers=(0, 1, -1, -1)), "sigma is 0.5 times"),
        "ε left behind": (lambda *a: partner(*a, powers=(1, 1, 0, -1)), "part. eps is 2 times"),
        "L2's power for AdamW": (
            lambda *a: partner(*a, powers=(1, 1, -1, -2)), "weight_decay is 0.5 times"),
        "SGD's power": (lambda *a: partner(*a, powers=(1, 2, -1, -1)), "lr is 2 times"),
        "a run that overflows": (lambda *a: (0.3, 1e90, 0.01, 0.4), "lr is 2.5e+91 times"),
        "too large": (lambda *a: (1e200, 0.02, 0.01, 0.4), "sigma must be more than zero, and l"),
        "three digits": (lambda *a: np.round(partner(*a), 3), "eps is 0.981495 times"),
        "two numbers": (lambda *a: (1.0, 2.0), "4 things"),
        "a start below zero": (
            lambda *a: (-partner(*a)[0], *partner(*a)[1:]), "sigma must be more than zero")},
    checks.undo_wide_draw: {
        "nothing changed": (lambda lr, eps, c: (lr, lr, eps, eps), "after step 1"),
        "the wrong way": (lambda lr, eps, c: (lr * c, lr / c, eps / c, eps * c), "after step 1"),
        "ε forgotten": (lambda lr, eps, c: (lr / c, lr * c, eps, eps), "is wrong in"),
        "ε with the rates": (lambda lr, eps, c: (lr / c, lr * c, eps / c, eps * c), "is wrong in"),
        "A's rate left": (lambda lr, eps, c: (lr, lr * c, eps, eps / c), "after step 1"),
        "SGD's squares": (lambda lr, eps, c: (lr / c**2, lr * c**2, eps, eps), "after step 1"),
        "B's rate left": (lambda lr, eps, c: (lr / c, lr, eps * c, eps), "after step 2"),
        "right for one c": (lambda lr, eps, c: (lr / 4, lr * 4, eps * 4, eps / 4), "with c = 1.7"),
        "a pair": (lambda lr, eps, c: (lr / c, lr * c), "4 things"),
        "negative": (lambda *a: tuple(-x for x in draw(*a)), "must be more than zero")},
    checks.embedding_forward: {
        "s forgotten": (lambda ids, W0, A, B, s: embed(ids, W0, A, B, 1), "is wrong in"),
        "not transposed": (lambda *a: embed(*a).T, "has shape (12, 4)"),
        "the base left out": (
            lambda ids, W0, A, B, s: s * A[:, ids].T @ B.T, "is wrong in"),
        "the base scaled too": (
            lambda ids, W0, A, B, s: s * embed(ids, W0, A, B, 1), "is wrong in"),
        "BA formed": (lambda ids, W0, A, B, s: (W0 + s * B @ A)[:, ids].T, "BA is formed"),
        "BA formed, then looked up": (
            lambda ids, W0, A, B, s: W0[:, ids].T + s * (B @ A)[:, ids].T, "BA is formed"),
        "BA formed by einsum": (
            lambda ids, W0, A, B, s: (W0 + s * np.einsum("dr,rk->dk", B, A))[:, ids].T,
            "BA is formed"),
        "BA formed of outer products": (
            lambda ids, W0, A, B, s: (W0 + s * sum(map(np.outer, B.T, A)))[:, ids].T,
            "BA is formed"),
        "BA formed in place": (
            lambda ids, W0, A, B, s: (W0 + B @ A.__imul__(s))[:, ids].T, "BA is formed"),
        "BA formed in a loop": (product_in_a_loop, "BA is formed"),
        "BA formed in torch": (product_in_torch, "BA is formed"),
        "BA formed and added": (lambda ids, W0, A, B, s: torch.addmm(
            *map(torch.tensor, (W0, B, A)), alpha=s).T[ids], "BA is formed"),
        "BA formed by a linear layer": (lambda ids, W0, A, B, s: (
            torch.tensor(W0).T + s * torch.nn.functional.linear(
                torch.tensor(A).T, torch.tensor(B)))[ids], "BA is formed")},
    checks.undo_change: {
        "one array": (lambda *a: undo(*a)[0], "2 things"),
        "no bias": (lambda W0, b0, M, t: (undo(W0, b0, M, t)[0], 0 * b0), "an inversion"),
        "the bias with the wrong sign": (
            lambda *a: (undo(*a)[0], -undo(*a)[1]), "an inversion"),
        "W instead of ΔW": (lambda W0, *a: (W0 + undo(W0, *a)[0], undo(W0, *a)[1]),
                            "an inversion"),
        "M, not its inverse": (lambda W0, b0, M, t: (W0 @ M - W0, -W0 @ M @ t), "a permutation"),
        "M transposed": (lambda W0, b0, M, t: (W0 @ M.T - W0, -W0 @ M.T @ t), "a general change"),
        "the bias forgets W0's change": (
            lambda W0, b0, M, t: (undo(W0, b0, M, t)[0], -W0 @ t), "an inversion"),
        "a shape": (lambda *a: (undo(*a)[0].T, undo(*a)[1]), "shape"),
        "all emptied": (lambda W0, b0, M, t: (W0.__imul__(0), b0.__imul__(0)), "an inversion")},
    checks.converted_adapter: {
        "two things": (lambda A, B, A0, B0, a: (A, B), "3 things"),
        "A and B alone": (lambda A, B, A0, B0, a: (A, B, a), "is wrong in"),
        "the difference of each": (lambda A, B, A0, B0, a: (A - A0, B - B0, a), "is wrong in"),
        "sign forgotten": (lambda A, B, A0, B0, a: (V([A, A0]), H([B, B0]), 2 * a), "is wrong in"),
        "both signs": (lambda A, B, A0, B0, a: (V([A, -A0]), H([B, -B0]), 2 * a), "is wrong in"),
        "alpha kept": (
            lambda A, B, A0, B0, a: (V([A, A0]), H([B, -B0]), a), "off by one factor, 0.5"),
        "rsLoRA's alpha": (lambda A, B, A0, B0, a: (V([A, A0]), H([B, -B0]), 2**0.5 * a),
                           "off by one factor, 0.707"),
        "stacked the other way": (
            lambda A, B, A0, B0, a: (H([A, A0]), V([B, -B0]), 2 * a), "must be (r1, 7)"),
        "alpha is an array": (lambda A, B, A0, B0, a: (V([A, A0]), H([B, -B0]), [a, a]),
                              "alpha1 must be one number"),
        "alpha below zero": (lambda A, B, A0, B0, a: (V([A, A0]), H([-B, B0]), -2 * a),
                             "alpha1 must be more than zero"),
        "rank zero": (lambda A, B, A0, B0, a: (A[:0], B[:, :0], a), "with one rank r1"),
        "all emptied": (lambda A, *a: convert(A, *(x * 0 for x in a[:-1]), a[-1]), "factor, 0"),
        "the whole matrix": (lambda A, B, A0, B0, a: (
            np.eye(A.shape[1]), a / len(A) * (B @ A - B0 @ A0), A.shape[1]), "is enough")},
    checks.enlarged_adapter: {
        "two things": (lambda A, B, a, r1: enlarge(A, B, a, r1)[:2], "3 things"),
        "both zero": (lambda A, B, a, r1: enlarge(A, B, a, r1, np.zeros((r1 - len(A), A.shape[1]))),
                      "never trains"),
        "alpha kept": (lambda A, B, a, r1: (*enlarge(A, B, a, r1)[:2], a), "one factor, 0.4"),
        "rsLoRA's alpha": (lambda A, B, a, r1: (
            *enlarge(A, B, a, r1)[:2], a * (r1 / len(A))**0.5), "one factor, 0.632"),
        "alpha the wrong way": (lambda A, B, a, r1: (
            *enlarge(A, B, a, r1)[:2], a * len(A) / r1), "one factor, 0.16"),
        "both random": (lambda A, B, a, r1: (
            enlarge(A, B, a, r1)[0], enlarge_b(A, B, a, r1)[1], a * r1 / len(A)), "is wrong in"),
        "a component split": (lambda A, B, a, r1: (
            V([A, *[A[-1:]] * (r1 - len(A))]),
            H([B[:, :-1], *[B[:, -1:] / (r1 - len(A) + 1)] * (r1 - len(A) + 1)]),
            a * r1 / len(A)), "stay copies"),
        "the old rank": (lambda A, B, a, r1: (A, B, a), "must be (5, 7)"),
        "transposed": (lambda A, B, a, r1: (
            enlarge(A, B, a, r1)[0].T, enlarge(A, B, a, r1)[1].T, a), "must be (5, 7)"),
        "alpha zero": (lambda A, B, a, r1: (*enlarge(A, B, a, r1)[:2], 0), "alpha1 must be more"),
        "all emptied": (lambda A, B, a, r1: enlarge(A * 0, B * 0, a, r1), "factor, 0")},
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
        "upside down": (lambda c, name: 1 / file_scale(c, name), "off by one factor"),
        "an unknown field": (lambda c, name: c["alpha"], "KeyError")},
    checks.largest_eigenvalue: {
        "no shift": (lambda *given: iterated(*given, shift=0.0), "4, 1, -2, -9, 0.5"),
        "the size": (lambda product, n, bound: bound, "4, 1, -2, -9, 0.5"),
        "the shift left in": (lambda product, n, bound: iterated(product, n, bound) + bound,
                              "off by one factor, 2"),
        "too few rounds": (lambda *given: iterated(*given, rounds=2), "is off by"),
        "the vector": (lambda product, n, bound: product(np.ones(n)), "must be one number"),
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
        "transposed": (lambda *a: attend(*a).T, "shape"),
        "a mask for six": (lambda *a: attend(*a, mask_of=6), "stopped in line"),
        "not quite": (lambda *a: attend(*a) + 1e-3, "off"),
        "W not transposed": (lambda X, *a: attend(X, *(W.T for W in a[:3]), *a[3:]), "off"),
        "pairs swapped": (lambda *a: attend(*a[:4], a[5], a[4], a[6]), "off"),
        "all emptied": (lambda X, *a: attend(X * 0, *a), "off")},
    audit.gpt3_rows: {
        "A alone": ({"r1": 2_359_296}, "A and B both train"),
        "four matrices": ({"r4": 37_748_736}, "two matrices a layer"),
        "one layer": ({"r8": 393_216}, "one layer"),
        "one matrix": ({"r8": 196_608}, "one matrix"),
        "millions": ({"r1": 4.718592}, "one by one"),
        "the printed millions": ({"r1": 4.7}, "one by one"),
        "the printed figure": ({"r8": 37.7e6}, "as the paper prints it"),
        "r forgotten": ({"r8": 4_718_592}, "the count at r = 1"),
        "frozen matrices": ({"r4": 192 * 12_288**2}, "not their adapters"),
        "rounded": ({"r4": 18_870_000}, "more digits"),
        "one off": ({"r4": 18_874_369}, "more digits"),
        "five digits": ({"r8": 37_749_000}, "more digits"),  # not the printed 37.7 million
        "text": ({"r4": "18,874,368"}, "it is '18,874,368'"),
        "something else": ({"r4": 3 * 18_874_368}, "3 times what it must be")},
    audit.checkpoint: {
        "MiB for MB": ({"mb": 36.0}, "2²⁰ bytes"),
        "MB for MiB": ({"mib": 37.7}, "10⁶ bytes"),
        "1000 and 1024": ({"mib": 36.86}, "mixture"),
        "four bytes": ({"mb": 75.5}, "four bytes a number"),
        "one byte": ({"mb": 18.87}, "one byte a number"),
        "bits": ({"mb": 302}, "bits, not bytes"),
        "the printed figure": ({"mb": 35}, "the paper's figure"),
        "two digits": ({"mb": 38}, "more digits")},
    audit.reductions: {
        "round": ({"r4": 10_000}, "round figure"),
        "upside down": ({"r1": 2.69e-5}, "upside down"),
        "per cent": ({"r1": 2.692e-3}, "a percentage"),
        "adapted matrices only": ({"r4": 1536}, "against the adapted matrices"),
        "four matrices": ({"r8": 2321}, "two matrices a layer"),
        "A alone": ({"r4": 18_571}, "half of the adapters"),
        "two digits": ({"r1": 37_000}, "more digits")},
    audit.appendix_d4: {
        "believed": ({"count": 37.7e6}, "what D.4 prints"),
        "the other rank": ({"count": 37_748_736}, "count of another rank"),
        "two matrices": ({"count": 9_437_184}, "two matrices a layer"),
        "rank believed": ({"r": 2}, "the rank that D.4 prints"),
        "rank for q and v": ({"r": 8}, "the rank for q and v")},
    audit.gpt2_rows: {
        "printed": ({"medium": 350_000}, "what Table 3 prints"),
        "small": ({"medium": 147_456}, "GPT-2 small"),
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
        "tokens for time": ({"less_time": 32.6}, "divide by the speed after"),
        "the printed figure": ({"less_time": 25}, "one digit more"),
        "two digits": ({"more_tokens": 33}, "more digits"),
        "a fraction": ({"more_tokens": 0.326}, "a fraction"),
        "a ratio": ({"more_tokens": 1.326}, "a ratio"),
        "what is left": ({"less_time": 75.4}, "the time that is left"),
        "a difference": ({"more_tokens": 10.6}, "a difference")},
    audit.training_memory: {
        "gradient forgotten": ({"full_tb": 1.0515}, "three copies"),
        "weights alone": ({"full_tb": 0.3505}, "the weights alone"),
        "the printed figure": ({"full_tb": 1.2}, "the paper's figure"),
        "four bytes": ({"full_tb": 2.804}, "four bytes a number"),
        "TiB": ({"full_tb": 1.275}, "2⁴⁰"),
        "GB": ({"full_tb": 1402}, "a TB has a thousand"),
        "adapters forgotten": ({"lora_gb": 350.5}, "the adapters train"),
        "the other printed figure": ({"lora_gb": 350}, "the paper's figure"),
        "adapters alone": ({"lora_gb": 0.151}, "the adapters alone"),
        "three digits": ({"lora_gb": 351}, "more digits"),
        "all trained": ({"lora_gb": 1402.2}, "the frozen"),
        "GiB": ({"lora_gb": 326.6}, "2³⁰")},
    audit.latency: {
        "of the slower": ({"adapter_l": 17.2}, "divide by 19.8 ms"),
        "milliseconds": ({"adapter_h": 6.0}, "milliseconds"),
        "a fraction": ({"adapter_h": 0.303}, "a fraction"),
        "two digits": ({"adapter_l": 21}, "more digits"),
        "merged is not free": ({"merged": 0.78125}, "unmerged"),
        "one product": ({"apart": 0.390625}, "one of the two products"),
        "merged for apart": ({"apart": 0}, "applied apart")},
}
