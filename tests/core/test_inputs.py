"""What is no number is refused wherever a number is asked for, by the name of the argument."""

import numpy as np
import pytest
import torch

from lora_edu import (
    SGD,
    Adam,
    AdamW,
    Adapter,
    Momentum,
    Regression,
    effective_rank,
    equivalent,
    initial,
    scaling,
    sweep,
    teacher_student,
    train,
)

PROBLEM = teacher_student(5, 7, n=12, rng=np.random.default_rng(0))
A, B = initial(5, 7, 3, "both random", rng=np.random.default_rng(0))
ADAPTER, ONE = Adapter(A, B, 1.5), np.ones((1, 1))
NO_NUMBERS = {  # what NumPy would turn into float64, or what it cannot turn
    "complex": ONE + 1j, "text": [["1"]], "truth values": [[True]], "None": [[None]],
    "ragged": [[1.0], [1.0, 2.0]], "a tensor with a gradient": torch.ones(1, 1, requires_grad=True),
    "nothing": None, "a set": {1.0}, "a string": "1.0", "a function": len,
}
TAKES_A_MATRIX = {
    "A": lambda M: Adapter(M, ONE, 1.0), "W0": lambda M: Adapter(ONE, ONE, 1.0).merge(M),
    "W_star": lambda M: Regression(ONE, M, ONE), "X": effective_rank,
    "params": lambda M: SGD(0.1).step([M], [ONE], ()),
    "grads": lambda M: SGD(0.1).step([ONE], [M], ()),
}


@pytest.mark.parametrize("form", NO_NUMBERS)
@pytest.mark.parametrize("argument", TAKES_A_MATRIX)
def test_what_holds_no_real_numbers_is_no_matrix(argument, form):
    said = rf"^{argument}(\[0\])? must be (a matrix|an array) of numbers, got "
    with pytest.raises(TypeError, match=said):
        TAKES_A_MATRIX[argument](NO_NUMBERS[form])


@pytest.mark.parametrize("M", [[[2]], np.array([[2]], np.uint8), np.array([[2]], np.float16),
                               ((2,),), torch.tensor([[2.0]])], ids=repr)
def test_numbers_of_any_kind_make_a_matrix(M):
    assert Adapter(M, ONE, 1.0).A.tolist() == [[2.0]]
    assert Adapter(M, ONE, 1.0).A.dtype == np.float64


@pytest.mark.parametrize("value", [2, np.int8(2), np.array(2), torch.tensor(2)], ids=repr)
def test_a_whole_number_may_be_numpys(value):
    assert initial(value, 7, 3, rng=np.random.default_rng(0))[1].shape == (2, 3)
    grid = sweep(PROBLEM, r=value, alpha=value, lr=0.01, seed=value, steps=value)
    assert repr(grid.axes["r"]) == repr(grid.axes["alpha"]) == repr(grid.axes["seed"]) == "(2,)"
    assert grid.select(r=value).loss.shape == (1, 1, 1, 1, 3) and len(grid.rows(value)) == 1
    assert train(PROBLEM, ADAPTER, Adam(), value).steps == 2


@pytest.mark.parametrize("value", [2, 2.0, np.float32(2), np.array(2.0), torch.tensor(2)], ids=repr)
def test_a_number_may_be_numpys(value):
    assert scaling(1, value) == 2.0 and Adapter(ONE, ONE, value).scaling == 2.0
    assert SGD(value).step([ONE], [ONE], ())[0][0].item() == -1.0
    assert equivalent(ADAPTER, SGD(0.5), value)[1] == SGD(2.0)


def test_what_was_checked_cannot_be_changed_afterwards():
    M = A.copy()
    adapter, task = Adapter(M, B, 1.0), Regression(PROBLEM.W0, PROBLEM.W_star, PROBLEM.X)
    M[:] = np.nan
    assert np.array_equal(adapter.A, A)
    arrays = [getattr(adapter, name) for name in "AB"]
    arrays += [getattr(task, name) for name in ("W0", "W_star", "X", "covariance")]
    for array in arrays:
        with pytest.raises(ValueError, match="read-only"):
            array *= 2


KINDS = {SGD: torch.optim.SGD, Adam: torch.optim.Adam, AdamW: torch.optim.AdamW,
         Momentum: lambda p, **s: torch.optim.SGD(p, momentum=0.9, **s)}


@pytest.mark.parametrize("lr", [0.1, np.float64(0.1), np.array(0.1), (np.float64(0.1),)], ids=repr)
@pytest.mark.parametrize("kind", KINDS)
def test_float32_stays_float32_as_in_torch(kind, lr):
    p, g = np.float32([1, 2, 3]), np.float32([0.3, -0.1, 0.2])
    tensor = torch.tensor(p, requires_grad=True)
    theirs = KINDS[kind]([tensor], lr=0.1, weight_decay=0.1)
    ours, params = kind(lr, weight_decay=0.1), [p]
    state = ours.init(params)
    for _ in range(3):
        params, state = ours.step(params, [g], state)
        tensor.grad = torch.tensor(g)
        theirs.step()
    assert tensor.dtype == torch.float32
    assert {a.dtype for part in (params, *state) if isinstance(part, list) for a in part} == {
        np.dtype(np.float32)}
    np.testing.assert_allclose(params[0], tensor.detach().numpy(), rtol=1e-6)


@pytest.mark.parametrize(("call", "words"), [
    (lambda: sweep(PROBLEM, r={1, 2}, alpha=1, lr=0.1), "r must be one value or a sequence"),
    (lambda: sweep(PROBLEM, r=[[1, 2]], alpha=1, lr=0.1), "r must be one value or a sequence"),
    (lambda: sweep(PROBLEM, r=1, alpha=1, lr=[(0.1, 0.2)]), "lr must be a number"),
    (lambda: sweep(PROBLEM, r=1, alpha=1, lr=0.1, rule=np.array(["lora"])), "rule must be one of"),
    (lambda: sweep(PROBLEM, r=1, alpha=1, lr=0.1, optimiser=int), "optimiser must be one of"),
    (lambda: sweep(PROBLEM, r=1, alpha=1, lr=0.1, executor=2), "executor must be"),
    (lambda: sweep(PROBLEM, r=1, alpha=1, lr=0.1, progress="no"), "progress must be True or False"),
    (lambda: sweep(PROBLEM, r=1, alpha=1, lr=0.1, steps=1).rows(2), "step must be at most 1"),
    (lambda: sweep(PROBLEM, r=1, alpha=1, lr=0.1, steps=1).rows(-3), "step must be at least -2"),
    (lambda: train(PROBLEM, ADAPTER, Adam(), 1, watch=1), "watch must be a function"),
    (lambda: train(PROBLEM, ADAPTER, Adam(), 1, allow_divergence="no"), "allow_divergence must be"),
    (lambda: SGD([]), "lr must be one number or one per array"),
    (lambda: SGD(torch.tensor([0.1, 0.2])), "lr must be a number"),
])
def test_other_arguments_that_once_failed_without_their_name(call, words):
    with pytest.raises((TypeError, ValueError), match=f"^{words}"):
        call()


@pytest.mark.parametrize("state", [None, (), Adam().init([B]), Momentum(0.1).init([A])])
def test_a_failed_step_notes_what_it_was_given(state):
    with pytest.raises((TypeError, ValueError, IndexError)) as caught:
        Adam().step([A], [A], state)
    assert r"shapes [(3, 7)], state = " in caught.value.__notes__[0]
