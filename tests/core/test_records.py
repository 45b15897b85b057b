"""What the core hands out keeps its fields, and holds arrays without comparing them."""

import copy
from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest

from lora_edu import (
    SGD,
    Adam,
    AdamW,
    Adapter,
    Clipped,
    Momentum,
    initial,
    sweep,
    teacher_student,
    train,
)

PROBLEM = teacher_student(3, 2, n=4, rng=np.random.default_rng(0))
ADAPTER = Adapter(*initial(3, 2, 1, rng=np.random.default_rng(0)), 2.0)
HOLD_ARRAYS = [PROBLEM, ADAPTER, train(PROBLEM, ADAPTER, Adam(), 1),
               sweep(PROBLEM, r=1, alpha=1, lr=0.1, steps=1)]
SETTINGS = [SGD(0.1), Momentum(0.1), Adam(), AdamW(), Clipped(Adam(), 1.0)]


def kind(record):
    return type(record).__name__


@pytest.mark.parametrize("record", [*HOLD_ARRAYS, *SETTINGS], ids=kind)
def test_no_field_can_be_set(record):
    for field in fields(record):
        with pytest.raises(FrozenInstanceError):
            setattr(record, field.name, getattr(record, field.name))


@pytest.mark.parametrize("record", HOLD_ARRAYS, ids=kind)
def test_what_holds_arrays_is_equal_to_itself_alone(record):
    assert record == record and record != copy.copy(record)
    assert {record: 1}[record] == 1


@pytest.mark.parametrize("record", SETTINGS, ids=kind)
def test_equal_settings_are_equal_optimisers(record):
    assert record == copy.copy(record) and hash(record) == hash(copy.copy(record))


def test_what_was_checked_cannot_be_changed_afterwards():
    A = np.ones((1, 2))
    adapter = Adapter(A, ADAPTER.B, 1.0)
    A[:] = np.nan
    assert adapter.A.tolist() == [[1.0, 1.0]]
    for array in (adapter.A, adapter.B, PROBLEM.W0, PROBLEM.W_star, PROBLEM.X, PROBLEM.covariance):
        with pytest.raises(ValueError, match="read-only"):
            array *= 2
