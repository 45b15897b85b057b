"""When two tensors or two states of a model count as equal."""

from hashlib import sha256

import torch


def fingerprint(model):
    """All that ``model`` is: its modules, every bit of its tensors and gradients, what trains, what
    is active."""
    modules = {name: (id(module), type(module), module.training,
                      tuple(getattr(module, "active_adapters", ())))
               for name, module in model.named_modules()}
    tensors = {name: (id(p), p.requires_grad, bits(p))
               for name, p in [*model.named_parameters(), *model.named_buffers()]}
    gradients = {name: (id(p.grad), bits(p.grad)) for name, p in model.named_parameters()
                 if p.grad is not None}
    return modules, tensors, gradients


def bits(tensor):
    """What is the same where two tensors are equal to the last bit, with −0.0 ≠ 0.0."""
    flat = tensor.detach().contiguous().view(-1)
    return tensor.dtype, tensor.shape, sha256(flat.view(torch.uint8).numpy()).digest()


def same_bits(a, b):
    return bits(a) == bits(b)


def assert_rounding_apart(have, want, tolerance=1e-5):
    """Raise AssertionError unless the two differ by rounding: ``tolerance`` × the largest entry.

    Entry by entry would be stricter than rounding is: a small sum of large terms has the error of
    the terms, and how it is added up differs from one processor to the next.
    """
    torch.testing.assert_close(have, want, rtol=0, atol=tolerance * want.abs().max().item())
