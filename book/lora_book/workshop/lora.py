"""LoRA from scratch, to be read beside section 4.1 of the paper (Hu et al. 2021)."""

import json
import re
from pathlib import Path

import numpy as np


# 1 A low-rank update
def delta(A, B, s):
    return (B @ A) * s  # (d, k)


def merge(W0, A, B, s):
    return W0 + delta(A, B, s)  # (d, k)


# 2 Forward and backward by hand
def forward(X, W0, A, B, s):
    U = X @ A.T  # (n, r)
    H = X @ W0.T + (U @ B.T) * s  # (n, d)
    return H, U


def backward(D, X, U, W0, A, B, s):
    grad_U = (D @ B) * s  # (n, r)
    grad_A = grad_U.T @ X  # (r, k)
    grad_B = (D.T @ U) * s  # (d, r)
    grad_X = D @ W0 + grad_U @ A  # (n, k)
    return grad_A, grad_B, grad_X


# 3 Step zero
def start(d, k, r, rng):
    A = rng.uniform(-1, 1, (r, k)) / np.sqrt(k)  # random, so that B has a gradient
    B = np.zeros((d, r))  # zero, so that training begins with W0
    return A, B


# 4 The first hundred steps: two optimisers
def sgd(p, g, state, lr):
    return p - lr * g, state


def adam(p, g, state, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v, t = state or (0, 0, 0)
    t = t + 1
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return p - lr * m_hat / (np.sqrt(v_hat) + eps), (m, v, t)


# 5 The first hundred steps: training
def train(X, Y, W0, A, B, s, lr, steps, rule):
    state_A = state_B = None
    losses = []
    for _ in range(steps):
        H, U = forward(X, W0, A, B, s)
        D = (H - Y) / len(X)  # (n, d)
        losses.append(((H - Y)**2).sum() / (2 * len(X)))
        grad_A, grad_B, _ = backward(D, X, U, W0, A, B, s)
        A, state_A = rule(A, grad_A, state_A, lr)
        B, state_B = rule(B, grad_B, state_B, lr)
    return A, B, losses


# 7 Why divide by r
def scale(alpha, r, rule="lora"):
    powers = {"none": 0, "rslora": 0.5, "lora": 1}
    return alpha / r**powers[rule]


# 8 The layer: what PEFT has saved
def load(folder):
    settings = json.loads((Path(folder) / "adapter_config.json").read_text())
    content = (Path(folder) / "adapter_model.safetensors").read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])

    def tensor(key):
        types = {"F64": np.float64, "F32": np.float32, "F16": np.float16}
        first, last = header[key]["data_offsets"]
        numbers = np.frombuffer(content[end + first:end + last], types[header[key]["dtype"]])
        return numbers.reshape(header[key]["shape"])

    layers = {}
    for key in header:
        if key.endswith(".lora_A.weight"):
            name = key.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
            A = tensor(key)  # (r, k)
            B = tensor(key.replace(".lora_A.", ".lora_B."))  # (d, r)
            alpha = settings["lora_alpha"]
            for pattern, value in (settings.get("alpha_pattern") or {}).items():
                if re.fullmatch(rf"(.*\.)?({pattern})", name):
                    alpha = value
                    break
            rule = "rslora" if settings.get("use_rslora") else "lora"
            layers[name] = A, B, scale(alpha, len(A), rule)
    return layers


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    X = rng.normal(size=(256, 64))
    W0 = rng.normal(size=(32, 64))
    shift = rng.normal(size=(32, 4)) @ rng.normal(size=(4, 64)) / 8  # of rank 4
    Y = X @ (W0 + shift).T
    A, B = start(32, 64, 4, rng)
    A, B, losses = train(X, Y, W0, A, B, 1.0, 0.01, 300, adam)
    print(f"the loss falls from {losses[0]:.2f} to {losses[-1]:.4f}")
