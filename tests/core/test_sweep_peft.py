"""A sweep's run is the run of a PEFT layer under torch's Adam."""

import numpy as np
import pytest
import torch

from lora_edu import initial, sweep, teacher_student
from tests.nn.peft_loop import peft_run


@pytest.mark.parametrize("r", [4, 64])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_sweep_follows_a_peft_layer_for_two_hundred_steps(r):
    torch.set_num_threads(1)
    problem = teacher_student(64, 64, shift_rank=4, rng=np.random.default_rng(0))
    run = sweep(problem, r=r, alpha=16, lr=1e-3, seed=7, steps=200)
    A, B = initial(64, 64, r, rng=np.random.default_rng(7))
    want = peft_run(problem, A, B, r, 16, 1e-3, 200)
    got = np.stack([q.ravel() for q in (run.loss, run.delta_norm, run.grad_A_norm,
                                        run.grad_B_norm, run.useful)], axis=1)
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)
