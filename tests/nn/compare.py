"""When two tensors or two states of a model count as equal. Imports torch alone."""

import torch


def fingerprint(model):
    """All that ``model`` is: its modules, every bit of its tensors, what trains, what is active."""
    modules = {name: (id(module), type(module), module.training,
                      tuple(getattr(module, "active_adapters", ())))
               for name, module in model.named_modules()}
    tensors = {name: (id(p), p.requires_grad, p.dtype, p.detach().clone())
               for name, p in [*model.named_parameters(), *model.named_buffers()]}
    return modules, tensors


def assert_unchanged(model, before):
    """Raise AssertionError unless ``model`` has the fingerprint ``before``."""
    modules, tensors = fingerprint(model)
    assert modules == before[0]
    assert tensors.keys() == before[1].keys()
    for name, (*have, values) in tensors.items():
        *want, old = before[1][name]
        assert have == want and same_bits(values, old), name


def same_bits(a, b):
    """Equal to the last bit: shape, dtype and values, with −0.0 ≠ 0.0."""
    bits = [x.detach().contiguous().view(-1).view(torch.uint8) for x in (a, b)]
    return (a.dtype, a.shape) == (b.dtype, b.shape) and torch.equal(*bits)


def assert_rounding_apart(have, want, tolerance=1e-5):
    """Raise AssertionError unless the two differ by rounding: ``tolerance`` × the largest entry.

    Entry by entry would be stricter than rounding is: a small sum of large terms has the error of
    the terms, and how it is added up differs from one processor to the next.
    """
    torch.testing.assert_close(have, want, rtol=0, atol=tolerance * want.abs().max().item())
