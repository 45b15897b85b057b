"""The tasks of several chapters: regressions whose target shift has rank 4."""

from functools import cache

import numpy as np

from lora_edu import Regression, teacher_student


@cache
def task_16() -> Regression:
    """16 × 16 weights, and inputs of one variance."""
    return teacher_student(16, 16, n=64, shift_rank=4, rng=np.random.default_rng(0))


@cache
def task_32() -> Regression:
    """32 × 32 weights, and inputs whose variances fall like 1/√i."""
    return teacher_student(32, 32, n=256, shift_rank=4, spectrum=0.5, rng=np.random.default_rng(0))


@cache
def task_64(seed: int = 0) -> Regression:
    """64 × 64 weights, and inputs whose variances fall like 1/i."""
    return teacher_student(64, 64, n=256, shift_rank=4, spectrum=1.0,
                           rng=np.random.default_rng(seed))
