"""The regression problem, the random teacher, and the effective rank of inputs."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lora_edu import effective_rank, teacher_student


def problem(d=5, k=8, **settings):
    return teacher_student(d, k, rng=np.random.default_rng(0), **settings)


@pytest.mark.parametrize("d, k", [(5, 8), (8, 5), (6, 6)])
@pytest.mark.parametrize("rank", [1, 3, 5, None])
def test_the_shift_has_the_rank_asked_for_and_norm_one(d, k, rank):
    task = problem(d, k, shift_rank=rank)
    shift = task.W_star - task.W0
    assert np.linalg.matrix_rank(shift, tol=1e-10) == (rank or min(d, k))
    assert np.linalg.norm(shift) == pytest.approx(1.0, rel=1e-12)


def test_the_frozen_weight_keeps_the_scale_of_its_input():
    assert problem(200, 400).W0.std() == pytest.approx(1 / math.sqrt(400), rel=0.01)


@pytest.mark.parametrize("spectrum, want", [
    (0, np.ones(6)),
    (1.0, 1 / np.arange(1, 7)),
    (2.5, np.arange(1, 7) ** -2.5),
])
def test_inputs_have_the_spectrum_asked_for_at_mean_one(spectrum, want):
    X = problem(k=6, n=200_000, spectrum=spectrum).X
    eigenvalues = np.linalg.eigvalsh(X.T @ X / len(X))[::-1]
    np.testing.assert_allclose(eigenvalues, want / np.mean(want), rtol=0.02)


@given(st.integers(1, 6), st.integers(1, 6), st.floats(0, 3), st.integers(-120, 120))
def test_effective_rank_is_a_ratio_of_traces_whatever_the_unit(k, n, spectrum, exponent):
    X = problem(k=k, n=n, spectrum=spectrum).X
    C = X.T @ X
    want = np.trace(C) ** 2 / np.trace(C @ C)
    assert effective_rank(X * 10.0**exponent) == pytest.approx(want, rel=1e-10)
