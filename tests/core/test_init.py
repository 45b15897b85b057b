"""Starting points and distributions, against their formulas (PEFT's: lora_book/test_starts.py)."""

import math

import numpy as np
import pytest

from lora_edu import DISTRIBUTIONS, STARTS, initial, teacher_student

D = 384
K = 1024
R = 33  # at least 12 672 entries a matrix: its spread is known to 2 %


def draw(start, distribution="kaiming_uniform", seed=0, d=D, k=K, r=R):
    return initial(d, k, r, start, distribution, rng=np.random.default_rng(seed))


WHAT_IS_ZERO = {  # A, B, BA
    "A random, B zero": (False, True, True),
    "A zero, B random": (True, False, True),
    "both zero": (True, True, True),
    "both random": (False, False, False),
    "BA zero": (False, False, True),
}


@pytest.mark.parametrize("start", STARTS)
def test_a_start_says_what_is_exactly_zero(start):
    for d, k, r in [(5, 7, 2), (5, 7, 3), (7, 5, 4), (2, 3, 8), (1, 1, 2)]:
        for distribution in (*DISTRIBUTIONS, 0.02):
            A, B = draw(start, distribution, d=d, k=k, r=r)
            assert (A.shape, B.shape) == ((r, k), (d, r))
            assert tuple((M == 0).all() for M in (A, B, B @ A)) == WHAT_IS_ZERO[start]


@pytest.mark.parametrize("distribution, A_std, B_std", [
    ("kaiming_uniform", 1 / math.sqrt(3 * K), 1 / math.sqrt(3 * R)),
    ("gaussian", 1 / math.sqrt(K), 1 / math.sqrt(R)),
    ("peft_gaussian", 1 / R, 1 / R),
    (0.02, 0.02, 0.02),
    (3, 3.0, 3.0),
])
def test_each_distribution_has_mean_zero_and_its_spread(distribution, A_std, B_std):
    for matrix, std in zip(draw("both random", distribution), (A_std, B_std), strict=True):
        assert matrix.std() == pytest.approx(std, rel=0.03)
        assert abs(matrix.mean()) < 4 * std / math.sqrt(matrix.size)
        if distribution == "kaiming_uniform":
            assert np.abs(matrix).max() == pytest.approx(math.sqrt(3) * std, rel=2e-3)


@pytest.mark.parametrize("distribution", [*DISTRIBUTIONS, 0.02])
def test_starts_from_one_seed_share_their_random_matrices(distribution):
    A, B = draw("both random", distribution)
    np.testing.assert_array_equal(draw("A random, B zero", distribution)[0], A)
    np.testing.assert_array_equal(draw("A zero, B random", distribution)[1], B)
    half_A, half_B = draw("BA zero", distribution)
    np.testing.assert_array_equal(half_A[:R // 2], A[:R // 2])
    np.testing.assert_array_equal(half_B[:, R // 2:], B[:, R // 2:])


@pytest.mark.parametrize("drawn", [
    lambda rng: initial(4, 5, 2, rng=rng)[0], lambda rng: teacher_student(4, 5, rng=rng).X],
    ids=["initial", "teacher_student"])
def test_a_seed_stands_for_its_generator_and_nothing_for_a_new_one(drawn):
    for seed in (7, np.int64(7), 2**80):
        np.testing.assert_array_equal(drawn(seed), drawn(np.random.default_rng(seed)))
    assert (drawn(None) != drawn(None)).all()
