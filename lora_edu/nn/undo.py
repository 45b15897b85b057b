"""A call that fails leaves the model as it was: modules, adapters, flags, merged weights.

Nothing in ``nn`` writes to a weight's numbers in place, so it is enough to
remember which objects hang where.
"""

from __future__ import annotations

from contextlib import contextmanager

from torch import nn

CONTAINERS = ("_modules", "_parameters", "_buffers")


@contextmanager
def unchanged_on_failure(model: nn.Module):
    """Put every module of ``model`` back as it is now if the block raises, also by an interrupt."""
    modules = list(model.modules())
    attributes = [module.__dict__.copy() for module in modules]
    containers = [{name: getattr(module, name).copy() for name in CONTAINERS}
                  for module in modules]
    trains = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    try:
        yield
    except BaseException:
        for module, before, held in zip(modules, attributes, containers, strict=True):
            for name, content in held.items():
                before[name].clear()
                before[name].update(content)
            module.__dict__.clear()
            module.__dict__.update(before)
        for parameter, flag in trains:
            parameter.requires_grad_(flag)
        raise
