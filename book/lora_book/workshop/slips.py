"""Wrong versions of each step, as edits of the book's text, and the sentence for who wrote one."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Slip:
    """right, wrong: a piece of the book's text, and what stands in its place."""

    right: str
    wrong: str
    sentence: str

    def made_in(self, text: str) -> str:
        """The text with the slip in it."""
        if text.count(self.right) != 1:
            raise ValueError(f"right must stand once in the text, got {self.right!r}")
        return text.replace(self.right, self.wrong)


SLIPS = {
    "low-rank": [
        Slip("return (B @ A) * s", "return B @ A",
             "ΔW lacks the scale: it is s·B·A, and s is not always 1."),
        Slip("return (B @ A) * s", "return (B @ A).T * s",
             "ΔW is transposed: B is (d, r) and A is (r, k), so B @ A has the shape of W₀."),
        Slip("return (B @ A) * s", "return (B @ A) / s",
             "ΔW is divided by s where it should be multiplied."),
        Slip("return W0 + delta(A, B, s)", "return delta(A, B, s)",
             "merge returns the update alone: the merged weight is W₀ + ΔW."),
        Slip("return W0 + delta(A, B, s)", "return W0 - delta(A, B, s)",
             "merge subtracts the update; it should add it."),
        Slip("return W0 + delta(A, B, s)", "return W0 + B @ A",
             "merge lacks the scale: use delta, which includes it.")],
    "by-hand": [
        Slip("+ (U @ B.T) * s", "+ U @ B.T",
             "forward lacks the scale: the second path is multiplied by s."),
        Slip("X @ W0.T + (U @ B.T) * s", "(X @ W0.T + U @ B.T) * s",
             "forward multiplies both paths by s, but the frozen path has no scale."),
        Slip("grad_A = grad_U.T @ X", "grad_A = (D @ B).T @ X",
             "∇A lacks the scale: the second path is multiplied by s, so its gradients are too."),
        Slip("grad_U = (D @ B) * s", "grad_U = D @ B",
             "∇A and ∇X lack the scale: ∇U = s·D·B, and both are computed from it."),
        Slip("grad_X = D @ W0 + grad_U @ A", "grad_X = D @ W0 + D @ B @ A",
             "∇X lacks the scale in its second path."),
        Slip("return grad_A, grad_B, grad_X", "return grad_B, grad_A, grad_X",
             "backward returns ∇B first. The order is ∇A, ∇B, ∇X."),
        Slip("grad_A = grad_U.T @ X  # (r, k)\n    grad_B = (D.T @ U) * s",
             "grad_A = grad_U.T @ X / len(X)\n    grad_B = (D.T @ U) * s / len(X)",
             "∇A and ∇B are divided by the number of examples. D already contains the mean."),
        Slip("grad_B = (D.T @ U) * s", "grad_B = D.T @ U",
             "∇B lacks the scale: the second path is multiplied by s, so its gradients are too."),
        Slip("grad_X = D @ W0 + grad_U @ A", "grad_X = D @ W0",
             "∇X lacks the second path: X feeds both paths, so the gradients of both add up."),
        Slip("grad_X = D @ W0 + grad_U @ A", "grad_X = grad_U @ A",
             "∇X lacks the frozen path: W₀ is not trained, but the gradient passes through it."),
        Slip("grad_U = (D @ B) * s", "grad_U = (D @ B) * s / len(X)",
             "The gradient is divided by the number of examples. D is the gradient of the loss, so "
             "it already contains any mean.")],
    "step-zero": [
        Slip("rng.uniform(-1, 1, (r, k)) / np.sqrt(k)", "rng.normal(size=(r, k)) / np.sqrt(k)",
             "A is normally distributed. PEFT draws it uniformly between -1/√k and 1/√k."),
        Slip("rng.uniform(-1, 1, (r, k)) / np.sqrt(k)", "rng.uniform(-1, 1, (r, k)) / np.sqrt(r)",
             "A's bound is 1/√r. It should be 1/√k, with k the number of inputs, so that each "
             "entry of Ax is about as large as an entry of x, whatever the rank."),
        Slip("rng.uniform(-1, 1, (r, k)) / np.sqrt(k)", "rng.uniform(-1, 1, (r, k)) / k",
             "A's bound is 1/k. It should be 1/√k."),
        Slip("rng.uniform(-1, 1, (r, k)) / np.sqrt(k)", "rng.uniform(0, 1, (r, k)) / np.sqrt(k)",
             "A has no negative entries. It should lie between -1/√k and 1/√k."),
        Slip("B = np.zeros((d, r))", "B = rng.uniform(-1, 1, (d, r)) / np.sqrt(k)",
             "Both matrices are random, so the model is changed before the first step. Let B be "
             "zero."),
        Slip("return A, B\n\n\n# 4", "return B, A\n\n\n# 4",
             "start returns B first. The order is A, B."),
        Slip("A = rng.uniform(-1, 1, (r, k)) / np.sqrt(k)", "A = np.zeros((r, k))",
             "Both matrices are zero. Then both gradients are zero, and nothing ever moves.")],
    "optimisers": [
        Slip("return p - lr * g, state", "return p + lr * g, state",
             "sgd goes uphill: it adds the gradient, but should subtract it."),
        Slip("return p - lr * m_hat", "return p + lr * m_hat",
             "adam goes uphill: it adds its step, but should subtract it."),
        Slip("return p - lr * m_hat / (np.sqrt(v_hat) + eps), (m, v, t)",
             "return p - lr * m_hat / (np.sqrt(v_hat) + eps), (m_hat, v_hat, t)",
             "adam returns the corrected means. The state holds m and v before the correction."),
        Slip("m_hat = m / (1 - beta1**t)\n    v_hat = v / (1 - beta2**t)",
             "m_hat = m\n    v_hat = v",
             "adam lacks the correction: both means start at zero, so after t steps divide m by "
             "1 - β₁ᵗ and v by 1 - β₂ᵗ."),
        Slip("v_hat = v / (1 - beta2**t)", "v_hat = v",
             "adam corrects m but not v: divide v by 1 - β₂ᵗ too."),
        Slip("/ (np.sqrt(v_hat) + eps)", "/ np.sqrt(v_hat + eps)",
             "adam has ε inside the root. It should be added to the root."),
        Slip("m = beta1 * m + (1 - beta1) * g", "m = beta1 * m + g",
             "adam's m is a sum, not a mean: multiply the new gradient by 1 - β₁."),
        Slip("(1 - beta2) * g**2", "(1 - beta2) * abs(g)",
             "adam's v averages the gradients' absolute values. It should average their squares."),
        Slip("(np.sqrt(v_hat) + eps), (m, v, t)", "(np.sqrt(v_hat) + eps), None",
             "adam forgets its state: return m, v and t, because the next step needs them.")],
    "training": [
        Slip("losses.append(((H - Y)**2).sum() / (2 * len(X)))",
             "losses.append(((H - Y)**2).mean() / 2)",
             "The losses are also divided by the number of outputs. A loss is half the squared "
             "distance, summed over the outputs and averaged over the examples."),
        Slip("return A, B, losses",
             "H, _ = forward(X, W0, A, B, s)\n"
             "    return A, B, [*losses[1:], ((H - Y)**2).sum() / (2 * len(X))]",
             "The losses are taken after each step. Take each before its step, so that the first "
             "is the loss at the start."),
        Slip("/ (2 * len(X))", "/ len(X)", "The losses lack the factor ½: L = ‖H − Y‖²/(2n)."),
        Slip("B, state_B = rule(B, grad_B, state_B, lr)",
             "B, state_A = rule(B, grad_B, state_A, lr)",
             "A and B share a state. Give each matrix its own state."),
        Slip("D = (H - Y) / len(X)", "D = H - Y",
             "The gradient is a sum over the examples, but the loss is a mean: divide D by n."),
        Slip("D = (H - Y) / len(X)", "D = 2 * (H - Y) / len(X)",
             "The gradient is twice as large as it should be: the ½ in the loss cancels the 2."),
        Slip("        A, state_A = rule(A, grad_A, state_A, lr)\n",
             "        A, state_A = rule(A, grad_A, state_A, lr)\n"
             "        grad_B = backward(D, X, X @ A.T, W0, A, B, s)[1]\n",
             "B's gradient is computed after A has moved. Compute both gradients first."),
        Slip("A, state_A = rule(A, grad_A, state_A, lr)",
             "A, state_A = adam(A, grad_A, state_A, lr)",
             "A is always updated by adam: call rule instead."),
        Slip("        A, state_A = rule(A, grad_A, state_A, lr)\n", "",
             "A does not move, but both matrices should be trained."),
        Slip("B, state_B = rule(B, grad_B, state_B, lr)", "B, _ = rule(B, grad_B, state_B, lr)",
             "B's state is lost: pass the state that rule returns to its next call.")],
    "scale": [
        Slip("return alpha / r**powers[rule]", "return alpha * r",
             "The scale is α/r, not α·r."),
        Slip("return alpha / r**powers[rule]", "return r / alpha",
             "The scale is α/r, not r/α."),
        Slip("return alpha / r**powers[rule]", "return alpha / r**0.5",
             "That is rsLoRA's scale, α/√r. LoRA's is α/r."),
        Slip("return alpha / r**powers[rule]", "return alpha // r",
             "The scale is rounded down, but α/r need not be a whole number.")],
    "rules": [
        Slip('"rslora": 0.5', '"rslora": 2', "rsLoRA divides by √r, not by r²."),
        Slip("return alpha / r**powers[rule]", "return (alpha / r)**powers[rule]",
             "Only r is under the root: rsLoRA's scale is α/√r, and the unscaled rule's is α."),
        Slip('"none": 0', '"none": 1', "With the rule \"none\", the scale is α itself."),
        Slip('rule="lora"', 'rule="rslora"',
             "If no rule is given, the default is LoRA's: rule=\"lora\".")],
    "load": [
        Slip('Path(folder) / "adapter_config.json"', 'Path(folder + "/adapter_config.json")',
             "folder may be a str or a Path: Path(folder) / name takes either."),
        Slip("content[end + first:end + last]", "content[8 + first:8 + last]",
             "The numbers are read from inside the header: offsets count from its end."),
        Slip("                    alpha = value\n", "                    pass\n",
             "alpha_pattern is ignored: a layer whose name ends in a pattern has its own α."),
        Slip("                    break\n", "",
             "Your load uses the last matching pattern, but PEFT uses the first."),
        Slip('re.fullmatch(rf"(.*\\.)?({pattern})", name)', "name.endswith(pattern)",
             "A pattern must begin at a dot or at the start of the name: q does not match xq."),
        Slip("scale(alpha, len(A), rule)", 'scale(alpha, settings["r"], rule)',
             "A layer's rank is the number of rows of its A: rank_pattern may have changed it."),
        Slip("scale(alpha, len(A), rule)", "scale(alpha, len(A))",
             "use_rslora is ignored: if it is true, the scale is α/√r."),
        Slip("layers[name] = A, B, scale(alpha, len(A), rule)", "layers[name] = A, B, alpha",
             "s is α itself; it should be scale(α, r, rule).")],
    "layer": [
        Slip("linear(U, self.B) * self.s", "linear(U, self.B)",
             "The layer lacks the scale: its second path is multiplied by s."),
        Slip("self.base = base.requires_grad_(False)", "self.base = base",
             "The base is trained too: freeze it with base.requires_grad_(False)."),
        Slip("self.A = nn.Parameter(torch.tensor(A))", "self.A = torch.tensor(A)",
             "A is not trained: make it an nn.Parameter."),
        Slip("return self.base(X) + linear(U, self.B) * self.s",
             "return (self.base(X) + linear(U, self.B)) * self.s",
             "The base's output is also multiplied by s."),
        Slip("linear(U, self.B) * self.s", "linear(U * self.s, self.B)",
             "The last bits differ from PEFT's, which multiplies by s last, after both products."),
        Slip("self.base(X)", "linear(X, self.base.weight)",
             "The base's bias is lost: call self.base(X).")]}
