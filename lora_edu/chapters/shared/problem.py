"""The task of several chapters."""

from functools import cache

import numpy as np

from lora_edu import Regression, teacher_student


@cache
def problem() -> Regression:
    """A 32 × 32 regression whose target shift has rank 4."""
    return teacher_student(32, 32, n=256, shift_rank=4, spectrum=0.5, rng=np.random.default_rng(0))
