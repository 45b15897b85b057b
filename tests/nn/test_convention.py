"""What a tool's settings mean: the scale, and the first stride, which a step of torch's shows."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from lora_edu.nn import TOOLS, convention, inject

SCALES = {"PEFT": 8 / 16, "kohya": 1 / 16, "diffusers": 4 / 16, "MLX": 20, "LlamaFactory": 2,
          "Keras": 1, "loralib": 1 / 16, "Unsloth": 1}  # at r = 16, with nothing else said


class Lion(torch.optim.Optimizer):
    """Algorithm 2 of Chen et al. 2023, without decay."""

    def __init__(self, params, lr, betas=(0.9, 0.99)):
        super().__init__(params, {"lr": lr, "betas": betas})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                p -= group["lr"] * torch.sign(torch.lerp(p.grad, m, group["betas"][0]))
                m.lerp_(p.grad, 1 - group["betas"][1])


@pytest.mark.parametrize("tool", TOOLS)
def test_the_scale_when_nothing_is_said(tool):
    if tool not in SCALES:
        with pytest.raises(ValueError, match=f"alpha or scale must be given, {tool} has no"):
            convention(tool, r=16)
        return
    found = convention(tool, r=16)
    assert (found.scale, found.stride) == (SCALES[tool],) * 2 and found.warnings
    again = convention("PEFT", 16, found.scale * 16)
    assert again.scale == found.scale and not again.warnings


@pytest.mark.claim("cor-lion-first-step")
@pytest.mark.parametrize("optimiser, rule", [
    ("Adam", torch.optim.Adam), ("Lion", Lion), ("SGD", torch.optim.SGD)])
def test_the_first_stride(optimiser, rule):
    """One step of torch, at two scales, beside the theorem's formula."""
    x, y = torch.randn(20, 6, dtype=torch.float64), torch.randn(20, 4, dtype=torch.float64)
    base = nn.Sequential(nn.Linear(6, 4, bias=False, dtype=torch.float64))
    error = 2 * (base(x) - y) / y.numel()
    G = error.T @ x
    for alpha in (2, 12):
        model = copy.deepcopy(base)
        inject(model, ["0"], 3, alpha, rng=np.random.default_rng(0))
        nn.functional.mse_loss(model(x), y).backward()
        [pair] = model[0].adapters.values()
        A = pair.lora_A.detach().clone()
        rule([p for p in model.parameters() if p.requires_grad], lr=0.1).step()
        direction = G @ A.T @ A if optimiser == "SGD" else (G @ A.T).sign() @ A
        stride = convention("PEFT", 3, alpha, optimiser=optimiser).stride
        torch.testing.assert_close(pair.delta(), -0.1 * stride * direction, rtol=1e-5, atol=1e-8)


def test_what_to_do_when_r_changes():
    for given, said in (({}, "keep α and η"), ({"rslora": True}, "η by (old r / new r)^0.5"),
                        ({"optimiser": "SGD"}, "η by (new r / old r)"),
                        ({"rslora": True, "optimiser": "SGD"}, "keep α and η"),
                        ({"start": "peft_gaussian"}, "η by (new r / old r)")):
        assert convention("PEFT", 8, 8, **given).when_r_changes.endswith(said)
    assert convention("MLX").when_r_changes == "keep the scale and multiply η by (old r / new r)"


def test_the_same_run_elsewhere_and_errors():
    elsewhere = convention("PEFT", 16, 8, rslora=True, k=300).elsewhere
    assert elsewhere["kohya"] == "--network_dim=16 --network_alpha=32"
    assert elsewhere["Unsloth"] == "r=16, lora_alpha=8, use_rslora=True"
    assert elsewhere["Keras"] == "rank=16, lora_alpha=32; A's σ is 2.45 times as large"
    for given, said in (({"tool": "JAX"}, "tool must be one of 'PEFT'"),
                        ({"tool": "Keras"}, "r must be given, Keras has no default rank"),
                        ({"tool": "kohya", "rslora": True}, "rslora must be False for kohya"),
                        ({"tool": "MLX", "alpha": 8}, "alpha must be left out where there is a")):
        with pytest.raises(ValueError, match=said):
            convention(**given)
