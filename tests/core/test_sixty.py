"""The sixty lines do what the package does, and run as a program."""

import subprocess
import sys

import numpy as np

from lora_edu import Adam, Adapter, Regression, train
from lora_edu.sixty import LoRA
from lora_edu.sixty import train as sixty_train

RNG = np.random.default_rng(3)
W0, W_STAR = RNG.normal(size=(2, 5, 7))
X = RNG.normal(size=(20, 7))


def test_its_run_is_the_packages():
    layer = LoRA(W0, r=2, alpha=6, rng=np.random.default_rng(1))
    start = Adapter(layer.A.copy(), layer.B.copy(), 3.0)
    losses = sixty_train(layer, X, X @ W_STAR.T, steps=30, lr=0.02)
    history = train(Regression(W0, W_STAR, X), start, Adam(0.02), 30)
    np.testing.assert_allclose(losses, history.loss[:-1], rtol=1e-9)
    np.testing.assert_allclose(layer.merge(), history.adapter.merge(W0), rtol=1e-9)


def test_it_runs_as_a_program():
    command = [sys.executable, "-W", "error", "-m", "lora_edu.sixty"]
    printed = subprocess.check_output(command, text=True)
    assert printed == "the loss falls from 60.13 to 0.0000\n"
