"""What a tool's settings mean: the scale, and the first stride, which a step of torch's shows."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from lora_edu.nn import TOOLS, convention, inject

SCALES = {"PEFT": 8 / 16, "kohya": 1 / 16, "diffusers": 4 / 16, "MLX": 20, "LlamaFactory": 2,
          "Keras": 1, "loralib": 1 / 16, "Unsloth": 1}  # at r = 16, with nothing else said


def step(optimiser, params):
    """One step of η = 0.1; Lion's by its definition, with m = 0 (Chen et al. 2023, algorithm 2)."""
    if optimiser == "Lion":
        for p in params:
            p.data -= 0.1 * torch.sign(0.9 * 0 + 0.1 * p.grad)
    elif optimiser == "Adam":
        torch.optim.Adam(params, lr=0.1, eps=1e-30).step()
    else:
        torch.optim.SGD(params, lr=0.1, momentum=0.9 * (optimiser == "momentum")).step()


@pytest.mark.parametrize("tool", TOOLS)
def test_the_scale_when_nothing_is_said(tool):
    if tool not in SCALES:
        with pytest.raises(ValueError, match=f"alpha or scale must be given, {tool} has no"):
            convention(tool, r=16)
        return
    found = convention(tool, r=16)
    assert (found.scale, found.stride) == (SCALES[tool],) * 2 and found.warnings
    assert not convention("PEFT", 16, found.scale * 16).warnings


@pytest.mark.claim("cor-lion-first-step")
@pytest.mark.parametrize("alpha", [2, 12])
@pytest.mark.parametrize("optimiser", ["Adam", "Lion", "SGD", "momentum"])
def test_the_first_stride(optimiser, alpha):
    """One step from B = 0 beside the formula of the theorem."""
    rng = np.random.default_rng(0)
    x, y = (torch.tensor(rng.normal(size=(20, side))) for side in (6, 4))
    model = nn.Sequential(nn.Linear(6, 4, bias=False, dtype=torch.float64))
    G = 2 * (model(x) - y).T @ x / y.numel()
    inject(model, ["0"], 3, alpha, rng=rng)
    nn.functional.mse_loss(model(x), y).backward()
    [pair] = model[0].adapters.values()
    A = copy.deepcopy(pair.lora_A.data)
    step(optimiser, list(pair.parameters()))
    direction = G @ A.T @ A if optimiser in ("SGD", "momentum") else (G @ A.T).sign() @ A
    stride = convention("PEFT", 3, alpha, optimiser=optimiser).stride
    torch.testing.assert_close(pair.delta(), -0.1 * stride * direction)


def test_what_to_do_when_r_changes():
    for given, said in (({"rslora": True}, "keep α and multiply η by (old r / new r)^0.5"),
                        ({"optimiser": "SGD"}, "keep α and multiply η by (new r / old r)"),
                        ({"start": "peft_gaussian"}, "keep α and multiply η by (new r / old r)"),
                        ({"tool": "MLX"}, "keep the scale and multiply η by (old r / new r)"),
                        ({}, "keep α and η")):
        assert convention(**{"tool": "PEFT"} | given).when_r_changes == said


def test_the_same_run_elsewhere():
    assert convention("MLX").stride * 1e-5 == pytest.approx(2e-4)  # scale 20 at its own rate
    assert pytest.approx(0.000045, rel=0.01) == 20**0.5 * 1e-5  # of the invariance, with s = 1
    elsewhere = convention("PEFT", 16, 8, rslora=True, k=300).elsewhere
    assert elsewhere["kohya"] == "--network_dim=16 --network_alpha=32"
    assert elsewhere["Unsloth"] == "r=16, lora_alpha=8, use_rslora=True"
    assert elsewhere["LlamaFactory"] == "lora_rank: 16, lora_alpha: 8, use_rslora: true"
    assert elsewhere["Keras"] == "rank=16, lora_alpha=32; A's σ is 2.45 times as large"


def test_errors():
    for given, said in (({"tool": "JAX"}, "tool must be one of 'PEFT'"),
                        ({"tool": "Keras"}, "r must be given, Keras has no default rank"),
                        ({"tool": "kohya", "rslora": True}, "rslora must be False for kohya"),
                        ({"tool": "MLX", "alpha": 8}, "alpha must be left out where there is a")):
        with pytest.raises(ValueError, match=said):
            convention(**given)
